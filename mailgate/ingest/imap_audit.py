"""Every mail of a mailbox held against the journal: in its folders and in the others, where mail can rot unseen.

`look` is read only: nothing is flagged, moved or taken. A mail is accounted for when the journal knows its place, or,
where it was moved since, its bytes. What came before the mailbox was first read is not looked at, and mail that goes
out is counted only. `take_in` hands strays to the journal and leaves them where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from mailgate.errors import MailgateError
from mailgate.ingest.imap_account import ImapAccount
from mailgate.ingest.imap_desk import NOTHING_THERE, Cursor
from mailgate.ingest.imap_envelope import received_from_folder
from mailgate.ingest.imap_session import Facts, ImapRefused, ImapSession, Listed, Selected, read_sequence_set
from mailgate.mail.envelope import Received
from mailgate.mail.fingerprint import fingerprint
from store.audits import Place

#: A mail that has just come may be on its way into the journal.
_FRESH = timedelta(minutes=10)
_AT_ONCE = 200
_BYTES_AT_ONCE = 16 * 1024 * 1024
_VIRTUAL = frozenset({r"\noselect", r"\nonexistent", r"\all", r"\flagged"})
_OUTGOING = frozenset({"sent", "drafts", "outbox", "enviados", "enviadas", "enviada", "rascunhos", "borradores"})
_TRASH = frozenset({"trash", "deleted", "lixeira", "excluídos", "papelera", "eliminados"})
_JUNK = frozenset({"junk", "spam", "lixo", "deseado"})
TOO_LARGE = "larger than limits.message_bytes"


@dataclass(frozen=True, slots=True)
class Stray:
    """A mail that the journal knows nothing of. reason: why it was not taken, as far as its place tells.

    received_at: aware UTC, None where the server tells none. thrown_away: a person deleted it before it was taken.
    """

    account: str
    folder: str
    uidvalidity: int
    uid: int
    received_at: datetime | None
    reason: str = ""
    thrown_away: bool = False


@dataclass(slots=True)
class FolderSeen:
    """The mails of one folder, each in exactly one of the counts. renumbered: all have other numbers than when it was
    read last: so it is for a moment after a restore, and always where a server's numbers do not last."""

    account: str
    folder: str
    accounted: int = 0
    outgoing: int = 0
    waiting: int = 0
    strays: int = 0
    thrown_away: int = 0
    renumbered: bool = False

    @property
    def mails(self) -> int:
        return self.accounted + self.outgoing + self.waiting + self.strays + self.thrown_away


@dataclass(slots=True)
class Seen:
    """What was found in the mailboxes. thrown_away: strays that a person deleted. unreached: sentences."""

    folders: list[FolderSeen] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    thrown_away: list[Stray] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)

    @property
    def mails(self) -> int:
        return sum(folder.mails for folder in self.folders)


@dataclass(frozen=True, slots=True)
class Books:
    """What the journal knows. known: of pairs (SHA-256, fingerprint) the places in the list of those it has.

    cursors: (account, folder) → how far it was read.
    """

    places: set[Place]
    cursors: Mapping[tuple[str, str], Cursor]
    known: Callable[[Sequence[tuple[str, str]]], set[int]]


@dataclass(frozen=True, slots=True)
class Wire:
    """monotonic: seconds. stopping: whether to end at once. only: look at these folders; none: at all."""

    monotonic: Callable[[], float]
    stopping: Callable[[], bool] = lambda: False
    only: frozenset[str] = frozenset()


def look(account: ImapAccount, books: Books, since: datetime, now: datetime, seen: Seen, wire: Wire) -> None:
    """Look at one account. Never raises for what a server does: it is told in `seen`."""
    cursors = {folder: cursor for (name, folder), cursor in books.cursors.items() if name == account.name}
    if not cursors:
        seen.unreached.append(f"mailbox {account.name} has not been read yet")
        return
    try:
        with ImapSession(account, wire.monotonic, wire.stopping) as session:
            for folder in _folders(session, account, wire.only):
                looking = _Looking(session, account, folder, books, cursors, now, seen)
                try:
                    looking.look(since)
                except ImapRefused as error:
                    seen.unreached.append(f"mailbox {account.name}, folder {folder.name}: {error}")
    except MailgateError as error:
        seen.unreached.append(f"mailbox {account.name}: {error}")


def take_in(
    account: ImapAccount, strays: Sequence[Stray], now: datetime, accept: Callable[[Received], str], wire: Wire
) -> tuple[list[Stray], list[str]]:
    """Hand these mails of the account to the journal: those that it took, and a sentence for each that it could not.

    accept: durable when it returns. Mails stay where they are, unmarked. Never raises for what a server does.
    """
    taken: list[Stray] = []
    problems: list[str] = []
    try:
        with ImapSession(account, wire.monotonic, wire.stopping) as session:
            for stray in strays:
                try:
                    accept(_fetched(session, account, stray, now))
                    taken.append(stray)
                except ImapRefused as error:
                    problems.append(f"mailbox {account.name}, folder {stray.folder}, UID {stray.uid}: {error}")
    except MailgateError as error:
        problems.append(f"mailbox {account.name}: {error}")
    return taken, problems


def _fetched(session: ImapSession, account: ImapAccount, stray: Stray, now: datetime) -> Received:
    if session.select(stray.folder, readonly=True).uidvalidity != stray.uidvalidity:
        raise ImapRefused("all UIDs changed meanwhile; audit again")
    facts = session.facts([stray.uid]).get(stray.uid)
    if facts is not None and facts.size > account.max_message_bytes:
        raise ImapRefused(TOO_LARGE)
    raw = session.bodies([stray.uid]).get(stray.uid)
    if raw is None:
        raise ImapRefused("the server does not send it")
    origin: dict[str, str | int] = {
        "account": account.name, "folder": stray.folder, "uidvalidity": stray.uidvalidity, "uid": stray.uid, "audit": 1,
    }  # fmt: skip
    return received_from_folder(raw, account.address, min(stray.received_at or now, now), origin)


def _folders(session: ImapSession, account: ImapAccount, only: frozenset[str]) -> list[Listed]:
    """Those that are read, under the names in the settings, then the server's others."""
    listed = {one.name: one for one in session.listed()}
    found: dict[str, Listed] = {}
    for name in account.folders:
        there = listed.pop(session.place(name), None)
        found[name] = Listed(name, there.marks if there else frozenset())
    found |= {name: one for name, one in listed.items() if not one.marks & _VIRTUAL}
    return [one for name, one in found.items() if not only or name in only]


def _words(folder: Listed) -> frozenset[str]:
    """What its mark (RFC 6154 §2) or, failing that, the last part of its name says that it is for."""
    last = folder.name.replace("/", ".").rsplit(".", 1)[-1].lower()
    return frozenset(last.split()) | {mark.lstrip("\\") for mark in folder.marks}


class _Looking:
    """One folder, held against the journal."""

    def __init__(
        self, session: ImapSession, account: ImapAccount, folder: Listed, books: Books, cursors: Mapping[str, Cursor],
        now: datetime, seen: Seen,
    ) -> None:  # fmt: skip
        self._session = session
        self._account = account
        self._name = folder.name
        self._books = books
        self._cursors = cursors
        self._now = now
        self._seen = seen
        self._is_read = folder.name in account.folders
        words = _words(folder)
        self._outgoing = bool(words & _OUTGOING) and not self._is_read
        self._trash = bool(words & _TRASH) and not self._is_read
        self._junk = bool(words & _JUNK)
        self._found = FolderSeen(account.name, folder.name)

    def look(self, since: datetime) -> None:
        """Count every mail since then, name those that the journal does not know. Raises ImapRefused, ImapTrouble."""
        selected = self._session.select(self._name, readonly=True)
        begin = self._begin(since)
        # SINCE looks at the day alone, in the server's time zone (RFC 9051 §6.4.4): one day more, then the exact time.
        uids = self._session.search(0, (begin - timedelta(days=1)).date())
        cursor = self._cursors.get(self._name) if self._is_read else None
        self._found.renumbered = cursor is not None and cursor.uidvalidity != selected.uidvalidity
        self._seen.folders.append(self._found)
        for start in range(0, len(uids), _AT_ONCE):
            part = uids[start : start + _AT_ONCE]
            facts = self._session.facts(part)
            for uid in sorted(self._session.present(set(part) - facts.keys())):
                self._missing(selected, uid, None, "the server does not describe it")
            self._part(selected, {u: f for u, f in facts.items() if not f.internal_date or f.internal_date >= begin})

    def _begin(self, since: datetime) -> datetime:
        """From when on mail of this folder is ours."""
        first = self._account.since
        if isinstance(first, date):
            return max(since, datetime.combine(first, time(), UTC))
        cursor = self._cursors.get(self._name)
        if first == "all" or (cursor is not None and cursor.old_until == NOTHING_THERE):
            return since
        return max(since, min(one.started_at for one in self._cursors.values()))

    def _part(self, selected: Selected, facts: dict[int, Facts]) -> None:
        if self._outgoing:
            self._found.outgoing += len(facts)
            return
        name, validity = self._account.name, selected.uidvalidity
        open_ = {u: f for u, f in facts.items() if (name, self._name, validity, u) not in self._books.places}
        unknown = self._unknown(open_)
        self._found.accounted += len(facts) - len(unknown)
        for uid, reason in sorted(unknown.items()):
            if self._is_on_its_way(selected, uid, open_[uid]):
                self._found.waiting += 1
            else:
                self._missing(selected, uid, open_[uid].internal_date, reason or self._why())

    def _unknown(self, open_: dict[int, Facts]) -> dict[int, str]:
        """Those whose bytes the journal does not know, with what there is to say of one."""
        unknown: dict[int, str] = {}
        for part in _parts(open_, self._account.max_message_bytes):
            if len(part) == 1 and open_[part[0]].size > self._account.max_message_bytes:
                unknown[part[0]] = TOO_LARGE
                continue
            bodies = self._session.bodies(part)
            uids = sorted(bodies)
            found = self._books.known([(hashlib.sha256(bodies[u]).hexdigest(), fingerprint(bodies[u])) for u in uids])
            unknown |= {uid: "" for place, uid in enumerate(uids) if place not in found}
            unknown |= {uid: "the server does not send it" for uid in part if uid not in bodies}
        return unknown

    def _is_on_its_way(self, selected: Selected, uid: int, facts: Facts) -> bool:
        """Whether it has just come into a folder that is read, and nobody has passed it yet."""
        cursor = self._cursors.get(self._name) if self._is_read else None
        if cursor is None or facts.internal_date is None or facts.internal_date < self._now - _FRESH:
            return False
        passed = cursor.uidvalidity == selected.uidvalidity and uid <= cursor.last_uid
        return not passed or uid in read_sequence_set(cursor.pending)

    def _why(self) -> str:
        if self._is_read:
            return "was never taken in"
        if self._trash:
            return "thrown away before it was taken in"
        return "in the folder for junk" if self._junk else "in a folder that is not read"

    def _missing(self, selected: Selected, uid: int, at: datetime | None, reason: str) -> None:
        stray = Stray(self._account.name, self._name, selected.uidvalidity, uid, at, reason, self._trash)
        if self._trash:
            self._found.thrown_away += 1
            self._seen.thrown_away.append(stray)
        else:
            self._found.strays += 1
            self._seen.strays.append(stray)


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
