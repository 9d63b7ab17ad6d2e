"""Due times fire: the same line as a mail, with a timer as its trigger. Once each, late rather than never."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.decide.decide import decide
from mailgate.flows.effects import Effects, Said
from mailgate.flows.gather import timer_facts
from mailgate.flows.record import keep
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from store import timers
from store.vocabulary import TimerState

_LOG = log.get("timers")
_LEASE = timedelta(minutes=2)
_MOST = 100


def sweep(site: Site, owner: str) -> int:
    """Fire the timers whose time has come, each in a transaction of its own; how many fired."""
    now = site.clock()
    due = site.writer.call(lambda connection: timers.claim_due(connection, owner, now, _LEASE, _MOST))
    fired = 0
    for timer in due:
        try:
            fired += site.writer.call(partial(fire, site=site, owner=owner, timer=timer))
        except Exception:  # a failing timer must not stop the others; its lease runs out and it is tried again
            _LOG.exception("timer failed", timer_id=timer.id, ticket_id=timer.ticket_id)
    return fired


def fire(connection: Connection, site: Site, owner: str, timer: Row[Any]) -> int:
    """Fire one claimed timer: decide, carry out, tell, settle, all in this transaction. 1 if it fired."""
    site = site.pinned()
    facts = timer_facts(connection, site, timer.name, timer.ticket_id)
    ticket = facts.tickets[0]
    if ticket.status != timer.status:
        timers.settle(connection, timer.id, owner, TimerState.CANCELLED, facts.now)
        return 0
    later = _moved(site, timer, ticket.last_customer_at, ticket.last_agent_at)
    if later is not None and later > facts.now:
        timers.move(connection, timer.id, later)
        return 0
    if not timers.settle(connection, timer.id, owner, TimerState.FIRED, facts.now):
        return 0
    decision = decide(facts, site.book())
    said = Said()
    changed = Effects(connection, site, facts, decision, said).carry_out()
    plans = Telling(connection, site, facts, decision, changed, said).tell()
    keep(connection, site, "timer", facts, decision, plans, changed)
    return 1


def _moved(
    site: Site, timer: Row[Any], last_customer_at: datetime | None, last_agent_at: datetime | None
) -> datetime | None:
    """When a timer that counts since the last word is due now; None for one that counts since the status."""
    said = {
        "last_interaction": [last_customer_at, last_agent_at],
        "last_customer": [last_customer_at],
        "last_agent": [last_agent_at],
    }.get(timer.since)
    if said is None:
        return None
    words = [at for at in said if at is not None]
    if not words:
        return None
    amount = timer.name.split(":")[1]
    due: datetime = site.timer_at(max(words), amount)
    return due
