"""The ports of the demo on 127.0.0.1, and whether they are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass, fields

from mailgate.errors import Unavailable, UsageError

LOOPBACK = "127.0.0.1"
HIGHEST = 65535


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each part listens; `dns` is UDP, the others TCP."""

    smtp: int = 2525
    submission: int = 2587
    lmtp: int = 2424
    portal: int = 8025
    ops: int = 8026
    mailbox: int = 8027
    relay: int = 2526
    dns: int = 2553

    @classmethod
    def shifted(cls, offset: int) -> Ports:
        """The usual ports, each `offset` higher. Raises UsageError when there are no such ports."""
        usual = cls()
        numbers = {f.name: getattr(usual, f.name) + offset for f in fields(cls)}
        if min(numbers.values()) < 1 or max(numbers.values()) > HIGHEST:
            raise UsageError(f"--port-offset {offset} leads outside of 1 to {HIGHEST}; the highest usual port is 8027")
        return cls(**numbers)

    @property
    def offset(self) -> int:
        """How far these are from the usual ones."""
        return self.smtp - Ports().smtp

    def each(self) -> Iterable[tuple[str, int]]:
        """(name, port) of each."""
        return [(f.name, getattr(self, f.name)) for f in fields(self)]


def taken(ports: Ports) -> list[tuple[str, int]]:
    """Those that another program listens on, by name."""
    found = []
    for name, port in ports.each():
        try:
            open_port(name, port).close()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            found.append((name, port))
    return found


def require_free(ports: Ports) -> None:
    """Raises Unavailable with one sentence that names what is taken and an offset that is free."""
    busy = taken(ports)
    if not busy:
        return
    named = ", ".join(f"{port} ({name})" for name, port in busy)
    offsets = (n for n in range(100, 5100, 100) if not taken(Ports.shifted(n)))
    advice = next(offsets, 100)
    subject, verb = ("ports", "are") if len(busy) > 1 else ("port", "is")
    raise Unavailable(
        f"{subject} {named} of {LOOPBACK} {verb} taken by another program; take others: "
        f"mailgate demo --port-offset {advice}"
    )


def open_port(name: str, port: int) -> socket.socket:
    """A socket bound to a port of the demo, not yet listening. Raises OSError."""
    kind = socket.SOCK_DGRAM if name == "dns" else socket.SOCK_STREAM
    made = socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
    except OSError:
        made.close()
        raise
    return made
