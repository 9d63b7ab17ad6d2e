"""Mail comes in from IMAP folders: one thread for each account, so that a dead one never holds up the others.

A worker connects, reads its folders, then waits: by IDLE in the first folder where the server offers it, else by the
clock. Whatever goes wrong ends the connection, is noted in `ImapHealth`, and the next comes after a back-off. The order
in which a mail becomes safe is told in `imap_folder`, what a hostile server can do in `imap_wire`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from mailgate import log
from mailgate.clock import Clock
from mailgate.errors import MailgateError, SmtpReply
from mailgate.ingest.imap_account import After, Flag, ImapAccount, ImapTimeouts, Leave, Move, check_folder_name
from mailgate.ingest.imap_desk import Cursor, Cursors, Desk, JournalPaused, Known, Oversize, never_known
from mailgate.ingest.imap_folder import FolderReader
from mailgate.ingest.imap_health import FolderHealth, ImapHealth, ImapState
from mailgate.ingest.imap_session import ImapRefused, ImapSession, LoginRefused
from mailgate.ingest.imap_wire import ImapTrouble, Stopping
from mailgate.mail.envelope import Received

__all__ = [
    "After",
    "Cursor",
    "Cursors",
    "Flag",
    "FolderHealth",
    "ImapAccount",
    "ImapHealth",
    "ImapRefused",
    "ImapState",
    "ImapTimeouts",
    "ImapTrouble",
    "ImapWorker",
    "JournalPaused",
    "Leave",
    "LoginRefused",
    "Move",
    "Oversize",
    "ProbeResult",
    "check_folder_name",
    "probe",
]


class ImapWorker:
    """Reads one account until `stop_event` is set. `run` is for a thread of its own and never raises.

    accept: durable when it returns; raises MailgateError when the journal cannot take mail now.
    oversize: told of mail that is too large, durably. monotonic: seconds. jitter: 0.0 to 1.0, drawn for each back-off.
    ready: as on the SMTP port, whether the disk has room for so many octets. known: see `Desk`.
    """

    def __init__(
        self,
        account: ImapAccount,
        cursors: Cursors,
        accept: Callable[[Received], str],
        oversize: Callable[[Oversize], None],
        clock: Clock,
        monotonic: Callable[[], float],
        jitter: Callable[[], float],
        health: ImapHealth,
        stop_event: threading.Event,
        ready: Callable[[int], SmtpReply | None] = lambda size: None,
        known: Known = never_known,
    ) -> None:
        self._account = account
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter
        self._health = health
        self._stop = stop_event
        self._log = log.get("imap").bind(account=account.name)
        desk = Desk(cursors, accept, oversize, clock, monotonic, health, stop_event.is_set, ready, known)
        self._readers = {folder: FolderReader(account, folder, desk) for folder in account.folders}
        self._due = dict.fromkeys(account.folders, 0.0)
        self._failures = 0
        self._opened: set[str] = set()
        self._taken = 0
        self._idle_works = account.idle

    def run(self) -> None:
        """Connect, read, wait, again; after trouble with a back-off of 5 s up to 5 minutes."""
        self._all(ImapState.STARTING)
        while not self._stop.is_set():
            try:
                with ImapSession(self._account, self._monotonic, self._stop.is_set) as session:
                    self._log.info("imap_connected", host=self._account.host)
                    self._opened.clear()
                    self._taken = self._taken_so_far()
                    self._serve(session)
            except Stopping:
                break
            except MailgateError as error:
                self._trouble(str(error), ImapState.PAUSED if isinstance(error, JournalPaused) else ImapState.FAILING)
            except Exception as error:
                self._log.exception("imap_fault")
                self._trouble(f"a fault of ours ({type(error).__name__}); see the log", ImapState.FAILING)
        self._all(ImapState.STOPPED)

    def _trouble(self, reason: str, state: ImapState) -> None:
        """Note it for every folder of the account and wait; the wait ends at once when we are to stop."""
        limits = self._account.timeouts
        if self._taken_so_far() > self._taken:
            self._failures = 0  # a connection that brought mail was worth its while
        delay = min(limits.backoff_last, limits.backoff_first * 2.0 ** min(self._failures, 20))
        delay *= 0.75 + 0.5 * self._jitter()
        self._failures += 1
        self._log.warning("imap_trouble", reason=reason, state=state.value, wait_seconds=round(delay, 1))
        for folder in self._account.folders:
            self._health.failure(self._account.name, folder, reason, self._clock(), state)
        self._due = dict.fromkeys(self._due, 0.0)
        self._stop.wait(delay)

    def _taken_so_far(self) -> int:
        return sum(h.taken for h in self._health.snapshot() if h.account == self._account.name)

    def _serve(self, session: ImapSession) -> None:
        while not self._stop.is_set():
            more = False
            # The first folder last: it then is the open one, in which IDLE waits.
            for folder in reversed(self._account.folders):
                if self._due[folder] <= self._monotonic() and not self._stop.is_set():
                    more = self._read(session, folder) or more
            if not more and not self._stop.is_set():
                self._failures = 0
                self._wait(session)

    def _read(self, session: ImapSession, folder: str) -> bool:
        """One turn in one folder. A folder that is refused is noted, and does not hold up the others.

        One that this connection has read before is tried over a new one: Dovecot (2.3, 2026), its files lost under it,
        refuses for as long as the connection lasts, and serves the next.
        """
        name = self._account.name
        self._health.state(name, folder, ImapState.READING)
        try:
            more = self._readers[folder].turn(session)
        except ImapRefused as error:
            if folder in self._opened:
                raise ImapTrouble(str(error)) from error
            self._log.warning("imap_folder_refused", folder=folder, reason=str(error))
            self._health.failure(name, folder, str(error), self._clock(), ImapState.FAILING)
            self._due[folder] = self._monotonic() + max(
                self._account.poll.total_seconds(), self._account.timeouts.backoff_first
            )
            return False
        self._opened.add(folder)
        if not more:
            self._health.success(name, folder, self._clock())
            self._health.state(name, folder, ImapState.POLLING)
            self._due[folder] = self._monotonic() + self._account.poll.total_seconds()
        return more

    def _wait(self, session: ImapSession) -> None:
        """Until the first folder has news, another is due, or a mail that failed is."""
        first = self._account.folders[0]
        opened = self._due[first] > self._monotonic() and self._well(first)
        idle = self._idle_works and opened and session.can("IDLE")
        # The first folder is looked at by the clock, too: there are servers that forget who waits (RFC 2177 §3).
        seconds = min([self._account.timeouts.reidle, *(due - self._monotonic() for due in self._due.values())])
        retries = [s for reader in self._readers.values() if (s := reader.next_retry()) is not None]
        seconds = max(0.05, min([seconds, *retries]))
        if idle:
            self._health.state(self._account.name, first, ImapState.IDLE)
            try:
                session.idle(seconds)
            except ImapRefused as error:
                self._log.warning("imap_idle_refused", reason=str(error))
                self._idle_works = False
        else:
            self._stop.wait(seconds)
        self._after_wait(first, idle)

    def _after_wait(self, first: str, idle: bool) -> None:
        if idle:
            self._due[first] = 0.0
        for folder, reader in self._readers.items():
            if reader.next_retry() == 0.0:
                self._due[folder] = 0.0

    def _well(self, folder: str) -> bool:
        found = [h for h in self._health.snapshot() if (h.account, h.folder) == (self._account.name, folder)]
        return bool(found) and found[0].failing_since is None

    def _all(self, state: ImapState) -> None:
        for folder in self._account.folders:
            self._health.state(self._account.name, folder, state)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a look at an account showed. problems: sentences, mail will not come in. warnings: it will, but."""

    account: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    folders: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def probe(account: ImapAccount, monotonic: Callable[[], float]) -> ProbeResult:
    """Connect, log in, list the folders, change nothing. Never raises for what a server does."""
    warnings: list[str] = []
    if account.tls == "none" and not account.local:
        warnings.append("mail and password travel in clear; use tls: tls")
    try:
        with ImapSession(account, monotonic) as session:
            return _looked_at(account, session, warnings)
    except MailgateError as error:
        return ProbeResult(account.name, (str(error),), tuple(warnings))


def _looked_at(account: ImapAccount, session: ImapSession, warnings: list[str]) -> ProbeResult:
    problems: list[str] = []
    names = session.folders()
    for folder in account.folders:
        try:
            selected = session.select(folder, readonly=isinstance(account.after, Leave))
        except ImapRefused as error:
            problems.append(f"{error}; the server has {_some(names)}")
            continue
        after = account.after
        if isinstance(after, Flag) and selected.keywords and not {after.keyword.lower(), r"\*"} & selected.keywords:
            problems.append(f"the folder {folder} does not keep the flag {after.keyword}")
    if account.idle and not session.can("IDLE"):
        every = account.poll.total_seconds()
        warnings.append(f"the server has no IDLE: new mail is looked for every {every:g} s")
    if isinstance(account.after, Move):
        if session.place(account.after.folder) not in names:
            warnings.append(f"the folder {account.after.folder} is missing; it will be made with the first mail")
        if not session.can("MOVE") and not session.can("UIDPLUS"):
            warnings.append("the server has neither MOVE nor UIDPLUS: mail is copied, and the old marked \\Deleted")
    return ProbeResult(
        account.name, tuple(problems), tuple(warnings), tuple(names), tuple(sorted(session.capabilities))
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown or "no folder"
