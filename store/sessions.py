"""Queries on the browsers that are signed in; only digests of their tokens are stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from store import fast
from store.query import Query
from store.tables import SESSION

_BY_DIGEST = Query(select(SESSION).where(SESSION.c.digest == bindparam("digest")))


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Insert a session."""
    fast.add(connection, SESSION, [row])


def by_digest(connection: Connection, digest: str) -> Row[Any] | None:
    """The session with that digest, whatever its state."""
    return _BY_DIGEST.first(connection, digest=digest)


def open_ones(
    connection: Connection, now: datetime, *, contact_id: int | None = None, agent_id: int | None = None
) -> list[Row[Any]]:
    """The sessions of a person that have not ended, the newest first."""
    c = SESSION.c
    person = c.agent_id == agent_id if agent_id is not None else c.contact_id == contact_id
    wanted = select(SESSION).where(person, c.ended_at.is_(None), c.expires_at > now).order_by(c.id.desc())
    return list(connection.execute(wanted))


def end(connection: Connection, session_id: int, now: datetime) -> bool:
    """End one session; False where it had ended."""
    c = SESSION.c
    ended = update(SESSION).where(c.id == session_id, c.ended_at.is_(None)).values(ended_at=now)
    return connection.execute(ended).rowcount == 1


def end_all(
    connection: Connection, now: datetime, *, contact_id: int | None = None, agent_id: int | None = None, but: int = 0
) -> int:
    """End every session of a person; how many. but: the id of the one that stays."""
    c = SESSION.c
    person = c.agent_id == agent_id if agent_id is not None else c.contact_id == contact_id
    ended = update(SESSION).where(person, c.ended_at.is_(None), c.id != but).values(ended_at=now)
    return connection.execute(ended).rowcount


def forget(connection: Connection, before: datetime) -> int:
    """Delete sessions that expired before an instant; how many."""
    return connection.execute(delete(SESSION).where(SESSION.c.expires_at < before)).rowcount
