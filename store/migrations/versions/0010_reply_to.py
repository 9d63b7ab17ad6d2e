"""reply_to: where our mail to a ticket's requester goes, if not to his own address"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_WORD = sqlmodel.sql.sqltypes.AutoString()


def upgrade() -> None:
    op.add_column("ticket", sa.Column("reply_to", _WORD, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("ticket", "reply_to")
