"""Due times fire: the same line as a mail, with a timer as its trigger. Once each, late rather than never.

What a timer does and that it has fired are one transaction: a node that dies in it has done nothing, and one that was
frozen finds its claim gone. A clock that jumps back finds the row settled; one that jumps ahead fires what is due.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.decide.decide import decide
from mailgate.flows import duetimes
from mailgate.flows.effects import Effects, Said
from mailgate.flows.gather import timer_facts
from mailgate.flows.record import keep
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from store import timers
from store.errors import StoreError
from store.vocabulary import TimerState

_LOG = log.get("timers")
_LEASE = timedelta(minutes=2)
_MOST = 100


def sweep(site: Site, owner: str) -> int:
    """Fire the timers whose time has come, each in a transaction of its own; how many fired."""
    now = site.clock()
    alive = site.peers.alive
    due = site.writer.call(lambda connection: timers.claim_due(connection, owner, now, _LEASE, _MOST, alive))
    fired = 0
    for timer in due:
        try:
            fired += site.writer.call(partial(fire, site=site, owner=owner, timer=timer))
        except Exception as error:  # a failing timer must not stop the others; its lease runs out and it is tried again
            _LOG.exception("timer failed", timer_id=timer.id, ticket_id=timer.ticket_id)
            if isinstance(error, StoreError):
                _give_back(site, owner, timer)
    return fired


def _give_back(site: Site, owner: str, timer: Row[Any]) -> None:
    """It is no fault of the timer's (a node that was frozen had its ticket locked): the next sweep tries again."""
    with contextlib.suppress(StoreError):
        site.writer.call(lambda connection: timers.move(connection, timer.id, timer.due_at, owner))


def fire(connection: Connection, site: Site, owner: str, timer: Row[Any]) -> int:
    """Fire one claimed timer: decide, carry out, tell, settle, all in this transaction. 1 if it fired."""
    site = site.pinned()
    facts = timer_facts(connection, site, timer.name, timer.ticket_id)
    ticket = facts.tickets[0]
    timed = site.book().workflow.timer(ticket.status, timer.name) if ticket.status == timer.status else None
    if timed is None:  # the status was left, or the workflow has it no more
        timers.settle(connection, timer.id, owner, TimerState.CANCELLED, facts.now)
        return 0
    words = {"last_customer_at": ticket.last_customer_at, "last_agent_at": ticket.last_agent_at}
    later = duetimes.later_by_words(site, timed, words)
    if later is not None and later > facts.now:
        timers.move(connection, timer.id, later, owner)
        return 0
    if timed.to is None and _leaves_now(connection, site, timer):
        timers.settle(connection, timer.id, owner, TimerState.CANCELLED, facts.now)
        return 0
    decision = decide(facts, site.book())
    state = TimerState.CANCELLED if decision.reason == "cancelled" else TimerState.FIRED
    if not timers.settle(connection, timer.id, owner, state, facts.now):
        return 0
    said = Said()
    changed = Effects(connection, site, facts, decision, said).carry_out()
    plans = Telling(connection, site, facts, decision, changed, said).tell()
    if changed.ticket is not None and changed.status_by is None:
        duetimes.arm_again(connection, site, timer.ticket_id, timed, timer.name, facts.now)
    keep(connection, site, "timer", facts, decision, plans, changed)
    return int(state is TimerState.FIRED)


def _leaves_now(connection: Connection, site: Site, timer: Row[Any]) -> bool:
    """Whether a time that moves the ticket on is due as well: after a long stop nobody is reminded of what is over."""
    workflow, now = site.book().workflow, site.clock()
    for row in timers.armed(connection, timer.ticket_id):
        other = workflow.timer(timer.status, row.name)
        if row.id != timer.id and row.due_at <= now and other is not None and other.to is not None:
            return True
    return False
