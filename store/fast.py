"""Inserts on the hot path: the statement is spelled once, values are bound by the column types, rows go as tuples.

SQLAlchemy Core spends more time on building and caching a statement than SQLite on running it; what is inserted for
every mail goes this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, String, Table
from sqlmodel import AutoString

from store import direct

Bind = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows with the same keys are inserted: the statement, (name, bind) of each value, defaults for the rest."""

    sql: str
    mark: str
    ending: str
    given: tuple[tuple[str, Bind | None], ...]
    defaults: tuple[tuple[Bind | None, Callable[[], Any]], ...]

    def for_rows(self, count: int) -> str:
        """The statement for `count` rows at once."""
        if count == 1:
            return self.sql
        head, row, ending = self.sql.partition(" VALUES ")[0], self._marks, self.ending
        return f"{head} VALUES {', '.join([row] * count)}{ending}"

    @property
    def _marks(self) -> str:
        return f"({', '.join([self.mark] * (len(self.given) + len(self.defaults)))})"

    def values(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """One row as the driver takes it."""
        found = [row[name] if bind is None or row[name] is None else bind(row[name]) for name, bind in self.given]
        for bind, default in self.defaults:
            value = default()
            found.append(value if bind is None or value is None else bind(value))
        return tuple(found)


@lru_cache(maxsize=256)
def _plan(table: Table, dialect: str, driver: str, bound: _Bound, or_nothing: bool, keys: tuple[str, ...]) -> _Plan:
    mark = "?" if dialect == "sqlite" else "%s"
    given = tuple((name, bound.bind(table, name)) for name in keys)
    rest = [column for column in table.columns if column.name not in keys and column.default is not None]
    defaults = tuple((bound.bind(table, column.name), _default(column.default)) for column in rest)
    names = [*keys, *(column.name for column in rest)]
    columns = ", ".join(f'"{name}"' for name in names)
    ending = " ON CONFLICT DO NOTHING" if or_nothing else ""
    # Names come from our own models, never from outside.
    sql = f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join(mark for _ in names)}){ending}'  # noqa: S608
    return _Plan(sql, mark, ending, given, defaults)


class _Bound:
    """Turns values into what the driver of one dialect takes."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def bind(self, table: Table, name: str) -> Bind | None:
        """The function for a column, or None where the value goes as it is. Raises KeyError for no such column."""
        kind = table.columns[name].type
        if isinstance(kind, (String, AutoString)):
            return None  # SQLModel's asks about each value again what no driver needs to know
        found: Bind | None = kind.dialect_impl(self._dialect).bind_processor(self._dialect)
        return found


@lru_cache(maxsize=8)
def _bound_of(dialect: Dialect) -> _Bound:
    return _Bound(dialect)


def _default(default: Any) -> Callable[[], Any]:
    if default.is_callable:
        return lambda: default.arg(None)
    return lambda: default.arg


def insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, or_nothing: bool = False) -> int:
    """Insert rows, which all have the same keys; how many went in.

    A column that is left out gets its default. or_nothing: a row whose key is there already is left out. Raises what
    SQLAlchemy raises (IntegrityError, OperationalError).
    """
    if not rows:
        return 0
    dialect = connection.dialect
    plan = _plan(table, dialect.name, dialect.driver, _bound_of(dialect), or_nothing, tuple(rows[0]))
    if len(rows) == 1:
        return _count(connection, plan.sql, plan.values(rows[0]))
    parts = _in_powers_of_two([plan.values(row) for row in rows])
    return sum(_count(connection, plan.for_rows(len(p)), tuple(chain.from_iterable(p))) for p in parts)


def add(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, or_nothing: bool = False) -> None:
    """As `insert` when nobody asks how many: on PostgreSQL the rows may go a moment later (`direct.later`)."""
    if not rows:
        return
    dialect = connection.dialect
    plan = _plan(table, dialect.name, dialect.driver, _bound_of(dialect), or_nothing, tuple(rows[0]))
    for part in _in_powers_of_two([plan.values(row) for row in rows]):
        direct.later(connection, plan.for_rows(len(part)), tuple(chain.from_iterable(part)))


def new_of(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], column: str) -> list[Any]:
    """Insert rows, and leave out those whose key is there already; `column` of those that went in."""
    if not rows:
        return []
    dialect = connection.dialect
    plan = _plan(table, dialect.name, dialect.driver, _bound_of(dialect), True, tuple(rows[0]))
    new: list[Any] = []
    for part in _in_powers_of_two([plan.values(row) for row in rows]):
        sql = f'{plan.for_rows(len(part))} RETURNING "{column}"'
        new += [row[0] for row in direct.run(connection, sql, tuple(chain.from_iterable(part))).fetchall()]
    return new


def _count(connection: Connection, sql: str, values: tuple[Any, ...]) -> int:
    found: int = direct.run(connection, sql, values).rowcount
    return found


def _in_powers_of_two(rows: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """64, 32, 16, … rows at once, so that there are few different statements to prepare.

    One statement for many rows, because the driver lets other threads run after each step: with a busy event loop
    beside it, getting its turn back fifty times takes longer than the commit.
    """
    start = 0
    while start < len(rows):
        size = min(64, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size


def update(connection: Connection, table: Table, values: dict[str, Any], where: dict[str, Any]) -> int:
    """Set columns of the rows whose columns equal `where`; how many were changed."""
    return _count(connection, *_update(connection.dialect, table, values, where))


def change(
    connection: Connection,
    table: Table,
    values: dict[str, Any],
    where: dict[str, Any],
    counted: direct.Counted | None = None,
) -> None:
    """As `update`; how many were changed is told to `counted`, on PostgreSQL a moment later (`direct.later`)."""
    direct.later(connection, *_update(connection.dialect, table, values, where), counted)


def _update(
    dialect: Dialect, table: Table, values: dict[str, Any], where: dict[str, Any]
) -> tuple[str, tuple[Any, ...]]:
    sql = _update_plan(table, dialect.name, tuple(values), tuple(where))
    bound = _bound_of(dialect)
    row = tuple(_value(_bind(bound, table, name), value) for part in (values, where) for name, value in part.items())
    return sql, row


@lru_cache(maxsize=512)
def _bind(bound: _Bound, table: Table, name: str) -> Bind | None:
    return bound.bind(table, name)


def _value(bind: Bind | None, value: Any) -> Any:
    return value if bind is None or value is None else bind(value)


@lru_cache(maxsize=256)
def _update_plan(table: Table, dialect: str, values: tuple[str, ...], where: tuple[str, ...]) -> str:
    mark = "?" if dialect == "sqlite" else "%s"
    changes = ", ".join(f'"{name}" = {mark}' for name in values)
    condition = " AND ".join(f'"{name}" = {mark}' for name in where)
    return f'UPDATE "{table.name}" SET {changes} WHERE {condition}'  # noqa: S608  (names of our own models)
