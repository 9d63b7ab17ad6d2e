"""The demo's folder: made once, moved when asked, thrown away only when it is the demo's."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from mailgate.demo import ports as ports_module
from mailgate.demo.folder import prepare, zone
from mailgate.demo.ports import LOOPBACK, Ports, require_free, taken
from mailgate.errors import DataError, Unavailable, UsageError
from mailgate.ingest.submission import read_users
from mailgate.settings import load_settings, read_settings


@pytest.fixture
def made(tmp_path: Path) -> Path:
    prepare(tmp_path / "demo", locale="pt-BR", offset=None, fresh=False)
    return tmp_path / "demo"


def test_the_configuration_has_neither_mistakes_nor_warnings(made: Path) -> None:
    settings, mistakes = read_settings(made / "mailgate.yaml", {})
    assert mistakes == []
    assert settings is not None
    assert settings.submission is not None
    assert sorted(read_users(settings.submission.users_file)) == ["bruno@example.test", "carla@example.test"]
    for secret in ("users", "dkim.pem", "mailgate.yaml", "data/keys/mac.key"):
        assert stat.S_IMODE((made / secret).stat().st_mode) == 0o600, secret


def test_a_second_start_changes_nothing(made: Path) -> None:
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    assert prepare(made, locale="en", offset=None, fresh=False) == Ports()
    assert {p: p.read_bytes() for p in made.rglob("*") if p.is_file()} == before


def test_an_offset_moves_every_port_and_keeps_what_was_edited(made: Path) -> None:
    file = made / "mailgate.yaml"
    file.write_text(file.read_text() + "# ours: 12525 and 1.2525\nack_within: 3d\n")
    assert prepare(made, locale="pt-BR", offset=100, fresh=False) == Ports.shifted(100)
    assert prepare(made, locale="pt-BR", offset=None, fresh=False) == Ports.shifted(100), "it stays"
    settings = load_settings(file, {})
    assert settings.smtp is not None
    assert (settings.smtp.listen.port, settings.relay.port, settings.auth.resolver) == (2625, 2626, (LOOPBACK, 2653))
    assert settings.base_url == "http://127.0.0.1:8125"
    assert settings.ack_within.days == 3
    assert "# ours: 12525 and 1.2525" in file.read_text()
    prepare(made, locale="pt-BR", offset=0, fresh=False)
    assert load_settings(file, {}).relay.port == 2526


def test_fresh_throws_away_the_demo_and_nothing_else(made: Path) -> None:
    key = (made / "dkim.pem").read_bytes()
    (made / "mailbox" / "000001.eml").write_bytes(b"x")
    (made / "rules.yaml").write_text("rules: []\n")
    prepare(made, locale="pt-BR", offset=None, fresh=True)
    assert (made / "dkim.pem").read_bytes() != key
    assert list((made / "mailbox").iterdir()) == []
    assert (made / "rules.yaml").exists()


@pytest.mark.parametrize("fresh", [True, False])
def test_a_real_configuration_is_left_alone(tmp_path: Path, fresh: bool) -> None:
    file = tmp_path / "mailgate.yaml"
    file.write_text("addresses: [{address: suporte@example.com}]\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    with pytest.raises(DataError, match="not the demo's"):
        prepare(tmp_path, locale="pt-BR", offset=None, fresh=fresh)
    assert file.read_text().startswith("addresses")
    assert (tmp_path / "data" / "precious").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="--data"):
        prepare(tmp_path / "file" / "demo", locale="pt-BR", offset=None, fresh=False)


def test_the_zone_publishes_the_key_that_signs(made: Path) -> None:
    records = zone(made)
    assert records["demo._domainkey.example.test"]["TXT"][0].startswith("v=DKIM1; k=rsa; p=MII")
    assert records["cliente.test"]["TXT"] == ["v=spf1 ip4:127.0.0.1 -all"]


def free_ports() -> Ports:
    return next(one for n in range(15_000, 30_000, 50) if not taken(one := Ports.shifted(n)))


def test_a_taken_port_is_named_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = free_ports()
    require_free(wanted)
    asked: list[Ports] = []
    real = ports_module.taken

    def look(ports: Ports) -> list[tuple[str, int]]:
        asked.append(ports)
        return real(ports)

    monkeypatch.setattr(ports_module, "taken", look)
    with socket.create_server((LOOPBACK, wanted.portal)), socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind((LOOPBACK, wanted.dns))
        with pytest.raises(Unavailable, match=r"--port-offset \d+$") as caught:
            require_free(wanted)
    assert f"{wanted.portal} (portal)" in str(caught.value)
    assert f"{wanted.dns} (dns)" in str(caught.value)
    assert caught.value.exit_code == 69
    assert asked[-1].offset == int(str(caught.value).split()[-1]), "the offset advised was looked at"


@pytest.mark.parametrize("offset", [-3000, 60_000])
def test_ports_that_do_not_exist(offset: int) -> None:
    with pytest.raises(UsageError, match="port-offset"):
        Ports.shifted(offset)
