"""Borrowing rows: a worker claims rows for a while, and nobody else gets them until the lease runs out.

PostgreSQL: `FOR UPDATE SKIP LOCKED`. SQLite: an UPDATE under the one write lock. Each claim has an owner of its own
(the fence): a worker that was frozen past its lease finds at settling time that the row is not its any more.
A lease that has run out by this node's clock is still another's while that node is known to live (`scheduler.lease`):
a clock that jumps takes nothing out of anybody's hands. What the caller has in hand itself he names.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import IntEnum

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, not_, or_, select, text, update

from store import fast
from store.errors import LostLease
from store.tables import LEASE


class Deed(IntEnum):
    """What is not to be done by two nodes at once: numbers of PostgreSQL's advisory locks."""

    MIGRATION = 6245001
    IMPORT = 6245002
    DIGESTS = 6245003
    REVIEWS = 6245004
    ALARM = 6245005
    LATE_MAILS = 6245006
    AUDIT = 6245007


def alone(connection: Connection, deed: Deed) -> None:
    """Let no other node do it until this transaction ends; SQLite has its one writer anyway.

    Whoever asks whether a thing was done, and then does it, asks behind this: what another node did is seen.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:deed)"), {"deed": int(deed)})


def claim(
    connection: Connection,
    table: Table,
    due: ColumnElement[bool],
    order: Sequence[ColumnElement[object]],
    owner: str,
    now: datetime,
    lease_until: datetime,
    limit: int,
    *,
    alive: Collection[str] = (),
    in_hand: Collection[int] = (),
    again: bool = False,
) -> list[int]:
    """Claim up to `limit` rows for which `due` holds and which nobody has; their ids in the given order.

    alive: names of other nodes that live, whose rows are theirs however late it is. in_hand: rows the caller works on.
    again: rows under this owner's lease that he has not in hand are free, since a round of his that failed left them.
    """
    theirs = [not_(table.c.lease_owner.startswith(f"{node}:", autoescape=True)) for node in sorted(alive)]
    free = or_(table.c.lease_until.is_(None), and_(table.c.lease_until <= now, *theirs))
    if again:
        free = or_(free, table.c.lease_owner == owner)
    if in_hand:
        due = and_(due, table.c.id.not_in(sorted(in_hand)))
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


def take_lease(connection: Connection, name: str, owner: str, now: datetime, until: datetime) -> int | None:
    """Take or renew the named lease. The fence (grows with each new owner), or None when another has it.

    One that runs out much later than ours would is nobody's: its owner died while his clock was ahead.
    """
    fast.insert(connection, LEASE, [{"name": name, "owner": owner, "fence": 1, "until": until}], or_nothing=True)
    query = select(LEASE.c.owner, LEASE.c.fence, LEASE.c.until).where(LEASE.c.name == name)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()
    row = connection.execute(query).one()
    if row.owner != owner and now < row.until <= until + (until - now):
        return None
    fence: int = row.fence if row.owner == owner else row.fence + 1
    connection.execute(update(LEASE).where(LEASE.c.name == name).values(owner=owner, fence=fence, until=until))
    return fence


def give_up_lease(connection: Connection, name: str, owner: str | None) -> None:
    """End the named lease, if it is still this owner's; None: whosever it is."""
    theirs = [] if owner is None else [LEASE.c.owner == owner]
    connection.execute(delete(LEASE).where(LEASE.c.name == name, *theirs))
