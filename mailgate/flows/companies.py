"""The organisations and branches as one transaction knows them, by what they are looked for.

Each row of a file asks for several: read anew for each, a file of two thousand took the writer minutes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.errors import DataError
from mailgate.people import cnpj
from store import people


class Companies:
    """Ask it, and say what was `changed` since. Read from the database at the first question."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_read = False
        self._rows: dict[int, Row[Any]] = {}
        self._by: dict[tuple[str, str], dict[int, None]] = {}  # ("name", …), ("cnpj", …), ("domain", …) → ids
        self._branches: dict[int, dict[str, Row[Any]]] = {}

    def by_id(self, organisation_id: int | None) -> Row[Any] | None:
        """The organisation of that id."""
        self._read()
        return self._rows.get(organisation_id) if organisation_id is not None else None

    def by_name(self, name: str) -> Row[Any] | None:
        """The organisation of that name, whatever the case."""
        return next(iter(self._found("name", name.strip().casefold())), None)

    def named(self, name: str) -> Row[Any]:
        """The organisation of that name or CNPJ. Raises DataError."""
        number = cnpj.read(name)
        numbered = self._found("cnpj", number) if number else []
        found = self.by_name(name) or next(iter(numbered), None)
        if found is None:
            raise DataError(f"there is no organisation {name}")
        return found

    def refuse_taken(self, own_id: int | None, domains: Collection[str], number: str) -> None:
        """Raises DataError where another organisation than `own_id` has one of these domains, or the CNPJ."""
        owned = [(one, domain) for domain in domains for one in self._found("domain", domain) if one.id != own_id]
        if owned:
            owner = owned[0][0]
            taken = sorted(domain for one, domain in owned if one.id == owner.id)
            raise DataError(f"{', '.join(taken)} belongs to {owner.name} already")
        for one in self._found("cnpj", number) if number else ():
            if one.id != own_id:
                raise DataError(f"{one.name} has the CNPJ {cnpj.shown(one.cnpj)} already")

    def changed(self, organisation_id: int) -> None:
        """An organisation was added or changed."""
        self._read()
        row = people.organisation(self._connection, organisation_id)
        old = self._rows.pop(organisation_id, None)
        for key in _keys(old) if old is not None else ():
            self._by[key].pop(organisation_id, None)
        if row is not None:
            self._take(row)

    def branch(self, organisation: Row[Any], name: str) -> Row[Any] | None:
        """The branch of that name, whatever the case."""
        if organisation.id not in self._branches:
            rows = people.branches(self._connection, [organisation.id])
            self._branches[organisation.id] = {row.name.casefold(): row for row in reversed(rows)}
        return self._branches[organisation.id].get(name.strip().casefold())

    def branch_named(self, organisation: Row[Any], name: str) -> Row[Any]:
        """The branch of that name. Raises DataError."""
        found = self.branch(organisation, name)
        if found is None:
            raise DataError(f"{organisation.name} has no branch {name}")
        return found

    def branch_changed(self, organisation_id: int, branch_id: int) -> None:
        """A branch was added or changed; its name stays for ever."""
        row = people.branch(self._connection, branch_id)
        if row is not None and organisation_id in self._branches:
            self._branches[organisation_id][row.name.casefold()] = row

    def _read(self) -> None:
        if not self._is_read:
            self._is_read = True
            for row in people.organisations(self._connection):
                self._take(row)

    def _take(self, row: Row[Any]) -> None:
        self._rows[row.id] = row
        for key in _keys(row):
            self._by.setdefault(key, {})[row.id] = None

    def _found(self, what: str, value: str) -> list[Row[Any]]:
        self._read()
        return [self._rows[i] for i in self._by.get((what, value), ())]


def _keys(row: Row[Any]) -> list[tuple[str, str]]:
    found = [("name", row.name.casefold()), *(("domain", domain) for domain in row.domains)]
    return [*found, ("cnpj", row.cnpj)] if row.cnpj else found
