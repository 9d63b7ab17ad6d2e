"""lists: the indexes by which pages find a person's, a branch's and an organisation's tickets in their order"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SAID = sa.text("visibility <> ''")


def upgrade() -> None:
    for column in ("requester_id", "organisation_id", "branch_id"):
        op.drop_index(f"ix_ticket_{column}", "ticket")
    op.drop_index("ix_ticket_list", "ticket")
    op.create_index("ix_ticket_list", "ticket", ["status", "updated_at", "number"])
    op.create_index("ix_ticket_opened", "ticket", ["status", "created_at", "number"])
    op.create_index("ix_ticket_requester", "ticket", ["requester_id", "status", "updated_at", "number"])
    op.create_index("ix_ticket_branch_list", "ticket", ["branch_id", "status", "updated_at", "number"])
    op.create_index("ix_ticket_organisation", "ticket", ["organisation_id", "status", "updated_at", "number"])
    op.create_index("ix_ticket_organisation_opened", "ticket", ["organisation_id", "status", "created_at", "number"])
    op.create_index(
        "ix_ticket_said", "ticket", ["organisation_id", "updated_at", "number"],
        sqlite_where=_SAID, postgresql_where=_SAID,
    )  # fmt: skip
    op.create_index("ix_participant_contact", "participant", ["contact_id"])
    op.create_index("ix_ticket_branch_branch", "ticket_branch", ["branch_id"])


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
