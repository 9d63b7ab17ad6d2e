"""folded addresses: a contact is found by what he types, whatever its capitals; an index that no model has"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_contact_folded ON contact (lower(address))")


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
