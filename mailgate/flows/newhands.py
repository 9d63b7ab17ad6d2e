"""A ticket that comes into new hands after it was opened: an agent's, by somebody else's doing, or a department's.

Whoever has it now is told, with the customer's last words where nothing was said along with it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from mailgate.flows.changed import Changed
from store import tickets
from store.vocabulary import Role

_NEWEST = (1 << 63) - 1


def new_hands(connection: Connection, changed: Changed) -> dict[str, Any]:
    """Fields of `notify.plan.Happened`: assigned, moved, shown (the comment that is told, None for the new one)."""
    ticket = changed.ticket
    kinds = {event["kind"] for event in changed.events}
    if ticket is None or changed.opened or not kinds & {"assigned", "department"}:
        return {}
    shown = None
    if changed.comment_id is None:
        last = tickets.last_public_comment(connection, ticket["id"], Role.CUSTOMER, _NEWEST)
        shown = last.id if last is not None else None
    return {"assigned": "assigned" in kinds, "moved": "department" in kinds, "shown": shown}
