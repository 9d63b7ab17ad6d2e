"""Queries on what was decided without a mail, and on the records of mails, for `explain` and `rules replay`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from store import fast
from store.tables import HAPPENING, JOURNAL


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


def count_since(connection: Connection, at: datetime) -> int:
    """How many mails and other things happened since then."""
    mails = select(func.count()).where(JOURNAL.c.received_at >= at, JOURNAL.c.record.is_not(None))
    others = select(func.count()).where(HAPPENING.c.at >= at)
    return connection.execute(mails).scalar_one() + connection.execute(others).scalar_one()
