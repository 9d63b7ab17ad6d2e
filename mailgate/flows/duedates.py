"""Due dates that come near or have passed: each is spoken of once, to whoever has the ticket; the rest is for rules.

A ticket whose status pauses the clock is left alone. A node that was away speaks late rather than never; of a date that
has passed meanwhile it says only that.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from mailgate import log
from mailgate.decide.decide import decide
from mailgate.flows.effects import Effects, Said
from mailgate.flows.gather import timer_facts
from mailgate.flows.record import keep
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from store import tickets

_LOG = log.get("due dates")
_MOST = 200


def sweep(site: Site) -> int:
    """Speak of the due dates whose time has come, each in a transaction of its own; how many."""
    book, now = site.book(), site.clock()
    running = [key for key, state in book.workflow.states.items() if _runs(state.sla, str(state.category))]
    horizon = book.clock.horizon(now)
    with site.writer.database.read() as connection:
        due = tickets.due_between(connection, running, horizon, now, _MOST)
    told = 0
    for ticket_id, what in due:
        try:
            told += site.writer.call(partial(_tell, site=site, ticket_id=ticket_id, what=what, horizon=horizon))
        except Exception:  # one ticket's fault must not stop the others; it is looked at again at the next tick
            _LOG.exception("due date failed", ticket_id=ticket_id)
    return told


def _runs(sla: str, category: str) -> bool:
    return sla == "run" and category not in ("solved", "closed")


def _tell(connection: Connection, site: Site, ticket_id: int, what: str, horizon: datetime) -> int:
    site = site.pinned()
    facts = timer_facts(connection, site, "", ticket_id, due=what)
    if not facts.tickets or facts.tickets[0].due_at is None or not _still(connection, ticket_id, what):
        return 0
    due_at = facts.tickets[0].due_at
    if (what == "overdue") != (due_at <= facts.now) or due_at > horizon:
        return 0
    decision = decide(facts, site.book())
    said = Said()
    changed = Effects(connection, site, facts, decision, said).carry_out()
    plans = Telling(connection, site, facts, decision, changed, said).tell()
    column = "overdue_for" if what == "overdue" else "due_soon_for"
    tickets.change(connection, ticket_id, **{column: due_at})
    keep(connection, site, "due", facts, decision, plans, changed)
    return 1


def _still(connection: Connection, ticket_id: int, what: str) -> bool:
    """Whether nobody spoke of it meanwhile: the row is locked now."""
    row = next(iter(tickets.by_ids(connection, [ticket_id])))
    return bool((row.overdue_for if what == "overdue" else row.due_soon_for) != row.due_at)
