"""The writer thread while another program holds the database: everybody waits his five seconds, at the same time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from store import engine
from store.engine import Database, sqlite_url
from store.errors import StoreBusy
from store.writer import Writer

SECONDS = 0.3


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    monkeypatch.setattr(engine, "LOCK_WAIT_SECONDS", SECONDS)
    monkeypatch.setattr("store.writer.LOCK_WAIT_SECONDS", SECONDS)
    database = Database(sqlite_url(tmp_path / "file.sqlite"))
    made = Writer(database)
    made.call(lambda connection: connection.execute(text("CREATE TABLE note (words TEXT)")))
    yield made
    made.stop()
    database.close()


def write(connection: Connection) -> int:
    return connection.execute(text("INSERT INTO note VALUES ('x')")).rowcount


def test_nobody_queues_up_behind_a_lock_of_another_program(writer: Writer) -> None:
    path = writer.database.path
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        asked = [writer.submit(write, urgent=n % 2 == 0) for n in range(20)]
        for future in asked:
            with pytest.raises(StoreBusy):
                future.result(timeout=20)
        assert time.monotonic() - began < 6 * SECONDS, "one after the other it would be twenty times"
        other.execute("ROLLBACK")
    assert writer.call(write) == 1
    with writer.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM note")).scalar() == 1
