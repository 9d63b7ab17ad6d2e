"""Rows of links that are about to be printed in a mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailgate.flows.site import Site
from mailgate.links.tokens import digest


def new_link(
    site: Site, ticket_id: int, now: datetime, *, contact_id: int | None = None, agent_id: int | None = None
) -> dict[str, Any]:
    """The row of a new access link of a person to a ticket."""
    link_id = site.ids.new()
    return {
        "id": link_id,
        "digest": digest(site.mint.access_token(link_id)),
        "ticket_id": ticket_id,
        "contact_id": contact_id,
        "agent_id": agent_id,
        "created_at": now,
        "expires_at": now + site.lifetimes.access,
    }
