"""The beats of nodes that share a PostgreSQL database, and taking over the rows of one that beats no more.

A beat is a row of `lease` named `node/<name>`, whose fence grows. Taking over happens under that row's lock and only
while the fence is what was seen standing still: a node that comes back in between keeps what it has.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, select, update

from store import fast
from store.tables import JOURNAL, LEASE, OUTBOX, TIMER, WEBHOOK
from store.vocabulary import OutboxState, Outcome, TimerState

_PREFIX = "node/"
#: What is worked on under a lease, and which of its rows can be.
_LEASED: tuple[tuple[Table, ColumnElement[bool]], ...] = (
    (JOURNAL, JOURNAL.c.outcome == str(Outcome.PENDING)),
    (OUTBOX, OUTBOX.c.state.in_([str(OutboxState.WAITING), str(OutboxState.SENDING)])),
    (TIMER, TIMER.c.state == str(TimerState.ARMED)),
    (WEBHOOK, WEBHOOK.c.state == str(OutboxState.WAITING)),
)


def beat(connection: Connection, node: str, process: str, until: datetime) -> bool:
    """Count up this node's beat; False when it had none: it is new, or was taken for gone.

    process: names this run of the node. until: only for people who look at the table.
    """
    name = _PREFIX + node
    c = LEASE.c
    ours = update(LEASE).where(c.name == name, c.owner == process).values(fence=c.fence + 1, until=until)
    if connection.execute(ours).rowcount == 1:
        return True
    connection.execute(delete(LEASE).where(c.name == name))
    fast.insert(connection, LEASE, [{"name": name, "owner": process, "fence": 1, "until": until}])
    return False


def beats(connection: Connection, but: str) -> dict[str, tuple[str, int]]:
    """(process, beats) of every node but one, by name."""
    c = LEASE.c
    rows = connection.execute(select(c.name, c.owner, c.fence).where(c.name.startswith(_PREFIX, autoescape=True)))
    return {row.name.removeprefix(_PREFIX): (row.owner, row.fence) for row in rows if row.name != _PREFIX + but}


def take_over(connection: Connection, node: str, seen: tuple[str, int]) -> int | None:
    """Free the rows of a node that stands still at the beat that was seen; how many, or None when it has beaten since.

    Rows that its frozen transaction has locked are left for the next look; it is forgotten when none is left.
    """
    c, (process, fence) = LEASE.c, seen
    theirs = (c.name == _PREFIX + node, c.owner == process, c.fence == fence)
    if connection.execute(select(c.name).where(*theirs).with_for_update(skip_locked=True)).first() is None:
        return None
    freed = release(connection, node)
    if not _holds_any(connection, node):
        connection.execute(delete(LEASE).where(*theirs))
    return freed


def leave(connection: Connection, node: str, process: str) -> None:
    """A node that ends in order: what it has not done is free, and it beats no more."""
    release(connection, node)
    connection.execute(delete(LEASE).where(LEASE.c.name == _PREFIX + node, LEASE.c.owner == process))


def forget_all(connection: Connection) -> None:
    """There are no nodes, and nobody has anything in hand: of a database that was put back."""
    release(connection)
    connection.execute(delete(LEASE).where(LEASE.c.name.startswith(_PREFIX, autoescape=True)))


def release(connection: Connection, node: str = "") -> int:
    """Free every row that a node has in hand ("": any node), but those locked at this moment; how many."""
    freed = 0
    for table, can_be in _LEASED:
        ids = select(table.c.id).where(can_be, _held_by(table, node)).with_for_update(skip_locked=True)
        freed += connection.execute(
            update(table).where(table.c.id.in_(ids)).values(lease_owner=None, lease_until=None)
        ).rowcount
    return freed


def _holds_any(connection: Connection, node: str) -> bool:
    return any(
        connection.execute(select(table.c.id).where(can_be, _held_by(table, node)).limit(1)).first() is not None
        for table, can_be in _LEASED
    )


def _held_by(table: Table, node: str) -> ColumnElement[bool]:
    owner = table.c.lease_owner
    return owner.startswith(f"{node}:", autoescape=True) if node else owner.is_not(None)
