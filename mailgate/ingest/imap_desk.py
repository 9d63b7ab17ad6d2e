"""What a folder's reader is given and gives: its place in the folder, the journal's door, what is told to a person.

Values and protocols only; the application binds them to the database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from mailgate.clock import Clock
from mailgate.errors import MailgateError, SmtpReply
from mailgate.ingest.imap_health import ImapHealth
from mailgate.mail.envelope import Received

#: In place of the newest mail's date: the folder was empty at the first start, so that whatever is in it came after.
NOTHING_THERE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a folder has been read under one UIDVALIDITY (RFC 9051 §2.3.1.1).

    Every UID up to last_uid is done, except those of `pending`, a sequence set such as `3,17:20` ("" for none).
    started_at: aware UTC, when this folder was first read; it outlives a change of UIDVALIDITY, as does old_until: the
    newest INTERNALDATE of what was there then, so that the server's clock is compared with itself; NOTHING_THERE for
    an empty folder, None where it is not known. renumbered: every UID up to it was there when all UIDs changed, so it
    may have been taken under another one.
    """

    uidvalidity: int
    last_uid: int
    started_at: datetime
    pending: str = ""
    old_until: datetime | None = None
    renumbered: int = 0


class Cursors(Protocol):
    """Where cursors are kept. `put` is durable when it returns; both raise MailgateError when the store is away."""

    def get(self, account: str, folder: str) -> Cursor | None: ...

    def put(self, account: str, folder: str, cursor: Cursor) -> None: ...


#: (account, SHA-256 of the bytes, received_at) → whether the journal has that mail.
Known = Callable[[str, str, datetime], bool]


def never_known(account: str, sha256: str, received_at: datetime) -> bool:
    """For a journal that cannot be asked: it is given everything, and knows duplicates by their content."""
    return False


class JournalPaused(MailgateError):
    """The journal, or the store of cursors, cannot take anything now; the mail `uid` and later stay on the server."""

    retryable = True

    def __init__(self, reason: str, uid: int = 0) -> None:
        super().__init__(reason)
        self.uid = uid


@dataclass(frozen=True, slots=True)
class Oversize:
    """A mail that is larger than allowed: not fetched, left where it is, to be told to a person."""

    account: str
    folder: str
    uidvalidity: int
    uid: int
    size_bytes: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Desk:
    """What a folder's reader works with. accept: durable when it returns, raises MailgateError when it cannot.

    oversize: told once per mail, durably, before the cursor passes it. monotonic: seconds.  ready: whether mail of so
    many octets would be taken now, so that what would not is not fetched either; None, or the reply that says why.
    known: whether the journal has these very bytes (SHA-256) out of that account, of that instant; may raise likewise.
    """

    cursors: Cursors
    accept: Callable[[Received], str]
    oversize: Callable[[Oversize], None]
    clock: Clock
    monotonic: Callable[[], float]
    health: ImapHealth
    stopping: Callable[[], bool]
    ready: Callable[[int], SmtpReply | None] = lambda size: None
    known: Known = never_known
