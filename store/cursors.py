"""How far each IMAP folder has been read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from store.tables import IMAP_CURSOR


def get(connection: Connection, account: str, folder: str) -> Row[Any] | None:
    """The cursor of a folder, or None at its first start."""
    c = IMAP_CURSOR.c
    return connection.execute(select(IMAP_CURSOR).where(c.account == account, c.folder == folder)).first()


def put(
    connection: Connection, new_id: int, account: str, folder: str, place: Mapping[str, Any], started_at: datetime,
    now: datetime,
) -> None:  # fmt: skip
    """Set how far the folder was read; `started_at` stays what it was at the first time.

    place: uidvalidity, last_uid, pending, old_until, renumbered.
    """
    c = IMAP_CURSOR.c
    done = connection.execute(
        update(IMAP_CURSOR).where(c.account == account, c.folder == folder).values(**place, updated_at=now)
    )
    if done.rowcount == 0:
        key = {"id": new_id, "account": account, "folder": folder, "started_at": started_at, "updated_at": now}
        connection.execute(insert(IMAP_CURSOR).values(**key, **place))


def all_of(connection: Connection, account: str) -> dict[str, Row[Any]]:
    """The cursors of an account by folder."""
    c = IMAP_CURSOR.c
    return {row.folder: row for row in connection.execute(select(IMAP_CURSOR).where(c.account == account))}
