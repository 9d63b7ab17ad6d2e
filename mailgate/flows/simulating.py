"""A decision carried out on values instead of rows: the ticket afterwards, and who would be told. Nothing is written.

For `rules replay` and `explain --what-if`. Who is told is planned by the same code as ever (`telling`, `notify.plan`).
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Connection

from mailgate.decide.decision import (
    AddComment,
    AddParticipant,
    AskAgent,
    AskData,
    Decision,
    Forward,
    OpenTicket,
    RefuseCommand,
    Reply,
    ReturnedMail,
    RuleNotice,
    SetRequester,
    SetStatus,
)
from mailgate.decide.facts import ContactFacts, Facts, TicketFacts
from mailgate.decide.state import after, opened
from mailgate.flows.effects import Changed, Said
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from mailgate.notify.plan import Plan
from store.vocabulary import CommentKind

#: Ids of comments that are never written.
_COMMENT = 1


def carried_out(
    site: Site, facts: Facts, decision: Decision, ticket_id: int = 0, key: str = ""
) -> tuple[TicketFacts | None, list[Plan]]:
    """The ticket as it would stand (None: there is none) and the notices. ticket_id, key: of one that is opened."""
    book = site.book()
    opening = next((a for a in decision.actions if isinstance(a, OpenTicket)), None)
    before = opened(opening, facts, book, ticket_id, key) if opening else facts.ticket(decision.ticket_id or 0)
    now = after(before, decision.actions, facts, book) if before is not None else None
    changed = _changed(facts, decision, before, now, opening is not None)
    nobody = cast(Connection, None)  # planning asks the database for nothing
    return now, Telling(nobody, site, facts, decision, changed, Said()).supposed_plans()


def _changed(
    facts: Facts, decision: Decision, before: TicketFacts | None, now: TicketFacts | None, is_new: bool
) -> Changed:
    changed = Changed(ticket=_row(facts, now) if now is not None else None, opened=is_new)
    changed.old_status = before.status if before is not None else ""
    status = changed.old_status
    for action in decision.actions:
        if isinstance(action, SetStatus) and action.status != status:
            status, changed.status_by, changed.status_why = action.status, action.role, action.by
        elif isinstance(action, AddComment):
            changed.comment_id = _COMMENT
            if action.kind is CommentKind.COMMENT:
                changed.public_comment_id, changed.comment_role = _COMMENT, action.role
        else:
            _note(changed, action)
    return changed


def _note(changed: Changed, action: Any) -> None:
    if isinstance(action, AskAgent):
        changed.asked = action
    elif isinstance(action, RefuseCommand):
        changed.refused = action
    elif isinstance(action, ReturnedMail):
        changed.returned = action
    elif isinstance(action, AskData):
        changed.data = action
    elif isinstance(action, RuleNotice):
        changed.rule_notices.append(action)
    elif isinstance(action, AddParticipant) and action.tell:
        changed.added.append(ContactFacts(0, action.name or action.address, action.address, None))
    elif isinstance(action, SetRequester):
        changed.new_requester = True
    elif isinstance(action, Reply):
        changed.replies.append(_COMMENT)
    elif isinstance(action, Forward):
        changed.forwards += action.addresses


def _row(facts: Facts, ticket: TicketFacts) -> dict[str, Any]:
    """What planning reads of a ticket's row."""
    agent = next((a for a in facts.agents if a.id == ticket.agent_id), None)
    requester = ticket.requester
    return {
        "id": ticket.id,
        "key": ticket.key,
        "status": ticket.status,
        "category": ticket.category,
        "department": ticket.department,
        "language": ticket.language,
        "agent_id": ticket.agent_id,
        "agent_name": agent.name if agent else None,
        "agent_address": agent.address if agent else None,
        "requester_id": requester.id,
        "requester_name": requester.name,
        "requester_address": requester.address,
        "requester_language": requester.language,
        "requester_active": requester.active,
    }
