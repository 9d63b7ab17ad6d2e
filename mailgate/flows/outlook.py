"""What a notice about a status says of what comes next: until when somebody looks at the ticket, when it closes by
itself, whether a rating is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailgate.flows.changed import Changed
from mailgate.flows.duetimes import ahead, closing
from mailgate.flows.site import Site
from mailgate.notify.plan import Plan
from mailgate.tickets.acts import NOTICES
from store.vocabulary import Category, Notice, Role

_OF_STATUS = frozenset({Notice.N5, Notice.N6, Notice.N7, Notice.N8, Notice.N9, Notice.N10, Notice.N12})


def due(ticket: Mapping[str, Any]) -> str | None:
    """The due date as ISO 8601, of a ticket that somebody is still to look at: a solved or closed one has none."""
    at: datetime | None = ticket["due_at"]
    return at.isoformat() if at is not None and ticket["category"] not in (Category.SOLVED, Category.CLOSED) else None


class Outlook:
    """Reads the ticket's timers once for all notices of one change."""

    def __init__(self, connection: Connection, site: Site) -> None:
        self._connection = connection
        self._site = site
        self._read = False
        self._closes_at: datetime | None = None
        self._steps: list[tuple[str, datetime]] = []

    def says(self, planned: Plan, ticket: dict[str, Any], changed: Changed) -> dict[str, Any]:
        """What a notice is given besides the ticket's facts: due_at, and to a customer more.

        closes_at: ISO 8601 or None. steps, of N7 and N8: (label, ISO 8601) of what time does. reason, of N12: the word
        of the workflow that asked for it. rating: asked for, of the requester only.
        """
        if planned.to.role is not Role.CUSTOMER or planned.notice not in _OF_STATUS:
            return {"due_at": due(ticket)}
        if not self._read:
            self._steps = ahead(self._connection, self._site, ticket["id"], ticket["status"])
            self._closes_at = closing(self._site, self._steps)
            self._read = True
        closes_at = self._closes_at.isoformat() if self._closes_at else None
        found: dict[str, Any] = {"due_at": due(ticket), "closes_at": closes_at}
        if planned.notice in (Notice.N7, Notice.N8):
            label = self._site.book().workflow.label
            found["steps"] = [(label(status, planned.to.language), at.isoformat()) for status, at in self._steps]
        if planned.notice is Notice.N12:
            why = next((t.what for t in changed.asked_to_tell if NOTICES[t.what] is Notice.N12), "closed")
            asks = changed.asks_rating and planned.to.id == ticket["requester_id"]
            found |= {"reason": why, "rating": asks}
        return found
