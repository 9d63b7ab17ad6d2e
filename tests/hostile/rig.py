"""The rig: hostile mails through the door of the running program, side by side, and what that costs watched.

Beside them a canary sends an honest mail every second and looks at the clock. What every mail became is read from the
export; what reached the far end, the pages and the log are searched for what must not be there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.mails import SUPPORT, sender_of
from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK

_PAGE = os.sysconf("SC_PAGE_SIZE")


def stuffed(raw: bytes) -> bytes:
    """A mail as it goes over the wire: dots doubled at the beginning of lines that CRLF ends, no other octet changed."""
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    raw = raw.replace(b"\r\n.", b"\r\n..")
    return b"." + raw if raw.startswith(b".") else raw


def as_stored(raw: bytes) -> bytes:
    """The octets that the program keeps of it."""
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


class Client:
    """An SMTP client of few words: no library mends what it sends."""

    def __init__(self, port: int, timeout: float = 120.0) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=timeout)
        self._file = self._socket.makefile("rb")
        self.reply()
        self.say(b"EHLO hostil.test")

    def reply(self) -> tuple[int, str]:
        """The next reply: code, and the text of its last line. Raises ConnectionError when the peer has gone."""
        while True:
            line = self._file.readline()
            if not line:
                raise ConnectionError("closed")
            if line[3:4] != b"-":
                return int(line[:3]), line[4:].decode("utf-8", "replace").strip()

    def say(self, line: bytes) -> tuple[int, str]:
        self._socket.sendall(line + b"\r\n")
        return self.reply()

    def send(self, raw: bytes, mail_from: str, rcpt: str = SUPPORT) -> tuple[int, str]:
        """One transaction; the reply that decided."""
        for line in (f"MAIL FROM:<{mail_from}>", f"RCPT TO:<{rcpt}>", "DATA"):
            said = self.say(line.encode())
            if said[0] >= 400:
                self.say(b"RSET")
                return said
        self._socket.sendall(stuffed(raw))
        self._socket.sendall(b".\r\n")
        return self.reply()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
            self._socket.close()


@dataclass
class Sent:
    """What became of the sending: name → reply code; name → digest of what got 250; when it did."""

    replies: dict[str, tuple[int, str]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)

    def codes(self) -> Counter[int]:
        return Counter(code for code, _ in self.replies.values())


def send_all(
    gateway: Gateway, mails: Iterator[tuple[str, bytes]], connections: int = 4, sent: Sent | None = None
) -> Sent:
    """Send them over several connections; each connection is opened anew when the program closes it."""
    sent = sent or Sent()
    todo: queue.Queue[tuple[str, bytes] | None] = queue.Queue(maxsize=2 * connections)
    threads = [
        threading.Thread(target=_sender, args=(gateway.port("smtp"), todo, sent), daemon=True)
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for one in mails:
        todo.put(one)
    for _ in threads:
        todo.put(None)
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive(), "a mail that is never answered"
    return sent


def _sender(port: int, todo: queue.Queue[tuple[str, bytes] | None], sent: Sent) -> None:
    client: Client | None = None
    while (one := todo.get()) is not None:
        name, raw = one
        for attempt in (1, 2):
            try:
                client = client or Client(port)
                sent.replies[name] = client.send(raw, sender_of(name[:60]))
                break
            except (ConnectionError, OSError) as error:
                if client is not None:
                    client.close()
                client = None
                if attempt == 2:
                    sent.replies[name] = (0, f"{type(error).__name__}: {error}")
        if sent.replies[name][0] == 421 and client is not None:
            client.close()
            client = None
        if sent.replies[name][0] == 250:
            sent.at[name] = time.monotonic()
            sent.digests[name] = hashlib.sha256(as_stored(raw)).hexdigest()
    if client is not None:
        client.close()


class Watch:
    """A canary every second, and the memory of the program with its workers, while the block runs."""

    def __init__(self, gateway: Gateway, every: float = 1.0) -> None:
        self._gateway = gateway
        self._every = every
        self._stop, self._quiet = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._sing, self._weigh)]
        self.waits: list[float] = []
        self.failures: list[str] = []
        self.canaries: list[str] = []
        self.weights: list[int] = []
        self.single: dict[int, int] = {}

    def __enter__(self) -> Watch:
        self.before = sum(memory_of(self._gateway.pid).values())
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def rest(self) -> None:
        """No canary any more: what is left to do is the others'."""
        self._quiet.set()
        self._threads[0].join(60)

    def _sing(self) -> None:
        while not (self._stop.is_set() or self._quiet.is_set()):
            number = len(self.canaries)
            sender = f"canario{number}@cliente.test"
            raw = (
                f"From: Canario <{sender}>\r\nTo: {SUPPORT}\r\nSubject: canto {number}\r\n"
                f"Message-ID: <canto{number}@cliente.test>\r\n\r\nPio {number}.\r\n"
            ).encode()
            began = time.monotonic()
            try:
                client = Client(self._gateway.port("smtp"), 30)
                code, text = client.send(raw, sender)
                self.waits.append(time.monotonic() - began)
                client.close()
                if code == 250:
                    self.canaries.append(sender)
                else:
                    self.failures.append(f"{code} {text}")
            except (OSError, ConnectionError) as error:
                self.failures.append(str(error))
            self._quiet.wait(self._every)

    def _weigh(self) -> None:
        while not self._stop.wait(0.05):
            weights = memory_of(self._gateway.pid)
            self.weights.append(sum(weights.values()))
            for pid, weight in weights.items():
                self.single[pid] = max(weight, self.single.get(pid, 0))


def memory_of(pid: int) -> dict[int, int]:
    """Resident bytes of a process and all below it, by process id."""
    found: dict[int, int] = {}
    for one in (pid, *children_of(pid)):
        with contextlib.suppress(OSError, ValueError, IndexError):
            found[one] = int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE
    return found


def children_of(pid: int) -> list[int]:
    """Process ids of all descendants."""
    found: list[int] = []
    todo = [pid]
    while todo:
        one = todo.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                children = [int(word) for word in (task / "children").read_text().split()]
                found += children
                todo += children
    return found


def outcomes(rows: Sequence[dict[str, object]]) -> dict[str, str]:
    """Digest of a mail → what it became, for every mail in an export."""
    found: dict[str, str] = {}
    for row in rows:
        if row.get("outcome") == "duplicate":
            found.setdefault(str(row["raw_sha256"]), "duplicate")
        for message in row["messages"]:  # type: ignore[attr-defined]
            if message.get("raw_sha256"):
                found[message["raw_sha256"]] = str(row.get("outcome") or "ticket")
    return found
