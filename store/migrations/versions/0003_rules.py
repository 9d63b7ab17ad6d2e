"""what rules need: ticket fields, due dates told once, webhooks, and the records of what happened without a mail"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sqlmodel.sql.sqltypes.UTCDateTime()
_WORD = sqlmodel.sql.sqltypes.AutoString()


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
    op.add_column("ticket", sa.Column("fields", json, nullable=False, server_default="{}"))
    op.add_column("ticket", sa.Column("due_soon_for", _AT, nullable=True))
    op.add_column("ticket", sa.Column("overdue_for", _AT, nullable=True))
    op.create_index("ix_ticket_due", "ticket", ["due_at"])
    op.create_table(
        "webhook",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("name", _WORD, nullable=False),
        sa.Column("ticket_id", _ID, nullable=True),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _AT, nullable=False),
        sa.Column("lease_owner", _WORD, nullable=True),
        sa.Column("lease_until", _AT, nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("settled_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_webhook_due", "webhook", ["state", "next_attempt_at"])
    op.create_index(op.f("ix_webhook_ticket_id"), "webhook", ["ticket_id"])
    op.create_table(
        "happening",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("ticket_id", _ID, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("trigger", _WORD, nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_happening_ticket", "happening", ["ticket_id", "id"])
    op.create_index("ix_happening_at", "happening", ["at"])


def downgrade() -> None:
    op.drop_table("happening")
    op.drop_table("webhook")
    op.drop_index("ix_ticket_due", "ticket")
    for name in ("overdue_for", "due_soon_for", "fields"):
        op.drop_column("ticket", name)
