"""How far each IMAP folder has been read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from store.tables import IMAP_CURSOR


def get(connection: Connection, account: str, folder: str) -> Row[Any] | None:
    """The cursor of a folder, or None at its first start."""
    c = IMAP_CURSOR.c
    return connection.execute(select(IMAP_CURSOR).where(c.account == account, c.folder == folder)).first()


def put(
    connection: Connection,
    new_id: int,
    account: str,
    folder: str,
    uidvalidity: int,
    last_uid: int,
    pending: str,
    started_at: datetime,
    now: datetime,
) -> None:
    """Set how far the folder was read; `started_at` stays what it was at the first time."""
    c = IMAP_CURSOR.c
    done = connection.execute(
        update(IMAP_CURSOR)
        .where(c.account == account, c.folder == folder)
        .values(uidvalidity=uidvalidity, last_uid=last_uid, pending=pending, updated_at=now)
    )
    if done.rowcount == 0:
        connection.execute(
            insert(IMAP_CURSOR).values(
                id=new_id,
                account=account,
                folder=folder,
                uidvalidity=uidvalidity,
                last_uid=last_uid,
                pending=pending,
                started_at=started_at,
                updated_at=now,
            )
        )
