"""An IMAP server that is ill: it dies at any byte, after the deed and before its answer, renumbers, refuses, lies.

server.budget = 700                     every connection together may say 700 bytes more, then the line is cut
server.next("did, and died", "hang")    what the next commands that matter meet, one each; then all is well
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable

from tests.unit.ingest.fake_imap import Connection, FakeFolder, FakeImap, Hangup

#: Commands that a fault may meet, and how long a hanging server hangs at most.
_WORK = frozenset({"UID FETCH", "UID MOVE", "UID STORE", "UID COPY", "UID EXPUNGE", "UID SEARCH", "SELECT", "EXAMINE"})
_HANG_SECONDS = 3.0


class IllConnection(Connection):
    """A connection whose bytes are counted."""

    server: IllImap

    def raw(self, data: bytes) -> None:
        with self.server.lock:
            allowed = self.server.allow(len(data))
        super().raw(data[:allowed])
        if allowed < len(data):
            raise Hangup

    def _obey(self, line: str) -> None:
        name = _command(line)
        fault = self.server.fault() if name in _WORK else ""
        if not fault:
            super()._obey(line)
            return
        FAULTS[fault](self, line, super()._obey)


class IllImap(FakeImap):
    """moods and folders as in FakeImap; faults and a budget besides."""

    connection = IllConnection

    def __init__(self) -> None:
        super().__init__()
        self.budget: int | None = None
        self.said = 0
        self.met: list[str] = []
        self._faults: deque[str] = deque()

    def next(self, *faults: str) -> None:
        """The next commands that do something meet these, one each; "" is none."""
        with self.lock:
            self._faults.extend(faults)

    def peace(self) -> None:
        """All is well from now on."""
        with self.lock:
            self._faults.clear()
            self.moods.clear()
            self.budget = None

    def fault(self) -> str:
        with self.lock:
            fault = self._faults.popleft() if self._faults else ""
            if fault:
                self.met.append(fault)
            return fault

    def allow(self, size: int) -> int:
        """How many of so many bytes may still be said."""
        allowed = size if self.budget is None else min(size, max(0, self.budget))
        if self.budget is not None:
            self.budget -= allowed
        self.said += allowed
        return allowed

    def renumber(self, cut: bool = True) -> None:
        """The INBOX has other UIDs for the same mails, in another order of numbers, under another UIDVALIDITY."""
        with self.lock:
            self.inbox.renumber(self.inbox.uidvalidity + 1, first=1 + self.inbox.uidvalidity % 7)
        if cut:
            self.cut()

    def make_anew(self, folder: str = "INBOX") -> None:
        """The folder was deleted and made again within the same second: UIDs begin at 1 under the same UIDVALIDITY."""
        with self.lock:
            self.folders[folder] = FakeFolder(uidvalidity=self.folders[folder].uidvalidity)
        self.cut()


Obey = Callable[[str], None]


def _command(line: str) -> str:
    words = line.partition(" ")[2].split(" ", 2)
    name = words[0].upper()
    return f"UID {words[1].upper()}" if name == "UID" and len(words) > 1 else name


def _cut(c: IllConnection, line: str, obey: Obey) -> None:
    raise Hangup


def _bye(c: IllConnection, line: str, obey: Obey) -> None:
    c.say("* BYE [UNAVAILABLE] restarting")
    raise Hangup


def _hang(c: IllConnection, line: str, obey: Obey) -> None:
    with contextlib.suppress(OSError):
        c.peer.settimeout(_HANG_SECONDS)
        while c.peer.recv(4096):
            pass
    raise Hangup


def _done_and_died(c: IllConnection, line: str, obey: Obey) -> None:
    """The deed is done; nothing of the answer leaves."""
    say, c.raw = c.raw, lambda data: None  # type: ignore[method-assign]
    try:
        obey(line)
    finally:
        c.raw = say  # type: ignore[method-assign]
    raise Hangup


def _in_the_tag(c: IllConnection, line: str, obey: Obey) -> None:
    """All is said but the end of the tagged answer."""
    tag = line.partition(" ")[0].encode()
    say = c.raw

    def almost(data: bytes) -> None:
        if data.startswith(tag + b" "):
            say(data[: len(tag) + 1])
            raise Hangup
        say(data)

    c.raw = almost  # type: ignore[method-assign]
    obey(line)


def _in_the_literal(c: IllConnection, line: str, obey: Obey) -> None:
    """Half of the first mail, then nothing; other commands are cut."""
    say = c.raw

    def half(data: bytes) -> None:
        if not data.startswith(b"* ") and len(data) > 40:
            say(data[: len(data) // 2])
            raise Hangup
        say(data)

    c.raw = half  # type: ignore[method-assign]
    obey(line)
    raise Hangup


def _says(answer: str) -> Callable[[IllConnection, str, Obey], None]:
    def refuse(c: IllConnection, line: str, obey: Obey) -> None:
        c.say(f"{line.partition(' ')[0]} {answer}")

    return refuse


FAULTS: dict[str, Callable[[IllConnection, str, Obey], None]] = {
    "cut": _cut,
    "bye": _bye,
    "hang": _hang,
    "did, and died": _done_and_died,
    "in the tag": _in_the_tag,
    "in the literal": _in_the_literal,
    "unavailable": _says("NO [UNAVAILABLE] the backend is away"),
    "over quota": _says("NO [OVERQUOTA] no room"),
    "bad": _says("BAD I do not know that"),
}


def silent_port() -> tuple[socket.socket, int]:
    """A port where a connection is taken and nothing is ever said."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, int(listener.getsockname()[1])


def after(seconds: float, what: Callable[[], None]) -> threading.Timer:
    """Do something later, from a thread; the timer is to be cancelled or joined."""
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()
    return timer
