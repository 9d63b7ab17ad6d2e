"""Waiting rows after the machine's clock was set back: what came in while it was ahead is due now, not in a day.

A row that nobody has tried yet and that was written in the future keeps the wait it was meant to have (none, but for
what is gathered); of a row that was tried, only the longest wait there is is left.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, or_, select, update

from store.tables import JOURNAL, OUTBOX, WEBHOOK
from store.vocabulary import OutboxState, Outcome

#: Clocks of two machines differ by less; a wait that is longer by so much hurts nobody.
_SLACK = timedelta(seconds=10)
_AT_ONCE = 1000
#: What waits for its instant, which of its rows do, and when they were written.
_WAITING: tuple[tuple[Table, ColumnElement[bool], str], ...] = (
    (JOURNAL, JOURNAL.c.outcome == str(Outcome.PENDING), "received_at"),
    (OUTBOX, OUTBOX.c.state.in_([str(OutboxState.WAITING), str(OutboxState.SENDING)]), "created_at"),
    (WEBHOOK, WEBHOOK.c.state == str(OutboxState.WAITING), "created_at"),
)


def bring_forward(connection: Connection, now: datetime, longest: timedelta) -> int:
    """Bring rows forward that wait for an instant which only a clock that was ahead can have named; how many.

    longest: the longest wait between two tries. Rows that somebody has in hand are left: who has them says when next.
    """
    return sum(_bring_forward(connection, *waiting, now, longest) for waiting in _WAITING)


def _bring_forward(
    connection: Connection, table: Table, waits: ColumnElement[bool], born: str, now: datetime, longest: timedelta
) -> int:
    c = table.c
    unborn = and_(c.attempts == 0, c[born] > now + _SLACK)
    odd = and_(waits, c.next_attempt_at > now + _SLACK, or_(unborn, c.next_attempt_at > now + longest + _SLACK))
    read = select(c.id, c[born].label("born"), c.next_attempt_at).where(odd, c.lease_owner.is_(None))
    rows = connection.execute(read.limit(_AT_ONCE)).all()
    if not rows:
        return 0
    as_it_was = and_(c.id == bindparam("row"), c.next_attempt_at == bindparam("was"), c.lease_owner.is_(None))
    meant = {row.id: max(timedelta(), row.next_attempt_at - max(row.born, now)) for row in rows}
    connection.execute(
        update(table).where(as_it_was).values(next_attempt_at=bindparam("instant")),
        [{"row": r.id, "was": r.next_attempt_at, "instant": now + min(longest, meant[r.id])} for r in rows],
    )
    return len(rows)
