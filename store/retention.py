"""What is kept for a time only: each function takes away a part of what is over, and says how much it took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select

from store import erasing
from store.tables import ACCESS_LINK, COMMENT, JOURNAL, OUTBOX, RAW_MAIL, TICKET
from store.vocabulary import Category, OutboxState, Outcome

_SETTLED = (OutboxState.ACCEPTED, OutboxState.FAILED, OutboxState.DROPPED, OutboxState.RETURNED)


def raw_mails(connection: Connection, before: datetime, limit: int) -> int:
    """The bytes of mails that were decided before an instant; never of one that waits or is held."""
    j = JOURNAL.c
    decided = and_(j.settled_at < before, j.outcome.not_in((str(Outcome.PENDING), str(Outcome.HELD))))
    kept = or_(j.raw_blob, select(RAW_MAIL.c.journal_id).where(RAW_MAIL.c.journal_id == j.id).exists())
    ids = _ids(connection, JOURNAL, and_(decided, kept), limit)
    erasing.drop_bytes(connection, ids)
    return len(ids)


def sent_mails(connection: Connection, before: datetime, limit: int) -> int:
    """Rows of the outbox that were settled before an instant."""
    ids = _ids(connection, OUTBOX, and_(OUTBOX.c.state.in_(_SETTLED), OUTBOX.c.settled_at < before), limit)
    connection.execute(delete(OUTBOX).where(OUTBOX.c.id.in_(ids)))
    return len(ids)


def access_links(connection: Connection, before: datetime, limit: int) -> int:
    """Access links that expired before an instant."""
    ids = _ids(connection, ACCESS_LINK, ACCESS_LINK.c.expires_at < before, limit)
    connection.execute(delete(ACCESS_LINK).where(ACCESS_LINK.c.id.in_(ids)))
    return len(ids)


def closed_tickets(connection: Connection, before: datetime, now: datetime, limit: int, digests: erasing.Marks) -> int:
    """Closed tickets that nothing happened to since an instant: only number, status and dates are left.

    digests: what stands in the place of the SHA-256 of their mails.
    """
    t = TICKET.c
    said = select(COMMENT.c.id).where(COMMENT.c.ticket_id == t.id, COMMENT.c.text != "").exists()
    over = and_(t.category == Category.CLOSED, t.updated_at < before, or_(t.subject != "", said))
    ids = _ids(connection, TICKET, over, limit)
    if ids:
        erasing.empty_tickets(connection, ids, now, digests)
    return len(ids)


def _ids(connection: Connection, table: Table, where: ColumnElement[bool], limit: int) -> Sequence[int]:
    return list(connection.execute(select(table.c.id).where(where).order_by(table.c.id).limit(limit)).scalars())
