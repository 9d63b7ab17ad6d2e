"""What a customer changes about who follows and sees a ticket. Pure; whether he may was asked by `flows.involving`."""

from __future__ import annotations

from mailgate.decide.common import decision_of
from mailgate.decide.decision import (
    Action,
    AuthorFinding,
    Decision,
    Order,
    RemoveParticipant,
    Share,
    ThreadChoice,
)
from mailgate.decide.facts import ActionFacts, Facts
from store.vocabulary import Outcome

_BY = "customer"


def changes(facts: Facts, action: ActionFacts, author: AuthorFinding, thread: ThreadChoice) -> Decision:
    """The orders of a customer: leave, branch (an id), visibility (a word)."""
    actions = tuple(_change(one, action.person_id) for one in action.orders)
    return decision_of(facts, Outcome.COMMAND, "", thread.why, thread, author, actions=actions)


def _change(one: Order, person_id: int) -> Action:
    if one.verb == "branch":
        return Share("", (int(one.argument),), _BY)
    if one.verb == "visibility":
        return Share(one.argument, (), _BY)
    return RemoveParticipant(person_id, _BY)
