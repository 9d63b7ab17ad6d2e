"""Bring a database to this program's schema, and refuse one that a newer program wrote.

One transaction on both databases: a migration that is killed half way leaves the old schema whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from store import claims
from store.engine import Database
from store.errors import StoreTooNew

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).resolve().parent / "migrations"


def _config(connection: Connection | None) -> Config:
    from alembic.config import Config  # heavy, and needed only when there is something to migrate

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def revisions() -> list[str]:
    """Every schema revision this program knows, oldest first: the files of `migrations/versions`."""
    return sorted(path.name.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))


def newest() -> str:
    """The schema revision that this program needs."""
    return revisions()[-1]


def current(database: Database) -> str | None:
    """The revision of the database; None for an empty one. Raises StoreTooNew for one this program does not know."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found not in revisions():
        raise StoreTooNew(
            f"the database has schema {found}, which is newer than this mailgate knows ({newest()}): "
            "start the newer mailgate, or restore the backup made before the upgrade"
        )
    return found


def migrate(database: Database, upto: str = "") -> tuple[str | None, str]:
    """Upgrade to the newest schema; (revision before, revision after). Idempotent.

    upto: stop at this revision, for what an earlier program wrote and is put back.
    Raises StoreTooNew (nothing is touched), StoreBusy, StoreUnavailable.
    """
    if database.path is not None and not database.path.exists():
        with database.write() as connection:  # makes the file, so that a reader can open it
            connection.execute(text("SELECT 1"))
        database.path.chmod(0o600)
    before, wanted = current(database), upto or newest()
    if before != wanted:
        from alembic import command

        with database.write() as connection:
            if connection.dialect.name == "postgresql":  # an index of a large table takes longer than any mail may
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            # Two nodes that start together: the second waits here and then finds nothing to do.
            claims.alone(connection, claims.Deed.MIGRATION)
            command.upgrade(_config(connection), wanted)
    return before, wanted
