"""PostgreSQL on a free loopback port: a cluster of its own in a temporary folder, durable as in production."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from tests.integration.machine import LOOPBACK, Process, account, find_program, folder, free_port, is_root

_USER = "mailgate"


class Postgres:
    """A running cluster. `new_database` gives a URL for SQLAlchemy; the databases go with the cluster."""

    def __init__(self, home: Path, process: Process, port: int) -> None:
        self.home = home
        self.port = port
        self._process = process
        self._numbers = count(1)

    def start(self) -> None:
        """Start, or start again after `stop` or `kill9`."""
        self._process.start(self._answers, limit=60)

    def stop(self) -> None:
        """Fast shutdown: sessions are cut, nothing committed is lost."""
        self._process.stop(signal.SIGINT)

    def kill9(self) -> None:
        """As a crash: the next start recovers from the log."""
        self._process.stop(signal.SIGKILL)
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)

    def new_database(self, template: str = "template1") -> str:
        """Create a database and return its URL; `template` names another to copy (nobody may be connected to it)."""
        name = f"mailgate_{os.getpid()}_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def copy_database(self, template: str, url: str) -> None:
        """Create the database of `url` as a copy of another one, to which nobody may be connected."""
        self._execute("CREATE DATABASE {} TEMPLATE {}", url.rsplit("/", 1)[1], template.rsplit("/", 1)[1])

    def drop_database(self, url: str) -> None:
        """Drop what `new_database` made, sessions and all."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", url.rsplit("/", 1)[1])

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{_USER}@{LOOPBACK}:{self.port}/{name}"

    def _execute(self, statement: LiteralString, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=LOOPBACK, port=self.port, user=_USER, dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _answers(self) -> bool:
        try:
            with self._connect() as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Initialise a cluster, run it, stop it. Skips where PostgreSQL's server programs are missing."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    initdb = find_program("initdb", *(str(path) for path in reversed(versions)))
    # PostgreSQL refuses to run as root.
    owner = account("postgres" if _exists("postgres") else "nobody")
    with folder("pg", owner) as home:
        data = home / "data"
        _initialise(initdb, data, owner)
        port = free_port()
        command = [str(Path(initdb).parent / "postgres"), "-D", str(data), "-p", str(port)]
        for setting in (
            f"listen_addresses={LOOPBACK}",
            "unix_socket_directories=",
            "fsync=on",
            "synchronous_commit=on",
            "max_connections=100",
            "shared_buffers=64MB",
        ):
            command += ["-c", setting]
        server = Postgres(home, Process(command, home / "log", user=owner, cwd=home), port)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _initialise(initdb: str, data: Path, owner: str) -> None:
    command = [initdb, "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    if is_root():
        entry = pwd.getpwnam(owner)
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=data.parent,
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
        )
    else:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=data.parent)
    assert done.returncode == 0, done.stderr


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
