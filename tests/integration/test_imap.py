"""The IMAP road against a real Dovecot: push, move, flags, a restart, a lost UIDVALIDITY, names beyond ASCII."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailgate.clock import utc_now
from mailgate.ingest.imap import Flag, ImapAccount, Move, probe
from mailgate.ingest.imap_wire import GuardedImap
from tests.integration.dovecot import Dovecot
from tests.integration.machine import wait_until
from tests.unit.ingest.imap_house import House, account_at, mail


@pytest.fixture
def house() -> House:
    return House(utc_now())


def account_of(dovecot: Dovecot, **changes: Any) -> ImapAccount:
    return account_at(dovecot, **({"user": dovecot.new_user()} | changes))


def test_a_first_start_leaves_old_mail_and_new_mail_is_pushed_within_seconds(dovecot: Dovecot, house: House) -> None:
    account = account_of(dovecot, since="now", poll=timedelta(hours=1))
    dovecot.append(mail("old"), account.user)
    with house.running(account):
        house.wait_well()
        wait_until(lambda: house.folder_health().state == "idle", what="IDLE")
        began = time.monotonic()
        dovecot.append(mail("new"), account.user)
        house.wait_last(2)
        assert time.monotonic() - began < 5
    assert house.raws() == [mail("new")]
    assert not any(b"\\Seen" in flags for flags in dovecot.flags(account.user).values())


def test_bytes_come_as_they_are(dovecot: Dovecot, house: House) -> None:
    account = account_of(dovecot)
    odd = [
        mail("large", "x" * 900 + "\r\n" + "ç" * 3_000_000),
        b"From: a@example.org\r\n\r\n\x80\xff(}{10}\r\n* BYE\r\n)\r\n",
        b"no header at all",
    ]
    for raw in odd:
        dovecot.append(raw, account.user)
    with house.running(account):
        house.wait_last(3)
    assert house.raws() == odd


def test_mail_is_moved_to_a_folder_with_an_accent(dovecot: Dovecot, house: House) -> None:
    account = account_of(dovecot, after=Move("Já lidos & vistos"))
    for n in range(3):
        dovecot.append(mail(f"m{n}"), account.user)
    with house.running(account):
        house.wait_last(3)
        house.wait_well()
    assert dovecot.mails(account.user) == {}
    assert sorted(dovecot.mails(account.user, "Já lidos & vistos").values()) == sorted(house.raws())


def test_mail_is_flagged(dovecot: Dovecot, house: House) -> None:
    account = account_of(dovecot, after=Flag("mailgate"))
    dovecot.append(mail(), account.user)
    with house.running(account):
        house.wait_last(1)
    flags = dovecot.flags(account.user)[1]
    assert b"mailgate" in flags
    assert b"\\Seen" not in flags


def test_a_restart_of_the_server_loses_nothing(dovecot: Dovecot, house: House) -> None:
    account = account_of(dovecot, poll=timedelta(hours=1))
    dovecot.append(mail("before"), account.user)
    with house.running(account):
        house.wait_last(1)
        dovecot.restart()
        dovecot.append(mail("after"), account.user)
        house.wait_last(2)
        house.wait_well()
    assert house.raws() == [mail("before"), mail("after")]


def test_lost_uids_bring_everything_again_for_the_journal_to_compare(dovecot: Dovecot, house: House) -> None:
    account = account_of(dovecot)
    dovecot.append(mail("one"), account.user)
    with house.running(account):
        house.wait_last(1)
    changed = dovecot.forget_uids(account.user)
    dovecot.append(mail("two"), account.user)
    with house.running(account):
        wait_until(lambda: house.cursor().uidvalidity == changed, what="the new UIDVALIDITY")
        house.wait_last(2)
    assert set(house.raws()) == {mail("one"), mail("two")}


def test_the_server_is_killed_in_the_middle_of_a_mail(
    dovecot: Dovecot, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_of(dovecot, after=Move("Lidos"))
    raws = [mail("first"), mail("large", ("x" * 900 + "\r\n") * 12_000), mail("last")]
    for raw in raws:
        dovecot.append(raw, account.user)
    fill, killed = GuardedImap._fill, []

    def killing(wire: GuardedImap) -> bool:
        more = fill(wire)
        if len(wire._buffer) > 2_000_000 and not killed:
            killed.append(len(wire._buffer))
            dovecot.kill9()
        return more

    monkeypatch.setattr(GuardedImap, "_fill", killing)
    with house.running(account):
        wait_until(lambda: killed and house.folder_health().failing_since, what="the crash")
        dovecot.start()
        house.wait_last(3)
        house.wait_well()
    assert house.raws() == raws
    assert dovecot.mails(account.user) == {}
    assert sorted(dovecot.mails(account.user, "Lidos").values()) == sorted(raws)


def test_uids_are_lost_while_the_mailbox_is_read(dovecot: Dovecot, house: House) -> None:
    """Twice, with mails that come meanwhile; the journal is asked, and given nothing that it has."""
    house.asked = True
    account = account_of(dovecot, since="now", idle=False)
    with dovecot.client(account.user) as client:
        client.append("INBOX", mail("old"), msg_time=utc_now() - timedelta(days=2))
    with house.running(account):
        house.wait_well()
        for n in range(2):
            dovecot.append(mail(f"a{n}"), account.user)
            changed = dovecot.forget_uids(account.user)
            dovecot.append(mail(f"b{n}"), account.user)
            wait_until(lambda v=changed: house.cursor().uidvalidity == v, what="the new UIDVALIDITY")  # type: ignore[misc]
            house.wait_taken(2 * n + 2)
            house.wait_well()
    assert Counter(house.raws()) == Counter(mail(s) for s in ("a0", "b0", "a1", "b1"))


def test_lost_uids_do_not_bring_mail_from_before_the_first_start(dovecot: Dovecot, house: House) -> None:
    account = account_of(dovecot, since="now")
    with dovecot.client(account.user) as client:
        client.append("INBOX", mail("old"), msg_time=utc_now() - timedelta(days=40))
        client.append("INBOX", mail("yesterday"), msg_time=utc_now() - timedelta(hours=3))
    with house.running(account):
        house.wait_well()
        dovecot.append(mail("new"), account.user)
        house.wait_last(3)
    changed = dovecot.forget_uids(account.user)
    with house.running(account):
        wait_until(lambda: house.cursor().uidvalidity == changed, what="the new UIDVALIDITY")
        house.wait_well()
        house.wait_taken(2)
    assert set(house.raws()) == {mail("new")}


def test_one_mailbox_with_a_wrong_password_leaves_the_other_alone(dovecot: Dovecot, house: House) -> None:
    good = account_of(dovecot)
    bad = replace(account_of(dovecot, password="wrong"), name="vendas")
    dovecot.append(mail(), good.user)
    with house.running(bad, good):
        house.wait_last(1)
        wait_until(lambda: house.folder_health("vendas").failing_since, what="vendas failing")
    assert "logging in" in house.folder_health("vendas").last_error


def test_probe_finds_what_is_there_and_what_is_not(dovecot: Dovecot) -> None:
    account = account_of(dovecot, folders=("INBOX", "Vendas"), after=Move("Lidos"))
    found = probe(account, time.monotonic)
    assert len(found.problems) == 1
    assert "Vendas" in found.problems[0]
    assert found.warnings == ("the folder Lidos is missing; it will be made with the first mail",)
    assert {"IDLE", "MOVE", "UIDPLUS"} <= set(found.capabilities)
    assert probe(account_of(dovecot, after=Flag("mailgate")), time.monotonic).problems == ()
