"""invitations: links of one use for a contact, and the password that he chose"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("one_use", sa.Column("contact_id", _ID, nullable=True))
    op.add_column("contact", sa.Column("password", sqlmodel.sql.sqltypes.AutoString(), nullable=True))


def downgrade() -> None:
    op.drop_column("contact", "password")
    op.drop_column("one_use", "contact_id")
