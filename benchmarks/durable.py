"""(a) Durable accept: how many mails a second get their 250, beside aiosmtpd's null sink in the same run.

`serve --roles smtp` only accepts; `serve` with all roles also makes the tickets and sends the notices on the same
cores meanwhile, which is what a busy hour looks like. The rounds of all servers alternate (`accept.py`).
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import accept
from benchmarks.accept import Server
from benchmarks.process import open_mails
from benchmarks.running import Databases, Installation, cpu_of, installed, processes

CONNECTIONS = (1, 10, 50)
_STOCK = "aiosmtpd, null sink"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one server did over so many connections: medians of the rounds. cpu: ms a mail of the server."""

    server: str
    connections: int
    rate: float
    cpu: float
    times_stock: float


def run(
    databases: dict[str, Databases | None], octets: int, mails: int, rounds: int, said: Callable[[str], None]
) -> list[Accepted]:
    """All servers, at each number of connections."""
    own = [sys.executable, str(Path(accept.__file__)), "--port", "{port}", "--serve"]
    servers = [Server(_STOCK, " ".join([*own, "stock"]), accept.free_port())]
    places: dict[str, Installation] = {}
    groups: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(accept.running(servers[0]))
        assert servers[0].process is not None
        groups[_STOCK] = servers[0].process.pid
        for database, source in databases.items():
            for name, roles in ((f"mailgate --roles smtp, {database}", "smtp"), (f"mailgate, {database}", "")):
                place = stack.enter_context(installed(source.new() if source else "sqlite"))
                stack.enter_context(place.serving(roles=roles))
                servers.append(Server(name, "", place.port))
                places[name], groups[name] = place, place.pid
        for connections in CONNECTIONS:
            for number in range(rounds):
                for server in servers:
                    count = mails if connections > 1 else max(50, mails // 4)
                    _round(server, groups[server.name], places.get(server.name), connections, count, octets)
                said(f"{connections} connections, round {number + 1} of {rounds}")
    stock = servers[0]
    return [
        Accepted(
            server.name,
            connections,
            statistics.median(server.rates[connections]),
            statistics.median(server.cpu_ms[connections]),
            statistics.median(server.rates[connections]) / statistics.median(stock.rates[connections]),
        )
        for connections in CONNECTIONS
        for server in servers
    ]


def _round(server: Server, group: int, place: Installation | None, connections: int, mails: int, octets: int) -> None:
    before = group_cpu(group)
    seconds = accept.load(server.port, connections, mails, octets, reconnect=False)
    server.cpu_ms.setdefault(connections, []).append((group_cpu(group) - before) / mails * 1000)
    server.rates.setdefault(connections, []).append(mails / seconds)
    if place is not None and "--roles" not in server.name:
        _idle(place)


def _idle(place: Installation) -> None:
    """Wait until it has worked off what it accepted: the next server's round must not pay for it."""
    database = place.database()
    deadline = time.monotonic() + 600
    try:
        while open_mails(database)[1:] != (0, 0):
            if time.monotonic() > deadline:
                raise SystemExit(f"what was accepted is not worked off after 10 minutes\n{place.log_tail()}")
            time.sleep(0.2)
    finally:
        database.close()


def group_cpu(group: int) -> float:
    """CPU seconds of all processes of a session."""
    return sum(cpu_of(pid) for pid, fields in processes() if int(fields[2]) == group)
