"""One moment of the whole database as files, while others write; and back into an empty database.

SQLite: the backup API in one step, under a read transaction, so that no writer waits and none makes it begin again
(sqlite.org/backup.html); the copy is one file without a WAL. PostgreSQL: COPY of every table in one REPEATABLE READ
snapshot, in the text form, which any later PostgreSQL reads exactly; no program of PostgreSQL's is needed.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, inspect, select, text
from sqlmodel import SQLModel

from store.engine import Database
from store.tables import ARTICLE_FILE, ATTACHMENT, JOURNAL, OUTBOX
from store.vocabulary import OutboxState

SQLITE_FILE = "database.sqlite"
#: Where what a person may still send again is kept when it is too large for its row.
_UNSENT = (OutboxState.WAITING, OutboxState.SENDING, OutboxState.FAILED)
_REVISIONS = "alembic_version"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Named:
    """A blob that a row needs. table, row_id: which row; the id as text."""

    sha256: str
    table: str
    row_id: str


def copy_sqlite(database: Database, folder: Path) -> None:
    """Write the database of this moment to `folder/database.sqlite`. Raises StoreError, OSError."""
    target = folder / SQLITE_FILE
    copy = sqlite3.connect(target)
    try:
        with database.read() as connection:
            driver: Any = connection.connection.driver_connection
            driver.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()
    _sync(target)


def copy_postgres(connection: Connection, folder: Path) -> dict[str, list[str]]:
    """Write each table to `folder/<table>.copy`; table → columns as they stand there.

    connection: a read transaction of `Database.read`, whose view is copied.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    found: dict[str, list[str]] = {}
    driver: Any = connection.connection.driver_connection
    for table in tables_of(connection):
        columns = [column["name"] for column in inspect(connection).get_columns(table)]
        found[table] = columns
        target = folder / f"{table}.copy"
        with target.open("xb") as file, driver.cursor() as cursor:
            with cursor.copy(f"COPY {_named(table, columns)} TO STDOUT") as rows:
                for part in rows:
                    file.write(part)
            file.flush()
            os.fsync(file.fileno())
    return found


def fill_postgres(connection: Connection, folder: Path, tables: dict[str, list[str]]) -> None:
    """Put back what `copy_postgres` wrote, into empty tables of the same schema."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    driver: Any = connection.connection.driver_connection
    for table in sorted(tables, key=_place):
        statement = f"COPY {_named(table, tables[table])} FROM STDIN"
        source = folder / f"{table}.copy"
        with source.open("rb") as file, driver.cursor() as cursor, cursor.copy(statement) as rows:
            while part := file.read(1 << 20):
                rows.write(part)


def sequences(connection: Connection) -> dict[str, int]:
    """What each sequence of PostgreSQL gave last; {} on SQLite."""
    if connection.dialect.name == "sqlite":
        return {}
    query = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema()"
    return {name: int(value) for name, value in connection.execute(text(query)) if value is not None}


def set_sequences(connection: Connection, values: dict[str, int]) -> None:
    """Let each sequence go on behind these."""
    for name, value in values.items():
        connection.execute(text("SELECT setval(CAST(:name AS regclass), :value)"), {"name": name, "value": value})


@contextmanager
def frozen(path: Path) -> Iterator[Connection]:
    """A SQLite file that nobody writes, read without touching anything beside it."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def tables_of(connection: Connection) -> list[str]:
    """The tables that are kept, those that others refer to first; not the one that says which schema it is."""
    there = set(inspect(connection).get_table_names()) - {_REVISIONS}
    if connection.dialect.name == "sqlite":  # FTS5 keeps its index in tables of its own, copied with the file
        there &= {table.name for table in SQLModel.metadata.sorted_tables}
    return sorted(there, key=_place)


def revision_of(connection: Connection) -> str:
    """Which schema it is."""
    return str(connection.execute(text(f"SELECT version_num FROM {_REVISIONS}")).scalar_one())  # noqa: S608


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        name: int(connection.execute(text(f'SELECT count(*) FROM "{_checked(name)}"')).scalar_one())  # noqa: S608
        for name in tables_of(connection)
    }


def named_blobs(connection: Connection) -> Iterator[Named]:
    """Every blob that a row needs, once for each row."""
    j, o = JOURNAL.c, OUTBOX.c
    unsent = (o.state.in_(_UNSENT), o.rendered.is_(None), o.rendered_sha256.is_not(None))
    for table, query in (
        ("attachment", select(ATTACHMENT.c.sha256, ATTACHMENT.c.id)),
        ("journal", select(j.raw_sha256, j.id).where(j.raw_blob)),
        ("outbox", select(o.rendered_sha256, o.id).where(*unsent)),
        ("article_file", select(ARTICLE_FILE.c.sha256, ARTICLE_FILE.c.article_id)),
    ):
        for row in connection.execute(query):
            yield Named(row[0], table, f"{row[1]:x}")


_PLACES = {table.name: place for place, table in enumerate(SQLModel.metadata.sorted_tables)}


def _place(name: str) -> int:
    """What is no model's comes after all that it may refer to."""
    return _PLACES.get(name, len(_PLACES))


def _named(table: str, columns: list[str]) -> str:
    return f'"{_checked(table)}" ({", ".join(f"{chr(34)}{_checked(c)}{chr(34)}" for c in columns)})'


def _checked(name: str) -> str:
    """A name of ours: what a manifest says is not believed to be one."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no table or column of ours")
    return name


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
