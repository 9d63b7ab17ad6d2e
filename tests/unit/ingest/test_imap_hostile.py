"""Servers and people on the line who mean harm: nothing is held up, filled up, or believed before TLS."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailgate.ingest.imap import ImapAccount, ImapRefused, ImapTrouble, LoginRefused, probe
from mailgate.ingest.imap_session import ImapSession
from mailgate.ingest.imap_wire import LiteralTooLarge
from tests.integration.machine import wait_until
from tests.unit.ingest.fake_imap import FULL, Connection, FakeImap
from tests.unit.ingest.imap_house import HASTE, NOW, House, account_at, mail


@pytest.fixture
def server() -> Iterator[FakeImap]:
    with FakeImap() as fake:
        yield fake


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def tls_server(certificate: Path, implicit: bool) -> FakeImap:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return FakeImap(context, implicit)


def session(account: ImapAccount) -> ImapSession:
    return ImapSession(account, time.monotonic)


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_mail_is_read_inside_tls(certificate: Path, tls: str) -> None:
    house = House()
    with tls_server(certificate, tls == "tls") as server:
        server.inbox.add(mail("one", "x" * 200_000), NOW)
        account = account_at(server, tls=tls, ca_file=str(certificate), poll=timedelta(hours=1))
        with house.running(account):
            house.wait_last(1)
            wait_until(server.idling, what="IDLE")
            server.deliver(mail("two"), NOW)
            house.wait_last(2)
    assert house.raws() == [mail("one", "x" * 200_000), mail("two")]


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_a_certificate_nobody_vouches_for_is_refused_unless_told_so(certificate: Path, tls: str) -> None:
    with tls_server(certificate, tls == "tls") as server:
        with pytest.raises(ImapTrouble, match="certificate verify failed"):
            session(account_at(server, tls=tls))
        assert not any("LOGIN" in c or "AUTHENTICATE" in c for c in server.commands)
        session(account_at(server, tls=tls, verify_certificate=False)).close()


def test_what_was_said_before_tls_does_not_count_inside(certificate: Path) -> None:
    with tls_server(certificate, implicit=False) as server:
        server.greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS X-EVIL] ready\r\n* CAPABILITY IMAP4rev1 STARTTLS X-EVIL"
        with session(account_at(server, tls="starttls", ca_file=str(certificate))) as open_session:
            assert not open_session.can("X-EVIL")
            assert open_session.can("IDLE")


def test_text_injected_between_starttls_and_tls_ends_the_connection(server: FakeImap) -> None:
    def inject(c: Connection, tag: str, args: str) -> bool:
        c.raw(f"{tag} OK begin TLS\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n".encode())
        return True

    server.moods["STARTTLS"] = inject
    with pytest.raises(ImapTrouble, match="between STARTTLS and TLS"):
        session(account_at(server, tls="starttls"))
    assert server.seen["AUTHENTICATE"] == 0


@pytest.mark.parametrize("trick", ["not offered", "preauth", "refused"])
def test_nobody_talks_us_out_of_starttls(server: FakeImap, trick: str) -> None:
    if trick == "not offered":
        server.capabilities = "IMAP4rev1 AUTH=PLAIN IDLE"
    elif trick == "preauth":
        server.greeting = "* PREAUTH welcome home"
    else:
        server.moods["STARTTLS"] = lambda c, tag, args: c.no(tag)
    with pytest.raises(ImapTrouble, match="STARTTLS"):
        session(account_at(server, tls="starttls"))
    assert {"AUTHENTICATE", "LOGIN"}.isdisjoint(server.seen)


def test_a_password_is_not_sent_where_login_is_disabled(server: FakeImap) -> None:
    server.capabilities = "IMAP4rev1 LOGINDISABLED"
    with pytest.raises(LoginRefused, match="tls: tls"):
        session(account_at(server))
    assert server.seen["LOGIN"] == 0


@pytest.mark.parametrize("announced", ["99999999", "9" * 300, "9" * 5000])
def test_a_huge_literal_is_not_read(server: FakeImap, announced: str) -> None:
    server.inbox.add(mail(), NOW)

    def huge(c: Connection, tag: str, args: str) -> bool:
        if "BODY" not in args:
            return False
        c.raw(f"* 1 FETCH (UID 1 BODY[] {{{announced}}}\r\n".encode())
        return c.hang()

    server.moods["UID FETCH"] = huge
    with session(account_at(server)) as open_session:
        open_session.select("INBOX", readonly=True)
        with pytest.raises(ImapTrouble) as caught:
            open_session.bodies([1])
    assert isinstance(caught.value, LiteralTooLarge) or "cannot be read" in str(caught.value)


def test_a_mail_whose_size_was_a_lie_is_stuck_and_later_ones_come(server: FakeImap) -> None:
    house = House()
    server.inbox.add(mail("liar", "x" * 5000), NOW, said_size=10)
    server.inbox.add(mail("honest"), NOW)
    with house.running(account_at(server, max_message_bytes=2000, max_literal_bytes=2200)):
        wait_until(lambda: house.folder_health().stuck == (1,), what="UID 1 stuck")
        house.wait_taken(1)
        assert house.raws() == [mail("honest")]


@pytest.mark.parametrize("flood", [b"* 1 EXISTS\r\n" * 1000, b"* OK " + b"x" * 60_000 + b"\r\n", b"x" * 60_000])
def test_a_server_that_never_ends_is_left(server: FakeImap, flood: bytes) -> None:
    def endless(c: Connection, tag: str, args: str) -> bool:
        while True:
            c.raw(flood)

    server.moods["UID SEARCH"] = endless
    with session(account_at(server, timeouts=replace(HASTE, operation=30))) as open_session:
        open_session.select("INBOX", readonly=True)
        with pytest.raises(ImapTrouble, match=r"lines for one command|far more|without end"):
            open_session.search(0, None)


def test_a_server_that_drips_is_left_when_its_time_is_over(server: FakeImap) -> None:
    def drip(c: Connection, tag: str, args: str) -> bool:
        while not c.closed.wait(0.02):
            c.raw(b"x")
        return True

    server.moods["UID SEARCH"] = drip
    with session(account_at(server, timeouts=replace(HASTE, operation=0.3))) as open_session:
        open_session.select("INBOX", readonly=True)
        began = time.monotonic()
        with pytest.raises(ImapTrouble, match=r"did not finish its answer in 0\.3 s"):
            open_session.search(0, None)
        assert time.monotonic() - began < 5


def test_a_mail_sent_under_another_uid_is_not_taken_for_the_one_asked_for(server: FakeImap) -> None:
    house = House()
    server.inbox.add(mail("right"), NOW)

    def swapped(c: Connection, tag: str, args: str) -> bool:
        if "BODY" not in args:
            return False
        c.say_mail(1, body=True, said_uid=77)
        c.ok(tag)
        return True

    server.moods["UID FETCH"] = swapped
    with house.running(account_at(server)):
        wait_until(lambda: house.folder_health().stuck == (1,), what="UID 1 stuck")
        assert house.taken == []
        server.moods.clear()
        house.wait_last(1)
    assert house.raws() == [mail("right")]


def test_mail_pushed_before_it_was_asked_for_is_not_an_answer(server: FakeImap) -> None:
    server.inbox.add(mail("true"), NOW)

    def early(c: Connection, tag: str, args: str) -> bool:
        c.raw(b"* 1 FETCH (UID 1 BODY[] {4}\r\nfake)\r\n")
        return False

    def silent(c: Connection, tag: str, args: str) -> bool:
        c.ok(tag)
        return True

    server.moods["UID SEARCH"] = early
    server.moods["UID FETCH"] = silent
    with session(account_at(server)) as open_session:
        open_session.select("INBOX", readonly=True)
        assert open_session.search(0, None) == [1]
        assert open_session.bodies([1]) == {}


def test_uids_out_of_range_are_not_believed(server: FakeImap) -> None:
    def odd(c: Connection, tag: str, args: str) -> bool:
        c.say("* SEARCH 0 3 3 7 4294967296 99999999999999999999 5")
        c.ok(tag)
        return True

    server.moods["UID SEARCH"] = odd
    with session(account_at(server)) as open_session:
        open_session.select("INBOX", readonly=True)
        assert open_session.search(4, None) == [5, 7]


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 1 BODY[] NIL)",
        b"* 1 FETCH (UID 1 BODY[] {0}\r\n)",
        b"* 1 FETCH (UID 1)",
        b"* 1 FETCH " + b"(" * 5000,
        b'* 1 FETCH (UID "x" BODY[] "y")',
        b"* x FETCH",
        b"* 1 FETCH (UID 1 BODY[]",
        b'* 1 FETCH (UID 1 BODY[] "',
        b"\xff\xfe\x00",
    ],
)
def test_answers_that_make_no_sense_are_trouble_not_faults(server: FakeImap, answer: bytes) -> None:
    server.inbox.add(mail(), NOW)

    def nonsense(c: Connection, tag: str, args: str) -> bool:
        c.raw(answer + b"\r\n")
        c.ok(tag)
        return True

    server.moods["UID FETCH"] = nonsense
    with session(account_at(server)) as open_session:
        open_session.select("INBOX", readonly=True)
        with contextlib.suppress(ImapTrouble):
            assert open_session.bodies([1]) == {}


def test_a_folder_without_uidvalidity_is_refused(server: FakeImap) -> None:
    def bare(c: Connection, tag: str, args: str) -> bool:
        c.say("* 0 EXISTS")
        c.ok(tag)
        return True

    server.moods["EXAMINE"] = bare
    with session(account_at(server)) as open_session, pytest.raises(ImapRefused, match="UIDVALIDITY"):
        open_session.select("INBOX", readonly=True)


def test_a_server_that_prints_our_password_does_not_get_it_into_the_record(server: FakeImap) -> None:
    server.passwords = {}
    server.moods["AUTHENTICATE"] = lambda c, tag, args: c.no(tag, "password secret is wrong \x1b[31m")
    with pytest.raises(LoginRefused) as caught:
        session(account_at(server))
    assert str(caught.value) == "logging in: password *** is wrong  [31m"


def test_probe_says_all_that_is_missing_at_once(server: FakeImap) -> None:
    from mailgate.ingest.imap import Move

    server.capabilities = FULL.replace(" IDLE MOVE UIDPLUS", "")
    found = probe(account_at(server, folders=("INBOX", "Vendas"), after=Move("Lidos")), time.monotonic)
    assert not found.ok
    assert found.problems == (
        "opening the folder Vendas: select failed: [NONEXISTENT] no such folder; the server has INBOX",
    )
    assert [w.split(":")[0] for w in found.warnings] == [
        "the server has no IDLE",
        "the folder Lidos is missing; it will be made with the first mail",
        "the server has neither MOVE nor UIDPLUS",
    ]
    assert server.folders.keys() == {"INBOX"}, "a probe changed something"


def test_probe_of_a_port_where_nobody_is(server: FakeImap) -> None:
    server.__exit__()
    found = probe(account_at(server), time.monotonic)
    assert found.problems == ("connecting: Connection refused",)
