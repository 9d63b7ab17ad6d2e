"""sessions: browsers that are signed in, what a person chose on the pages, and what a one-use link is about besides"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WORD = sqlmodel.sql.sqltypes.AutoString()
_AT = sqlmodel.sql.sqltypes.UTCDateTime()


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
    op.create_table(
        "session",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("digest", _WORD, nullable=False),
        sa.Column("contact_id", _ID, nullable=True),
        sa.Column("agent_id", _ID, nullable=True),
        sa.Column("browser", _WORD, nullable=False),
        sa.Column("peer", _WORD, nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"]),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_session_contact_id", "session", ["contact_id"])
    op.create_index("ix_session_agent_id", "session", ["agent_id"])
    op.add_column("contact", sa.Column("whatsapp_verified_at", _AT, nullable=True))
    op.add_column("contact", sa.Column("phone", _WORD, nullable=False, server_default=""))
    op.add_column("contact", sa.Column("timezone", _WORD, nullable=False, server_default=""))
    op.add_column("contact", sa.Column("preferences", json, nullable=False, server_default="{}"))
    op.add_column("one_use", sa.Column("detail", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
