"""Connections to the one database: SQLite with one writer, or PostgreSQL with many.

Promises: a `write()` that returned has reached the disk (SQLite: WAL and synchronous=FULL; PostgreSQL:
synchronous_commit=on). On SQLite each write transaction, in any process, holds an exclusive lock on `write.lock`, since
SQLite before 3.51.3 can corrupt a WAL when two connections write and checkpoint at once (sqlite.org, wal.html, "the
WAL-reset bug"); readers are query_only. Errors become `StoreBusy` or `StoreUnavailable`.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from store import direct, patience
from store.errors import StoreBusy, StoreUnavailable

LOCK_WAIT_SECONDS = 5.0
#: How long a writer stands back for another that has waited longer; a waiter that was frozen costs no more than this.
_COURTESY_SECONDS = 1.0
#: Pages that a connection to SQLite keeps, KiB: what the program may hold of them in all is this times its readers.
_WRITER_CACHE_KIB = 32_768
_READER_CACHE_KIB = 16_384


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class WriteLock:
    """An exclusive lock between processes (flock on a file) and between threads, held for one transaction.

    Who waits stands in `write.turn`, another lock, which everybody passes: a program that writes all the time frees
    the lock for an instant only, and one that asks now and then would hardly ever see it free.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._fd = self._turn = -1

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock. Raises StoreBusy when it cannot be had in 5 seconds."""
        if not self._threads.acquire(timeout=LOCK_WAIT_SECONDS):
            raise StoreBusy("the database is being written by another thread for more than 5 seconds")
        try:
            self._lock_file()
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _lock_file(self) -> None:
        if self._turn < 0:
            self._fd = _lock_of(self._path) if self._fd < 0 else self._fd
            self._turn = _lock_of(self._path.with_suffix(".turn"))
        now = time.monotonic()
        in_turn = _locked(self._turn, now + _COURTESY_SECONDS)
        try:
            if not _locked(self._fd, now + LOCK_WAIT_SECONDS):
                raise StoreBusy("the database is being written by another process, try again")
        finally:
            if in_turn:
                fcntl.flock(self._turn, fcntl.LOCK_UN)


def _lock_of(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(fd: int, deadline: float) -> bool:
    """Lock a file; False when it was not to be had by then (monotonic seconds)."""
    pause = 0.0005
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.02)
        else:
            return True


class Database:
    """The database of one configuration.

    url: `sqlite:///path` or `postgresql+psycopg://user@host/name`. pool_size: connections on PostgreSQL.
    """

    def __init__(self, url: str, *, pool_size: int = 8, statement_seconds: int = 30) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            path = Path(url.removeprefix("sqlite:///"))
            self.path: Path | None = path
            self._lock: WriteLock | None = WriteLock(path.parent / "write.lock")
            self._writer = _sqlite_engine(url, writer=True)
            self._reader = _sqlite_engine(url, writer=False)
        else:
            self.path = None
            self._lock = None
            self._writer = self._reader = _postgres_engine(url, pool_size, statement_seconds)

    @property
    def engine(self) -> Engine:
        """The engine that may write; for migrations only."""
        return self._writer

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction: committed and on disk at the end, rolled back on any exception.

        Raises StoreBusy (another writer for 5 s) or StoreUnavailable (gone, full, failing); a later try may help.
        """
        if self._lock is None:
            with self._transaction(self._writer) as connection:
                yield connection
        else:
            with self._lock.hold(), self._transaction(self._writer) as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of everything, whatever is committed meanwhile; writes nothing."""
        with self._transaction(self._reader) as connection:
            if self.is_sqlite:
                with patience.on_sqlite(connection.connection.driver_connection):
                    yield connection
            else:
                connection.exec_driver_sql(
                    f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY{patience.for_postgres()}"
                )
                yield connection

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                try:
                    yield connection
                    direct.flush(connection)
                except BaseException:
                    direct.forget(connection)
                    raise
        except PoolTimeout as error:
            raise StoreBusy("the database is busy: all connections are in use, try again") from error
        except (OperationalError, InterfaceError) as error:
            if _is_of_a_row(error):
                raise
            # After a failed write or fsync nothing on this connection is trusted again: it is closed and opened anew.
            if not patience.is_over(_cause(error)):
                engine.dispose()
            raise _translate(error) from error
        except DBAPIError as error:
            # DatabaseError itself, and none of its kinds, is how SQLite says that the file is damaged or no database.
            if error.connection_invalidated or type(error) is DatabaseError:
                engine.dispose()
                raise _translate(error) from error
            raise

    def scrub(self, tables: Sequence[str]) -> None:
        """Leave no byte of what was deleted: in the file and its WAL on SQLite, in these tables on PostgreSQL.

        Takes as long as writing everything anew, and nobody else writes meanwhile. Raises StoreBusy, StoreUnavailable.
        Sources: sqlite.org/lang_vacuum.html, sqlite.org/pragma.html#pragma_wal_checkpoint, PostgreSQL 15 VACUUM (FULL).
        """
        if self._lock is not None and self.path is not None:
            with self._lock.hold():
                _scrub_sqlite(self.path)
            return
        try:
            with self._writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("SET statement_timeout = 0"))
                connection.execute(text("SET lock_timeout = '10s'"))
                for table in tables:
                    connection.execute(text(f'VACUUM (FULL) "{table}"'))
                connection.invalidate()  # its settings go with it
        except DBAPIError as error:
            raise _translate(error) from error

    def close(self) -> None:
        """Close all connections."""
        self._writer.dispose()
        self._reader.dispose()

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))


def _scrub_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=LOCK_WAIT_SECONDS)
    try:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("VACUUM")
        deadline = time.monotonic() + 2 * LOCK_WAIT_SECONDS
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise StoreBusy("somebody reads an old view of the database, try again")
            time.sleep(0.02)
    except sqlite3.OperationalError as error:
        raise (StoreBusy if "locked" in str(error) else StoreUnavailable)(f"the database: {error}") from error
    finally:
        connection.close()


def _is_of_a_row(error: DBAPIError) -> bool:
    """Whether a row is more than PostgreSQL takes (an index, a column): it is well, and a later try says the same.

    Who writes many rows must not wait for that. Source: PostgreSQL 15, appendix A, class 54.
    """
    return str(getattr(error.orig, "sqlstate", "") or "").startswith("54")


def _cause(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__


def _translate(error: DBAPIError) -> StoreBusy | StoreUnavailable:
    cause = _cause(error)
    if "locked" in cause or "deadlock" in cause or "serialize" in cause:
        return StoreBusy(f"the database is busy: {cause}")
    return StoreUnavailable(f"the database does not work: {cause}")


def _postgres_engine(url: str, pool_size: int, statement_seconds: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=5,
        pool_pre_ping=False,
        pool_recycle=1800,
        json_serializer=_dumps,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "options": f"-c synchronous_commit=on -c timezone=UTC -c statement_timeout={statement_seconds}s "
            "-c idle_in_transaction_session_timeout=60s",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    )

    @event.listens_for(engine, "before_cursor_execute")
    def before(connection: Connection, *_rest: Any) -> None:
        direct.flush(connection)  # what was kept back comes before what SQLAlchemy sends itself

    return engine


def _sqlite_engine(url: str, *, writer: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1 if writer else 8,
        max_overflow=0 if writer else 16,
        pool_use_lifo=True,  # few readers with warm pages, not all of them in turn, each with the same pages
        json_serializer=_dumps,
        hide_parameters=True,  # what a row holds must not get into a log with an exception
        connect_args={"check_same_thread": False, "timeout": LOCK_WAIT_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB if writer else _READER_CACHE_KIB}")
        cursor.execute("PRAGMA temp_store=MEMORY")
        if writer:
            cursor.execute("PRAGMA wal_autocheckpoint=2000")
        else:
            cursor.execute("PRAGMA wal_autocheckpoint=0")
            cursor.execute("PRAGMA query_only=1")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A deferred transaction that starts to write later fails at once when another wrote meanwhile.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"
