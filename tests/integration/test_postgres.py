"""PostgreSQL really runs, is durable, and gives each test a database of its own."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from sqlalchemy import create_engine, text

from tests.integration.postgres import Postgres


def test_two_databases_know_nothing_of_each_other(fresh_database: Callable[[], str]) -> None:
    here, there = create_engine(fresh_database()), create_engine(fresh_database())
    with here.begin() as connection:
        connection.execute(text("CREATE TABLE ticket (key text)"))
        assert connection.execute(text("SHOW fsync")).scalar() == "on"
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
    with there.begin() as connection:
        assert connection.execute(text("SELECT to_regclass('ticket')")).scalar() is None
    here.dispose()
    there.dispose()


def test_a_commit_survives_a_crash(postgres: Postgres, fresh_database: Callable[[], str]) -> None:
    plain_url = fresh_database().replace("+psycopg", "")
    with psycopg.connect(plain_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'SUP-1' AS key")
    postgres.kill9()
    postgres.start()
    with psycopg.connect(plain_url) as connection:
        assert connection.execute("SELECT key FROM kept").fetchone() == ("SUP-1",)


def test_engine_url_is_an_empty_database(engine_url: str) -> None:
    engine = create_engine(engine_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE ticket (key text)"))
        connection.execute(text("INSERT INTO ticket VALUES ('SUP-1')"))
        assert connection.execute(text("SELECT count(*) FROM ticket")).scalar() == 1
    assert engine.dialect.name in engine_url
    engine.dispose()
