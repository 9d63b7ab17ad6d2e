"""The agents' queue out of many tickets: what is open, in the order in which it is to be looked at, page by page.

Two partial indexes hold the open tickets alone, so that a page costs the same whatever was closed. A list is walked in
stretches that each are a range of an index: one priority after the other, with a due date and then without. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, literal, select, tuple_

from store.queueindexes import OPEN_NOW
from store.tables import AGENT, CONTACT, JOURNAL, TICKET
from store.vocabulary import PRIORITIES, Outcome

Tab = Literal["mine", "unassigned", "due", "waiting"]
#: Counts stop here: beyond it nobody counts.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class After:
    """Behind which ticket a page begins. rank: its priority's place in `PRIORITIES`; due_at None: none."""

    rank: int
    due_at: datetime | None
    id: int


def page(
    connection: Connection, tab: Tab, agent_id: int, until: datetime, limit: int, after: After | None = None
) -> list[Row[Any]]:  # fmt: skip
    """The next tickets of a tab. until: what is due by then belongs to `due` (aware UTC).

    mine, unassigned: by priority, then by due date. due, waiting: by due date, since that is what they are about.
    """
    c = TICKET.c
    if tab in ("due", "waiting"):
        wanted = c.due_at <= until if tab == "due" else c.category.in_(("waiting", "hold"))
        stretches: list[tuple[int, ColumnElement[bool]]] = [(0, wanted)]
    else:
        whose = c.agent_id == agent_id if tab == "mine" else c.agent_id.is_(None)
        stretches = [(rank, and_(whose, c.priority == word)) for rank, word in enumerate(PRIORITIES)]
    found: list[Row[Any]] = []
    for rank, wanted in stretches:
        if after is not None and rank < after.rank:
            continue
        here = after if after is not None and rank == after.rank else None
        for dated in (True, False):
            if len(found) >= limit or (here is not None and here.due_at is None and dated):
                continue
            query = _rows().where(OPEN_NOW, wanted, c.due_at.is_not(None) if dated else c.due_at.is_(None))
            if here is not None and dated and here.due_at is not None:
                behind = tuple_(literal(here.due_at, c.due_at.type), literal(here.id, c.id.type))
                query = query.where(tuple_(c.due_at, c.id) > behind)
            elif here is not None and not dated and here.due_at is None:
                query = query.where(c.id > here.id)
            found += connection.execute(query.order_by(c.due_at, c.id).limit(limit - len(found)))
    return found


def counts(connection: Connection, agent_id: int, until: datetime) -> dict[str, int]:
    """How many there are in each tab, up to `MOST_COUNTED`; `held` too."""
    c = TICKET.c
    wanted = {
        "mine": c.agent_id == agent_id,
        "unassigned": c.agent_id.is_(None),
        "due": c.due_at <= until,
        "waiting": c.category.in_(("waiting", "hold")),
    }
    found = {tab: _count(connection, select(c.id).where(OPEN_NOW, clause)) for tab, clause in wanted.items()}
    held = select(JOURNAL.c.id).where(JOURNAL.c.outcome == str(Outcome.HELD))
    return {**found, "held": _count(connection, held)}


def held(connection: Connection, limit: int, after: int = 0) -> list[Row[Any]]:
    """Mails that wait for a person, the oldest first, behind that id."""
    c = JOURNAL.c
    query = select(
        c.id, c.received_at, c.author, c.mail_from, c.subject, c.reason, c.detail, c.size_bytes, c.ticket_id
    ).where(c.outcome == str(Outcome.HELD), c.id > after)  # fmt: skip
    return list(connection.execute(query.order_by(c.id).limit(limit)))


def rank_of(priority: str) -> int:
    """The place of a priority, the most urgent 0."""
    return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)


def _count(connection: Connection, ids: Select[Any]) -> int:
    return connection.execute(select(func.count()).select_from(ids.limit(MOST_COUNTED).subquery())).scalar_one()


def _rows() -> Select[Any]:
    names: Sequence[str] = (
        "id", "key", "subject", "status", "category", "priority", "department", "due_at", "updated_at", "agent_id",
        "verified",
    )  # fmt: skip
    return select(
        *(TICKET.c[name] for name in names), CONTACT.c.name.label("requester_name"),
        CONTACT.c.address.label("requester_address"), AGENT.c.name.label("agent_name"),
    ).select_from(
        TICKET.join(CONTACT, CONTACT.c.id == TICKET.c.requester_id).outerjoin(AGENT, AGENT.c.id == TICKET.c.agent_id)
    )  # fmt: skip
