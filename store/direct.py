"""Statements handed to the driver, past SQLAlchemy's execution, and on PostgreSQL many of them in one round trip.

What SQLAlchemy does around a statement costs more than SQLite needs to run it, and a mail takes about twenty. Its
events are still told, so that whoever listens (tests that break a transaction at every statement) hears of each.

On PostgreSQL a statement whose answer nobody waits for is kept back (`later`) and goes with the next one that is waited
for, or with the commit, in a pipeline: one round trip for all. They arrive in the order in which they were made, so
whatever is read afterwards has seen them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Counted = Callable[[int], None]
_Waiting = list[tuple[str, tuple[Any, ...], Counted | None]]
_KEY = "mailgate.waiting"


def run(connection: Connection, sql: str, values: tuple[Any, ...]) -> Any:
    """Run a statement now; the driver's cursor. Raises what SQLAlchemy raises (IntegrityError, OperationalError)."""
    flush(connection)
    return _sent(connection, sql, values)


def later(connection: Connection, sql: str, values: tuple[Any, ...], counted: Counted | None = None) -> None:
    """Run a statement before the next one that is waited for, at the latest before the commit.

    counted: told how many rows it touched; what it raises ends the transaction. On SQLite all happens at once.
    """
    if connection.dialect.name == "sqlite":
        cursor = _sent(connection, sql, values)
        if counted is not None:
            counted(cursor.rowcount)
        return
    connection.info.setdefault(_KEY, []).append((sql, values, counted))


def flush(connection: Connection) -> None:
    """Send what was kept back, and wait until all of it is done. Raises as `run`."""
    waiting: _Waiting | None = connection.info.pop(_KEY, None)
    if not waiting:
        return
    if len(waiting) == 1:
        cursors = [_sent(connection, waiting[0][0], waiting[0][1])]
    else:
        cursors = _pipelined(connection, waiting)
    for (_, _, counted), cursor in zip(waiting, cursors, strict=True):
        if counted is not None:
            counted(cursor.rowcount)


def forget(connection: Connection) -> None:
    """Drop what was kept back: the transaction has failed. Of a connection that is gone nothing was kept."""
    if not connection.invalidated:
        connection.info.pop(_KEY, None)


def _pipelined(connection: Connection, waiting: _Waiting) -> list[Any]:
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            return [_sent(connection, sql, values) for sql, values, _ in waiting]
    except connection.dialect.loaded_dbapi.Error as error:  # the answer to one of them, known when all are through
        raise _translated(connection, "a pipeline", error) from error


def _sent(connection: Connection, sql: str, values: tuple[Any, ...]) -> Any:
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor()
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, sql, values, None, False)
    try:
        cursor.execute(sql, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, sql, error) from error
    return cursor


def _translated(connection: Connection, sql: str, error: Exception) -> BaseException:
    """The driver's exception as SQLAlchemy's; a connection that is gone is not used again."""
    driver: Any = connection.connection.driver_connection
    gone = connection.dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]
    if gone:
        connection.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, connection.dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=gone
    )
