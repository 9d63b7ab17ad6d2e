"""`mailgate audit`: no mail of a mailbox without a row, wherever it lies; what goes out is nobody's stray."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from mailgate import app
from mailgate.metrics import Metrics
from mailgate.serving.audits import DailyAudit
from mailgate.serving.ops import Watched, measure
from mailgate.settings import load_settings
from store import audits, cursors
from store.tables import OUTBOX
from tests.unit.cli.conftest import Shell
from tests.unit.ingest.fake_imap import FakeFolder, FakeImap


class NoDisk:
    """A disk of no interest."""

    def free_bytes(self) -> int:
        return 0


def first_read(shell: Shell, at: datetime) -> None:
    house = app.open_house(load_settings(shell.file))
    try:
        house.site.writer.call(lambda c: cursors.put(c, 1, "caixa", "INBOX", 1, 0, "", at, at))
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
        stray, said = found.values
        assert (stray["account"], stray["folder"], stray["uid"]) == ("caixa", "Junk", uid)
        assert (said["seen"], said["accounted"], said["strays"]) == (2, 1, 1)
        assert "2 mails seen, 1 accounted for, 1 stray" in shell("audit").out

        shell.take_in(rotten)
        assert (shell("audit").code, shell("audit", "--since", "2d").code) == (0, 0)
        assert not [line for line in server.commands if "STORE" in line or "MOVE" in line or "SELECT" in line]
    assert shell("audit").code == 69


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
        measure(Watched(house, NoDisk(), None, metrics, lambda: True))  # type: ignore[arg-type]
        assert metrics.registry.get_sample_value("mailgate_audit_last_timestamp") == last.at.timestamp()
    finally:
        house.close()
