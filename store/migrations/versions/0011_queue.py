"""queue: the indexes of the agents' queue, of open tickets alone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPEN = sa.text("category IN ('new', 'open', 'waiting', 'hold')")


def upgrade() -> None:
    op.create_index(
        "ix_ticket_queue", "ticket", ["agent_id", "priority", "due_at", "id"],
        sqlite_where=_OPEN, postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_index("ix_ticket_open_due", "ticket", ["due_at", "id"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
