"""Queries on webhooks: POSTs that wait to leave, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from store import fast
from store.claims import claim as claim_rows
from store.tables import WEBHOOK
from store.vocabulary import OutboxState


def enqueue(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert POSTs to be made; every row has the same columns."""
    if rows:
        fast.insert(connection, WEBHOOK, rows)


def claim(
    connection: Connection, owner: str, now: datetime, lease: timedelta, limit: int, alive: Collection[str] = ()
) -> list[Row[Any]]:
    """Claim those that are due, the longest waiting first. alive: as in `claims.claim`."""
    due = and_(WEBHOOK.c.state == OutboxState.WAITING, WEBHOOK.c.next_attempt_at <= now)
    order = [WEBHOOK.c.next_attempt_at, WEBHOOK.c.id]
    ids = claim_rows(connection, WEBHOOK, due, order, owner, now, now + lease, limit, alive=alive)
    if not ids:
        return []
    return list(connection.execute(select(WEBHOOK).where(WEBHOOK.c.id.in_(ids)).order_by(WEBHOOK.c.id)))


def settle(connection: Connection, row_id: int, owner: str, **values: Any) -> bool:
    """Write what became of a try and end the lease; False when the row was taken over meanwhile."""
    query = update(WEBHOOK).where(WEBHOOK.c.id == row_id, WEBHOOK.c.lease_owner == owner)
    return connection.execute(query.values(lease_owner=None, lease_until=None, **values)).rowcount == 1


def of_ticket(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """The ticket's POSTs, oldest first."""
    return list(connection.execute(select(WEBHOOK).where(WEBHOOK.c.ticket_id == ticket_id).order_by(WEBHOOK.c.id)))
