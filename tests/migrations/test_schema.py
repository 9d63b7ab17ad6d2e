"""The schema on both databases: equal to the models, brought there whole or not at all, and never backwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, insert, inspect, text
from sqlmodel import SQLModel

from mailgate.clock import utc_now
from store import claims, outbox, schema, tables
from store.engine import Database
from store.errors import StoreTooNew

assert tables


@pytest.fixture
def database(engine_url: str) -> Iterator[Database]:
    made = Database(engine_url)
    yield made
    made.close()


def _tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def _is_a_models(name: str | None, kind: str, _parents: Any) -> bool:
    """The index of the articles' words is another thing on each database, and no model's (`store/search.py`).

    Nor is one of an expression.
    """
    return name != "ix_contact_folded" and not (kind == "table" and str(name).startswith("article_search"))


def test_the_migrated_schema_is_that_of_the_models(database: Database) -> None:
    schema.migrate(database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _is_a_models})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_again_changes_nothing(database: Database) -> None:
    if not database.is_sqlite:
        assert schema.current(database) is None
    assert schema.migrate(database) == (None, schema.newest())
    tables = _tables(database)
    assert schema.migrate(database) == (schema.newest(), schema.newest())
    assert (_tables(database), schema.current(database)) == (tables, schema.newest())


class _Killed(Exception):
    """The migration stops here."""


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_killed_half_way_it_leaves_what_was_there_and_goes_through_the_next_time(
    database: Database, engine_url: str, tmp_path: Path, fresh: Callable[[], str], share: float
) -> None:
    """D13: one transaction, whichever statement it dies at."""
    counted = _statements(Database(fresh()))
    at = max(1, int(counted * share))
    seen = 0

    def die(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == at:
            raise _Killed

    with database.write() as connection:
        connection.execute(text("SELECT 1"))
    event.listen(database.engine, "before_cursor_execute", die)
    with pytest.raises(_Killed):
        schema.migrate(database)
    event.remove(database.engine, "before_cursor_execute", die)
    assert _tables(database) == set()
    assert schema.current(database) is None
    schema.migrate(database)
    assert "ticket" in _tables(database)


@pytest.fixture
def fresh(request: pytest.FixtureRequest, engine_url: str, tmp_path: Path) -> Callable[[], str]:
    """The URL of another empty database of the same kind."""
    if engine_url.startswith("sqlite"):
        return lambda: f"sqlite:///{tmp_path / 'other.db'}"
    other: Callable[[], str] = request.getfixturevalue("fresh_database")
    return other


def _statements(database: Database) -> int:
    """How many statements a migration has."""
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1

    event.listen(database.engine, "before_cursor_execute", count)
    schema.migrate(database)
    database.close()
    return seen


def test_a_newer_programs_database_is_refused_and_left_alone(database: Database) -> None:
    schema.migrate(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for act in (schema.current, schema.migrate):
        with pytest.raises(StoreTooNew, match="newer than this mailgate"):
            act(database)
    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_two_nodes_that_start_together_migrate_once(engine_url: str) -> None:
    start = threading.Barrier(2, timeout=30)
    failed: list[BaseException] = []

    def node() -> None:
        database = Database(engine_url)
        try:
            start.wait()
            schema.migrate(database)
            assert schema.current(database) == schema.newest()
        except BaseException as error:
            failed.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=node) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []


def test_a_migration_takes_as_long_as_it_takes(engine_url: str) -> None:
    """No statement of mail takes half a minute; the index of a large table does, and the wait for another node's."""
    if not engine_url.startswith("postgresql"):
        pytest.skip("SQLite stops no statement")
    waiting, holding = Database(engine_url), Database(engine_url)

    @event.listens_for(waiting.engine, "connect")
    def impatient(connection: Any, _record: Any) -> None:
        connection.execute("SET statement_timeout = '100ms'")
        connection.commit()

    with holding.write() as connection:
        claims.alone(connection, claims.Deed.MIGRATION)
        other = threading.Thread(target=schema.migrate, args=(waiting,))
        other.start()
        other.join(0.4)
    other.join(60)
    assert schema.current(holding) == schema.newest()
    waiting.close()
    holding.close()


def test_acknowledgements_of_yesterday_count_after_an_upgrade(database: Database) -> None:
    """0016: their mailbox is a new column, by which the caps find them; rows of before have it, too."""
    schema.migrate(database, "0015")
    o = tables.OUTBOX
    with database.write() as connection:
        row = {
            "id": 1, "notice": "N1", "recipient": "V.ictim+1@x.test", "recipient_role": "customer", "verified": False,
            "envelope_from": "", "message_id": "1@x.test", "created_at": utc_now(), "body": "{}", "state": "accepted",
            "attempts": 1, "next_attempt_at": utc_now(), "answer": "", "channel": "mail",
        }  # fmt: skip
        connection.execute(insert(o).inline(), row)
    schema.migrate(database)
    with database.read() as connection:
        assert len(outbox.sent_to_mailbox(connection, utc_now() - timedelta(hours=1), "victim@x.test")) == 1
