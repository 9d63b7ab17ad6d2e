"""What an agent finds beside a ticket: what he may do with it, and what else is known of its requester. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decision import Order
from mailgate.decide.obey import canned_text
from mailgate.decide.orders import TRIGGERS
from mailgate.flows.agentfacts import branches_of
from mailgate.flows.site import Site
from mailgate.portal.happened import label_of
from mailgate.tickets.guards import Situation
from mailgate.yamltypes import text_in
from store import involved, people, tickets

_MOST_OTHERS = 6
Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Moved:
    """A status that the ticket came into, when, and by whose hand."""

    label: str
    category: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Other:
    """Another ticket of the same requester."""

    key: str
    subject: str
    status: str
    category: str


@dataclass(frozen=True, slots=True)
class AgentDesk:
    """acts: he signed in; with a link alone he reads and writes notes. seen: the version of the ticket that is shown.

    statuses: where he may move it. ways: of `decide.orders.TRIGGERS`, those that lead somewhere else now. Choices are
    (value, label).
    """

    acts: bool
    seen: int
    is_mine: bool
    status: str
    agent: str
    priority: str
    topic: str
    department: str
    statuses: tuple[Choice, ...]
    ways: tuple[str, ...]
    agents: tuple[Choice, ...]
    topics: tuple[Choice, ...]
    departments: tuple[Choice, ...]
    branches: tuple[str, ...]
    canned: tuple[Choice, ...]
    moved: tuple[Moved, ...]
    others: tuple[Other, ...]
    verified: bool
    claims: str


def agent_desk(
    connection: Connection, site: Site, ticket: Row[Any], agent: Row[Any], language: str, *, acts: bool
) -> AgentDesk:
    """Everything that stands beside a ticket for one agent."""
    book, now = site.book(), _situation(ticket, agent)
    workflow = book.workflow
    may = [key for key in workflow.states if key != ticket.status]
    targets = {verb: workflow.target(ticket.status, trigger, now) for verb, trigger in TRIGGERS.items()}
    everyone = people.agents(connection)
    return AgentDesk(
        acts=acts,
        seen=ticket.version,
        is_mine=ticket.agent_id == agent.id,
        status=ticket.status,
        agent=ticket.agent_address or "",
        priority=ticket.priority,
        topic=ticket.topic,
        department=ticket.department,
        statuses=tuple(
            (k, workflow.label(k, language)) for k in may if workflow.can_set(ticket.status, k, "agent", now)
        ),
        ways=tuple(verb for verb, target in targets.items() if target not in (None, ticket.status)),
        agents=tuple((one.address, one.name) for one in everyone),
        topics=_choices(book.names.topics, ticket.topic, language),
        departments=_choices(book.names.departments, ticket.department, language),
        branches=tuple(row.name for row in branches_of(connection, ticket.organisation_id)),
        canned=tuple((key, key.replace("_", " ").replace("-", " ")) for key in book.names.canned),
        moved=_moved(connection, site, ticket, language, {one.address: one.name for one in everyone}),
        others=tuple(
            Other(one.key, one.subject, workflow.label(one.status, language), one.category)
            for one in involved.others_of(connection, ticket.requester_id, ticket.id, _MOST_OTHERS)
        ),
        verified=ticket.verified,
        claims=ticket.claims,
    )


def _situation(ticket: Row[Any], agent: Row[Any]) -> Situation:
    by = {"system", "agent", agent.role} | ({"assignee"} if ticket.agent_id == agent.id else set())
    return Situation(
        ticket.topic, ticket.department, ticket.priority, tuple(ticket.tags), ticket.agent_id is not None, True,
        frozenset(by),
    )  # fmt: skip


def _choices(labels: Mapping[str, Mapping[str, str]], now: str, language: str) -> tuple[Choice, ...]:
    """By label; the present one is among them even where the files name it no more."""
    keys = dict.fromkeys((*labels, *((now,) if now else ())))
    return tuple((key, label_of(labels, key, language)) for key in keys)


def _moved(
    connection: Connection, site: Site, ticket: Row[Any], language: str, names: Mapping[str, str]
) -> tuple[Moved, ...]:
    workflow = site.book().workflow
    found: list[Moved] = []
    for event in tickets.events(connection, ticket.id):
        key = event.data.get("status" if event.kind == "opened" else "to", "")
        if event.kind not in ("opened", "status") or not key:
            continue
        category = str(workflow.category(key)) if key in workflow.states else ""
        found.append(
            Moved(workflow.label(key, language), category, event.at, names.get(event.actor, event.actor))
        )  # fmt: skip
    return tuple(reversed(found))


def prepared(site: Site, ticket: Row[Any], agent: Row[Any], key: str) -> str:
    """A prepared answer as it would be sent, in the requester's language; "" for none of that name."""
    texts = site.book().names.canned.get(key)
    return canned_text(texts, ticket.language, site.policy.locale, ticket.requester_name, ticket.key, agent.name) if (
        texts
    ) else ""  # fmt: skip


def changes(given: Mapping[str, str], was: Mapping[str, str], names: Sequence[str]) -> tuple[Order, ...]:
    """Orders for the fields of a form that the agent changed; the others stay as they are, whatever they became."""
    return tuple(
        Order(name, given[name], given[name]) for name in names if given.get(name) and given[name] != was.get(name, "")
    )


def status_label(site: Site, key: str, language: str) -> str:
    """The name of a status."""
    known = site.book().workflow.states.get(key)
    return text_in(known.label, language, key) if known is not None else key
