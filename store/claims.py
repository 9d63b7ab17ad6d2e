"""Borrowing rows: a worker claims rows for a while, and nobody else gets them until the lease runs out.

PostgreSQL: `FOR UPDATE SKIP LOCKED`. SQLite: an UPDATE under the one write lock. Each claim has an owner of its own
(the fence): a worker that was frozen past its lease finds at settling time that the row is not its any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select, update

from store import fast
from store.errors import LostLease
from store.tables import LEASE


def claim(
    connection: Connection,
    table: Table,
    due: ColumnElement[bool],
    order: Sequence[ColumnElement[object]],
    owner: str,
    now: datetime,
    lease_until: datetime,
    limit: int,
) -> list[int]:
    """Claim up to `limit` rows for which `due` holds and which nobody has; their ids in the given order."""
    free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
    wanted = select(table.c.id).where(and_(due, free)).order_by(*order).limit(limit)
    if connection.dialect.name == "postgresql":
        wanted = wanted.with_for_update(skip_locked=True)
    ids = [row[0] for row in connection.execute(wanted)]
    if ids:
        connection.execute(update(table).where(table.c.id.in_(ids)).values(lease_owner=owner, lease_until=lease_until))
    return ids


def still_ours(connection: Connection, table: Table, row_id: int, owner: str) -> None:
    """Raises LostLease when the row is not under `owner`'s lease any more; locks it on PostgreSQL."""
    query = select(table.c.id).where(table.c.id == row_id, table.c.lease_owner == owner)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()
    if connection.execute(query).first() is None:
        raise LostLease(f"{table.name} {row_id} was taken over while {owner} held it")


def prolong(connection: Connection, table: Table, owners: Sequence[str], lease_until: datetime) -> None:
    """Have the rows that these owners still hold for longer: they are alive, and the work takes its time."""
    connection.execute(update(table).where(table.c.lease_owner.in_(owners)).values(lease_until=lease_until))


def release(connection: Connection, table: Table, owner_prefix: str) -> int:
    """Give back every row of owners that begin with `owner_prefix` (a node that died); how many."""
    return connection.execute(
        update(table)
        .where(table.c.lease_owner.startswith(owner_prefix, autoescape=True))
        .values(lease_owner=None, lease_until=None)
    ).rowcount


def take_lease(connection: Connection, name: str, owner: str, now: datetime, until: datetime) -> int | None:
    """Take or renew the named lease. The fence (grows with each new owner), or None when another has it."""
    fast.insert(connection, LEASE, [{"name": name, "owner": owner, "fence": 1, "until": until}], or_nothing=True)
    query = select(LEASE.c.owner, LEASE.c.fence, LEASE.c.until).where(LEASE.c.name == name)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()
    row = connection.execute(query).one()
    if row.owner != owner and row.until > now:
        return None
    fence: int = row.fence if row.owner == owner else row.fence + 1
    connection.execute(update(LEASE).where(LEASE.c.name == name).values(owner=owner, fence=fence, until=until))
    return fence


def give_up_lease(connection: Connection, name: str, owner: str | None) -> None:
    """End the named lease, if it is still this owner's; None: whosever it is."""
    theirs = [] if owner is None else [LEASE.c.owner == owner]
    connection.execute(delete(LEASE).where(LEASE.c.name == name, *theirs))
