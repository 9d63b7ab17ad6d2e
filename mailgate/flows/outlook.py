"""What a notice about a status says of what comes next: when the ticket closes by itself, whether a rating is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailgate.flows.changed import Changed
from mailgate.flows.duetimes import ahead, closing
from mailgate.flows.site import Site
from mailgate.notify.plan import Plan
from mailgate.tickets.acts import NOTICES
from store.vocabulary import Notice, Role

_OF_STATUS = frozenset({Notice.N5, Notice.N6, Notice.N7, Notice.N8, Notice.N9, Notice.N10, Notice.N12})


class Outlook:
    """Reads the ticket's timers once for all notices of one change."""

    def __init__(self, connection: Connection, site: Site) -> None:
        self._connection = connection
        self._site = site
        self._read = False
        self._closes_at: datetime | None = None
        self._steps: list[tuple[str, datetime]] = []

    def says(self, planned: Plan, ticket: dict[str, Any], changed: Changed) -> dict[str, Any]:
        """What a customer's notice is given besides the ticket's facts; {} for others.

        closes_at: ISO 8601 or None. steps, of N7 and N8: (label, ISO 8601) of what time does. reason, of N12: the word
        of the workflow that asked for it. rating: asked for, of the requester only.
        """
        if planned.to.role is not Role.CUSTOMER or planned.notice not in _OF_STATUS:
            return {}
        if not self._read:
            self._steps = ahead(self._connection, self._site, ticket["id"], ticket["status"])
            self._closes_at = closing(self._site, self._steps)
            self._read = True
        found: dict[str, Any] = {"closes_at": self._closes_at.isoformat() if self._closes_at else None}
        if planned.notice in (Notice.N7, Notice.N8):
            label = self._site.book().workflow.label
            found["steps"] = [(label(status, planned.to.language), at.isoformat()) for status, at in self._steps]
        if planned.notice is Notice.N12:
            why = next((t.what for t in changed.asked_to_tell if NOTICES[t.what] is Notice.N12), "closed")
            asks = changed.asks_rating and planned.to.id == ticket["requester_id"]
            found |= {"reason": why, "rating": asks}
        return found
