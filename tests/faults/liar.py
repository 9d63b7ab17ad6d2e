"""A relay with every fault there is, byte by byte, chosen by the recipient or for everybody.

The address says what happens to its mail: `rcpt.hang.2@cliente.test` hangs at RCPT at its first two tries, and is then
taken. What cannot know the recipient (connection, EHLO, MAIL) follows `liar.plan`. It keeps every try and every mail
that it took, as it came over the wire.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes

from tests.integration.machine import LOOPBACK

STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot")
FAULTS = ("later", "never", "bye", "drop", "hang", "half", "garbage", "endless", "huge", "pieces", "slow", "lost")
#: After these the relay has not refused for good, so that the mail must come again.
COMES_AGAIN = frozenset(FAULTS) - {"never", "pieces", "slow"}

_GOOD = {
    "connect": b"220 liar.test ESMTP\r\n",
    "ehlo": b"250-liar.test\r\n250-8BITMIME\r\n250 SIZE 40000000\r\n",
    "mail": b"250 2.1.0 Ok\r\n",
    "rcpt": b"250 2.1.5 Ok\r\n",
    "data": b"354 go ahead\r\n",
    "dot": b"250 2.0.0 Ok\r\n",
}
_BAD = {
    "later": b"451 4.3.0 not now\r\n",
    "never": b"554 5.7.1 no\r\n",
    "bye": b"421 4.3.2 closing\r\n",
    "half": b"25",
    "garbage": b"\x00\xff HTTP/1.1 400 Bad Request\r\n\r\n",
    "huge": b"250 " + b"x" * 3_000_000 + b"\r\n",
}


def _is_established(peer: socket.socket) -> bool:
    """Whether the other side still has it open; our own thread may learn of its end much later."""
    try:
        return peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that the relay has, whether or not it said so."""

    to: str
    raw: bytes
    at: float

    @property
    def message_id(self) -> str:
        return str(message_from_bytes(self.raw)["Message-ID"])


@dataclass
class Liar:
    """Start it, point a gateway at `port`, look at `taken` and `tries`. slow_seconds: how long `slow` takes."""

    plan: Callable[[int, str], str] = lambda number, stage: ""
    pipelining: bool = False
    slow_seconds: float = 1.0
    taken: list[Taken] = field(default_factory=list)
    tries: dict[str, list[float]] = field(default_factory=dict)
    most_open: int = 0
    connections: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=50)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Liar:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in list(self._open):
            peer.close()
        self._thread.join(5)

    def to(self, address: str) -> list[Taken]:
        """What it took for an address."""
        return [mail for mail in list(self.taken) if mail.to == address]

    def copies(self) -> Counter[str]:
        """How often it has each Message-ID."""
        return Counter(mail.message_id for mail in list(self.taken))

    # --- one connection -----------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(peer)
                self.connections += 1
                self.most_open = max(self.most_open, sum(map(_is_established, self._open)))
                number = self.connections
            threading.Thread(target=self._serve, args=(peer, number), daemon=True).start()

    def _serve(self, peer: socket.socket, number: int) -> None:
        try:
            if self._say(peer, "connect", self.plan(number, "connect")):
                self._talk(peer, number)
        except OSError:
            pass
        finally:
            peer.close()
            with self._lock:
                self._open.discard(peer)

    def _talk(self, peer: socket.socket, number: int) -> None:
        stream, to = peer.makefile("rb"), ""
        while line := stream.readline():
            verb = line[:4].strip().lower().decode("ascii", "replace")
            if verb == "quit":
                peer.sendall(b"221 2.0.0 bye\r\n")
                return
            if verb == "rset":
                peer.sendall(b"250 2.0.0 Ok\r\n")
                continue
            fault = self.plan(number, verb)
            if verb == "rcpt":
                to = line.split(b"<")[1].split(b">")[0].decode()
                self.tries.setdefault(to, []).append(time.monotonic())
            if verb == "data" and not to:
                peer.sendall(b"554 5.5.1 no valid recipients\r\n")
                continue
            if verb in ("rcpt", "data"):
                fault = fault or self._fault_of(to, verb)
            if not self._say(peer, verb, fault):
                return
            if verb == "rcpt" and fault in ("later", "never"):
                to = ""
            if verb == "data" and fault in ("", "pieces", "slow"):
                raw = self._body(stream)
                fault = self._fault_of(to, "dot")
                if fault not in ("later", "never", "bye", "drop", "half", "garbage", "huge"):
                    self.taken.append(Taken(to, raw, time.monotonic()))
                if not self._say(peer, "dot", fault):
                    return

    def _fault_of(self, to: str, stage: str) -> str:
        """What an address wants at this stage of this try."""
        words = to.partition("@")[0].split(".")
        if len(words) < 3 or words[0] != stage:
            return ""
        return words[1] if len(self.tries[to]) <= int(words[2]) else ""

    def _say(self, peer: socket.socket, stage: str, fault: str) -> bool:
        """Answer in that way; whether the conversation goes on."""
        good = _GOOD[stage]
        if stage == "ehlo" and self.pipelining:
            good = good.replace(b"250-8BITMIME", b"250-8BITMIME\r\n250-PIPELINING")
        if fault in ("drop", "lost"):
            return False
        if fault == "hang":
            while not self._over.is_set():  # until the other side goes, so that `most_open` counts right
                if select.select([peer], [], [], 0.1)[0] and not peer.recv(65536):
                    break
            return False
        if fault == "endless":
            while not self._over.wait(0.02):
                peer.sendall(good[:3] + b"-more\r\n")
            return False
        if fault == "pieces":
            for at in range(len(good)):
                peer.sendall(good[at : at + 1])
                time.sleep(0.005)
            return True
        if fault == "slow":
            self._over.wait(self.slow_seconds)
        peer.sendall(_BAD.get(fault, good))
        return fault in ("", "slow", "later", "never", "garbage", "huge")

    @staticmethod
    def _body(stream: object) -> bytes:
        lines = []
        while (line := stream.readline()) != b".\r\n":  # type: ignore[attr-defined]
            if not line:
                raise ConnectionResetError
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)
