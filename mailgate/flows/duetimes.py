"""A ticket's timers: armed with the status, moved on by words, gone with it; all in the caller's transaction.

A timer that counts since a word is due its time after the later of the word and the status; where nobody has said a
word yet, after the status. It is moved when the word comes, and looked at again when it fires.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailgate.flows.site import Site, SlaQuery
from mailgate.tickets.workflow import TimedTransition, split_name
from store import timers
from store.vocabulary import Category, TimerState

#: Whose words move a timer that counts since them.
_WORDS = {
    "last_interaction": ("last_customer_at", "last_agent_at"),
    "last_customer": ("last_customer_at",),
    "last_agent": ("last_agent_at",),
}


def arm(connection: Connection, site: Site, ticket_id: int, status: str, now: datetime) -> list[dict[str, Any]]:
    """Arm the timers of a status that is entered now; the rows."""
    rows = [_row(site, ticket_id, timed, 1, now) for timed in site.book().workflow.timers_for(status)]
    timers.arm(connection, rows)
    return rows


def arm_again(
    connection: Connection, site: Site, ticket_id: int, timed: TimedTransition, fired: str, now: datetime
) -> bool:
    """After a reminder has fired: arm the next one, counted from now; False when it was the last."""
    _, number = split_name(fired)
    if number >= timed.repeat:
        return False
    timers.arm(connection, [_row(site, ticket_id, timed, number + 1, now)])
    return True


def said(connection: Connection, site: Site, ticket: Mapping[str, Any], status: str) -> None:
    """A word was said on the ticket (a row's values, with the word's time): move what counts since it."""
    workflow = site.book().workflow
    if all(timed.after.since == "entered" for timed in workflow.timers_for(status)):
        return
    for row in timers.armed(connection, ticket["id"]):
        timed = workflow.timer(status, row.name)
        due = later_by_words(site, timed, ticket) if timed is not None else None
        if due is not None and due > row.due_at:
            timers.move(connection, row.id, due)


def later_by_words(site: Site, timed: TimedTransition, ticket: Mapping[str, Any]) -> datetime | None:
    """When a timer that counts since a word is due for the last word said; None for others, and where none was."""
    words = [at for name in _WORDS.get(timed.after.since, ()) if (at := ticket[name]) is not None]
    return site.timer_at(max(words), timed.after.text) if words else None


def next_check(site: Site, ticket: Mapping[str, Any], now: datetime) -> dict[str, datetime]:
    """What an answer does to the due date: {}, or a later one where the company says when it looks again.

    Only for a ticket that is still ours: not where the count stands still, nor where it is closed.
    """
    workflow, status = site.book().workflow, ticket["status"]
    if status not in workflow.states or workflow.pauses(status) or workflow.category(status) is Category.CLOSED:
        return {}
    at = site.next_check_at(now, SlaQuery(ticket["priority"], ticket["topic"], ticket["department"]))
    return {"due_at": at} if at is not None and (ticket["due_at"] is None or at > ticket["due_at"]) else {}


def ahead(connection: Connection, site: Site, ticket_id: int, status: str) -> list[tuple[str, datetime]]:
    """Where time leads the ticket if nobody says a word: (status, instant) of each step, until it is closed.

    The first step is that of the timer that is armed; those that follow are counted from it. [] where time leads
    nowhere, or where only an `if` could say.
    """
    workflow = site.book().workflow
    armed = {split_name(row.name)[0]: row.due_at for row in timers.armed(connection, ticket_id)}
    seen: set[str] = set()
    steps: list[tuple[str, datetime]] = []
    while status not in seen and not (steps and workflow.category(status) is Category.CLOSED):
        seen.add(status)
        moves = [t for t in workflow.timers_for(status) if t.to is not None and t.guard is None]
        at = steps[-1][1] if steps else None
        dated = [(armed.get(t.name) if at is None else site.timer_at(at, t.after.text), t) for t in moves]
        due = min(((when, t) for when, t in dated if when is not None), key=lambda pair: pair[0], default=None)
        if due is None:
            break
        status = due[1].to or status
        steps.append((status, due[0]))
    return steps


def closing(site: Site, steps: list[tuple[str, datetime]]) -> datetime | None:
    """When the steps close the ticket; None where they do not."""
    closes = bool(steps) and site.book().workflow.category(steps[-1][0]) is Category.CLOSED
    return steps[-1][1] if closes else None


def _row(site: Site, ticket_id: int, timed: TimedTransition, number: int, now: datetime) -> dict[str, Any]:
    return {
        "id": site.ids.new(),
        "ticket_id": ticket_id,
        "name": timed.row_name(number),
        "status": timed.status,
        "since": timed.after.since,
        "due_at": site.timer_at(now, timed.after.text),
        "state": str(TimerState.ARMED),
    }
