"""Stories of a mailbox that is read: first starts, stops at every step, moves, pushes, tokens, dead neighbours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from mailgate.errors import Busy, MailgateError
from mailgate.ingest.imap import Cursor, Flag, ImapState, Leave, Move
from mailgate.ingest.journal import DISK_FULL
from store.vocabulary import Road
from tests.integration.machine import wait_until
from tests.unit.ingest.fake_imap import BASE, Connection, FakeFolder, FakeImap, Hangup
from tests.unit.ingest.imap_house import HASTE, NOW, House, account_at, mail


@pytest.fixture
def server() -> Iterator[FakeImap]:
    with FakeImap() as fake:
        yield fake


@pytest.fixture
def house() -> House:
    return House()


def years(server: FakeImap, count: int = 20) -> None:
    for n in range(count):
        server.inbox.add(mail(f"old-{n}"), NOW - timedelta(days=3650 - n))


def test_ten_years_of_mail_are_not_taken_at_the_first_start(server: FakeImap, house: House) -> None:
    years(server)
    with house.running(account_at(server, since="now")):
        house.wait_well()
        cursor = house.cursor()
        assert (cursor.uidvalidity, cursor.last_uid, cursor.started_at, cursor.pending) == (1000, 20, NOW, "")
        server.deliver(mail("new"), NOW)
        house.wait_last(21)
    assert house.raws() == [mail("new")]
    assert sum("BODY.PEEK" in line for line in server.commands) == 1, "old mail was fetched"


def test_a_first_start_from_a_day_on_takes_that_day(server: FakeImap, house: House) -> None:
    years(server)
    server.inbox.add(mail("eve"), NOW - timedelta(days=3))
    server.inbox.add(mail("day"), NOW - timedelta(days=2))
    with house.running(account_at(server, since=date(2025, 11, 3))):
        house.wait_last(22)
    assert house.raws() == [mail("day")]


def test_a_mail_becomes_received_with_its_place_and_the_servers_date(server: FakeImap, house: House) -> None:
    server.inbox.add(mail(), NOW - timedelta(days=4))
    server.inbox.add(mail("future"), NOW + timedelta(days=400))
    with house.running(account_at(server)):
        house.wait_last(2)
    first, second = house.taken
    assert first.road is Road.IMAP
    assert first.raw == mail()
    assert first.received_at == NOW - timedelta(days=4)
    assert second.received_at == NOW, "a mail cannot come from the future"
    assert first.origin == {"account": "suporte", "folder": "INBOX", "uidvalidity": 1000, "uid": 1}
    assert (first.envelope.mail_from, first.envelope.rcpt_tos) == ("ana@example.org", ("suporte@example.test",))


def test_mail_that_somebody_read_on_a_phone_is_taken_too_and_nothing_is_marked(server: FakeImap, house: House) -> None:
    server.inbox.mails[server.inbox.add(mail(), NOW)].flags.add("\\Seen")
    server.inbox.add(mail("two"), NOW)
    with house.running(account_at(server, after=Leave())):
        house.wait_last(2)
    assert len(house.taken) == 2
    assert server.inbox.mails[2].flags == set()
    assert server.seen["SELECT"] == 0, "a folder where nothing is to change was opened for writing"


def test_mail_is_moved_after_it_is_safe_to_a_folder_that_is_made(server: FakeImap, house: House) -> None:
    years(server, 3)
    with house.running(account_at(server, after=Move("Lidos"))):
        house.wait_last(3)
    assert server.inbox.mails == {}
    assert [m.raw for m in server.folders["Lidos"].mails.values()] == house.raws()


@pytest.mark.parametrize(("capabilities", "left"), [(f"{BASE} UIDPLUS", 0), (BASE, 2)])
def test_moving_without_the_move_command(server: FakeImap, house: House, capabilities: str, left: int) -> None:
    server.capabilities = capabilities
    server.folders["Lidos"] = FakeFolder()
    years(server, 2)
    with house.running(account_at(server, after=Move("Lidos"))):
        house.wait_last(2)
    assert len(server.folders["Lidos"].mails) == 2
    assert len(server.inbox.mails) == left, "without UIDPLUS the mails stay, marked"
    assert all("\\Deleted" in m.flags for m in server.inbox.mails.values())
    assert server.seen["EXPUNGE"] == 0, "a plain EXPUNGE removes what people marked"


def test_mail_is_flagged_with_the_keyword_asked_for(server: FakeImap, house: House) -> None:
    years(server, 2)
    with house.running(account_at(server, after=Flag("mailgate"))):
        house.wait_last(2)
    assert [m.flags for m in server.inbox.mails.values()] == [{"mailgate"}, {"mailgate"}]


class Killed(BaseException):
    """The process ends here, as by kill -9."""


@pytest.mark.parametrize("step", ["after", "cursor"])
def test_a_stop_after_accept_takes_the_same_bytes_again_and_ends_right(
    server: FakeImap, house: House, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.inbox.add(mail(), NOW)
    account = account_at(server, after=Flag("mailgate"))
    killed = []

    def die(*_: object) -> bool:
        if house.taken and not killed:
            killed.append(step)
            raise Killed
        return False

    if step == "after":
        monkeypatch.setattr("mailgate.ingest.imap_session.ImapSession.flag", die)
    else:
        put = house.cursors.put
        monkeypatch.setattr(house.cursors, "put", lambda *a: die() or put(*a))
    import threading

    with pytest.raises(Killed):
        house.worker(account, threading.Event()).run()
    monkeypatch.undo()
    assert house.cursor().last_uid == 0, "the cursor ran ahead"
    with house.running(account):
        house.wait_last(1)
    assert house.raws() == [mail(), mail()], "the journal gets it twice and knows it by its content"
    assert server.inbox.mails[1].flags == {"mailgate"}


def test_the_server_dies_in_the_middle_of_a_mail(server: FakeImap, house: House) -> None:
    years(server, 3)

    def die_once(c: Connection, tag: str, args: str) -> bool:
        if "BODY" in args and "deaths" not in server.seen:
            server.seen["deaths"] += 1
            c.raw(b"* 1 FETCH (UID 1 BODY[] {500}\r\nFrom: ana")
            raise Hangup
        return False

    server.moods["UID FETCH"] = die_once
    with house.running(account_at(server)):
        house.wait_last(3)
    assert house.raws() == [mail(f"old-{n}") for n in range(3)], "half a mail was taken, or one was lost"


@pytest.mark.parametrize("command", ["CAPABILITY", "AUTHENTICATE", "EXAMINE", "UID SEARCH", "UID FETCH", "IDLE"])
@pytest.mark.parametrize("mood", ["bye", "cut", "hang", "junk"])
def test_trouble_at_any_step_is_over_after_a_new_connection(
    server: FakeImap, house: House, command: str, mood: str
) -> None:
    server.inbox.add(mail("one"), NOW)

    def trouble(c: Connection, tag: str, args: str) -> bool:
        if server.seen["trouble"]:
            return False
        server.seen["trouble"] += 1
        if mood == "bye":
            c.say("* BYE shutting down")
        elif mood == "junk":
            c.raw(b"((((NIL {99999999999999999999}\r\n")
        elif mood == "hang":
            c.hang()
        raise Hangup

    server.moods[command] = trouble
    quick = replace(HASTE, operation=0.3)
    with house.running(account_at(server, timeouts=quick, poll=timedelta(milliseconds=20))):
        wait_until(lambda: server.seen["trouble"], what="the trouble")
        wait_until(lambda: len(server.connections) > 1, what="a second connection")
        server.deliver(mail("two"), NOW)
        house.wait_last(2)
        house.wait_well()
    assert [r.raw for r in house.taken] == [mail("one"), mail("two")]


def test_one_dead_account_does_not_hold_up_the_other_and_is_named(server: FakeImap, house: House) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        dead = replace(account_at(server, timeouts=replace(HASTE, operation=0.2)), name="vendas", password="x")
        dead = replace(dead, port=silent.getsockname()[1])
        with house.running(dead, account_at(server)):
            server.deliver(mail(), NOW)
            house.wait_last(1)
            house.wait_well()
            wait_until(lambda: house.folder_health("vendas").failing_since, what="vendas failing")
    assert "did not finish its answer" in house.folder_health("vendas").last_error


def test_a_wrong_password_is_said_without_it(server: FakeImap, house: House) -> None:
    with house.running(account_at(server, password="hunter2")):
        wait_until(lambda: house.health.snapshot()[0].failing_since, what="failing")
        error = house.folder_health().last_error
        assert error == "logging in: [AUTHENTICATIONFAILED] who are you"
        assert house.folder_health().state is ImapState.FAILING
        server.passwords["suporte"] = "hunter2"
        house.wait_well()
    assert house.folder_health().last_error == ""


def test_the_account_is_tried_again_at_growing_distance(server: FakeImap, house: House) -> None:
    import threading

    class Waits(threading.Event):
        said: list[float] = []

        def wait(self, timeout: float | None = None) -> bool:
            self.said.append(timeout or 0.0)
            if len(self.said) == 9:
                self.set()
            return self.is_set()

    server.moods["AUTHENTICATE"] = lambda c, tag, args: c.no(tag)
    account = account_at(server, timeouts=replace(HASTE, backoff_first=5.0, backoff_last=300.0))
    house.worker(account, Waits()).run()
    assert Waits.said == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_login_without_sasl_quotes_the_name(server: FakeImap, house: House) -> None:
    server.capabilities = "IMAP4rev1"
    server.passwords = {"caixa suporte": 'a"b\\c'}
    server.moods["LOGIN"] = lambda c, tag, args: (
        (args == r'"caixa suporte" "a\"b\\c"' and (c.ok(tag), True)[1]) or c.no(tag)
    )
    with house.running(account_at(server, user="caixa suporte", password='a"b\\c')):
        house.wait_well()


def test_an_old_token_is_renewed_after_a_refusal(server: FakeImap, house: House) -> None:
    server.tokens = {"fresh"}
    tokens = iter(["stale", "fresh"])
    server.inbox.add(mail(), NOW)
    with house.running(account_at(server, password="", token=lambda: next(tokens))):
        house.wait_last(1)
    assert server.seen["AUTHENTICATE"] == 2
    assert len(server.connections) == 1


def test_a_token_that_cannot_be_had_is_said_without_secrets(server: FakeImap, house: House) -> None:
    def broken() -> str:
        raise RuntimeError("refresh_token=1//secret")

    with house.running(account_at(server, password="", token=broken)):
        wait_until(lambda: house.health.snapshot()[0].failing_since, what="failing")
    assert house.folder_health().last_error == "no token for the login could be had (RuntimeError)"


def test_new_mail_is_pushed_by_idle_without_a_poll(server: FakeImap, house: House) -> None:
    with house.running(account_at(server, poll=timedelta(hours=1))):
        for n in range(1, 4):
            wait_until(server.idling, what="IDLE")
            server.deliver(mail(f"push-{n}"), NOW)
            house.wait_last(n)
    assert len(house.taken) == 3


def test_mail_that_comes_between_the_search_and_idle_is_not_missed(server: FakeImap, house: House) -> None:
    """The server tells of it in another command's answer, and will not tell it again in IDLE."""

    def late(c: Connection, tag: str, args: str) -> bool:
        if server.seen["UID SEARCH"] == 1:
            c.do_uid_search(tag, args)
            server.inbox.add(mail("late"), NOW)
            c.told = 2
            c.say("* 2 EXISTS")
            return True
        return False

    server.inbox.add(mail("first"), NOW)
    server.moods["UID SEARCH"] = late
    with house.running(account_at(server, poll=timedelta(hours=1))):
        house.wait_last(2)


def test_a_dead_connection_in_idle_is_noticed_at_once_and_does_not_spin(server: FakeImap, house: House) -> None:
    with house.running(account_at(server, poll=timedelta(hours=1))):
        wait_until(server.idling, what="IDLE")
        server.inbox.add(mail("while away"), NOW)
        server.cut()
        house.wait_last(1)
        wait_until(server.idling, what="IDLE again")
    assert len(server.connections) == 2


def test_idle_is_renewed_before_anyone_forgets_the_connection(server: FakeImap, house: House) -> None:
    account = account_at(server, poll=timedelta(hours=1), timeouts=replace(HASTE, reidle=0.1))
    with house.running(account):
        wait_until(lambda: server.seen["IDLE"] >= 4, what="four IDLEs")
    assert len(server.connections) == 1


def test_a_server_that_refuses_its_own_idle_is_polled(server: FakeImap, house: House) -> None:
    server.moods["IDLE"] = lambda c, tag, args: c.no(tag)
    with house.running(account_at(server)):
        house.wait_well()
        server.deliver(mail(), NOW)
        house.wait_last(1)
    assert (server.seen["IDLE"], len(server.connections)) == (1, 1)


def test_other_folders_are_polled_while_the_first_idles(server: FakeImap, house: House) -> None:
    server.folders["Junk"] = FakeFolder()
    with house.running(account_at(server, folders=("INBOX", "Junk"))):
        wait_until(server.idling, what="IDLE")
        server.deliver(mail("junk"), NOW, "Junk")
        house.wait_last(1, "Junk")
    assert house.taken[0].origin["folder"] == "Junk"


def test_a_folder_that_is_missing_is_named_and_the_others_are_read(server: FakeImap, house: House) -> None:
    with house.running(account_at(server, folders=("INBOX", "Nada"))):
        server.deliver(mail(), NOW)
        house.wait_last(1)
        wait_until(lambda: house.folder_health(folder="Nada").failing_since, what="Nada failing")
        assert "opening the folder Nada" in house.folder_health(folder="Nada").last_error
        server.folders["Nada"] = FakeFolder()
        house.wait_well(folder="Nada")
    assert len(server.connections) == 1


def test_all_uids_change_and_nothing_is_missed(server: FakeImap, house: House) -> None:
    years(server, 2)
    with house.running(account_at(server)):
        house.wait_last(2)
        server.inbox.renumber(2000)
        server.deliver(mail("new"), NOW)
        wait_until(lambda: house.cursor().uidvalidity == 2000 and house.wait_last(3), what="the new numbers")
    assert house.raws()[2:] == [mail("old-0"), mail("old-1"), mail("new")], "the journal sorts out what it has"


def test_all_uids_change_and_mail_from_before_the_first_start_stays_out(server: FakeImap, house: House) -> None:
    years(server, 5)
    server.inbox.add(mail("just before"), NOW - timedelta(hours=2))
    with house.running(account_at(server, since="now")):
        house.wait_well()
        house.now = NOW + timedelta(days=9)
        server.deliver(mail("day 8"), NOW + timedelta(days=8))
        house.wait_last(7)
    server.inbox.renumber(2000, first=500)
    server.inbox.add(mail("while away"), NOW + timedelta(days=9))
    with house.running(account_at(server, since="now")):
        house.wait_last(507)
    assert house.raws() == [mail("day 8"), mail("day 8"), mail("while away")]
    cursor = house.cursor()
    assert (cursor.uidvalidity, cursor.last_uid, cursor.started_at, cursor.pending) == (2000, 507, NOW, "")


def test_an_old_mail_that_is_dragged_in_by_hand_is_adopted(server: FakeImap, house: House) -> None:
    with house.running(account_at(server, since="now")):
        house.wait_well()
        server.deliver(mail("last year"), NOW - timedelta(days=365))
        house.wait_last(1)
    assert house.raws() == [mail("last year")]


def test_the_journal_is_away_and_mail_waits_on_the_server(server: FakeImap, house: House) -> None:
    years(server, 3)
    house.refusals = [Busy("the database is locked")] * 3
    with house.running(account_at(server, after=Move("Lidos"))):
        wait_until(
            lambda: any(h.state is ImapState.PAUSED for h in house.health.snapshot()), what="paused", every=0.001
        )
        house.wait_last(3)
    assert house.raws() == [mail(f"old-{n}") for n in range(3)]


def test_below_the_reserve_mail_is_not_even_fetched(server: FakeImap, house: House) -> None:
    years(server, 3)
    house.no_room = DISK_FULL
    with house.running(account_at(server)):
        wait_until(
            lambda: any(h.state is ImapState.PAUSED for h in house.health.snapshot()), what="paused", every=0.001
        )
        assert "Insufficient storage" in house.folder_health().last_error
        assert house.taken == []
        house.no_room = None
        house.wait_last(3)
    assert house.raws() == [mail(f"old-{n}") for n in range(3)]


def test_the_journal_goes_away_in_the_middle_of_a_batch(server: FakeImap, house: House) -> None:
    years(server, 3)
    inner, calls = house.accept, []

    def second_fails_once(received: Any) -> str:
        calls.append(received)
        if len(calls) == 2:
            raise MailgateError("disk full")
        return inner(received)

    house.accept = second_fails_once  # type: ignore[method-assign]
    with house.running(account_at(server, after=Flag("mailgate"))):
        house.wait_last(3)
    assert house.raws() == [mail(f"old-{n}") for n in range(3)], "what was safe was taken again"
    assert 1 in [cursor.last_uid for cursor in house.cursors.puts], "what was safe was not remembered"


def test_the_store_of_cursors_is_away(server: FakeImap, house: House) -> None:
    house.cursors.fail = [Busy("locked"), Busy("locked")]
    server.inbox.add(mail(), NOW)
    with house.running(account_at(server)):
        house.wait_last(1)


def test_a_mail_that_the_server_cannot_give_does_not_stop_the_folder(server: FakeImap, house: House) -> None:
    years(server, 4)

    def poison(c: Connection, tag: str, args: str) -> bool:
        which, _, items = args.partition(" ")
        return "BODY" in items and 2 in c._uids(which) and c.no(tag, "cannot be retrieved")

    server.moods["UID FETCH"] = poison
    with house.running(account_at(server)):
        wait_until(lambda: house.folder_health().stuck == (2,), what="UID 2 stuck")
        assert not house.folder_health().well
        assert sorted(house.raws()) == [mail(f"old-{n}") for n in (0, 2, 3)]
        assert (house.cursor().last_uid, house.cursor().pending) == (4, "2")
        server.deliver(mail("after"), NOW)
        wait_until(lambda: mail("after") in house.raws(), what="later mail")
        server.moods.clear()
        house.wait_last(5)
        house.wait_well()
    assert sorted(house.raws())[2:] == [mail("old-1"), mail("old-2"), mail("old-3")]


def test_a_mail_that_kills_the_connection_is_found_and_passed(server: FakeImap, house: House) -> None:
    years(server, 4)

    def poison(c: Connection, tag: str, args: str) -> bool:
        which, _, items = args.partition(" ")
        if "BODY" in items and 2 in c._uids(which):
            raise Hangup
        return False

    server.moods["UID FETCH"] = poison
    with house.running(account_at(server)):
        wait_until(lambda: house.folder_health().stuck == (2,), what="UID 2 stuck")
        wait_until(lambda: len(house.taken) == 3, what="the others")
    assert house.cursor().pending == "2"


def test_a_mail_that_failed_is_not_forgotten_by_a_restart(server: FakeImap, house: House) -> None:
    years(server, 3)
    house.cursors.put("suporte", "INBOX", Cursor(1000, 3, NOW, "2"))
    with house.running(account_at(server)):
        house.wait_last(3)
    assert house.raws() == [mail("old-1")]


def test_a_failed_mail_that_somebody_deletes_is_let_go(server: FakeImap, house: House) -> None:
    years(server, 3)
    house.cursors.put("suporte", "INBOX", Cursor(1000, 3, NOW, "2"))
    del server.inbox.mails[2]
    with house.running(account_at(server)):
        house.wait_last(3)
        house.wait_well()
    assert house.taken == []


def test_a_mail_that_breaks_the_journal_does_not_stop_the_folder(server: FakeImap, house: House) -> None:
    years(server, 3)
    inner = house.accept

    def fragile(received: Any) -> str:
        if received.origin["uid"] == 1:
            raise MailgateError("these bytes cannot be kept")
        return inner(received)

    house.accept = fragile  # type: ignore[method-assign]
    with house.running(account_at(server)):
        wait_until(lambda: house.folder_health().stuck == (1,), what="UID 1 stuck")
        house.wait_taken(2)
    assert house.cursor().pending == "1"


def test_a_mail_that_cannot_be_moved_is_accepted_once(server: FakeImap, house: House) -> None:
    years(server, 3)
    server.folders["Lidos"] = FakeFolder()

    def over_quota(c: Connection, tag: str, args: str) -> bool:
        return 2 in c._uids(args.split()[0]) and c.no(tag, "[OVERQUOTA] full")

    server.moods["UID MOVE"] = over_quota
    with house.running(account_at(server, after=Move("Lidos"))):
        wait_until(lambda: house.folder_health().stuck == (2,), what="UID 2 stuck")
        server.moods.clear()
        house.wait_last(3)
    assert house.raws() == [mail(f"old-{n}") for n in range(3)]
    assert server.inbox.mails == {}


def test_a_mail_that_is_too_large_is_told_and_left(server: FakeImap, house: House) -> None:
    server.inbox.add(mail("small"), NOW)
    server.inbox.add(mail("large", "x" * 3000), NOW)
    server.inbox.add(mail("next"), NOW)
    account = account_at(server, after=Move("Lidos"), max_message_bytes=2000, max_literal_bytes=2200)
    with house.running(account):
        house.wait_last(3)
    assert house.raws() == [mail("small"), mail("next")]
    assert [(o.uid, o.size_bytes) for o in house.oversize] == [(2, len(mail("large", "x" * 3000)))]
    assert list(server.inbox.mails) == [2]
    assert house.folder_health().oversize == 1


def test_a_long_import_goes_in_bounded_steps_and_can_be_stopped(server: FakeImap, house: House) -> None:
    years(server, 450)
    with house.running(account_at(server)):
        house.wait_taken(60)
    reached = house.cursor().last_uid
    assert house.raws() == [mail(f"old-{n}") for n in range(len(house.taken))]
    with house.running(account_at(server)):
        house.wait_last(450)
    assert len(house.taken) <= 450 + 50
    assert reached >= 50
    assert {r.origin["uid"] for r in house.taken} == set(range(1, 451))
