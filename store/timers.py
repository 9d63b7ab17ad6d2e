"""Queries on due times."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from store import fast
from store.claims import claim as claim_rows
from store.query import Command
from store.tables import TIMER
from store.vocabulary import TimerState


def arm(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert due times."""
    fast.add(connection, TIMER, rows)


_CANCEL = Command(
    update(TIMER)
    .where(TIMER.c.ticket_id == bindparam("ticket"), TIMER.c.state == str(TimerState.ARMED))
    .values(state=str(TimerState.CANCELLED), settled_at=bindparam("now"), lease_owner=None, lease_until=None)
)


def cancel(connection: Connection, ticket_id: int, now: datetime) -> int:
    """Cancel every armed timer of the ticket (its status was left); how many."""
    return _CANCEL.run(connection, ticket=ticket_id, now=now)


def claim_due(
    connection: Connection, owner: str, now: datetime, lease: timedelta, limit: int, alive: Collection[str] = ()
) -> list[Row[Any]]:
    """Claim the timers whose time has come. alive: as in `claims.claim`."""
    due = (TIMER.c.state == TimerState.ARMED) & (TIMER.c.due_at <= now)
    ids = claim_rows(connection, TIMER, due, [TIMER.c.due_at], owner, now, now + lease, limit, alive=alive)
    if not ids:
        return []
    return list(connection.execute(select(TIMER).where(TIMER.c.id.in_(ids)).order_by(TIMER.c.due_at)))


def armed(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """The armed timers of a ticket, soonest first."""
    wanted = select(TIMER).where(TIMER.c.ticket_id == ticket_id, TIMER.c.state == TimerState.ARMED)
    return list(connection.execute(wanted.order_by(TIMER.c.due_at, TIMER.c.id)))


def oldest_due(connection: Connection, now: datetime) -> datetime | None:
    """Since when the timer that waits longest should have fired; None when nothing is late."""
    wanted = select(func.min(TIMER.c.due_at)).where(TIMER.c.state == TimerState.ARMED, TIMER.c.due_at <= now)
    return connection.execute(wanted).scalar()


def settle(connection: Connection, timer_id: int, owner: str, state: TimerState, now: datetime) -> bool:
    """End an armed timer; False when it was taken over or cancelled meanwhile."""
    return (
        connection.execute(
            update(TIMER)
            .where(TIMER.c.id == timer_id, TIMER.c.lease_owner == owner, TIMER.c.state == TimerState.ARMED)
            .values(state=state, settled_at=now, lease_owner=None, lease_until=None)
        ).rowcount
        == 1
    )


def move(connection: Connection, timer_id: int, due_at: datetime, owner: str | None = None) -> None:
    """Set another due time of an armed timer and end the lease.

    owner: only while it is under his lease; None: whoever has it (an interaction came, and it is not due any more).
    """
    ours = [TIMER.c.lease_owner == owner] if owner is not None else []
    connection.execute(
        update(TIMER)
        .where(TIMER.c.id == timer_id, TIMER.c.state == TimerState.ARMED, *ours)
        .values(due_at=due_at, lease_owner=None, lease_until=None)
    )


def settled(connection: Connection, ticket_ids: Sequence[int]) -> list[Row[Any]]:
    """(ticket_id, name, status, settled_at) of the timers of these tickets that fired or were cancelled."""
    c = TIMER.c
    query = select(c.ticket_id, c.name, c.status, c.settled_at)
    return list(connection.execute(query.where(c.ticket_id.in_(ticket_ids), c.settled_at.is_not(None))))


def of_ticket(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """The ticket's timers, soonest first."""
    return list(connection.execute(select(TIMER).where(TIMER.c.ticket_id == ticket_id).order_by(TIMER.c.due_at)))
