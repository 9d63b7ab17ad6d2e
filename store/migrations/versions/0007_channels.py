"""channels: an outbox row says how it leaves, a contact which number may be written to"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WORD = sqlmodel.sql.sqltypes.AutoString()


def upgrade() -> None:
    op.add_column("outbox", sa.Column("channel", _WORD, nullable=False, server_default="mail"))
    op.add_column("contact", sa.Column("whatsapp", _WORD, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("contact", "whatsapp")
    op.drop_column("outbox", "channel")
