"""The bell of a ticket: a customer who switched it off is told no news of it (R117); what he asks for he gets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailgate.decide.facts import Facts
from mailgate.notify.plan import Plan
from store.vocabulary import Notice, Role

OFF = "the bell of this ticket is off"
_NEWS = frozenset({Notice.N5, Notice.N6, Notice.N7, Notice.N8, Notice.N9, Notice.N10, Notice.N11, Notice.N12})


def is_off(planned: Plan, ticket: Mapping[str, Any] | None, facts: Facts) -> bool:
    """Whether this is news to a customer who wants none of this ticket."""
    if planned.to.role is not Role.CUSTOMER or planned.notice not in _NEWS or ticket is None:
        return False
    before = facts.ticket(ticket["id"])
    if before is None:
        return False
    if planned.to.id == before.requester.id:
        return not before.requester_told
    return any(p.id == planned.to.id and not p.told for p in before.participants)
