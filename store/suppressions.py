"""Queries on addresses that delivery reports spoke of; how they are scored is `mailgate/people/reachable.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from store import fast
from store.tables import SUPPRESSION


def of(connection: Connection, addresses: Sequence[str]) -> dict[str, Row[Any]]:
    """What is known of these addresses, by address; most have no row."""
    if not addresses:
        return {}
    query = select(SUPPRESSION).where(SUPPRESSION.c.address.in_(addresses))
    return {row.address: row for row in connection.execute(query)}


def put(connection: Connection, address: str, values: dict[str, Any]) -> None:
    """Write what is known of an address now. values: every other column."""
    fast.insert(connection, SUPPRESSION, [{"address": address, **values}], or_nothing=True)
    change(connection, address, values)


def change(connection: Connection, address: str, values: dict[str, Any]) -> None:
    """Change columns of an address that has a row."""
    connection.execute(update(SUPPRESSION).where(SUPPRESSION.c.address == address).values(**values))


def forget(connection: Connection, address: str) -> bool:
    """Forget an address; whether there was anything to forget."""
    return connection.execute(delete(SUPPRESSION).where(SUPPRESSION.c.address == address)).rowcount == 1


def held_back(connection: Connection, now: datetime, limit: int = 200) -> list[Row[Any]]:
    """The addresses that get nothing now, the longest first."""
    query = select(SUPPRESSION).where(SUPPRESSION.c.until > now).order_by(SUPPRESSION.c.until.desc()).limit(limit)
    return list(connection.execute(query))
