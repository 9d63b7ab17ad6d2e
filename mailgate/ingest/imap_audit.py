"""Every mail of a mailbox held against the journal: in its folders and in the others, where mail can rot unseen.

Read only: nothing is flagged, moved or taken. A mail is accounted for when the journal knows its place, or, where it
was moved since, its bytes. What came before the mailbox was first read, and in the last minutes, is not looked at; nor
are folders of mail that goes out or was thrown away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailgate.errors import MailgateError
from mailgate.ingest.imap_account import ImapAccount
from mailgate.ingest.imap_session import Facts, ImapRefused, ImapSession
from mailgate.mail.fingerprint import fingerprint
from store.audits import Place

#: A mail that has just come may be on its way into the journal.
_FRESH = timedelta(minutes=10)
_AT_ONCE = 200
_BYTES_AT_ONCE = 16 * 1024 * 1024
_NOT_OURS = frozenset(
    {
        *("sent", "drafts", "trash", "deleted", "outbox", "enviados", "enviadas", "enviada", "rascunhos", "lixeira"),
        *("borradores", "papelera"),
    }
)


@dataclass(frozen=True, slots=True)
class Stray:
    """A mail that the journal knows nothing of. reason: "" or why it was left."""

    account: str
    folder: str
    uid: int
    received_at: datetime
    reason: str = ""


@dataclass(slots=True)
class Seen:
    """What was found in the mailboxes. unreached: sentences."""

    mails: int = 0
    strays: list[Stray] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Books:
    """What the journal knows. known: of pairs (SHA-256, fingerprint) the places in the list of those it has."""

    places: set[Place]
    first_reads: dict[tuple[str, str], datetime]
    known: Callable[[Sequence[tuple[str, str]]], set[int]]


@dataclass(frozen=True, slots=True)
class Wire:
    """monotonic: seconds. stopping: whether to end at once."""

    monotonic: Callable[[], float]
    stopping: Callable[[], bool] = lambda: False


def look(account: ImapAccount, books: Books, since: datetime, now: datetime, seen: Seen, wire: Wire) -> None:
    """Look at one account. Never raises for what a server does: it is told in `seen`."""
    reads = [at for (name, _), at in books.first_reads.items() if name == account.name]
    if not reads:
        seen.unreached.append(f"mailbox {account.name} has not been read yet")
        return
    begin = max(since, min(reads)) if account.since == "now" else since
    try:
        with ImapSession(account, wire.monotonic, wire.stopping) as session:
            names = dict.fromkeys([*account.folders, *(n for n in session.mail_folders() if _is_ours(n))])
            for folder in names:
                try:
                    _folder(session, account, folder, books, (begin, now - _FRESH), seen)
                except ImapRefused as error:
                    seen.unreached.append(f"mailbox {account.name}, folder {folder}: {error}")
    except MailgateError as error:
        seen.unreached.append(f"mailbox {account.name}: {error}")


def _is_ours(folder: str) -> bool:
    last = folder.replace("/", ".").rsplit(".", 1)[-1].lower()
    return not any(word in _NOT_OURS for word in last.split())


def _folder(
    session: ImapSession, account: ImapAccount, folder: str, books: Books, span: tuple[datetime, datetime], seen: Seen
) -> None:
    selected = session.select(folder, readonly=True)
    # SINCE looks at the day alone, in the server's time zone (RFC 9051 §6.4.4): one day more, then the exact time.
    uids = session.search(0, (span[0] - timedelta(days=1)).date())
    for start in range(0, len(uids), _AT_ONCE):
        facts = session.facts(uids[start : start + _AT_ONCE])
        dated = {u: f for u, f in facts.items() if f.internal_date and span[0] <= f.internal_date <= span[1]}
        seen.mails += len(dated)
        open_ = {u: f for u, f in dated.items() if (account.name, folder, selected.uidvalidity, u) not in books.places}
        for uid, reason in _unknown(session, account, open_, books):
            when = open_[uid].internal_date
            assert when is not None, "only dated mails are looked at"
            seen.strays.append(Stray(account.name, folder, uid, when, reason))


def _unknown(
    session: ImapSession, account: ImapAccount, open_: dict[int, Facts], books: Books
) -> Iterator[tuple[int, str]]:
    """Those whose bytes the journal does not know."""
    for part in _parts(open_, account.max_message_bytes):
        if len(part) == 1 and open_[part[0]].size > account.max_message_bytes:
            yield part[0], "larger than limits.message_bytes"
            continue
        bodies = session.bodies(part)
        uids = sorted(bodies)
        found = books.known([(hashlib.sha256(bodies[u]).hexdigest(), fingerprint(bodies[u])) for u in uids])
        yield from ((uid, "") for place, uid in enumerate(uids) if place not in found)
        yield from ((uid, "the server does not send it") for uid in part if uid not in bodies)


def _parts(open_: dict[int, Facts], most: int) -> list[list[int]]:
    parts: list[list[int]] = []
    room = 0
    for uid in sorted(open_):
        size = max(open_[uid].size, 1)
        if size > room:
            parts.append([])
            room = _BYTES_AT_ONCE if size <= most else 0
        parts[-1].append(uid)
        room -= size
    return parts
