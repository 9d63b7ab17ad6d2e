"""`check` names everything at once, with its place, and says what is unwise."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from mailgate import app
from mailgate.authn.resolver import DictResolver
from mailgate.cli import probing
from mailgate.ingest.submission import hash_password
from mailgate.notify.sample import sample
from mailgate.notify.views import CompanyView
from mailgate.settings import load_settings
from store.vocabulary import Notice
from tests.unit.cli.conftest import Shell
from tests.unit.notify.scripted import ScriptedRelay

PLACE = re.compile(r"^\S+:\d+:\d+: ")


def reasons(shell: Shell, *, warnings: bool = False) -> dict[str, str]:
    """file:line -> reason of the mistakes (or warnings)."""
    wanted = "warning" if warnings else "mistake"
    found = [v for v in shell("check", "--json").values if v["kind"] == wanted]
    return {f"{Path(v['file']).name}:{v['line']}": v["reason"] for v in found}


def test_a_new_configuration_has_no_mistakes(bare: Shell) -> None:
    ran = bare("check")
    assert ran.code == 0
    assert all(PLACE.match(line) and "warning: " in line for line in ran.out.splitlines())


def test_everything_at_once(bare: Shell) -> None:
    bare.change("locale: pt-BR", "locale: pt")
    bare.change("timezone: America/Sao_Paulo", "timezone: America/Sao_Paolo")
    (bare.folder / "workflow.yaml").write_text("initial: aberto\nstates: {}\n")
    (bare.folder / "sla.yaml").write_text("calendar: {hours: {mon: 25:00}}\n")
    ran = bare("check")
    assert ran.code == 78
    named = {line.split(":")[0].rpartition("/")[2] for line in ran.out.splitlines()}
    assert named == {"mailgate.yaml", "workflow.yaml", "sla.yaml"}
    assert sum("mailgate.yaml" in line for line in ran.out.splitlines()) == 2
    assert "mistakes in" in ran.err


def test_lmtp_for_strangers_is_unwise(bare: Shell) -> None:
    """I11: LMTP asks nobody who he is; it belongs on loopback or on a unix socket."""
    text = bare.file.read_text(encoding="utf-8")
    for listen, expected in (("0.0.0.0:2424", True), ("unix:/run/lmtp", False), ("127.0.0.1:2424", False)):
        bare.file.write_text(f"{text}\nlmtp: {{listen: '{listen}'}}\n", encoding="utf-8")
        assert any("LMTP" in reason for reason in reasons(bare, warnings=True).values()) == expected, listen


def test_the_companys_own_words_are_in_its_mails(bare: Shell) -> None:
    """They were on the pages only."""
    words = bare.folder / "templates" / "translations"
    words.mkdir(parents=True)
    (words / "pt-BR.yaml").write_text('mail.marker: "--- Escreva aqui em cima ---"\n', encoding="utf-8")
    assert bare("check").code == 0
    composer = app.tool_maker(load_settings(bare.file))().renderer.composer
    view = sample(Notice.N5, "pt-BR", CompanyView("Exemplo"), "America/Sao_Paulo", "ticket")
    assert composer.bodies(view).text.startswith("--- Escreva aqui em cima ---")


def test_digests_have_hours_and_days(bare: Shell) -> None:
    bare.file.write_text(bare.file.read_text() + "\ndigests:\n  agents: {hour: 25}\n  weekly: {day: monday}\n")
    said = " ".join(reasons(bare).values())
    assert "hour" in said
    assert "mon" in said


def test_not_even_yaml_still_checks_the_rest(bare: Shell) -> None:
    bare.file.write_text("addresses: [\n")
    (bare.folder / "rules.yaml").write_text("rules: 1\n")
    assert {place.partition(":")[0] for place in reasons(bare)} == {"mailgate.yaml", "rules.yaml"}


def test_a_local_part_too_long_for_reply_tokens(bare: Shell) -> None:
    bare.change("suporte@example.test", "suporte-tecnico-sp@example.test")
    assert bare("check").code == 0
    bare.change("suporte-tecnico-sp@", "suporte-tecnico-spo@")
    assert any("plus: no" in reason for reason in reasons(bare).values())
    bare.change("plus: yes}", "plus: no}")
    assert bare("check").code == 0


@pytest.mark.parametrize("harm", ["missing", "open", "nonsense"])
def test_the_gateways_own_key(bare: Shell, harm: str) -> None:
    key = bare.folder / "data/keys/mac.key"
    if harm == "missing":
        key.unlink()
    elif harm == "open":
        key.chmod(0o644)
    else:
        key.write_text("not hex")
    assert any(place.startswith("mac.key") for place in reasons(bare))


def test_a_dkim_key_that_is_none(bare: Shell) -> None:
    (bare.folder / "dkim.pem").write_text("nonsense")
    (bare.folder / "dkim.pem").chmod(0o600)
    with bare.file.open("a") as file:
        file.write("dkim: {domain: elsewhere.test, selector: s1, key_file: dkim.pem}\n")
    assert any("not usable" in reason for reason in reasons(bare).values())
    assert any("proves nothing about example.test" in reason for reason in reasons(bare, warnings=True).values())


def test_templates_that_do_not_compile(bare: Shell) -> None:
    own = bare.folder / "templates/mail"
    own.mkdir(parents=True)
    (own / "n1.txt").write_text("one\n{% if %}\n")
    assert any(place.startswith("n1.txt:2") for place in reasons(bare))


def test_the_users_file(bare: Shell) -> None:
    bare.file.write_text(bare.file.read_text() + "submission: {users_file: users}\n")
    users = bare.folder / "users"
    users.write_text(f"bruno@example.test:{hash_password('segredo-1')}\neva@mal.test:abc\n")
    users.chmod(0o640)
    warned = " ".join(bare("check").out.splitlines())
    assert "eva@mal.test is no agent" in warned
    assert "in clear" in warned
    assert "chmod 600" in warned
    users.write_text("bruno\n")
    assert any(place == "users:1" for place in reasons(bare))


def test_a_certificate_of_another_key(bare: Shell, tmp_path: Path) -> None:
    for name in ("a", "b"):
        command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -days 1 -subj /CN=x"
        made = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False)
        if made.returncode:
            pytest.skip("openssl makes no certificate here")
    (tmp_path / "b.key").chmod(0o600)
    bare.change(
        "  # hostname: mx", f"  tls: {{cert: {tmp_path / 'a.pem'}, key: {tmp_path / 'b.key'}}}\n  # hostname: mx"
    )
    assert any("cannot be used together" in reason for reason in reasons(bare).values())


def test_no_addresses_is_a_mistake(bare: Shell) -> None:
    bare.change("  - {address: suporte@example.test, department: suporte, plus: yes}", "  []")
    assert any("no `addresses`" in reason for reason in reasons(bare).values())


def test_an_old_sqlite_is_told(bare: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    assert any("SQLite" in reason for reason in reasons(bare, warnings=True).values())
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert not any("SQLite" in reason for reason in reasons(bare, warnings=True).values())


def test_limits_in_the_words_of_the_file(bare: Shell) -> None:
    bare.change("# limits:", "limits: {acks_per_address: off, message_bytes: 10MiB}\n#")
    found = {v["key"]: v for v in bare("check", "--limits", "--json").values if v["kind"] == "limit"}
    assert found["message_bytes"]["value"] == "10MiB"
    assert found["message_bytes"]["default"] == "25MiB"
    assert found["acks_per_address"] == {
        "kind": "limit", "key": "acks_per_address", "value": "off", "default": "1/10m, 5/1h, 10/1d",
    }  # fmt: skip
    assert found["access_link"]["value"] == "30d"


class TestNetwork:
    """What `--network` and `doctor` see outside."""

    def test_a_relay_that_takes_us(self, bare: Shell) -> None:
        with ScriptedRelay() as relay:
            bare.change("  port: 25\n", f"  port: {relay.port}\n")
            looks = list(probing.relay(load_settings(bare.file)))
        assert relay.mails == []
        assert [look.state for look in looks] == ["ok", "warning"]
        assert "nothing was sent" in looks[0].text
        assert "1000000" in looks[1].text

    def test_a_dead_relay_is_69(self, bare: Shell) -> None:
        bare.change("  port: 25\n", "  port: 1\n")
        bare.file.write_text(bare.file.read_text() + "auth: {resolver: '127.0.0.1:1'}\n")
        ran = bare("check", "--network", "--json")
        assert ran.code == 69
        found = {v["what"]: v for v in ran.values if v["kind"] == "look"}
        assert found["relay 127.0.0.1:1"]["state"] == "failed"

    def test_the_dead_mailbox_is_named(self, bare: Shell) -> None:
        bare.file.write_text(
            bare.file.read_text()
            + "imap: [{name: vendas, host: 127.0.0.1, port: 1, tls: none, user: u, password: p}]\n"
        )
        (look,) = probing.mailboxes(load_settings(bare.file), lambda: 0.0)
        assert (look.what, look.state) == ("mailbox vendas", "failed")

    @pytest.mark.parametrize(
        ("name", "records", "state", "said"),
        [
            ("SPF", ["v=spf1 mx +all"], "warning", "everyone may send"),
            ("DMARC", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "failed", "2 DMARC records"),
            ("DMARC", ["v=DMARC1; p=maybe; rua=x"], "ok", "p=maybe"),
            ("DMARC", ["v=DMARC1; sp=none"], "failed", "has no p="),
        ],
    )
    def test_dns_records_that_do_not_do_what_they_should(
        self, bare: Shell, name: str, records: list[str], state: str, said: str
    ) -> None:
        owner = "_dmarc.example.test" if name == "DMARC" else "example.test"
        looks = probing.dns(load_settings(bare.file), DictResolver({owner: {"TXT": records}}))
        [look] = [look for look in looks if look.what.startswith(name)]
        assert (look.state, said in look.text) == (state, True)

    def test_dns(self, bare: Shell) -> None:
        ran = bare("dkim", "keygen", "--json")
        record = ran.value["value"]
        with bare.file.open("a") as file:
            file.write("dkim: {domain: example.test, selector: s1, key_file: dkim.pem}\n")
        settings = load_settings(bare.file)
        zone = {
            "example.test": {"MX": ["10 mx.example.test"], "TXT": ["other", "v=spf1 mx -all"]},
            "_dmarc.example.test": {"TXT": ["v=DMARC1; p=none"]},
            "s1._domainkey.example.test": {"TXT": [record.replace("p=", "p= ")]},
        }
        assert {look.state for look in probing.dns(settings, DictResolver(zone))} == {"ok"}
        zone["s1._domainkey.example.test"]["TXT"] = ["v=DKIM1; k=rsa; p=AAAA"]
        zone["example.test"]["TXT"].append("v=spf1 -all")
        states = {look.what.split()[0]: look.state for look in probing.dns(settings, DictResolver(zone))}
        assert states == {"MX": "ok", "SPF": "failed", "DMARC": "ok", "DKIM": "failed"}
        states = {look.what.split()[0]: look.state for look in probing.dns(settings, DictResolver({}))}
        assert states == {"MX": "warning", "SPF": "warning", "DMARC": "warning", "DKIM": "failed"}
        for look in probing.dns(settings, DictResolver({})):
            advice = {
                "MX": "`example.test. MX 10 ",
                "SPF": 'TXT "v=spf1 mx ~all"`',
                "DMARC": '`_dmarc.example.test. TXT "v=DMARC1; p=none;',
                "DKIM": "`mailgate dkim record`",
            }
            assert advice[look.what.split()[0]] in look.text
        failing = DictResolver(zone, failing={"example.test"})
        assert {look.what.split()[0] for look in probing.dns(settings, failing) if look.state == "failed"} >= {"MX"}
