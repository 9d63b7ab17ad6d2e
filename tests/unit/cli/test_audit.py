"""`mailgate audit`: no mail of a mailbox without a row, wherever it lies; what goes out is nobody's stray."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from mailgate import app
from mailgate.authn.oauth import Grant, TokenSource, TokenUnavailable
from mailgate.ingest.imap import ImapHealth
from mailgate.metrics import Metrics
from mailgate.serving.audits import DailyAudit, is_overdue
from mailgate.serving.ops import Watched, find_warnings, measure
from mailgate.settings import load_settings
from store import audits, cursors, outbox, timers
from store.errors import StoreUnavailable
from store.tables import OUTBOX, TICKET
from tests.unit.cli.conftest import Shell
from tests.unit.ingest.fake_imap import FakeFolder, FakeImap


class NoDisk:
    """A disk of no interest."""

    def free_bytes(self) -> int:
        return 0


OLD = datetime.now(UTC) - timedelta(hours=9)


def first_read(shell: Shell, at: datetime, last_uid: int = 0) -> None:
    """As after a first look at the INBOX."""
    house = app.open_house(load_settings(shell.file))
    place = {"uidvalidity": 1000, "last_uid": last_uid, "pending": ""}
    try:
        house.site.writer.call(lambda c: cursors.put(c, 1, "caixa", "INBOX", place, at, at))
    finally:
        house.close()


def test_a_mail_that_rots_in_junk_is_found(shell: Shell) -> None:
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
    known, rotten, sent = shell.mail("Um"), shell.mail("Dois"), shell.mail("Enviada")
    with FakeImap() as server:
        account = f"name: caixa, host: 127.0.0.1, port: {server.port}, tls: none, user: suporte, password: secret"
        shell.change("\nportal:", f"\nimap:\n  - {{{account}}}\nportal:")
        server.folders |= {"Junk": FakeFolder(), "INBOX/Sent": FakeFolder()}
        server.inbox.add(b"Received: by the provider\r\n" + known, yesterday)
        server.inbox.add(shell.mail("Antiga"), now - timedelta(days=12))  # before the mailbox was first read
        server.inbox.add(shell.mail("Agora"), now)  # on its way
        uid = server.folders["Junk"].add(rotten, yesterday)
        server.folders["INBOX/Sent"].add(sent, yesterday)
        assert shell("audit").code == 69
        first_read(shell, now - timedelta(days=10))
        shell.take_in(known)

        found = shell("audit", "--json")
        assert found.code == 65
        stray, *folders, said = found.values
        assert (stray["account"], stray["folder"], stray["uid"]) == ("caixa", "Junk", uid)
        assert stray["reason"] == "in the folder for junk"
        assert (said["seen"], said["accounted"], said["strays"]) == (4, 3, 1)
        counts = ("seen", "accounted", "outgoing", "waiting", "strays", "thrown_away")
        assert {f["folder"]: tuple(f[c] for c in counts) for f in folders} == {
            "INBOX": (2, 1, 0, 1, 0, 0), "Junk": (1, 0, 0, 0, 1, 0), "INBOX/Sent": (1, 0, 1, 0, 0, 0),
        }  # fmt: skip
        assert "4 mails seen, 3 accounted for, 1 stray" in shell("audit").out

        shell.take_in(rotten)
        assert (shell("audit").code, shell("audit", "--since", "2d").code) == (0, 0)
        assert not [line for line in server.commands if "STORE" in line or "MOVE" in line or "SELECT" in line]
        assert not any(f["renumbered"] for f in folders)
        server.inbox.renumber(2000, first=40)
        assert [f["folder"] for f in shell("audit", "--json").values if f.get("renumbered")] == ["INBOX"]
        assert "folder INBOX: all mails have new numbers" in shell("audit").out
    assert shell("audit").code == 69


def test_each_mail_that_is_missing_is_named_with_its_place_and_can_be_taken_in(shell: Shell) -> None:
    """One in Junk, one that was moved by hand, one thrown away, one that the cursor passed, one without a date."""
    now = datetime.now(UTC)
    with FakeImap() as server:
        account = f"name: caixa, host: 127.0.0.1, port: {server.port}, tls: none, user: suporte, password: secret"
        shell.change("\nportal:", f"\nimap:\n  - {{{account}}}\nportal:")
        names = ("Junk", "Projetos", "Lixeira", 'diz "oi"')
        server.folders |= {name: FakeFolder(uidnext=5) for name in names}
        raws = {name: shell.mail(name) for name in ("passed", *names)}
        first_read(shell, now - timedelta(hours=1), last_uid=9)
        server.inbox.add(raws["passed"], now)
        for name in names:
            server.folders[name].add(raws[name], now)

        found = shell("audit", "--json")
        assert found.code == 65
        strays = [v for v in found.values if v["kind"] == "stray"]
        assert {(s["folder"], s["uid"], s["reason"], s["thrown_away"]) for s in strays} == {
            ("INBOX", 1, "was never taken in", False),
            ("Junk", 5, "in the folder for junk", False),
            ("Projetos", 5, "in a folder that is not read", False),
            ('diz "oi"', 5, "in a folder that is not read", False),
            ("Lixeira", 5, "thrown away before it was taken in", True),
        }
        assert (found.values[-1]["strays"], found.values[-1]["thrown_away"]) == (4, 1)

        assert shell("audit", "--mailbox", "other").code == 64
        one = shell("audit", "--folder", "Junk", "--take-in", "--json")
        assert (one.code, one.values[-1]["taken_in"], one.values[-1]["seen"]) == (0, 1, 1)
        rest = shell("audit", "--take-in")
        assert rest.code == 0
        assert "3 taken in" in rest.out
        assert [s["folder"] for s in shell("audit", "--json").values if s["kind"] == "stray"] == ["Lixeira"]
        assert shell("audit").code == 0, "what a person threw away is no alarm"
        assert shell("audit", "--folder", "Lixeira", "--take-in").code == 0
        assert [s for s in shell("audit", "--json").values if s["kind"] == "stray"] == []
        assert not [line for line in server.commands if "STORE" in line or "MOVE" in line or "SELECT" in line]
        shell.work()
    assert {row["key"] is not None for row in shell("export", "--json").values} == {True}
    assert len(shell("export", "--json").values) == 5


def test_mail_that_has_not_left_is_named(shell: Shell) -> None:
    shell.take_in(shell.mail())
    shell.work()
    house = app.open_house(load_settings(shell.file))
    try:
        house.site.writer.call(lambda c: c.execute(OUTBOX.update().values(created_at=OLD)))
    finally:
        house.close()
    found = shell("audit", "--json")
    assert found.code == 65
    unsent = [v for v in found.values if v["kind"] == "unsent"]
    assert {v["notice"] for v in unsent} == {"N1", "N19"}
    assert found.values[-1]["outbox"]["late"] == len(unsent)


def test_once_a_day_and_a_monitor_can_tell_when(shell: Shell) -> None:
    shell.change("\nportal:", "\ndigests: {audit: {hour: 0}}\nportal:")
    house = app.open_house(load_settings(shell.file))
    site = house.site
    try:
        assert not DailyAudit(house).sweep()  # nothing ever came
        tomorrow = replace(house, site=replace(site, clock=lambda: site.clock() + timedelta(days=1)))
        shell.take_in(shell.mail())
        assert not DailyAudit(house).sweep()  # the first day
        daily = DailyAudit(tomorrow)
        assert [daily.sweep(), daily.sweep(), DailyAudit(tomorrow).sweep()] == [True, False, False]
        with house.database.read() as connection:
            last = audits.newest(connection)
            told = [row for row in connection.execute(select(OUTBOX)) if row.notice == "AUDIT"]
        assert last is not None
        assert [row.recipient for row in told] == ["bruno@example.test"]
        metrics = Metrics()
        watched = Watched(house, NoDisk(), None, metrics, lambda: True)  # type: ignore[arg-type]
        measure(watched)
        assert metrics.registry.get_sample_value("mailgate_audit_last_timestamp") == last.at.timestamp()
        later = site.clock() + timedelta(days=1)
        for hours, overdue in ((25, False), (27, True)):
            at = later + timedelta(hours=hours)
            dead = replace(watched, house=replace(house, site=replace(site, clock=lambda at=at: at)))  # type: ignore[misc]
            measure(dead)
            assert metrics.registry.get_sample_value("mailgate_audit_overdue") == float(overdue)
            said = [warning for warning in find_warnings(dead) if "audit" in warning]
            assert said == ([f"no audit since {last.at:%Y-%m-%d %H:%M} UTC"] if overdue else [])
    finally:
        house.close()


def test_what_was_found_is_told_once_though_somebody_dies_or_another_looks_too(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was done and what is told of it are one; of two nodes that look for minutes one tells."""
    shell.change("\nportal:", "\ndigests: {audit: {hour: 0}}\nportal:")
    shell.take_in(shell.mail())
    house = app.open_house(load_settings(shell.file))
    site, real = house.site, audits.undecided
    tomorrow = replace(house, site=replace(site, clock=lambda: site.clock() + timedelta(days=1)))

    def killed(*_: object) -> None:
        raise StoreUnavailable("gone")

    def beside(connection: Connection, before: datetime) -> int:
        monkeypatch.setattr(audits, "undecided", real)
        assert DailyAudit(tomorrow).sweep()
        return real(connection, before)

    try:
        with monkeypatch.context() as dying:
            dying.setattr(outbox, "enqueue", killed)
            with pytest.raises(StoreUnavailable):
                DailyAudit(tomorrow).sweep()
        monkeypatch.setattr(audits, "undecided", beside)
        assert not DailyAudit(tomorrow).sweep()
        with house.database.read() as connection:
            told = [row.recipient for row in connection.execute(select(OUTBOX)) if row.notice == "AUDIT"]
        assert told == ["bruno@example.test"]
    finally:
        house.close()


def test_an_audit_that_never_came_is_an_alarm_and_a_day_left_out_is_none(shell: Shell) -> None:
    shell.change("\nportal:", "\ndigests: {audit: {hour: 6, days: [mon, tue, wed, thu, fri]}}\nportal:")
    house = app.open_house(load_settings(shell.file))

    def overdue(at: datetime) -> bool:
        moved = replace(house, site=replace(house.site, clock=lambda: at))
        with house.database.read() as connection:
            return is_overdue(moved, connection)

    def done(connection: Connection, at: datetime) -> None:
        counts = dict.fromkeys(("seen", "accounted", "strays", "unreached", "unsent"), 0)
        audits.put(connection, {"id": 1, "at": at, "detail": "", **counts})

    try:
        now = house.site.clock()
        assert not overdue(now + timedelta(days=300)), "nothing ever came"
        shell.take_in(shell.mail())
        assert not overdue(now + timedelta(hours=40))
        assert overdue(now + timedelta(days=6))
        friday = datetime(2026, 11, 27, 9, tzinfo=UTC)
        house.site.writer.call(lambda connection: done(connection, friday))
        assert not overdue(friday + timedelta(days=3)), "Saturday and Sunday are left out"
        assert overdue(friday + timedelta(days=3, hours=3))
    finally:
        house.close()


def test_what_is_late_and_which_token_runs_out_is_measured(shell: Shell) -> None:
    shell.take_in(shell.mail())
    house = app.open_house(load_settings(shell.file))
    now = house.site.clock()
    metrics = Metrics()

    def refuse() -> Grant:
        raise TokenUnavailable("invalid_grant")

    good, bad = TokenSource(lambda: Grant("x", 1800.0)), TokenSource(refuse)
    good.token()
    with suppress(TokenUnavailable):
        bad.token()
    health = ImapHealth()
    health.success("caixa", "INBOX", now)
    health.counted("caixa", "INBOX", taken=3, oversize=1)
    health.stuck("caixa", "INBOX", (4, 5))
    watched = Watched(house, NoDisk(), health, metrics, lambda: True, {"caixa": good, "relay": bad})  # type: ignore[arg-type]

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"mailgate_{name}", labels)

    try:
        measure(watched)
        assert value("timer_lag_seconds") == 0
        late = {"id": 1, "name": "close", "status": "new", "state": "armed", "due_at": now - timedelta(hours=1)}
        house.site.writer.call(lambda c: timers.arm(c, [late | {"ticket_id": c.execute(select(TICKET.c.id)).scalar()}]))
        measure(watched)
        assert 3600 <= (value("timer_lag_seconds") or 0.0) < 3700
        assert abs((value("token_expiry_timestamp", account="caixa") or 0.0) - now.timestamp() - 1800) < 60
        assert (value("token_well", account="caixa"), value("token_well", account="relay")) == (1, 0)
        assert find_warnings(watched)[:2] == [
            "relay: no access token can be had",
            "mailbox caixa, folder INBOX: 2 mails cannot be taken, or not moved",
        ]
        place = {"account": "caixa", "folder": "INBOX"}
        assert value("imap_last_success_timestamp", **place) == now.timestamp()
        assert [value(f"imap_{what}_mails", **place) for what in ("taken", "stuck", "oversize")] == [3, 2, 1]
    finally:
        house.close()
