"""The bell of a ticket: a customer who switched it off is told no news of it (R117); what he asks for he gets.

It is a column of who follows the ticket; of its requester only where it was ever switched. Whoever writes on the
ticket, proven, hears of it again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from mailgate.decide.decision import AddComment
from mailgate.decide.facts import Facts, TicketFacts
from mailgate.flows.changed import Changed
from mailgate.notify.plan import Plan
from store import people
from store.vocabulary import CommentKind, Notice, Role

OFF = "the bell of this ticket is off"
_NEWS = frozenset({Notice.N5, Notice.N6, Notice.N7, Notice.N8, Notice.N9, Notice.N10, Notice.N11, Notice.N12})


def is_off(planned: Plan, changed: Changed, facts: Facts) -> bool:
    """Whether this is news to a customer who wants none of this ticket."""
    if planned.to.role is not Role.CUSTOMER or planned.notice not in _NEWS or changed.ticket is None:
        return False
    before = facts.ticket(changed.ticket["id"])
    return before is not None and planned.to.id != changed.rang and _silent(before, planned.to.id)


def silence(connection: Connection, ticket_id: int, requester_id: int, contact_id: int, now: datetime) -> bool:
    """Switch it off for the requester or one who follows; False where he was not told anyway."""
    if people.stop_telling(connection, ticket_id, contact_id):
        return True
    is_requester = contact_id == requester_id
    return is_requester and people.add_participant(connection, ticket_id, contact_id, now, told=False)


def by_writing(connection: Connection, facts: Facts, changed: Changed, comment: AddComment, person: int | None) -> bool:
    """Switch it on again for a customer who writes though he wanted to hear no more; whether it was off."""
    before = facts.ticket(changed.ticket["id"]) if changed.ticket is not None else None
    if before is None or person is None or comment.kind is not CommentKind.COMMENT or not comment.verified:
        return False
    if comment.role is not Role.CUSTOMER or not _silent(before, person):
        return False
    changed.rang = person
    return people.change_participant(connection, before.id, person, told=True)


def _silent(ticket: TicketFacts, contact_id: int) -> bool:
    if contact_id == ticket.requester.id:
        return not ticket.requester_told
    return any(p.id == contact_id and not p.told for p in ticket.participants)
