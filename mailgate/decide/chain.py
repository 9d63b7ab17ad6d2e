"""What a change of status brings about: rules for `status_changed`, which may change it again, but not for ever. Pure.

A status that a person set in the same change is the last word: no rule sets another one. All rules of one event
together ask for so many things at most (`limits.rule_actions`); what is cut is theirs, never what was said.
"""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.decision import Action, AddComment, Decision, OpenTicket, Remark, RuleOutcome, SetStatus
from mailgate.decide.facts import Facts
from mailgate.decide.ruling import Book, Moved, Ruling, rule
from mailgate.decide.state import after, opened
from store.vocabulary import Role

#: How many changes of status may follow one another before the chain is cut.
MAX_DEPTH = 5


def with_consequences(decision: Decision, facts: Facts, book: Book) -> Decision:
    """The decision with everything that its change of status brings about."""
    decision = _last_word(decision)
    opening = next((a for a in decision.actions if isinstance(a, OpenTicket)), None)
    start = opened(opening, facts, book) if opening is not None else facts.ticket(decision.ticket_id or 0)
    if start is None or not any(isinstance(a, SetStatus) for a in decision.actions):
        return _bounded(decision, facts)
    by_person = _by_person(decision.actions)
    old, ticket = start.status, after(start, decision.actions, facts, book)
    for depth in range(MAX_DEPTH + 1):
        if ticket.status == old or not book.rules.listens("status_changed"):
            break
        if depth == MAX_DEPTH:
            why = f"rules changed the status {MAX_DEPTH} times in a row; the chain is cut at {ticket.status}"
            return _bounded(_more(decision, (Remark("rule_skipped", {"rule": "status_changed", "why": why}),)), facts)
        left = max(0, facts.policy.rule_actions - len(_asked_by_rules(decision)))
        ruling = rule(book, "status_changed", facts, decision.author, ticket, moved=Moved(old, left))
        if by_person:
            ruling = _without_status(ruling)
        decision = _more(decision, ruling.actions, ruling.outcomes)
        old, ticket = ticket.status, after(ticket, ruling.actions, facts, book)
    return _bounded(decision, facts)


def _more(decision: Decision, actions: tuple[Action, ...], outcomes: tuple[RuleOutcome, ...] = ()) -> Decision:
    return replace(decision, actions=decision.actions + actions, rules=decision.rules + outcomes)


def _by_person(actions: tuple[Action, ...]) -> bool:
    """Whether a person named the status."""
    return any(isinstance(a, SetStatus) and a.role is not Role.SYSTEM for a in actions)


def _by_rule(action: Action) -> bool:
    return isinstance(action, SetStatus) and action.by.startswith("rule ")


def _last_word(decision: Decision) -> Decision:
    """Without what rules wanted to make of a status that a person set."""
    if not _by_person(decision.actions) or not any(_by_rule(a) for a in decision.actions):
        return decision
    return replace(decision, actions=tuple(a for a in decision.actions if not _by_rule(a)))


def _without_status(ruling: Ruling) -> Ruling:
    """The same rules without a status: what a person sets beats what a rule asks for."""
    return replace(ruling, actions=tuple(a for a in ruling.actions if not isinstance(a, SetStatus)))


def _bounded(decision: Decision, facts: Facts) -> Decision:
    """At most as many as rules may ask for, and a remark where something was left out: of what they ask for, the last.

    What is said of rules that failed is bounded likewise, by itself: a full history must not cost a rule its turn.
    """
    most = facts.policy.rule_actions
    said = [place for place, action in enumerate(decision.actions) if _is_said_of_rule(action)]
    left_out = frozenset(_asked_by_rules(decision)[most:] + said[most:])
    if not left_out:
        return decision
    kept = tuple(action for place, action in enumerate(decision.actions) if place not in left_out)
    why = f"more than {most} actions; the rest is left out"
    return replace(decision, actions=(*kept, Remark("rule_skipped", {"rule": "", "why": why})))


def _asked_by_rules(decision: Decision) -> list[int]:
    """The places of what rules asked for, in order."""
    return [place for place, action in enumerate(decision.actions) if _asked_by_rule(action)]


def _is_said_of_rule(action: Action) -> bool:
    return isinstance(action, Remark) and action.kind == "rule_skipped"


def _asked_by_rule(action: Action) -> bool:
    if isinstance(action, AddComment):
        return action.role is Role.SYSTEM and action.whole
    return str(getattr(action, "by", "")).startswith("rule ")
