"""renumbered: what a mailbox whose UIDs change must know to take nothing twice and nothing old"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imap_cursor", sa.Column("old_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.add_column("imap_cursor", sa.Column("renumbered", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
