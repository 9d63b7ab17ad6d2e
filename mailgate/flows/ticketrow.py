"""The row of a ticket that is opened, and what its people add to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailgate.decide.decision import OpenTicket
from mailgate.decide.facts import AgentFacts, ContactFacts
from mailgate.flows.site import Site, SlaQuery


def opened(site: Site, action: OpenTicket, requester: ContactFacts, number: int, now: datetime) -> dict[str, Any]:
    """The columns of a new ticket; its branch is the requester's."""
    return {
        "id": site.ids.new(),
        "number": number,
        "key": site.key(number),
        "subject": action.subject,
        "status": action.status,
        "category": str(site.book().workflow.category(action.status)),
        "department": action.department,
        "topic": action.topic,
        "priority": action.priority,
        "tags": [],
        "fields": dict(action.fields),
        "requester_id": requester.id,
        "agent_id": action.agent_id,
        "organisation_id": requester.organisation_id,
        "branch_id": requester.branch_id,
        "visibility": action.visibility,
        "channel": str(action.channel),
        "address": action.address or site.addresses[0].address,
        "language": requester.language or action.language,
        "verified": action.verified,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "status_since": now,
        "due_at": site.due_at(now, SlaQuery(action.priority, action.topic, action.department)),
        "last_customer_at": now,
        "last_agent_at": None,
        "closed_at": None,
        "follow_up_of": action.follow_up_of,
        "claims": action.claims,
        "reply_to": "",
    }


def people_of(requester: ContactFacts, agent: AgentFacts | None) -> dict[str, Any]:
    """The names beside a ticket's own columns, as `store.tickets` reads them with it."""
    return {
        "requester_name": requester.name,
        "requester_address": requester.address,
        "requester_language": requester.language,
        "requester_active": requester.active,
        "requester_role": requester.role,
        "requester_preferences": {"mail": requester.mail},
        "network": requester.network,
        "agent_name": agent.name if agent else None,
        "agent_address": agent.address if agent else None,
    }
