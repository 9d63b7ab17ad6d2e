"""The erase list: keyed hashes of what was erased, and which of it still has bytes on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from store import fast
from store.tables import ERASED

#: bytes: of no use but until they are gone.
ADDRESS, MAIL, BYTES = "address", "mail", "bytes"


def add(connection: Connection, digests: Iterable[str], kind: str, now: datetime) -> None:
    """Put on the list what is not there yet."""
    rows = [
        {"digest": one, "kind": kind, "at": now, "unfinished": False, "blobs": []} for one in dict.fromkeys(digests)
    ]
    for row in rows:
        fast.insert(connection, ERASED, [row], or_nothing=True)


def begin(connection: Connection, digest: str, blobs: Sequence[str], now: datetime, kind: str = ADDRESS) -> None:
    """Bytes of this entry are left on the disk; a later erasure of the same counts from now."""
    values = {"unfinished": True, "blobs": sorted(blobs), "at": now}
    if connection.execute(update(ERASED).where(ERASED.c.digest == digest).values(**values)).rowcount == 0:
        fast.insert(connection, ERASED, [{"digest": digest, "kind": kind, **values}])


def unfinished(connection: Connection) -> list[Row[Any]]:
    """The entries that have bytes left on the disk."""
    return list(connection.execute(select(ERASED).where(ERASED.c.unfinished)))


def finish(connection: Connection, digests: Sequence[str]) -> None:
    """No byte is left of these."""
    connection.execute(delete(ERASED).where(ERASED.c.digest.in_(digests), ERASED.c.kind == BYTES))
    connection.execute(update(ERASED).where(ERASED.c.digest.in_(digests)).values(unfinished=False, blobs=[]))


def found(connection: Connection, digests: Sequence[str]) -> dict[str, datetime]:
    """Those of the digests that are on the list, with when."""
    rows = connection.execute(select(ERASED.c.digest, ERASED.c.at).where(ERASED.c.digest.in_(digests)))
    return {row.digest: row.at for row in rows}


def all_of(connection: Connection) -> list[Row[Any]]:
    """The whole list."""
    return list(connection.execute(select(ERASED).order_by(ERASED.c.at)))
