"""What waits for a person, and what waits to leave."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest
from sqlalchemy import Connection, update

from store import outbox
from store.engine import Database, sqlite_url
from store.tables import OUTBOX
from tests.unit.cli.conftest import SUPPORT, Shell


@pytest.fixture
def ident(shell: Shell) -> str:
    """A mail of a stranger, held."""
    shell.change("guests: yes", "guests: held")
    return shell.take_in(shell.mail(text="quem sou eu?\x1b[2J"))


def outcomes(shell: Shell) -> list[str]:
    return [v.get("outcome", "opened") for v in shell("export").values]


def test_a_held_mail_is_shown_with_its_reason(shell: Shell, ident: str) -> None:
    (row,) = shell("held", "list", "--json").values
    assert (row["id"], row["reason"], row["author"]) == (ident, "unknown_sender", "ana@cliente.test")
    assert "unknown_sender" in shell("held", "list").out
    shown = shell("held", "show", ident).out
    assert "quem sou eu?" in shown
    assert "\x1b" not in shown
    assert shell("held", "show", ident[2:], "--raw").out.encode().replace(b"\r\n", b"\n").startswith(b"From: Ana")


def test_released_it_passes(shell: Shell, ident: str) -> None:
    assert shell("held", "release", ident).out.strip() == ident
    shell.work()
    assert outcomes(shell) == ["opened"]
    assert shell("held", "release", ident).code == 65


def test_retried_it_is_asked_again(shell: Shell, ident: str) -> None:
    assert shell("held", "retry", ident).code == 0
    shell.work()
    assert outcomes(shell) == ["held"]
    shell("contact", "add", "ana@cliente.test")
    assert shell("held", "retry", "--all").code == 0
    shell.work()
    assert outcomes(shell) == ["opened"]


def test_dropped_it_is_kept_and_done(shell: Shell, ident: str) -> None:
    assert shell("held", "drop", ident).code == 0
    (row,) = shell("export").values
    assert (row["outcome"], row["reason"]) == ("rejected", "dropped by a person")
    assert shell("held", "list", "--json").values == []
    assert shell("outbox", "list", "--json").values == []


@pytest.mark.parametrize("command", ["retry", "release", "drop"])
def test_one_wrong_name_and_nothing_is_done(shell: Shell, ident: str, command: str) -> None:
    assert shell("held", command, ident, "ffffffff").code == 65
    assert shell("held", command).code == 64
    assert shell("held", command, ident, "--all").code == 64
    assert outcomes(shell) == ["held"]


class TestOutbox:
    """Mails of ours."""

    def set(self, shell: Shell, **values: object) -> None:
        database = Database(sqlite_url(shell.folder / "data/mailgate.sqlite"))
        with database.write() as connection:
            connection.execute(update(OUTBOX).values(**values))
        database.close()

    def test_listed_and_shown(self, shell: Shell) -> None:
        key = shell.open_ticket()
        (row,) = shell("outbox", "list", "--json").values
        assert (row["key"], row["notice"], row["recipient"], row["state"]) == (key, "N2", "ana@cliente.test", "waiting")
        shown = shell("outbox", "show", row["id"])
        assert f"X-Mailgate-Ticket: {key}" in shown.out
        assert shell("outbox", "show", f"<{row['message_id']}>").code == 0
        assert shell("outbox", "show", "nobody@example.test").code == 65
        assert shell("outbox", "show", "zz").code == 65

    def test_the_bytes_themselves(self, shell: Shell) -> None:
        shell.open_ticket()
        (row,) = shell("outbox", "list", "--json").values
        made = shell("outbox", "show", row["id"], "--raw")
        mail = message_from_bytes(made.out.encode(), policy=SMTP)
        assert mail["To"].addresses[0].addr_spec == "ana@cliente.test"
        assert "made anew" in made.err
        self.set(shell, rendered=b"Subject: kept\r\n\r\nas it is")
        kept = shell("outbox", "show", row["id"], "--raw")
        assert (kept.out.splitlines()[0], kept.err) == ("Subject: kept", "")

    def test_what_was_given_up_is_tried_again_from_the_start(self, shell: Shell) -> None:
        shell.open_ticket()
        self.set(shell, state="failed", attempts=9, answer="550 5.1.1 no such user")
        assert shell("outbox", "retry", "--all").code == 0
        (row,) = shell("outbox", "list", "--json").values
        assert (row["state"], row["attempts"]) == ("waiting", 0)
        assert row["first_try_at"] > row["created_at"]

    def test_all_means_what_was_given_up(self, shell: Shell) -> None:
        shell.open_ticket()
        assert shell("outbox", "drop", "--all").out == ""
        assert len(shell("outbox", "list", "--json").values) == 1

    def test_dropped(self, shell: Shell) -> None:
        shell.open_ticket()
        (row,) = shell("outbox", "list", "--json").values
        assert shell("outbox", "drop", row["id"]).code == 0
        assert shell("outbox", "list", "--json").values == []
        assert shell("outbox", "show", row["id"], "--json").value["state"] == "dropped"

    def test_what_is_being_sent_is_left_alone(self, shell: Shell) -> None:
        from mailgate.clock import parse_duration, utc_now

        shell.open_ticket()
        self.set(shell, state="sending", lease_owner="x", lease_until=utc_now() + parse_duration("5m"))
        (row,) = shell("outbox", "list", "--json").values
        assert shell("outbox", "drop", row["id"]).code == 75
        assert shell("outbox", "retry", row["id"]).code == 75

    def test_what_leaves_while_a_person_looks_is_not_sent_again(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On PostgreSQL a node may send a mail between the look and the change."""
        shell.open_ticket()
        (row,) = shell("outbox", "list", "--json").values
        real = outbox.waiting

        def looked(connection: Connection, limit: int) -> list[Any]:
            found = real(connection, limit)
            connection.execute(update(OUTBOX).values(state="accepted"))
            return found

        monkeypatch.setattr(outbox, "waiting", looked)
        assert shell("outbox", "retry", row["id"]).code == 75
        assert shell("outbox", "drop", row["id"]).code == 75


def test_the_envelope_is_shown(shell: Shell, ident: str) -> None:
    assert f"<ana@cliente.test> → {SUPPORT}" in shell("held", "show", ident).out
