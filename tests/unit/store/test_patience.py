"""A read that takes longer than its asker waits is stopped in the database, and the connection is as good as before."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text

from store import patience
from store.engine import Database
from store.errors import StoreUnavailable

_ENDLESS = {
    True: "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    False: "SELECT pg_sleep(30)",
}


def test_a_read_ends_when_nobody_waits_any_more(engine_url: str) -> None:
    database = Database(engine_url)
    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable), patience.within(0.2), database.read() as connection:
            connection.execute(text(_ENDLESS[database.is_sqlite]))
        assert time.monotonic() - began < 5
        database.ping()
        with patience.within(None), database.read() as connection:
            time.sleep(0.3)
            assert connection.execute(text("SELECT 1")).scalar() == 1
    finally:
        database.close()
