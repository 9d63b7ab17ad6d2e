"""One folder: what is new in it, taken into the journal, then flagged or moved, then remembered. Safe to stop anywhere.

The order is accept (durable) → after-action → cursor. A stop in between means that a mail is taken again, which the
journal knows by its content; it never means that one is missed. \\Seen is neither trusted nor set.
A mail that fails is put on the cursor's `pending` list, which is durable, and is tried again with back-off: it neither
stops the folder nor is it forgotten.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mailgate import log
from mailgate.errors import MailgateError
from mailgate.ingest.imap_account import Flag, ImapAccount, Leave, Move
from mailgate.ingest.imap_desk import NOTHING_THERE, Cursor, Desk, JournalPaused, Oversize
from mailgate.ingest.imap_envelope import received_from_folder
from mailgate.ingest.imap_session import (
    Facts,
    ImapRefused,
    ImapSession,
    Selected,
    read_sequence_set,
    sequence_set,
)
from mailgate.ingest.imap_unsteady import UNSTEADY_AFTER, Recognised, found_again
from mailgate.ingest.imap_wire import ImapTrouble
from mailgate.mail.envelope import Received

TURN_MAILS = 200
BATCH_MAILS = 50
BATCH_BYTES = 8 * 1024 * 1024
STUCK_AFTER = 3
MAX_FAILING = 500


@dataclass(slots=True)
class _Failure:
    """A mail that failed. accepted: the SHA-256 of what the journal has; only the after-action is missing."""

    count: int = 0
    next_try: float = 0.0
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class _Mail:
    uid: int
    facts: Facts


class _Elsewhere(Exception):
    """The folder has other numbers now than the turn began with: it is to begin again."""


class FolderReader:
    """Reads one folder, over one connection after the other. What it keeps in memory may be lost without harm."""

    def __init__(self, account: ImapAccount, folder: str, desk: Desk) -> None:
        self._account = account
        self._folder = folder
        self._desk = desk
        self._log = log.get("imap").bind(account=account.name, folder=folder)
        self._failures: dict[int, _Failure] = {}
        self._alone: set[int] = set()
        self._found: list[int] = []
        self._session: ImapSession | None = None
        self._cursor = Cursor(0, 0, desk.clock())
        self._pending: set[int] = set()
        self._recognised = Recognised()
        self._going_on = False  # the folder is open, and its last turn left something to do
        self._changes = 0  # of all UIDs under our hands, in a row
        self._settled = 0

    def turn(self, session: ImapSession) -> bool:
        """Take what is new, at most TURN_MAILS, and what is due for another try. True when there is more at once.

        Raises ImapTrouble (connect again), ImapRefused (this folder cannot be read now), JournalPaused (wait).
        """
        going_on, self._going_on = self._going_on, False
        if not going_on or session is not self._session or session.opened != self._folder:
            selected = session.select(self._folder, readonly=isinstance(self._account.after, Leave))
            self._recall(session, selected)
        before = self._settled
        try:
            self._going_on = self._take_some(session)
        except _Elsewhere:
            self._found = []
            return self._settled > before  # each turn begins anew now: at once only while that gets on
        except BaseException:
            self._found = []
            raise
        return self._going_on

    def _take_some(self, session: ImapSession) -> bool:
        """First what a rescan left to do, then what is new; last what failed, for it may end the connection again."""
        if again := sorted(self._pending - self._failures.keys()):
            self._take(session, again[:TURN_MAILS])
            return True
        if not self._found:
            self._found = session.search(self._cursor.last_uid, self._since_day())
        now, self._found = self._found[:TURN_MAILS], self._found[TURN_MAILS:]
        self._take(session, now)
        if not self._found:
            self._take(session, self._due()[:TURN_MAILS])
        return bool(self._found)

    def next_retry(self) -> float | None:
        """Seconds until a failed mail is due for another try; None when there is none."""
        times = [failure.next_try for uid, failure in self._failures.items() if uid in self._pending]
        return max(0.0, min(times) - self._desk.monotonic()) if times else None

    # Where we are -------------------------------------------------------------------------------------------------

    def _recall(self, session: ImapSession, selected: Selected) -> None:
        cursor = self._remembered()
        if cursor is None:
            cursor = self._first_cursor(session, selected)
            self._remember(cursor)
        elif cursor.uidvalidity != selected.uidvalidity or self._begun_anew(session, selected, cursor):
            self._log.warning("imap_renumbered", old=cursor.uidvalidity, new=selected.uidvalidity)
            cursor = self._renewed_cursor(session, selected, cursor)
            self._remember(cursor)
            self._session = None
            self._desk.health.counted(self._account.name, self._folder, renumbered=1)
        if session is not self._session:
            self._found = []
        if self._session is None or cursor.uidvalidity != self._cursor.uidvalidity:
            self._failures.clear()
            self._alone.clear()
        self._session, self._cursor = session, cursor
        self._pending = read_sequence_set(cursor.pending)

    def _begun_anew(self, session: ImapSession, selected: Selected, cursor: Cursor) -> bool:
        """Whether UIDs go down under the same UIDVALIDITY, which RFC 9051 §2.3.1.1 forbids and some servers do.

        A folder that is deleted and made again within a second, or on a server that always says 1. UIDNEXT alone is not
        believed: it must be below what was read, and no mail may have a UID so high.
        """
        if selected.uidnext is None or selected.uidnext > cursor.last_uid:
            return False
        return max(session.search(0, None), default=0) < cursor.last_uid

    def _first_cursor(self, session: ImapSession, selected: Selected) -> Cursor:
        now = self._desk.clock()
        self._log.info("imap_first_start", since=str(self._account.since))
        if self._account.since != "now":
            return Cursor(selected.uidvalidity, 0, now)
        last = self._last_uid(session, selected)
        return Cursor(selected.uidvalidity, last, now, old_until=self._newest(session, last))

    def _newest(self, session: ImapSession, last: int) -> datetime | None:
        """The newest date of what is there, by the server's clock, as far as the last mails tell."""
        old = [uid for uid in session.search(0, None) if uid <= last]
        if not old:
            return NOTHING_THERE
        dates = [f.internal_date for f in session.facts(old[-TURN_MAILS:]).values() if f.internal_date]
        return max(dates, default=None)

    def _renewed_cursor(self, session: ImapSession, selected: Selected, old: Cursor) -> Cursor:
        """All UIDs are new: look at everything again that `since` allows; the journal knows what it has.

        With `since: now` that is what came after the first start, by INTERNALDATE, and what has no readable date.
        """
        last = self._last_uid(session, selected)
        if self._account.since != "now" and not self._recognised:
            return replace(old, uidvalidity=selected.uidvalidity, last_uid=0, pending="", renumbered=last)
        # SINCE looks at the day alone, in the server's time zone (RFC 9051 §6.4.4): one day more, then the exact time.
        begin = None if old.old_until == NOTHING_THERE or self._account.since != "now" else _first_new(old)
        day = (begin - timedelta(days=1)).date() if begin is not None else self._since_day()
        uids = [u for u in session.search(0, day) if u <= last]
        again: dict[int, Facts] = {}
        for start in range(0, len(uids), TURN_MAILS):
            dated = session.facts(uids[start : start + TURN_MAILS])
            again |= {u: f for u, f in dated.items() if not begin or not f.internal_date or f.internal_date >= begin}
        pending = sequence_set(self._recognised.unknown(again))
        return replace(old, uidvalidity=selected.uidvalidity, last_uid=last, pending=pending, renumbered=last)

    def _last_uid(self, session: ImapSession, selected: Selected) -> int:
        if selected.uidnext is not None:
            return selected.uidnext - 1
        return max(session.search(0, None), default=0)

    def _since_day(self) -> date | None:
        since = self._account.since
        return None if isinstance(since, str) else since

    def _due(self) -> list[int]:
        now = self._desk.monotonic()
        return sorted(u for u in self._pending & self._failures.keys() if self._failures[u].next_try <= now)

    # Taking -------------------------------------------------------------------------------------------------------

    def _take(self, session: ImapSession, uids: list[int]) -> None:
        """Take these, in rising order, in parts; what was there when a connection broke, one by one."""
        part: list[int] = []
        for uid in uids:
            if uid in self._alone or len(part) == BATCH_MAILS:
                self._take_part(session, part)
                part = []
            part.append(uid)
            if uid in self._alone:
                self._take_part(session, part)
                part = []
        self._take_part(session, part)

    def _take_part(self, session: ImapSession, uids: list[int]) -> None:
        if not uids or self._desk.stopping():
            return
        try:
            facts = session.facts(uids)
            silent = set(uids) - set(facts)
            there = session.present(silent)
        except (ImapTrouble, ImapRefused) as error:
            self._suspect(uids, error)
            if len(uids) > 1 or isinstance(error, ImapTrouble):
                raise
            return
        for uid in there:
            self._fail(uid, "the server says that it is there and does not describe it")
        for batch in self._batches([_Mail(uid, facts[uid]) for uid in uids if uid in facts]):
            if self._desk.stopping():
                return
            self._take_batch(session, batch)
        self._settle(silent - there, upto=max(uids))

    def _batches(self, mails: list[_Mail]) -> list[list[_Mail]]:
        """Mails in UID order in groups of bounded size; one that is too large alone."""
        batches: list[list[_Mail]] = []
        room = 0
        for mail in sorted(mails, key=lambda m: m.uid):
            size = max(mail.facts.size, 1)
            if size > room:
                batches.append([])
                room = BATCH_BYTES if size <= self._account.max_message_bytes else 0
            batches[-1].append(mail)
            room -= size
        return batches

    def _take_batch(self, session: ImapSession, batch: list[_Mail]) -> None:
        if batch[0].facts.size > self._account.max_message_bytes:
            if self._is_recognised(batch[0]):
                self._settle({batch[0].uid}, upto=batch[0].uid)
            else:
                self._leave_oversize(batch[0])
            return
        wanted = [m for m in batch if not self._accepted(m.uid)]
        refused = self._desk.ready(sum(m.facts.size for m in wanted)) if wanted else None
        if refused is not None:
            raise JournalPaused(f"mail stays on the server: {refused.text}", batch[0].uid)
        try:
            bodies = session.bodies([m.uid for m in wanted])
            done, paused = self._accept_all(batch, bodies)
            fresh = [m for m in batch if m.uid in done and not self._is_recognised(m)]
            steady = self._after(session, fresh)
        except (ImapTrouble, ImapRefused) as error:
            self._suspect([m.uid for m in batch], error)
            if isinstance(error, ImapTrouble):
                raise
            if len(batch) > 1:
                for mail in batch:
                    self._take_batch(session, [mail])
            return
        self._settle(set(done), upto=batch[-1].uid if paused is None else paused.uid - 1)
        if paused is not None:
            raise paused
        if not steady:
            raise _Elsewhere

    def _accept_all(self, batch: list[_Mail], bodies: dict[int, bytes]) -> tuple[list[int], JournalPaused | None]:
        done: list[int] = []
        for mail in batch:
            if not self._accepted(mail.uid):
                raw = bodies.get(mail.uid)
                if raw is None:
                    self._fail(mail.uid, "the server sent other mail, or none, when it was asked for")
                    continue
                try:
                    if not self._accept(mail, raw):
                        continue
                except JournalPaused as paused:
                    return done, paused
            done.append(mail.uid)
        return done, None

    def _accept(self, mail: _Mail, raw: bytes) -> bool:
        """Hand one mail to the journal. False when this mail was put aside. Raises JournalPaused."""
        received = self._received(mail, raw)
        digest = hashlib.sha256(raw).hexdigest()
        try:
            if self._is_known(mail, received, digest):
                self._failures.setdefault(mail.uid, _Failure()).accepted = digest
                return True
            journal_id = self._desk.accept(received)
        except MailgateError as error:
            failure = self._failures.setdefault(mail.uid, _Failure())
            if error.retryable or failure.count + 1 < STUCK_AFTER:
                failure.count += 0 if error.retryable else 1
                raise JournalPaused(
                    f"mail stays on the server, the journal cannot take it: {error}", mail.uid
                ) from error
            self._fail(mail.uid, f"the journal refuses it: {error}")
            return False
        except Exception as error:
            self._log.exception("imap_accept_failed", uid=mail.uid)
            self._fail(mail.uid, f"a fault of ours while it was taken ({type(error).__name__})")
            return False
        self._failures.setdefault(mail.uid, _Failure()).accepted = digest
        self._desk.health.counted(self._account.name, self._folder, taken=1)
        self._log.info("imap_accepted", uid=mail.uid, journal_id=journal_id, size=len(raw))
        return True

    def _is_known(self, mail: _Mail, received: Received, digest: str) -> bool:
        """Whether it is in the journal since before all UIDs changed: some servers change them with every login."""
        if mail.uid > self._cursor.renumbered:
            return False
        return self._desk.known(self._account.name, digest, received.received_at)

    def _received(self, mail: _Mail, raw: bytes) -> Received:
        """received_at is the server's INTERNALDATE, never in the future: what is old must look old (`ack_within`)."""
        origin: dict[str, str | int] = {
            "account": self._account.name,
            "folder": self._folder,
            "uidvalidity": self._cursor.uidvalidity,
            "uid": mail.uid,
        }
        if mail.uid <= self._cursor.renumbered:
            origin["renumbered"] = 1
        return received_from_folder(raw, self._account.address, self._date(mail), origin)

    def _date(self, mail: _Mail) -> datetime:
        now = self._desk.clock()
        return min(mail.facts.internal_date or now, now)

    def _leave_oversize(self, mail: _Mail) -> None:
        report = Oversize(
            self._account.name, self._folder, self._cursor.uidvalidity, mail.uid, mail.facts.size, self._date(mail)
        )
        try:
            self._desk.oversize(report)
        except MailgateError as error:
            raise JournalPaused(f"a mail that is too large cannot be noted: {error}") from error
        self._log.warning("imap_oversize", uid=mail.uid, size=mail.facts.size)
        self._desk.health.counted(self._account.name, self._folder, oversize=1)
        self._recognise([mail])
        self._settle({mail.uid}, upto=mail.uid)

    def _is_recognised(self, mail: _Mail) -> bool:
        """Whether it was dealt with under its earlier number."""
        failure = self._failures.get(mail.uid)
        digest = failure.accepted if failure is not None else ""
        return mail.uid <= self._cursor.renumbered and self._recognised.has(mail.facts, digest)

    def _recognise(self, mails: list[_Mail]) -> None:
        """These are dealt with and stay: where numbers changed once they may change again."""
        for mail in mails:
            if mail.uid <= self._cursor.renumbered:
                failure = self._failures.get(mail.uid)
                self._recognised.add(mail.facts, failure.accepted if failure is not None else "")

    def _after(self, session: ImapSession, mails: list[_Mail]) -> bool:
        """Mark or move what the journal has. False when the folder that is open now has other numbers than the cursor.

        The first times that means trouble: by the next connection the numbers have mostly come to rest.
        """
        if not mails or isinstance(self._account.after, Leave):
            self._recognise(mails)
            return True
        if session.select(self._folder, readonly=False).uidvalidity == self._cursor.uidvalidity:
            self._changes = 0
            self._act(session, mails, [mail.uid for mail in mails])
            return True
        self._changes += 1
        if self._changes < UNSTEADY_AFTER:
            raise ImapTrouble("all UIDs changed while mail was taken; nothing is marked or moved by the old ones")
        self._log.warning("imap_unsteady", mails=len(mails))
        try:
            again = found_again(session, [(mail.facts, self._failures[mail.uid].accepted) for mail in mails])
            self._act(session, mails, again)
        except ImapRefused as error:  # they are safe; a restart tries again
            self._log.warning("imap_unsteady_left", mails=len(mails), reason=str(error))
            self._recognise(mails)
        return False

    def _act(self, session: ImapSession, mails: list[_Mail], uids: list[int]) -> None:
        """uids: their numbers in the folder that is open now."""
        after = self._account.after
        if isinstance(after, Move) and uids:
            self._move(session, uids, after)
        elif isinstance(after, Flag):
            if uids:
                session.flag(uids, after.keyword)
            self._recognise(mails)

    def _move(self, session: ImapSession, uids: list[int], after: Move) -> None:
        try:
            session.move(uids, after.folder)
        except ImapRefused:
            if session.place(after.folder) in session.folders():
                raise
            session.create(after.folder)
            session.move(uids, after.folder)

    # Remembering ----------------------------------------------------------------------------------------------------

    def _accepted(self, uid: int) -> bool:
        failure = self._failures.get(uid)
        return failure is not None and bool(failure.accepted)

    def _suspect(self, uids: list[int], error: ImapTrouble | ImapRefused) -> None:
        """These were asked for together when it went wrong: each alone next time; one that was alone has failed.

        A connection that ends is mostly no mail's fault: only the third time in a row is the mail put aside.
        """
        self._alone.update(uids)
        if len(uids) > 1:
            return
        failure = self._failures.setdefault(uids[0], _Failure())
        if isinstance(error, ImapTrouble) and failure.count + 1 < STUCK_AFTER:
            failure.count += 1
            return
        self._fail(uids[0], str(error))
        self._settle(set(), upto=uids[0])

    def _fail(self, uid: int, reason: str) -> None:
        failure = self._failures.setdefault(uid, _Failure())
        failure.count += 1
        limits = self._account.timeouts
        doubled = limits.retry_uid_first * 2.0 ** min(failure.count - 1, 20)
        failure.next_try = self._desk.monotonic() + min(limits.retry_uid_last, doubled)
        self._pending.add(uid)
        self._alone.add(uid)  # of two that failed together one may be well
        self._log.warning("imap_mail_failed", uid=uid, count=failure.count, reason=reason)
        # Those that only stay where they are, since a full disk or quota forbids to move them, are taken.
        if sum(1 for one in self._pending & self._failures.keys() if not self._failures[one].accepted) > MAX_FAILING:
            raise ImapRefused(f"more than {MAX_FAILING} mails of {self._folder} cannot be taken; the last: {reason}")

    def _settle(self, done: set[int], upto: int) -> None:
        """Remember durably that `done` is done, and that every other UID up to `upto` is done or pending."""
        self._settled += len(done)
        for uid in done:
            self._failures.pop(uid, None)
        self._pending -= done
        self._alone -= done
        stuck = sorted(u for u in self._pending & self._failures.keys() if self._failures[u].count >= STUCK_AFTER)
        self._desk.health.stuck(self._account.name, self._folder, tuple(stuck))
        last = max(self._cursor.last_uid, upto)
        cursor = replace(self._cursor, last_uid=last, pending=sequence_set(self._pending))
        if cursor != self._cursor:
            self._remember(cursor)
            self._cursor = cursor

    def _remembered(self) -> Cursor | None:
        try:
            return self._desk.cursors.get(self._account.name, self._folder)
        except MailgateError as error:
            raise JournalPaused(f"the place in the folder cannot be read: {error}") from error

    def _remember(self, cursor: Cursor) -> None:
        try:
            self._desk.cursors.put(self._account.name, self._folder, cursor)
        except MailgateError as error:
            raise JournalPaused(f"the place in the folder cannot be kept: {error}") from error


def _first_new(cursor: Cursor) -> datetime:
    """From when on a mail is new by INTERNALDATE, which tells no finer than seconds.

    The first start by our clock, or what is newer than all that was there by the server's: whichever is earlier.
    """
    started = cursor.started_at.replace(microsecond=0)
    if cursor.old_until is None:
        return started
    return min(started, cursor.old_until + timedelta(seconds=1))
