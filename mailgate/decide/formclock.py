"""When the time to the due date begins for a ticket whose form is not filled in: once it is ours to work on (I8). Pure.

Asked for what is missing, the customer is promised nothing yet: no due date. It is counted from the moment the ticket
comes to us, complete by itself, or as it is by a person's word.
"""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.decision import Action, Decision, SetDue
from mailgate.decide.facts import Facts
from mailgate.decide.ruling import Book
from mailgate.decide.state import after
from mailgate.tickets import fillin
from store.vocabulary import Category

_OURS = frozenset({Category.NEW, Category.OPEN, Category.HOLD})
_BY = "form"


def not_yet(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """What a ticket is opened with that waits for data: no due date, unless a rule named one."""
    return () if any(isinstance(one, SetDue) for one in actions) else (SetDue(None, "", _BY),)


def begins(decision: Decision, facts: Facts, book: Book) -> Decision:
    """The decision, with the due date of a ticket that waited for data and comes to us."""
    ticket = facts.ticket(decision.ticket_id or 0)
    if ticket is None or ticket.due_at is not None or ticket.category in _OURS:
        return decision
    topic = book.topics.topics.get(ticket.topic)
    if topic is None or not fillin.missing(fillin.fields_of(topic), dict(ticket.fields)):
        return decision
    then = after(ticket, decision.actions, facts, book)
    if then.category not in _OURS or any(isinstance(one, SetDue) for one in decision.actions):
        return decision
    due = book.clock.promised(facts.now, priority=then.priority, topic=then.topic, department=then.department)
    return decision if due is None else replace(decision, actions=(*decision.actions, SetDue(due, "", _BY)))
