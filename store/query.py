"""Questions on the hot path: compiled once, asked by name, answered with SQLAlchemy's own rows.

    _BY_ADDRESS = Query(select(CONTACT).where(CONTACT.c.address == bindparam("address")))
    _BY_ADDRESS.first(connection, address="ana@customer.test")

SQLAlchemy keys, compiles and processes a statement anew at each execution: five times what SQLite needs to answer it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Row, Select, Update
from sqlalchemy.engine.result import SimpleResultMetaData

from store import direct

_Convert = Callable[[Any], Any]
_LIST = re.compile(r"\(__\[POSTCOMPILE_(\w+)\]\)")


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement in one dialect. fixed: values that are part of it; binds, results: conversions of values."""

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    binds: dict[str, _Convert]
    results: Any
    metadata: SimpleResultMetaData
    mark: str


class _Once:
    """A statement that is compiled once for each database. locking: how it reads on PostgreSQL."""

    def __init__(self, statement: Any, locking: Any) -> None:
        self._statement = statement
        self._locking = locking
        self._plans: dict[str, _Plan] = {}

    def _plan(self, dialect: Dialect) -> _Plan:
        found = self._plans.get(dialect.name)
        if found is None:
            found = self._plans[dialect.name] = self._compiled(dialect)
        return found

    def _compiled(self, dialect: Dialect) -> _Plan:
        postgres = dialect.name == "postgresql"
        spelling = type(dialect)(paramstyle="format" if postgres else "qmark")  # type: ignore[call-arg]
        compiled: Any = (self._locking if postgres else self._statement).compile(dialect=spelling)
        binds = {}
        for name, parameter in compiled.binds.items():
            convert = parameter.type.dialect_impl(dialect).bind_processor(dialect)
            if convert is not None:
                binds[name] = convert
        columns = list(self._statement.selected_columns) if isinstance(self._statement, Select) else []
        results = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        return _Plan(
            sql=str(compiled),
            names=tuple(compiled.positiontup),
            fixed={name: _bare(value) for name, value in compiled.params.items()},
            binds=binds,
            results=results if any(results) else None,
            metadata=SimpleResultMetaData([str(column.key) for column in columns]),
            mark="%s" if postgres else "?",
        )


class Command(_Once):
    """An UPDATE with named parameters (`bindparam`) ; see `direct`."""

    def __init__(self, statement: Update) -> None:
        super().__init__(statement, statement)

    def later(self, connection: Connection, **values: Any) -> None:
        """Run it, at the latest before the next statement that is waited for."""
        direct.later(connection, *_filled(self._plan(connection.dialect), values))

    def run(self, connection: Connection, **values: Any) -> int:
        """Run it now; how many rows it touched."""
        found: int = direct.run(connection, *_filled(self._plan(connection.dialect), values)).rowcount
        return found


class Query(_Once):
    """A SELECT with named parameters (`bindparam`); a list is `column.in_(bindparam("names", expanding=True))`.

    lock: `FOR UPDATE` of this table on PostgreSQL; SQLite has its one writer.
    """

    def __init__(self, statement: Select[Any], *, lock: Any = None) -> None:
        super().__init__(statement, statement if lock is None else statement.with_for_update(of=lock))

    def all(self, connection: Connection, **values: Any) -> list[Row[Any]]:
        """All rows. An empty list as a value gives none."""
        if any(value == [] for value in values.values()):
            return []
        plan = self._plan(connection.dialect)
        sql, given = _filled(plan, values)
        found = direct.run(connection, sql, given).fetchall()
        meta = plan.metadata
        return [Row(meta, plan.results, meta._key_to_index, row) for row in found]

    def first(self, connection: Connection, **values: Any) -> Row[Any] | None:
        """The first row; None for none."""
        return next(iter(self.all(connection, **values)), None)


def _filled(plan: _Plan, values: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The statement with its lists spelled out, and the values in order."""
    given: list[Any] = []
    lengths: dict[str, int] = {}
    for name in plan.names:
        value = values[name] if name in values else plan.fixed[name]
        convert = plan.binds.get(name)
        if isinstance(value, list):
            padded = _padded([convert(each) for each in value] if convert else value)
            lengths[name] = len(padded)
            given += padded
        else:
            given.append(convert(value) if convert is not None and value is not None else _bare(value))
    if not lengths:
        return plan.sql, tuple(given)
    return _spelled(plan.sql, plan.mark, tuple(lengths.items())), tuple(given)


def _padded(values: Collection[Any]) -> list[Any]:
    """A list as long as the next power of two, its last value repeated: few different statements to prepare."""
    listed = [_bare(value) for value in values]
    return listed + listed[-1:] * ((1 << (len(listed) - 1).bit_length()) - len(listed))


@cache
def _spelled(sql: str, mark: str, lengths: tuple[tuple[str, int], ...]) -> str:
    many = dict(lengths)
    return _LIST.sub(lambda found: f"({', '.join([mark] * many[found[1]])})", sql)


def _bare(value: Any) -> Any:
    """The word of an enum: drivers differ in what they make of one."""
    return value.value if isinstance(value, Enum) else value
