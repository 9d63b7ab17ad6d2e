"""kill -9 in the middle of `mailgate migrate`, from the data of every release: the old schema whole, or the new one.

The process dies as a system call begins: a write to SQLite's files, or a packet to PostgreSQL, the Nth of all that the
migration makes. Then it is migrated again, and must be, row for row, what one that was left in peace became.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, DateTime, MetaData, Table, select, text
from sqlalchemy.exc import SAWarning

from store import schema
from store.engine import Database, sqlite_url
from tests.integration.dnsstub import DnsStub
from tests.integration.gateway import PROGRAM, Gateway, sane_settings
from tests.integration.machine import find_program, folder
from tests.integration.postgres import Postgres
from tests.integration.sink import Sink
from tests.migrations.make_dump import DATA
from tests.migrations.test_old_data import RELEASES

KILLS = 20
_CALLS = {"sqlite": "pwrite64,fdatasync", "postgresql": "sendto"}


def old_sqlite(release: str, path: Path) -> None:
    """The SQLite file of a release, as it was kept."""
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()
    path.write_bytes(gzip.decompress((DATA / f"{release}.sqlite.gz").read_bytes()))
    path.chmod(0o600)


def into_postgres(path: Path, url: str) -> None:
    """The rows of an old SQLite file in a PostgreSQL database of the same schema."""
    with closing(sqlite3.connect(path)) as old:
        old.row_factory = sqlite3.Row
        revision = old.execute("select version_num from alembic_version").fetchone()[0]
        database = Database(url)
        schema.migrate(database, revision)
        metadata = MetaData()
        metadata.reflect(database.engine)
        with database.write() as connection:
            connection.execute(text("SET session_replication_role = replica"))  # rows in any order
            for table in metadata.tables.values():
                if table.name == "alembic_version":
                    continue
                connection.execute(table.delete())
                rows = [_typed(table, dict(row)) for row in old.execute(f'select * from "{table.name}"')]
                if rows:
                    connection.execute(table.insert(), rows)
            connection.execute(text("SET session_replication_role = DEFAULT"))
        database.close()


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for name, value in row.items():
        if name not in table.columns:
            continue
        kind = table.columns[name].type
        if value is not None and isinstance(kind, JSON):
            value = json.loads(value)
        elif value is not None and isinstance(kind, Boolean):
            value = bool(value)
        elif value is not None and isinstance(kind, DateTime):
            value = datetime.fromisoformat(value).replace(tzinfo=UTC)
        values[name] = value
    return values


def everything(url: str) -> dict[str, list[str]]:
    """Every row of every table."""
    database = Database(url)
    metadata = MetaData()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # it cannot read an index of an expression
        metadata.reflect(database.engine)
    try:
        with database.read() as connection:
            return {
                table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
                for table in metadata.sorted_tables
                if not table.name.startswith("article_search")
            }
    finally:
        database.close()


def revision(url: str) -> str | None:
    database = Database(url)
    try:
        return schema.current(database)
    finally:
        database.close()


class Migrations:
    """One configuration whose database is put back to a release's again and again."""

    def __init__(self, gateway: Gateway, kind: str, log: Path, url: str, reset: Callable[[], None]) -> None:
        self.gateway, self.url, self.reset, self._log, self._calls = gateway, url, reset, log, _CALLS[kind]

    def run(self, kill_at: int | None = None) -> int:
        """`mailgate migrate`, killed at that call. The exit code, negative for a signal."""
        command = [find_program("strace"), "-f", "-qq", "-o", str(self._log), "-e", f"trace={self._calls}"]
        if kill_at is not None:
            command += ["-e", f"inject={self._calls}:signal=SIGKILL:when={kill_at}"]
        command += [str(PROGRAM), "migrate", "--config", str(self.gateway.home)]
        return subprocess.run(command, env=self.gateway.env, capture_output=True, timeout=120).returncode

    def counted(self) -> int:
        """How many of those calls one migration makes, of the kind that it makes most."""
        lines = [line.split(None, 1)[1] for line in self._log.read_text(errors="replace").splitlines()]
        return max(sum(line.startswith(f"{name}(") for line in lines) for name in self._calls.split(","))


@pytest.fixture(params=["sqlite", "postgresql"])
def migrations(request: pytest.FixtureRequest, release: str, tmp_path: Path) -> Iterator[Migrations]:
    with folder("old") as home:
        sink, stub = Sink(), DnsStub()
        kept = tmp_path / "kept.sqlite"
        old_sqlite(release, kept)
        if request.param == "sqlite":
            database, path = "sqlite", home / "data" / "mailgate.sqlite"
            url = sqlite_url(path)

            def reset() -> None:
                old_sqlite(release, path)
        else:
            server: Postgres = request.getfixturevalue("postgres")
            template = server.new_database()
            into_postgres(kept, template)
            database = url = server.new_database(template.rsplit("/", 1)[1])

            def reset() -> None:
                server.drop_database(url)
                server.copy_database(template, url)

        gateway = Gateway(home, sane_settings(home, database, sink.port, stub.address), sink)
        gateway.install()
        shutil.copy(DATA / f"{release}.mac.key", home / "data" / "keys" / "mac.key")
        yield Migrations(gateway, request.param, tmp_path / "trace", url, reset)
        if request.param == "postgresql":
            server.drop_database(url)
            server.drop_database(template)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("release", RELEASES)
def test_killed_twenty_times(migrations: Migrations, release: str, capsys: pytest.CaptureFixture[str]) -> None:
    migrations.reset()
    before, old = everything(migrations.url), revision(migrations.url)
    assert migrations.run() == 0
    calls, after = migrations.counted(), everything(migrations.url)
    assert revision(migrations.url) == schema.newest()
    kills = new = 0
    share = max(1, KILLS // len(RELEASES))
    for number in range(share):
        migrations.reset()
        assert revision(migrations.url) == old
        code = migrations.run(kill_at=1 + number * (calls - 1) // max(1, share - 1))
        assert code in (-9, 0)
        kills += code == -9
        found = revision(migrations.url)
        assert found in (old, schema.newest())
        assert everything(migrations.url) == (before if found == old else after)
        new += found != old
        again = Database(migrations.url)
        schema.migrate(again)
        again.close()
        assert everything(migrations.url) == after
    assert kills >= share - 1
    with capsys.disabled():
        print(f"\n  migrate from {release}: {kills} kills at {calls} calls, {new} were through already, lost 0")
