"""D13: a program that meets the database of a newer one touches nothing, and says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.unit.cli.conftest import Shell


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["export"], ["ticket", "list"]])
def test_an_old_program_refuses_a_newer_schema_with_78(shell: Shell, command: list[str]) -> None:
    path = shell.folder / "data/mailgate.sqlite"
    assert shell("migrate").code == 0
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("update alembic_version set version_num = '9999'")
    ran = shell(*command)
    assert ran.code == 78
    assert "the database has schema 9999, which is newer than this mailgate knows" in ran.err
    assert "Traceback" not in ran.err
    assert shell("ingest", stdin=shell.mail()).code == 75, "an MTA is to keep the mail"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("9999",)]
        assert database.execute("select count(*) from journal").fetchone() == (0,)
