"""What every writing connection is asked for, whatever the server's own settings are."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from store.engine import LOCK_WAIT_SECONDS, Database, WriteLock
from store.errors import StoreBusy

ROOT = Path(__file__).parents[3]


@pytest.fixture
def database(engine_url: str) -> Iterator[Database]:
    made = Database(engine_url)
    yield made
    made.close()


def test_a_commit_waits_for_the_disk(database: Database) -> None:
    wanted = {"synchronous": 2, "journal_mode": "wal"} if database.is_sqlite else {"synchronous_commit": "on"}
    word = "PRAGMA" if database.is_sqlite else "SHOW"
    with database.write() as connection:
        assert {name: connection.execute(text(f"{word} {name}")).scalar() for name in wanted} == wanted


def test_who_gets_no_connection_finds_the_database_busy(engine_url: str) -> None:
    """SQLAlchemy's own error was none of ours: a mail was held as poison for it, a page was a 500."""
    database = Database(engine_url, pool_size=1)
    with database.write():  # SQLite makes its file
        pass
    pool: Any = database._reader.pool
    pool._timeout = 0.01
    with ExitStack() as held:
        for _ in range(24 if database.is_sqlite else 5):
            held.enter_context(database.read())
        with pytest.raises(StoreBusy, match="all connections are in use"):
            database.ping()
    database.ping()
    database.close()


_BUSY = """
import sys, time
from pathlib import Path
from store.engine import WriteLock
lock = WriteLock(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    with lock.hold():
        time.sleep(0.05)
"""


def test_a_command_gets_its_turn_beside_a_program_that_writes_all_the_time(tmp_path: Path) -> None:
    """K7: who asks the lock only now and then would find it free one time in five hundred."""
    path = tmp_path / "write.lock"
    busy = subprocess.Popen([sys.executable, "-c", _BUSY, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert busy.stdout is not None
        assert busy.stdout.readline() == b"ready\n"
        lock, waited = WriteLock(path), []
        for _ in range(5):
            time.sleep(0.06)  # so that the other has it again
            began = time.monotonic()
            with lock.hold():
                waited.append(time.monotonic() - began)
        assert max(waited) < LOCK_WAIT_SECONDS / 2, waited
    finally:
        busy.kill()
        busy.communicate()


def test_a_waiter_that_was_frozen_holds_nobody_up_for_long(tmp_path: Path) -> None:
    with (tmp_path / "write.turn").open("w") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        began = time.monotonic()
        with WriteLock(tmp_path / "write.lock").hold():
            assert time.monotonic() - began < LOCK_WAIT_SECONDS / 2
