"""A database that is away, locked or shared: 451 and 503 meanwhile, nobody piles up, and it goes on by itself."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.load import SUPPORT, Load, mail, sender_of
from tests.faults.test_errors import Peer
from tests.faults.test_kill_loop import SETTINGS, check
from tests.faults.test_stop import postgresql_only, sqlite_only
from tests.faults.test_syscalls import told
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until
from tests.integration.postgres import Postgres

AWAY_SECONDS = 30.0


def threads(gateway: Gateway) -> int:
    return len(list(Path(f"/proc/{gateway.pid}/task").iterdir()))


class Visitors:
    """Browsers that ask for a page of the portal all the time, and post a form that must be written down."""

    def __init__(self, gateway: Gateway, count: int = 4) -> None:
        self.seen: Counter[int] = Counter()
        self.without_retry_after = 0
        self.slowest = 0.0
        self._gateway = gateway
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(40)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            began = time.monotonic()
            status, headers = get(f"{self._gateway.portal_url}/t/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.seen[status] += 1
            if status == 503 and "retry-after" not in headers:
                self.without_retry_after += 1


def get(url: str) -> tuple[int, set[str]]:
    """Status and names of the header fields; 0 for no answer."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, {name.lower() for name in answer.headers}
    except urllib.error.HTTPError as error:
        return error.code, {name.lower() for name in error.headers}
    except OSError:
        return 0, set()


@postgresql_only
@pytest.mark.long
@pytest.mark.timeout(600)
def test_postgresql_stops_for_half_a_minute_under_load(
    gateway: Callable[..., Gateway], postgres: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {**SETTINGS["limits"], "requests_per_ip": "off", "token_misses": "off"}
    running = gateway({**SETTINGS, "limits": limits})
    load = Load([running], 200, ahead=60)
    load.start()
    wait_until(lambda: len(load.accepted) >= 40, 60, "some of the load", every=0.01)
    before, most = threads(running), 0
    with Visitors(running) as visitors:
        postgres.stop()
        try:
            end = time.monotonic() + AWAY_SECONDS
            while time.monotonic() < end:
                most = max(most, threads(running))
                time.sleep(0.25)
            assert running.ops("/readyz")[0] == 503
            assert running.ops("/healthz")[0] == 200
            assert running.is_running
        finally:
            postgres.start()
        back = time.monotonic()
        wait_until(running.is_ready, 30, "readyz", every=0.1)
        ready = time.monotonic() - back
        wait_until(lambda: load.is_done, 180, "all mail to be accepted", every=0.1)
    load.stop()
    assert set(load.refused) <= {451}
    assert load.refused[451] > 0
    assert visitors.seen[503] > 0
    assert visitors.without_retry_after == 0
    assert not visitors.seen[500]
    assert most - before < 60, f"{before} threads, then {most}"
    figures = check(running, load)
    told(
        capsys,
        "PostgreSQL away for 30 s",
        figures
        | {"answers 451": load.refused[451], "pages 503": visitors.seen[503], "threads more": most - before}
        | {"s until ready": round(ready)},
    )


@contextlib.contextmanager
def locked(gateway: Gateway) -> Iterator[None]:
    """While this lasts, another process (this one) holds SQLite's own write lock."""
    path = gateway.home / "data" / "mailgate.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(600)
def test_sqlite_is_locked_by_somebody_else(gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]) -> None:
    running = gateway(SETTINGS)
    peer = Peer(running)
    assert peer.send_new() == 250
    running.sink.wait_for(1, to=sender_of(1), limit=90)
    before, took = threads(running), []
    with locked(running):
        for _ in range(3):
            began = time.monotonic()
            assert peer.send_new() == 451
            took.append(time.monotonic() - began)
        assert running.ops("/healthz")[0] == 200
        busy = running.run("ticket", "note", "SUP-1", "--agent", "bruno@example.test", "--text", "x", code=75)
        assert b"Traceback" not in busy.stderr
        assert running.run("ingest", "--rcpt", SUPPORT, stdin=mail(99), code=75).returncode == 75
        assert [row["key"] for row in running.tickets()] == ["SUP-1"]  # who reads is not kept waiting
        assert threads(running) - before < 40
    assert max(took) < 15, took
    wait_until(peer.send_left, 10, "mail to be taken again", every=0.2)
    figures = peer.check()
    running.sink.wait_for(1, to=sender_of(4), limit=90)
    told(capsys, "SQLite locked", figures | {"s until 451 at most": round(max(took))})


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(600)
def test_commands_write_under_load(gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]) -> None:
    """K7: one writer at a time over all processes; nobody finds the database locked or damaged."""
    running = gateway(SETTINGS)
    running.send(mail(1000), mail_from=sender_of(1000))
    wait_until(running.tickets, 120, "a ticket", every=0.2)
    load = Load([running], 600, ahead=40)
    load.start()
    for number in range(6):
        running.run("ticket", "note", "SUP-1", "--agent", "bruno@example.test", "--text", f"Nota {number}")
        running.run("ingest", "--rcpt", SUPPORT, "--mail-from", sender_of(2000), stdin=mail(2000 + number))
    assert running.run("serve", code=75).stderr.count(b"another `mailgate serve` works on") == 1
    load.stop()
    assert not load.refused
    mails = len(load.accepted)
    rows = running.wait_export(lambda rows: not any(r.get("outcome") == "pending" for r in rows), limit=180)
    [first] = [row for row in rows if row["key"] == "SUP-1"]
    assert len([m for m in first["messages"] if m["kind"] == "note"]) == 6
    assert len([row for row in rows if row["key"]]) == mails + 7
    with contextlib.closing(sqlite3.connect(running.home / "data" / "mailgate.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    told(capsys, "commands under load", {"mails": mails, "commands that wrote": 12})
