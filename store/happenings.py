"""Queries on what was decided without a mail, and on the records of mails, for `explain` and `rules replay`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from store import fast
from store.tables import EVENT, HAPPENING, JOURNAL, TICKET


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Keep one record."""
    fast.insert(connection, HAPPENING, [row])


def of_ticket(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """What happened to a ticket without a mail, in order."""
    return list(
        connection.execute(select(HAPPENING).where(HAPPENING.c.ticket_id == ticket_id).order_by(HAPPENING.c.id))
    )


def since(connection: Connection, at: datetime, page: int = 200) -> Iterator[Row[Any]]:
    """(id, at, trigger, ticket_id, record) of everything since then, in order of their ids, in pages."""
    c, last = HAPPENING.c, -1
    while True:
        rows = list(connection.execute(select(HAPPENING).where(c.at >= at, c.id > last).order_by(c.id).limit(page)))
        yield from rows
        if len(rows) < page:
            return
        last = rows[-1].id


def mails_since(connection: Connection, at: datetime, page: int = 200) -> Iterator[Row[Any]]:
    """Rows of the mails that were decided, without their bytes, in order of arrival, in pages."""
    c, last = JOURNAL.c, -1
    columns = (
        c.id,
        c.settled_at,
        c.received_at,
        c.ticket_id,
        c.outcome,
        c.subject,
        c.raw_sha256,
        c.mail_from,
        c.record,
    )
    while True:
        query: Any = select(*columns).where(c.received_at >= at, c.record.is_not(None), c.id > last).order_by(c.id)
        rows = list(connection.execute(query.limit(page)))
        yield from rows
        if len(rows) < page:
            return
        last = rows[-1].id


def rests_since(connection: Connection, at: datetime) -> list[Row[Any]]:
    """(at, kind, data) of what happened to addresses since then: that they rest, that they are believed again."""
    c = EVENT.c
    kinds = ("address_suppressed", "address_cleared")
    return list(connection.execute(select(c.at, c.kind, c.data).where(c.at >= at, c.kind.in_(kinds)).order_by(c.id)))


def opened_by(connection: Connection, journal_id: int, ticket_id: int) -> int:
    """The ticket that a mail opened: the one it is filed under, or one that was joined into that."""
    joined = connection.execute(select(TICKET.c.id).where(TICKET.c.joined_into == ticket_id)).scalars().all()
    if not joined:
        return ticket_id
    c = EVENT.c
    query = select(c.ticket_id).where(c.ticket_id.in_((ticket_id, *joined)), c.kind == "opened")
    return connection.execute(query.where(c.journal_id == journal_id)).scalars().first() or ticket_id


def count_since(connection: Connection, at: datetime) -> int:
    """How many mails and other things happened since then."""
    mails = select(func.count()).where(JOURNAL.c.received_at >= at, JOURNAL.c.record.is_not(None))
    others = select(func.count()).where(HAPPENING.c.at >= at)
    return connection.execute(mails).scalar_one() + connection.execute(others).scalar_one()
