"""Hours of work in minutes: SMTP connections that send at a steady rate, with readers of the portal beside them.

    python -m benchmarks.load --minutes 10        fifty connections, four readers, the mix of `benchmarks/mix.py`

The real program, with its limits as they come (twenty connections of one address, a hundred mails of one connection,
300 pages a minute), but for the caps on one sender's mails and acknowledgements, which would measure themselves: the
senders are one relay, exempt by `smtp.trusted_peers`. Whatever is refused is counted and shown. Memory is what all
processes of the program have resident, looked at every two seconds; its slope is a line laid through the time after
the warm-up, the first three tenths.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from benchmarks import mix, process, tables
from benchmarks.mix import Mail
from benchmarks.process import Bench, Plan, open_mails, percentile
from benchmarks.running import SUPPORT, Installation, installed, postgres, processes
from mailgate import app
from mailgate.app import House
from mailgate.flows import linkrows, sessions
from mailgate.flows.sessions import Came, Person
from mailgate.settings import Settings
from store import links, people
from store.tables import TICKET

_RELAY = ["127.0.0.0/8"]
_WARM_UP = 0.3
_LOOK_EVERY = 2.0
_MAILS_OF_A_CONNECTION = 90
_PAUSE_OF_A_READER = 1.5
_MIB = 1024 * 1024


@dataclass(slots=True)
class Seen:
    """What was measured: seconds of each 250 (from the last octet) and of each page; octets by time."""

    accepted: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Figures:
    """One run. Times in ms, memory in MiB (by time: server, workers), slopes in MiB an hour."""

    database: str
    minutes: float
    connections: int
    readers: int
    mails: int
    mails_a_second: float
    accepted_p50: float
    accepted_p99: float
    accepted_most: float
    pages: int
    page_p50: float
    page_p99: float
    refused: dict[str, int]
    undecided_after: int
    unsent_after: int
    memory_begin: float
    memory_end: float
    slope_main: float
    slope_workers: float
    memory: list[tuple[float, int, int]]


def slope(points: list[tuple[float, float]]) -> float:
    """The least-squares line through (seconds, octets), in MiB an hour; 0.0 of fewer than two points."""
    if len(points) < 2:
        return 0.0
    middle_t = sum(t for t, _ in points) / len(points)
    middle_m = sum(m for _, m in points) / len(points)
    over = sum((t - middle_t) * (m - middle_m) for t, m in points)
    under = sum((t - middle_t) ** 2 for t, _ in points)
    return over / under * 3600 / _MIB if under else 0.0


class Sender:
    """One SMTP connection after the other, each for so many mails; commands are pipelined as Postfix does."""

    def __init__(self, port: int, seen: Seen) -> None:
        self._port = port
        self._seen = seen
        self._left = 0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, mail: Mail) -> None:
        """Hand in one mail."""
        if not self._left:
            await self.close()
            await self._connect()
        assert self._writer is not None
        self._left -= 1
        self._writer.write(f"MAIL FROM:<{mail.mail_from}>\r\nRCPT TO:<{mail.rcpt_to}>\r\nDATA\r\n".encode())
        said = [await self._reply() for _ in range(3)]
        if said[2][:1] == b"3":
            self._writer.write(mail.raw.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            await self._writer.drain()
            began = time.perf_counter()
            said.append(await self._reply())
            self._seen.accepted.append(time.perf_counter() - began)
        if said[-1][:1] != b"2":
            self._seen.refused[said[-1].decode().strip()[:60] or "closed"] += 1
            self._left = 0

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.write(b"QUIT\r\n")
            self._writer.close()
            self._writer = None

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        greeting = await self._reply()
        if greeting[:3] != b"220":
            self._seen.refused[greeting.decode().strip()[:60] or "closed"] += 1
        self._writer.write(b"EHLO relay.test\r\n")
        await self._reply()
        self._left = _MAILS_OF_A_CONNECTION

    async def _reply(self) -> bytes:
        while True:
            line = await self._reader.readline()
            if line[3:4] != b"-":
                return line


class Run:
    """One run on one serving installation."""

    def __init__(self, place: Installation, options: argparse.Namespace, mails: Iterator[Mail]) -> None:
        self._place = place
        self._options = options
        self._mails = mails
        self.seen = Seen()
        self._began = time.monotonic()
        self._ends = self._began + options.minutes * 60
        self._turn = itertools.count()

    async def go(self, visits: list[tuple[str, dict[str, str]]]) -> None:
        """Send, read, look, until the time is over. visits: a path and its cookies for each reader."""
        senders = [self._send() for _ in range(self._options.connections)]
        readers = [self._read(*visit) for visit in visits]
        await asyncio.gather(self._look(), *senders, *readers)

    async def _send(self) -> None:
        sender = Sender(self._place.port, self.seen)
        while True:
            due = self._began + next(self._turn) / self._options.rate
            if due >= self._ends:
                await sender.close()
                return
            await asyncio.sleep(due - time.monotonic())
            await sender.send(next(self._mails))

    async def _read(self, path: str, cookies: dict[str, str]) -> None:
        base = self._place.settings["base_url"]
        async with httpx.AsyncClient(base_url=base, cookies=cookies, follow_redirects=True, timeout=60) as browser:
            while time.monotonic() < self._ends:
                began = time.perf_counter()
                answer = await browser.get(path)
                self.seen.pages.append(time.perf_counter() - began)
                if answer.status_code != 200 or answer.url.path == "/login":
                    self.seen.refused[f"page {answer.status_code} {answer.url.path}"[:60]] += 1
                await asyncio.sleep(_PAUSE_OF_A_READER)

    async def _look(self) -> None:
        while time.monotonic() < self._ends:
            main = self._place.pid
            others = [pid for pid, fields in processes() if int(fields[2]) == main and pid != main]
            self.seen.memory.append((time.monotonic() - self._began, _resident(main), sum(map(_resident, others))))
            await asyncio.sleep(_LOOK_EVERY)


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def visits(house: House, readers: int) -> list[tuple[str, dict[str, str]]]:
    """Half of the readers are signed in and look at their list, the others have each a link to a ticket."""
    site, now = house.site, datetime.now(UTC)
    with house.database.read() as connection:
        tickets = connection.execute(select(TICKET.c.id, TICKET.c.requester_id).limit(readers)).all()
        persons = [people.contact(connection, row.requester_id) for row in tickets]
    rows = [linkrows.new_link(site, row.id, now, contact_id=row.requester_id) for row in tickets]
    site.writer.call(lambda connection: links.add(connection, rows))
    found: list[tuple[str, dict[str, str]]] = []
    for number in range(readers):
        at = number % len(tickets)
        if number % 2:
            found.append((f"/t/{site.mint.access_token(rows[at]['id'])}", {}))
        else:
            found.append(("/requests", {"mailgate-session": sessions.start(site, Person(persons[at]), Came())}))
    return found


def report(name: str, options: argparse.Namespace, seen: Seen, left: tuple[int, int]) -> Figures:
    """The figures of a run."""
    after = [point for point in seen.memory if point[0] >= options.minutes * 60 * _WARM_UP]
    whole = [(main + others) / _MIB for _, main, others in after]
    accepted, pages = [s * 1000 for s in seen.accepted], [s * 1000 for s in seen.pages]
    return Figures(
        database=name,
        minutes=options.minutes,
        connections=options.connections,
        readers=options.readers,
        mails=len(accepted),
        mails_a_second=len(accepted) / (options.minutes * 60),
        accepted_p50=percentile(accepted, 50),
        accepted_p99=percentile(accepted, 99),
        accepted_most=max(accepted, default=0.0),
        pages=len(pages),
        page_p50=percentile(pages, 50),
        page_p99=percentile(pages, 99),
        refused=dict(seen.refused),
        undecided_after=left[0],
        unsent_after=left[1],
        memory_begin=whole[0] if whole else 0.0,
        memory_end=whole[-1] if whole else 0.0,
        slope_main=slope([(t, main) for t, main, _ in after]),
        slope_workers=slope([(t, others) for t, _, others in after]),
        memory=[(round(t, 1), main // _MIB, others // _MIB) for t, main, others in seen.memory],
    )


def run(name: str, database: str, options: argparse.Namespace) -> Figures:
    """Install, serve, open some tickets, then the load."""
    with installed(database) as place:
        del place.settings["limits"]["connections_per_ip"], place.settings["limits"]["mails_per_connection"]
        place.settings["smtp"]["trusted_peers"] = _RELAY
        place.write_settings()
        with place.serving():
            bench = Bench(place, name, process.no_cpu)
            try:
                bench.open_tickets(Plan(openings=40, connections=10))
                count = int(options.minutes * 60 * options.rate) + options.connections
                mails = mix.mixed(count, options.seed, SUPPORT, bench.acknowledged)
                house = app.open_house(_settings(place), node="bench")
                try:
                    wanted = visits(house, options.readers)
                finally:
                    house.close()
                one = Run(place, options, mails)
                asyncio.run(one.go(wanted))
                _, undecided, unsent = open_mails(place.database())
            finally:
                bench.close()
    return report(name, options, one.seen, (undecided, unsent))


def _settings(place: Installation) -> Settings:
    return Settings.model_validate(place.settings, context={"folder": place.home, "test": True})


def shown(runs: list[Figures]) -> str:
    """The figures as a table, a column for each run."""
    names = {
        "mails": "mails accepted", "mails_a_second": "mails/s", "accepted_p50": "250 after the last octet, p50 ms",
        "accepted_p99": "p99 ms", "accepted_most": "longest ms", "pages": "pages read", "page_p50": "page, p50 ms",
        "page_p99": "p99 ms", "refused": "refused", "undecided_after": "undecided when the load ended",
        "unsent_after": "unsent when the load ended", "memory_begin": "resident after the warm-up, MiB",
        "memory_end": "at the end, MiB", "slope_main": "slope of the server, MiB/h",
        "slope_workers": "slope of its workers, MiB/h",
    }  # fmt: skip
    rows = []
    for key, title in names.items():
        values = [getattr(one, key) for one in runs]
        rows.append([title, *[_cell(value) for value in values]])
    return tables.table(["", *[one.database for one in runs]], rows)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} × {what}" for what, count in value.items()) or "0"
    return f"{value:.1f}" if isinstance(value, float) else f"{value:,}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--readers", type=int, default=4, help="more than four of one address meet its limit")
    parser.add_argument("--rate", type=float, default=20.0, help="mails a second, of all connections together")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--postgres", nargs="?", const="", metavar="URL", help="on PostgreSQL")
    parser.add_argument("--json", type=Path, help="the figures, and memory by time")
    options = parser.parse_args(arguments)
    said = tables.machine({"load": f"{options.minutes:g} minutes, {options.connections} connections"})
    if options.postgres is None:
        runs = [run("SQLite", "sqlite", options)]
    else:
        with postgres(options.postgres or None) as server:
            runs = [run("PostgreSQL", server.new(), options)]
    said += f"; load after: {os.getloadavg()[0]:.2f}"
    print(f"\n{said}\n\n{shown(runs)}")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": said, "runs": [asdict(one) for one in runs]}, indent=2) + "\n")
    return 1 if any(one.refused for one in runs) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
