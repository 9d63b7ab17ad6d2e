"""What is kept for a time only: each function takes away a part of what is over, and says how much it took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, not_, or_, select, update

from store import erasing
from store.tables import ACCESS_LINK, COMMENT, JOURNAL, OUTBOX, RAW_MAIL, TICKET, WEBHOOK
from store.vocabulary import Category, Notice, OutboxState, Outcome

_SETTLED = (OutboxState.ACCEPTED, OutboxState.FAILED, OutboxState.DROPPED, OutboxState.RETURNED)
_UNSENT = (OutboxState.WAITING, OutboxState.SENDING)
_UNDECIDED = (str(Outcome.PENDING), str(Outcome.HELD))
#: How far back it is asked what was written to whom: by caps and daily digests, by those of a week, of a quarter.
_ASKED_FOR = timedelta(days=2)
_ASKED_LONGER = {Notice.N14: timedelta(days=8), Notice.WEEKLY: timedelta(days=8), Notice.N18: timedelta(days=100)}
_NOTHING = "{}"


def raw_mails(connection: Connection, before: datetime, limit: int) -> int:
    """The bytes of mails that were decided before an instant; never of one that waits or is held."""
    j = JOURNAL.c
    decided = and_(j.settled_at < before, j.outcome.not_in(_UNDECIDED))
    kept = or_(j.raw_blob, select(RAW_MAIL.c.journal_id).where(RAW_MAIL.c.journal_id == j.id).exists())
    ids = _ids(connection, JOURNAL, and_(decided, kept), limit)
    erasing.drop_bytes(connection, ids)
    return len(ids)


def sent_mails(connection: Connection, before: datetime, limit: int, now: datetime) -> int:
    """Rows of the outbox that were settled before an instant.

    Of one that still says that somebody was told (a digest of this week, an acknowledgement that a cap counts) only
    that is left, for as long as it is asked for: else the mail would be written again.
    """
    o = OUTBOX.c
    asked = or_(
        o.created_at > now - _ASKED_FOR,
        *(and_(o.notice == notice, o.created_at > now - span) for notice, span in _ASKED_LONGER.items()),
    )
    over = and_(o.state.in_(_SETTLED), o.settled_at < before)
    ids = _ids(connection, OUTBOX, and_(over, not_(asked)), limit)
    connection.execute(delete(OUTBOX).where(o.id.in_(ids)))
    full = and_(over, asked, o.state != OutboxState.FAILED, o.body != _NOTHING)  # a failed one may be sent again
    emptied = _ids(connection, OUTBOX, full, limit)
    connection.execute(update(OUTBOX).where(o.id.in_(emptied)).values(body=_NOTHING, rendered=None))
    return max(len(ids), len(emptied))


def access_links(connection: Connection, before: datetime, limit: int) -> int:
    """Access links that expired before an instant."""
    ids = _ids(connection, ACCESS_LINK, ACCESS_LINK.c.expires_at < before, limit)
    connection.execute(delete(ACCESS_LINK).where(ACCESS_LINK.c.id.in_(ids)))
    return len(ids)


def closed_tickets(connection: Connection, before: datetime, now: datetime, limit: int, digests: erasing.Marks) -> int:
    """Closed tickets that nothing happened to since an instant: only number, status and dates are left.

    Not while anything of one waits: a mail for a person or for its decision, a mail or a call that has not left.
    digests: what stands in the place of the SHA-256 of their mails.
    """
    t = TICKET.c
    waits = (
        (JOURNAL, JOURNAL.c.outcome.in_(_UNDECIDED)),
        (OUTBOX, OUTBOX.c.state.in_(_UNSENT)),
        (WEBHOOK, WEBHOOK.c.state.in_(_UNSENT)),
    )
    done = [~select(one.c.id).where(one.c.ticket_id == t.id, waiting).exists() for one, waiting in waits]
    said = select(COMMENT.c.id).where(COMMENT.c.ticket_id == t.id, COMMENT.c.text != "").exists()
    over = and_(t.category == Category.CLOSED, t.updated_at < before, or_(t.subject != "", said), *done)
    ids = _ids(connection, TICKET, over, limit)
    if ids:
        erasing.empty_tickets(connection, ids, now, digests)
    return len(ids)


def _ids(connection: Connection, table: Table, where: ColumnElement[bool], limit: int) -> Sequence[int]:
    return list(connection.execute(select(table.c.id).where(where).order_by(table.c.id).limit(limit)).scalars())
