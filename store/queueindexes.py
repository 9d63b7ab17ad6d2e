"""The indexes of the agents' queue: of open tickets alone, so that a page costs the same whatever was closed."""

from __future__ import annotations

from sqlalchemy import Index, text

#: What the partial indexes hold. Written out in full in index and query, so that both databases see that they are one.
OPEN_NOW = text("category IN ('new', 'open', 'waiting', 'hold')")

QUEUE = (
    Index(
        "ix_ticket_queue", "agent_id", "priority", "due_at", "id", sqlite_where=OPEN_NOW, postgresql_where=OPEN_NOW
    ),
    Index("ix_ticket_open_due", "due_at", "id", sqlite_where=OPEN_NOW, postgresql_where=OPEN_NOW),
)  # fmt: skip
