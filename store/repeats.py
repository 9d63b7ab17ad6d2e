"""What one sender opened lately and had acknowledged: from it a machine that answers a machine is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from store.query import Query
from store.tables import COMMENT, JOURNAL, OUTBOX
from store.vocabulary import CommentKind, Notice, OutboxState, Outcome, Role

#: As much of a text is compared (characters), and as many tickets.
LOOKS_AT = 2000
_MOST = 50

_ANSWERED = Query(
    select(JOURNAL.c.subject, func.substr(COMMENT.c.reply, 1, LOOKS_AT).label("reply"), JOURNAL.c.received_at)
    .select_from(
        JOURNAL.join(COMMENT, and_(COMMENT.c.journal_id == JOURNAL.c.id, COMMENT.c.role == Role.CUSTOMER)).join(
            OUTBOX, and_(OUTBOX.c.ticket_id == JOURNAL.c.ticket_id, OUTBOX.c.notice == Notice.N1)
        )
    )
    .where(
        JOURNAL.c.author == bindparam("author"),
        JOURNAL.c.received_at > bindparam("since"),
        JOURNAL.c.outcome == Outcome.OPENED,
        COMMENT.c.kind == CommentKind.COMMENT,
        OUTBOX.c.state == OutboxState.ACCEPTED,
        OUTBOX.c.settled_at <= bindparam("until"),
    )
    .order_by(JOURNAL.c.received_at.desc())
    .limit(_MOST)
)


_SAID = Query(
    select(func.substr(COMMENT.c.reply, 1, LOOKS_AT).label("reply"), COMMENT.c.created_at)
    .where(
        COMMENT.c.ticket_id == bindparam("ticket_id"),
        COMMENT.c.author_address == bindparam("author"),
        COMMENT.c.created_at > bindparam("since"),
        COMMENT.c.kind == CommentKind.COMMENT,
        COMMENT.c.role == Role.CUSTOMER,
        COMMENT.c.journal_id.is_not(None),
    )
    .order_by(COMMENT.c.id.desc())
    .limit(_MOST)
)


def said(connection: Connection, ticket_id: int, author: str, since: datetime) -> list[Row[Any]]:
    """(reply, created_at) of what this author wrote on a ticket by mail since then; the newest first, as `answered`."""
    return _SAID.all(connection, ticket_id=ticket_id, author=author, since=since)


def answered(connection: Connection, author: str, since: datetime, until: datetime) -> list[Row[Any]]:
    """(subject, reply, received_at) of the mails of this author that opened a ticket since then and whose
    acknowledgement had left by `until`; the newest first, bounded, a text only from its beginning."""
    return _ANSWERED.all(connection, author=author, since=since, until=until)
