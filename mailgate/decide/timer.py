"""What a due time does. Pure."""

from __future__ import annotations

from mailgate.decide.author import who
from mailgate.decide.common import decision_of
from mailgate.decide.decision import Action, Decision, Remark, SetStatus, ThreadChoice
from mailgate.decide.facts import Facts
from mailgate.decide.moving import acts_of, situation
from mailgate.decide.ruling import Book, rule
from store.vocabulary import Outcome, Role


def by_due_date(facts: Facts, book: Book) -> Decision:
    """A due date that comes near or has passed: only rules say what follows."""
    author = who(facts)
    ticket = facts.tickets[0]
    why = f"{ticket.key} is due soon" if facts.due == "due_soon" else f"{ticket.key} is overdue"
    thread = ThreadChoice("existing", ticket.id, ticket.key, facts.due, why)
    ruling = rule(book, facts.due, facts, author, ticket)
    due = ticket.due_at.isoformat() if ticket.due_at else ""
    actions: tuple[Action, ...] = (Remark(facts.due, {"due_at": due}), *ruling.actions)
    return decision_of(facts, Outcome.COMMAND, "", why, thread, author, rules=ruling.outcomes, actions=actions)


def by_timer(facts: Facts, book: Book) -> Decision:
    """A timed transition of the workflow."""
    author = who(facts)
    ticket = facts.tickets[0]
    thread = ThreadChoice("existing", ticket.id, ticket.key, "timer", f"the timer {facts.timer} is due")
    found = book.workflow.timer(ticket.status, facts.timer)
    if found is None:
        why = f"the timer {facts.timer} no longer belongs to status {ticket.status}"
        return decision_of(facts, Outcome.COMMAND, "cancelled", why, thread, author)
    if found.guard is not None and not found.guard.holds(situation(facts, author, ticket)):
        why = f"the `if` of the timer {facts.timer} does not hold"
        return decision_of(facts, Outcome.COMMAND, "cancelled", why, thread, author)
    by = f"timer {found.after.text} since {found.after.since}"
    actions: tuple[Action, ...] = (Remark("timer", {"name": facts.timer}), *acts_of(found.do, by, facts, author))
    if found.to is not None:
        actions = (SetStatus(found.to, by, Role.SYSTEM), *actions)
    ruling = rule(book, "timer", facts, author, ticket)
    return decision_of(
        facts, Outcome.COMMAND, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions + ruling.actions
    )
