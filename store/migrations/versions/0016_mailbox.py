"""mailbox: whose mailbox an acknowledgement went to, however its address is spelt: the caps find it by an index"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

#: The longest that a cap on acknowledgements looks back by default, and more.
_COUNTED = timedelta(days=2)
_OUTBOX = sa.table(
    "outbox",
    sa.column("id", sa.BigInteger),
    sa.column("notice", sa.String),
    sa.column("channel", sa.String),
    sa.column("recipient", sa.String),
    sa.column("created_at", sqlmodel.sql.sqltypes.UTCDateTime()),
    sa.column("mailbox", sa.String),
)


def upgrade() -> None:
    op.add_column("outbox", sa.Column("mailbox", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    connection, o = op.get_bind(), _OUTBOX.c
    newest = connection.execute(sa.select(sa.func.max(o.created_at))).scalar() or datetime(1970, 1, 1, tzinfo=UTC)
    recent = sa.select(o.id, o.recipient).where(o.notice == "N1", o.channel == "mail", o.created_at > newest - _COUNTED)
    rows = [{"row": row.id, "to": _mailbox(row.recipient)} for row in connection.execute(recent)]
    if rows:
        change = sa.update(_OUTBOX).where(o.id == sa.bindparam("row")).values(mailbox=sa.bindparam("to"))
        connection.execute(change, rows)
    known = sa.text("mailbox IS NOT NULL")
    op.create_index(
        "ix_outbox_mailbox", "outbox", ["mailbox", "created_at"], sqlite_where=known, postgresql_where=known
    )


def _mailbox(address: str) -> str:
    """As `store.outbox` had it when this was written."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.replace('.', '').partition('+')[0] or local}@{domain}"


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
