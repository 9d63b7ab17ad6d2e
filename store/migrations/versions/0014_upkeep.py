"""upkeep: the erase list, and what each audit found"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WORD = sqlmodel.sql.sqltypes.AutoString()
_AT = sqlmodel.sql.sqltypes.UTCDateTime()


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
    op.create_table(
        "erased",
        sa.Column("digest", _WORD, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("unfinished", sa.Boolean(), nullable=False),
        sa.Column("blobs", json, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_erased_unfinished", "erased", ["unfinished"])
    op.create_table(
        "audit",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("accounted", sa.Integer(), nullable=False),
        sa.Column("strays", sa.Integer(), nullable=False),
        sa.Column("unreached", sa.Integer(), nullable=False),
        sa.Column("unsent", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
