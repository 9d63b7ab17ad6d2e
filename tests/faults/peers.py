"""A rude peer: octets in, replies out, over a blocking socket; and what the program costs meanwhile, out of /proc."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.integration.machine import LOOPBACK

SUPPORT = "suporte@example.test"
_TICK = os.sysconf("SC_CLK_TCK")


class Peer:
    """One connection. Every wait is bounded by `limit` seconds (TimeoutError)."""

    def __init__(self, port: int, *, source: str = LOOPBACK, limit: float = 30.0) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), timeout=limit, source_address=(source, 0))
        self._rest = b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> str:
        """One reply, its lines without CRLF joined by newlines; "" when the other side has closed."""
        lines: list[str] = []
        while True:
            line = self._line()
            if not line:
                return "\n".join(lines)
            lines.append(line.rstrip(b"\r\n").decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def ask(self, line: str | bytes) -> str:
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def greet(self, verb: str = "EHLO") -> str:
        """The greeting, then EHLO; its answer. Raises AssertionError where there is none."""
        first = self.reply()
        assert first.startswith("220"), first
        return self.ask(f"{verb} mta.example.org")

    def begin(self, sender: str = "ana@example.org", to: str = SUPPORT) -> None:
        """MAIL, RCPT and DATA, all of which must be taken."""
        for line, code in ((f"MAIL FROM:<{sender}>", "250"), (f"RCPT TO:<{to}>", "250"), ("DATA", "354")):
            said = self.ask(line)
            assert said.startswith(code), (line, said)

    def is_closed(self) -> bool:
        """Whether the other side closes, reading away what it says before."""
        try:
            while self._line():
                pass
        except ConnectionError:
            pass
        return True

    def reset(self) -> None:
        """Close with RST, whatever is under way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            piece = self.socket.recv(65536)
            if not piece:
                line, self._rest = self._rest, b""
                return line
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"


def mail(subject: str, body: bytes = b"Oi.\r\n", sender: str = "ana@example.org") -> bytes:
    """A small mail without its final dot."""
    head = f"From: Ana <{sender}>\r\nTo: {SUPPORT}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\n"
    return head.encode() + body


@contextmanager
def canary(port: int, sender: str = "127.0.0.9", every: float = 0.2) -> Iterator[list[float]]:
    """Somebody else, from another address, who wants an EHLO, a RSET and a QUIT answered: seconds of each round."""
    took: list[float] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            began = time.monotonic()
            with Peer(port, source=sender, limit=60) as peer:
                peer.greet()
                assert peer.ask("RSET").startswith("250")
                peer.ask("QUIT")
            took.append(time.monotonic() - began)
            stop.wait(every)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join(60)


def rss(pid: int) -> int:
    """Octets that a process has resident now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_rss(pid: int) -> int:
    """The most it had since `forget_peak`."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    """User and system time of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
