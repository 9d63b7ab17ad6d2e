"""What an admin writes into mailgate.yaml comes out as values, or as sentences that say where and how to mend it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate import yamlfile
from mailgate.errors import EX_CONFIG, ConfigError, DataError
from mailgate.limit_settings import Limits
from mailgate.scaffold import ensure_keys, presets, read_mac_key, write_configuration
from mailgate.sections import After, Since
from mailgate.settings import Settings, find_config, load_settings, read_settings, secret
from mailgate.yamltypes import FOREVER, UNLIMITED, Listen, Rate

# The file that admins and rigs write, every key of it.
WHOLE = """\
base_url: http://127.0.0.1:8025
data: ./data
database: sqlite
blobs: ./data/blobs
locale: pt-BR
timezone: America/Sao_Paulo
preset: centrium
company: {name: Exemplo Sistemas, site: "https://example.test", phone: "", hours: "8h–18h", logo: logo.png}
key: {prefix: SUP, label: ticket}
guests: yes
addresses:
  - {address: suporte@example.test, department: suporte, plus: yes, list_id: ""}
agents:
  - {name: Bruno, address: bruno@example.test, departments: [suporte], role: agent}
smtp:       {listen: "127.0.0.1:2525", hostname: mx.example.test, tls: {cert: "", key: ""}}
submission: {listen: "127.0.0.1:2587", users_file: users}
lmtp:       {listen: "127.0.0.1:2424"}
imap:
  - {name: suporte, host: 127.0.0.1, port: 1143, tls: none, user: suporte, password: secret, folders: [INBOX],
     since: now, after: {move: Lidos}, authserv_id: ""}
relay:  {host: 127.0.0.1, port: 2600, tls: none, user: "", password_file: "", retry: [1s, 2s, 4s], give_up: 5d,
         null_sender: yes}
auth:   {resolver: "127.0.0.1:5355", trusted: [mx.example.test]}
portal: {listen: "127.0.0.1:8025"}
ops:    {listen: "127.0.0.1:8026"}
dkim:   {domain: example.test, selector: s1, key_file: dkim.pem}
sweeps: {journal: 1s, outbox: 1s, timers: 5s, imap: 5s}
ack_within: 2d
limits: {connections: 100, connections_per_ip: off, mails_per_connection: off, message_bytes: 25MiB,
         acks_per_address: off, acks_total: off, mails_per_sender: off, tickets_per_sender: off,
         comments_per_ticket: off, notices_per_address: off, stored_per_day: off}
clock: file:offset
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "mailgate.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def loaded(folder: Path, text: str) -> Settings:
    return load_settings(written(folder, text), {})


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    assert caught.value.exit_code == EX_CONFIG
    return [f"{m.line}:{m.column}: {m.reason}" for m in caught.value.mistakes]


def warnings(folder: Path, text: str) -> list[str]:
    settings, found = read_settings(written(folder, text), {})
    assert settings is not None
    return [m.reason for m in found if m.warning]


def test_the_whole_file_as_rigs_write_it(tmp_path: Path) -> None:
    key = tmp_path / "dkim.pem"
    key.touch(0o600)
    settings = load_settings(written(tmp_path, WHOLE), {"MAILGATE_TEST": "1"})

    assert settings.data == tmp_path / "data"
    assert settings.database_url == f"sqlite:///{tmp_path}/data/mailgate.sqlite"
    assert settings.blobs_url == str(tmp_path / "data/blobs")
    assert settings.company.logo == tmp_path / "logo.png"
    assert settings.guests == "yes"
    assert (settings.addresses[0].address, settings.addresses[0].plus) == ("suporte@example.test", True)
    assert settings.departments == ("suporte",)
    assert settings.smtp is not None
    assert settings.smtp.listen == Listen("127.0.0.1", 2525)
    assert settings.smtp.tls.cert is None
    assert settings.hostname == "mx.example.test"
    assert settings.submission is not None
    assert settings.submission.users_file == tmp_path / "users"
    assert settings.imap[0].since == Since("now")
    assert settings.imap[0].after == After("move", "Lidos")
    assert settings.imap[0].password.get_secret_value() == "secret"
    assert settings.relay.retry == (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4))
    assert settings.relay.password_file is None
    assert settings.auth.resolver == ("127.0.0.1", 5355)
    assert settings.dkim is not None
    assert settings.dkim.key_file == key
    assert settings.limits.message_bytes == 25 * 1024 * 1024
    assert settings.limits.connections_per_ip == UNLIMITED
    assert settings.limits.acks_per_address == ()
    (tmp_path / "offset").write_text("+7d3h")
    from mailgate.clock import utc_now

    assert settings.now()() - utc_now() > timedelta(days=7)


def test_an_empty_file_has_every_default_and_starts_no_road(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert (settings.preset, settings.locale, settings.timezone) == ("centrium", "pt-BR", "America/Sao_Paulo")
    assert (settings.smtp, settings.submission, settings.lmtp, settings.imap) == (None, None, None, ())
    assert (settings.portal, settings.ops, settings.dkim) == (None, None, None)
    assert (settings.relay.host, settings.relay.port, settings.relay.tls) == ("127.0.0.1", 25, "none")
    assert settings.relay.retry[-1] == timedelta(hours=8)
    assert settings.limits.acks_per_address == (
        Rate(1, timedelta(minutes=10)),
        Rate(5, timedelta(hours=1)),
        Rate(10, timedelta(days=1)),
    )
    assert settings.limits.imap_literal_bytes == int(27.5 * 1024 * 1024)


def test_a_section_with_nothing_in_it_is_started_with_its_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "smtp:\nportal: {}\n")
    assert settings.smtp is not None
    assert settings.portal is not None
    assert str(settings.smtp.listen) == "127.0.0.1:2525"


@pytest.mark.parametrize(
    ("word", "value"), [("yes", True), ("no", False), ("true", True), ("False", False), ('"no"', False)]
)
def test_yes_and_no_are_words_of_yaml_1_2(tmp_path: Path, word: str, value: bool) -> None:
    assert loaded(tmp_path, f"relay: {{null_sender: {word}}}").relay.null_sender is value


def test_a_telephone_or_version_stays_text(tmp_path: Path) -> None:
    document = yamlfile.parse('norway: no\nphone: "0800"\noctal: 0o14\nfloat: 1.20\nday: 2026-12-24', "x")
    assert document.data == {"norway": "no", "phone": "0800", "octal": 12, "float": 1.2, "day": "2026-12-24"}


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("0.0.0.0:25", Listen("0.0.0.0", 25)),
        ("[::1]:25", Listen("::1", 25)),
        ("localhost:0", Listen("localhost", 0)),
    ],
)
def test_where_to_listen(tmp_path: Path, text: str, listen: Listen) -> None:
    settings = loaded(tmp_path, f'lmtp: {{listen: "{text}"}}')
    assert settings.lmtp is not None
    assert settings.lmtp.listen == listen
    assert str(listen) == text


def test_lmtp_listens_on_a_unix_socket_beside_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "lmtp: {listen: unix:run/lmtp}")
    assert settings.lmtp is not None
    assert settings.lmtp.listen == Listen("", 0, tmp_path / "run/lmtp")


def test_a_relay_elsewhere_gets_tls_unless_told_otherwise(tmp_path: Path) -> None:
    assert loaded(tmp_path, "relay: {host: mail.example.test, port: 587}").relay.tls == "starttls"
    assert loaded(tmp_path, "relay: {host: mail.example.test, port: 465}").relay.tls == "tls"
    assert loaded(tmp_path, "relay: {host: mail.example.test, tls: none}").relay.tls == "none"


def test_imap_port_and_tls_follow_each_other(tmp_path: Path) -> None:
    text = "imap:\n  - {host: a, user: u}\n  - {host: a, user: u, tls: starttls}\n  - {host: a, user: u, port: 143}\n"
    accounts = loaded(tmp_path, text).imap
    assert [(a.port, a.tls) for a in accounts] == [(993, "tls"), (143, "starttls"), (143, "starttls")]


def test_since_a_date_and_flags_on_the_server(tmp_path: Path) -> None:
    text = "imap:\n  - {host: a, user: u, since: 2026-11-01, after: {flag: \\Seen}}\n"
    text += "  - {host: a, user: u, after: leave}\n"
    first, second = loaded(tmp_path, text).imap
    assert first.since == Since("date", date(2026, 11, 1))
    assert (first.after, second.after) == (After("flag", "\\Seen"), After("leave"))


def test_every_limit_can_be_off() -> None:
    limits = Limits.model_validate(dict.fromkeys(Limits.model_fields, "off") | {"imap_backoff": "5s"})
    for name in set(Limits.model_fields) - {"imap_backoff"}:
        assert getattr(limits, name) in (UNLIMITED, FOREVER, ()), name


def test_time_is_moved_only_in_tests(tmp_path: Path) -> None:
    assert "1:8: `clock`: it moves time" in mistakes(tmp_path, "clock: file:offset")[0]


def test_http_is_for_this_machine_only(tmp_path: Path) -> None:
    assert loaded(tmp_path, "base_url: http://localhost:8025/").base_url == "http://localhost:8025"
    assert "write https" in mistakes(tmp_path, "base_url: http://suporte.example.com")[0]


def test_an_agent_is_not_a_support_address(tmp_path: Path) -> None:
    text = "addresses: [{address: a@x.test}]\nagents:\n"
    text += "  - {name: A, address: A@X.test}\n  - {name: B, address: a@x.test}\n"
    found = mistakes(tmp_path, text)
    assert any("3:" in m and "support address" in m for m in found)
    assert any("4:" in m and "listed twice" in m for m in found)


def test_all_mistakes_at_once_each_with_its_place(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "smpt: {}\nlocale: pt_BR\nack_within: 2x\nlimits: {connections: many}\n")
    assert [m.split(" ")[0] for m in found] == ["1:1:", "2:9:", "3:13:", "4:23:"]
    assert "did you mean `smtp`?" in found[0]
    assert "did you mean `pt-BR`?" in found[1]


def test_a_missing_or_open_key_is_refused(tmp_path: Path) -> None:
    text = "dkim: {domain: x.test, selector: s, key_file: dkim.pem}"
    assert "cannot be read" in mistakes(tmp_path, text)[0]
    key = tmp_path / "dkim.pem"
    key.touch(0o600)
    key.chmod(0o644)
    assert "can be read by others" in mistakes(tmp_path, text)[0]
    key.chmod(0o600)
    assert loaded(tmp_path, text).dkim is not None


def test_unwise_things_are_said_but_run(tmp_path: Path) -> None:
    text = "relay: {host: mail.test, tls: none, user: u, password: p}\n"
    assert any("in clear" in w for w in warnings(tmp_path, text))
    assert any("dkim" in w for w in warnings(tmp_path, text))
    assert not any("others can read" in w for w in warnings(tmp_path, text))
    (tmp_path / "mailgate.yaml").chmod(0o644)
    _, found = read_settings(tmp_path / "mailgate.yaml", {})
    assert any("others can read" in m.reason and m.line == 1 for m in found)


def test_a_secret_out_of_the_environment(tmp_path: Path) -> None:
    text = "relay: {user: u, password: '${RELAY_PASSWORD}'}"
    (tmp_path / "mailgate.yaml").write_text(text, encoding="utf-8")
    settings, found = read_settings(tmp_path / "mailgate.yaml", {"RELAY_PASSWORD": "s3cret"})
    assert settings is not None
    assert settings.relay.password.get_secret_value() == "s3cret"
    assert not any("others can read" in m.reason for m in found)
    settings, found = read_settings(tmp_path / "mailgate.yaml", {})
    assert settings is None
    assert [(m.line, m.column, m.reason) for m in found] == [
        (1, 28, "`relay.password`: the environment has no RELAY_PASSWORD")
    ]


def test_a_secret_by_value_or_by_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("s3cret\n")
    relay = loaded(tmp_path, "relay: {user: u, password_file: pw}").relay
    assert secret(relay.password, relay.password_file) == "s3cret"
    relay = loaded(tmp_path, "relay: {user: u, password: direct}").relay
    assert secret(relay.password, relay.password_file) == "direct"
    assert "direct" not in repr(relay)


def test_where_the_configuration_is_looked_for(tmp_path: Path) -> None:
    here, other = tmp_path / "here", tmp_path / "other"
    (here / "config").mkdir(parents=True)
    other.mkdir()
    in_config = written(here / "config", "")
    in_other = written(other, "")
    assert find_config(None, {}, here) == in_config
    assert find_config(None, {"MAILGATE_CONFIG": str(other)}, here) == in_other
    assert find_config(in_config, {"MAILGATE_CONFIG": str(other)}, here) == in_config
    with pytest.raises(ConfigError, match="mailgate init"):
        find_config(tmp_path / "nowhere", {}, here)


@pytest.mark.parametrize("preset", presets())
def test_init_writes_a_configuration_that_loads(tmp_path: Path, preset: str) -> None:
    files = write_configuration(tmp_path, preset)
    settings = load_settings(files[0], {})
    assert settings.preset == preset
    assert settings.smtp is not None
    assert settings.portal is not None
    assert len(read_mac_key(settings.data)) == 32
    assert {f.name for f in files} >= {"mailgate.yaml", "mac.key"}
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}
    assert (settings.data.stat().st_mode & 0o777, settings.keys.stat().st_mode & 0o777) == (0o700, 0o700)


def test_init_puts_the_keys_where_the_data_will_be(tmp_path: Path) -> None:
    files = write_configuration(tmp_path / "etc", "centrium", tmp_path / "var: lib")
    settings = load_settings(files[0], {})
    assert settings.data == tmp_path / "var: lib"
    assert len(read_mac_key(settings.data)) == 32
    assert not (tmp_path / "etc/data").exists()


def test_init_never_overwrites(tmp_path: Path) -> None:
    write_configuration(tmp_path, "centrium")
    before = read_mac_key(tmp_path / "data")
    with pytest.raises(DataError, match="exists already"):
        write_configuration(tmp_path, "centrium")
    assert ensure_keys(tmp_path / "data") == []
    assert read_mac_key(tmp_path / "data") == before


def test_a_lost_key_is_not_made_up_again(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        read_mac_key(tmp_path)
    ensure_keys(tmp_path)
    key = tmp_path / "keys/mac.key"
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        read_mac_key(tmp_path)
    key.chmod(0o600)
    key.write_text("abcd")
    with pytest.raises(ConfigError, match="2 bytes"):
        read_mac_key(tmp_path)


@given(st.text(st.sampled_from("ab:{}[]-,&*!#'\"|>%@ \n\t\0é~?\\"), max_size=60))
def test_whatever_is_written_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        document = yamlfile.parse(text, "f.yaml")
        model, found = yamlfile.validate(document, Settings, {"folder": Path("/nonexistent")})
    except ConfigError as error:
        model, found = None, error.mistakes
    assert (model is None) == bool(found)
    assert all(m.file == "f.yaml" and m.line >= 1 and m.column >= 1 for m in found)
