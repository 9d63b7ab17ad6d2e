"""Mails to customers that have not left for hours (`limits.delivery_warning`): their agents are told, once a mail.

There is an event on the ticket in any case. While the relay takes no mail at all the agents are not told one by one:
those mails would wait behind the others and arrive after them. The journal of the admins (`audit`, `/readyz`, `doctor`)
speaks of the relay.
Source: RFC 5321 §4.5.4.1 (a sender keeps trying for days; who waits for an answer wants to know sooner).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.flows.deliver import agents_of, event_of, failure_notice
from mailgate.flows.site import Site
from store import claims, outbox, tickets
from store.claims import Deed
from store.vocabulary import Notice

KIND = "delivery_delayed"
#: More than this an hour tell an agent nothing new: something is wrong with the relay, or with one large domain.
MOST_AN_HOUR = 10
_AT_ONCE = 100


class LateMails:
    """Looks for mails that became late. Remembers what it found, so that a look costs one query."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._told: set[int] = set()

    def sweep(self) -> bool:
        """Write and tell what became late since; whether a mail was written."""
        site, now = self._site, self._site.clock()
        with site.writer.database.read() as connection:
            found = outbox.late(connection, now - site.late_after)
        self._told &= {row.id for row in found}
        fresh = [row for row in found if row.id not in self._told][:_AT_ONCE]
        if not fresh:
            return False
        wrote = site.writer.call(lambda connection: _tell(connection, site, fresh, now))
        self._told |= {row.id for row in fresh}
        return wrote


def _tell(connection: Connection, site: Site, late: list[Row[Any]], now: datetime) -> bool:
    claims.alone(connection, Deed.LATE_MAILS)
    works = outbox.left_since(connection, min(row.first_try_at or row.created_at for row in late))
    known = {row.id: row for row in tickets.by_ids(connection, sorted({row.ticket_id for row in late}))}
    agents_written: set[tuple[int, str]] = set()
    notices: list[dict[str, Any]] = []
    for row in late:
        ticket = known.get(row.ticket_id)
        if ticket is None or row.id in _said_before(connection, row.ticket_id):
            continue
        data = {"notice": row.notice, "recipient": row.recipient, "answer": row.answer, "outbox_id": f"{row.id:x}"}
        tickets.add_event(connection, [event_of(site, row.ticket_id, now, KIND, data)])
        for agent in agents_of(connection, ticket) if works else ():
            if (ticket.id, agent.address) in agents_written or _is_enough(connection, agent.address, now):
                continue
            agents_written.add((ticket.id, agent.address))
            notices.append(failure_notice(site, ticket, agent, row, row.answer, now, reason="late"))
    if notices:
        outbox.enqueue(connection, notices)
    return bool(notices)


def _said_before(connection: Connection, ticket_id: int) -> set[int]:
    """The mails of a ticket that were written down as late: by another node, or before a restart."""
    events = tickets.events(connection, ticket_id)
    return {int(e.data["outbox_id"], 16) for e in events if e.kind == KIND and "outbox_id" in e.data}


def _is_enough(connection: Connection, address: str, now: datetime) -> bool:
    told = outbox.count_sent(connection, [str(Notice.DELIVERY_FAILED)], now - timedelta(hours=1), address)
    return told >= MOST_AN_HOUR
