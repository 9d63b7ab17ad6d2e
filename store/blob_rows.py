"""Which blobs are named by a row, and when one may be deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from store.tables import ARTICLE_FILE, ATTACHMENT, JOURNAL, LEASE, OUTBOX
from store.vocabulary import OutboxState, Outcome


def is_orphan(connection: Connection, sha256: str) -> bool:
    """Whether no attachment, no mail and no article needs this blob. A mail that is not decided yet may name any."""
    pending = select(JOURNAL.c.id).where(JOURNAL.c.outcome == Outcome.PENDING).limit(1)
    return connection.execute(pending).first() is None and not is_named(connection, sha256)


def is_named(connection: Connection, sha256: str) -> bool:
    """Whether an attachment, a mail or an article needs this blob."""
    named = select(ATTACHMENT.c.id).where(ATTACHMENT.c.sha256 == sha256).limit(1)
    raw = select(JOURNAL.c.id).where(JOURNAL.c.raw_sha256 == sha256, JOURNAL.c.raw_blob).limit(1)
    kept = (OutboxState.WAITING, OutboxState.SENDING, OutboxState.FAILED)  # a person may send a failed one again
    out = select(OUTBOX.c.id).where(OUTBOX.c.rendered_sha256 == sha256, OUTBOX.c.state.in_(kept)).limit(1)
    shown = select(ARTICLE_FILE.c.sha256).where(ARTICLE_FILE.c.sha256 == sha256).limit(1)
    return any(connection.execute(query).first() is not None for query in (named, raw, out, shown))


#: Who copies the blobs holds this lease, and renews it; as long as it holds, none is deleted.
COPYING, COPYING_LEASE = "backup", timedelta(minutes=10)


def is_being_copied(connection: Connection, now: datetime) -> bool:
    """Whether a backup is under way: its blobs must stay until it has them, named by a row or not.

    Not one that died while the clock was ahead: for a year, perhaps, nothing could be erased.
    """
    until = LEASE.c.until
    held = select(until).where(LEASE.c.name == COPYING, until > now, until <= now + 2 * COPYING_LEASE)
    return connection.execute(held).first() is not None


def may_be_deleted(connection: Connection, sha256: str, now: datetime) -> bool:
    """Whether nobody needs this blob, no row and no backup."""
    return is_orphan(connection, sha256) and not is_being_copied(connection, now)
