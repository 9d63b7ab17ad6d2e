"""The relay in every mood: what it says becomes accepted, deferred or failed, and one sentence."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailgate.authn.oauth import Grant, TokenSource
from mailgate.notify import session as session_module
from mailgate.notify.transport import DeliveryResult, Relay, RelaySettings
from tests.integration.machine import wait_until
from tests.unit.notify.scripted import DROP, HANG, ScriptedRelay

MAIL = b"Subject: hi\r\n\r\nhello\r\n"
PIPELINING = {"EHLO": b"250-relay.test\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n"}
NO_RECIPIENTS = b"554 5.5.1 no valid recipients\r\n"
FAST = {"connect_seconds": 2.0, "command_seconds": 2.0, "data_seconds": 2.0}
Send = Callable[..., DeliveryResult]


@pytest.fixture
def relays() -> Iterator[list[Relay]]:
    made: list[Relay] = []
    yield made
    for relay in made:
        relay.close()


@pytest.fixture
def to(relays: list[Relay]) -> Callable[..., Relay]:
    def make(server: ScriptedRelay, **settings: Any) -> Relay:
        relay = Relay(RelaySettings("127.0.0.1", server.port, **{"tls": "none", **FAST, **settings}))
        relays.append(relay)
        return relay

    return make


def send(relay: Relay, rcpt_to: str = "ana@cliente.test", raw: bytes = MAIL, mail_from: str = "") -> DeliveryResult:
    return relay.send(mail_from, rcpt_to, raw)


def test_accepted_mail_and_what_the_relay_said(to: Callable[..., Relay]) -> None:
    with ScriptedRelay() as server:
        result = send(to(server), mail_from="suporte+b1@example.test")
        assert result == DeliveryResult("accepted", 250, "2.0.0", "Ok: queued as 4711", f"127.0.0.1:{server.port}")
        assert server.commands[1:3] == [
            f"MAIL FROM:<suporte+b1@example.test> SIZE={len(MAIL)}",
            "RCPT TO:<ana@cliente.test>",
        ]
        assert server.mails == [MAIL]


def test_null_sender_and_bytes_put_right(to: Callable[..., Relay]) -> None:
    with ScriptedRelay() as server:
        assert send(to(server), raw=b".A: b\n\nx\r.y\n..z\n.").state == "accepted"
        assert server.commands[1].startswith("MAIL FROM:<> ")
        assert server.mails == [b"..A: b\r\n\r\nx\r\n..y\r\n...z\r\n..\r\n"]


@pytest.mark.parametrize("talk", [{}, PIPELINING], ids=["one by one", "pipelining"])
@pytest.mark.parametrize(
    ("stage", "reply", "state", "code", "enhanced"),
    [
        ("greeting", b"421 4.3.2 too busy\r\n", "deferred", 421, "4.3.2"),
        ("greeting", b"554 5.7.1 you are not welcome\r\n", "deferred", 554, "5.7.1"),
        ("EHLO", b"550 who are you\r\n", "deferred", 550, "4.3.5"),
        ("MAIL", b"451 4.3.0 later\r\n", "deferred", 451, "4.3.0"),
        ("MAIL", b"530 5.7.0 authenticate first\r\n", "deferred", 530, "5.7.0"),
        ("MAIL", b"550 5.7.1 sender refused\r\n", "failed", 550, "5.7.1"),
        ("RCPT", b"450 4.2.0 greylisted\r\n", "deferred", 450, "4.2.0"),
        ("RCPT", b"550 5.1.1 no such user\r\n", "failed", 550, "5.1.1"),
        ("RCPT", b"421 4.4.2 going away\r\n", "deferred", 421, "4.4.2"),
        ("DATA", b"451 4.3.0 no disk\r\n", "deferred", 451, "4.3.0"),
        ("DATA", b"554 5.5.1 no\r\n", "failed", 554, "5.5.1"),
        (".", b"452 4.3.1 full\r\n", "deferred", 452, "4.3.1"),
        (".", b"554 5.6.0 refused by content\r\n", "failed", 554, "5.6.0"),
    ],
)
def test_a_reply_at_each_stage(
    to: Callable[..., Relay], talk: dict[str, bytes], stage: str, reply: bytes, state: str, code: int, enhanced: str
) -> None:
    with ScriptedRelay({**talk, stage: reply}) as server:
        result = send(to(server))
    assert (result.state, result.code, result.enhanced) == (state, code, enhanced)


@pytest.mark.parametrize("mood", [DROP, HANG, b"hello there\r\n", b"2x0 Ok\r\n", b"999 what\r\n", b"a" * 20000])
@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_silence_drops_and_garbage_are_tried_again(to: Callable[..., Relay], stage: str, mood: Any) -> None:
    with ScriptedRelay({stage: mood}) as server:
        limits = {"connect_seconds": 0.3, "command_seconds": 0.3, "data_seconds": 0.3}
        result = send(to(server, **limits))
    assert result.state == "deferred"
    assert result.text
    if stage == "." and mood in (DROP, HANG):
        assert "not known" in result.text


@pytest.mark.parametrize("mood", [DROP, HANG, b"hello there\r\n"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
def test_silence_drops_and_garbage_in_a_pipeline(to: Callable[..., Relay], stage: str, mood: Any) -> None:
    with ScriptedRelay({**PIPELINING, stage: mood}) as server:
        result = send(to(server, command_seconds=0.3, data_seconds=0.3))
    assert result.state == "deferred"


def test_a_pipeline_is_one_turn_and_survives_a_refusal(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({**PIPELINING}) as server:
        relay = to(server)
        assert send(relay).state == "accepted"
        server.scripts[0] |= {"RCPT": b"550 5.1.1 no such user\r\n", "DATA": NO_RECIPIENTS}
        result = send(relay)
        assert (result.state, result.code) == ("failed", 550)
        server.scripts[0] |= {"RCPT": b"250 Ok\r\n", "DATA": b"354 go on\r\n"}
        assert send(relay).state == "accepted"
        assert len(server.heard) == 1
        assert server.mails == [MAIL, MAIL]


def test_a_relay_that_wants_data_for_nobody_is_left(to: Callable[..., Relay]) -> None:
    """354 although the only recipient was refused: nothing is said, so that nothing can be taken."""
    with ScriptedRelay({**PIPELINING, "RCPT": b"550 5.1.1 no such user\r\n"}, PIPELINING) as server:
        relay = to(server)
        assert send(relay).state == "failed"
        assert send(relay).state == "accepted"
        assert len(server.heard) == 2
        assert server.mails == [MAIL]


def test_a_rested_pipeline_that_died_costs_nothing(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({**PIPELINING}, PIPELINING) as server:
        relay = to(server)
        assert send(relay).state == "accepted"
        server.scripts[0]["MAIL"] = b"421 4.4.2 idle for too long\r\n"
        assert send(relay).state == "accepted"
        assert len(server.heard) == 2


def test_a_reply_that_drips_has_one_deadline(to: Callable[..., Relay]) -> None:
    """Each byte comes in time; the reply never does."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        peer, _ = listener.accept()
        with peer:
            while not over.wait(0.05):
                try:
                    peer.sendall(b"2")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    begun = time.monotonic()
    relay = Relay(RelaySettings("127.0.0.1", listener.getsockname()[1], tls="none", connect_seconds=0.4))
    assert send(relay).state == "deferred"
    assert time.monotonic() - begun < 3
    over.set()
    listener.close()
    thread.join(5)


def test_nobody_listens() -> None:
    with ScriptedRelay() as server:
        port = server.port
    result = send(Relay(RelaySettings("127.0.0.1", port, tls="none", connect_seconds=1)))
    assert (result.state, result.code, result.enhanced) == ("deferred", 0, "4.4.1")
    assert "cannot reach" in result.text


def test_one_connection_carries_many_mails_and_survives_a_refusal(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({}) as server:
        relay = to(server)
        assert send(relay).state == "accepted"
        server.scripts[0]["RCPT"] = b"550 5.1.1 no such user\r\n"
        assert send(relay).state == "failed"
        server.scripts[0]["RCPT"] = b"250 Ok\r\n"
        assert send(relay).state == "accepted"
        assert len(server.heard) == 1
        assert "RSET" in server.commands


def test_a_rested_connection_that_died_costs_nothing(to: Callable[..., Relay]) -> None:
    """The relay closes after its first mail, seen or not yet seen: the second goes out on a fresh connection."""
    with ScriptedRelay({"MAIL": b"250 Ok\r\n"}, {}) as server:
        relay = to(server)
        assert send(relay).state == "accepted"
        server.scripts[0]["MAIL"] = DROP
        assert send(relay).state == "accepted"
        assert len(server.heard) == 2
        server.scripts[1]["MAIL"] = b"421 4.4.2 idle for too long\r\n"
        server.scripts.append({**server.scripts[1], "MAIL": b"250 Ok\r\n"})
        assert send(relay).state == "accepted"
        assert len(server.mails) == 3


def test_old_and_worn_connections_are_left(relays: list[Relay]) -> None:
    now = [0.0]
    with ScriptedRelay() as server:
        relay = Relay(
            RelaySettings("127.0.0.1", server.port, tls="none", idle_seconds=30, mails_per_connection=2),
            monotonic=lambda: now[0],
        )
        relays.append(relay)
        send(relay)
        now[0] = 31.0
        send(relay)
        send(relay)
        send(relay)
        assert [len(h.mails) for h in server.heard] == [1, 2, 1]
        assert server.heard[0].commands[-1] == "QUIT"


def test_a_stuck_mail_holds_up_nobody(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({"RCPT": HANG}, {}) as server:
        relay = to(server, command_seconds=10.0)
        stuck = threading.Thread(target=send, args=(relay,), daemon=True)
        stuck.start()
        limit = time.monotonic() + 5
        while not any(c.startswith("RCPT") for c in server.commands) and time.monotonic() < limit:
            threading.Event().wait(0.01)
        assert send(relay).state == "accepted"
        assert stuck.is_alive()
    stuck.join(10)


@pytest.mark.parametrize("at", ["RCPT", "."])
def test_when_all_are_stuck_the_first_try_that_sticks_longest_is_cut(to: Callable[..., Relay], at: str) -> None:
    """S6: before the body after seconds, behind it after a minute, and what was tried before never."""
    with ScriptedRelay({at: HANG}) as server:
        relay = to(server, command_seconds=20.0, data_seconds=20.0, max_connections=2, stuck_seconds=0.2,
                   stuck_after_data_seconds=0.6)  # fmt: skip
        results: dict[bool, DeliveryResult] = {}

        def one(hurried: bool) -> None:
            results[hurried] = relay.send("", "ana@cliente.test", MAIL, hurried)

        threads = [threading.Thread(target=one, args=(hurried,), daemon=True) for hurried in (False, True)]
        threads[0].start()
        assert not relay.relieve(), "one connection is free"
        threads[1].start()
        wait_until(lambda: sum(c.startswith("DATA" if at == "." else "RCPT") for c in server.commands) == 2, 5, "stuck")
        began = time.monotonic()
        wait_until(relay.relieve, 5, "a cut", every=0.01)
        assert time.monotonic() - began > (0.4 if at == "." else 0.0)
        threads[1].join(5)
        assert (results[True].state, "not known" in results[True].text) == ("deferred", at == ".")
        assert not relay.relieve()
        assert threads[0].is_alive()
        relay.cut()
        threads[0].join(5)
        assert results[False].state == "deferred"


def test_never_more_connections_than_allowed(to: Callable[..., Relay]) -> None:
    with ScriptedRelay() as server:
        relay = to(server, max_connections=2)
        results: list[DeliveryResult] = []
        threads = [threading.Thread(target=lambda: results.append(send(relay))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert [r.state for r in results] == ["accepted"] * 12
        assert len(server.heard) <= 2


def test_too_large_is_known_before_it_is_sent(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({"EHLO": b"250-relay.test\r\n250 SIZE 10\r\n"}) as server:
        result = send(to(server))
        assert (result.state, result.enhanced) == ("failed", "5.3.4")
        assert not any(c.startswith("MAIL") for c in server.commands)


def test_8bit_and_foreign_addresses(to: Callable[..., Relay]) -> None:
    body = "Subject: x\r\n\r\nolá\r\n".encode()
    with ScriptedRelay({}) as server:
        relay = to(server)
        assert send(relay, raw=body).state == "accepted"
        assert server.commands[1].endswith(" BODY=8BITMIME")
        assert send(relay, rcpt_to="ana@padaria-são.test").state == "accepted"
        assert "RCPT TO:<ana@xn--padaria-so-n5a.test>" in server.commands
        assert send(relay, rcpt_to="josé@cliente.test").enhanced == "5.6.7"
    with ScriptedRelay({"EHLO": b"250-relay.test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"}) as server:
        assert send(to(server), rcpt_to="josé@cliente.test").state == "accepted"
        assert server.commands[1] == "MAIL FROM:<> SMTPUTF8"
        assert server.commands[2] == "RCPT TO:<josé@cliente.test>"
    with ScriptedRelay({"EHLO": b"250 relay.test\r\n"}) as server:
        assert send(to(server), raw=body).enhanced == "5.6.3"


@pytest.mark.parametrize(
    "address", ["a@b.test>\r\nRCPT TO:<v@x.test", "a b@c.test", "a@b.test> SIZE=1", "ana", "", "@x.test"]
)
def test_an_address_is_never_a_command(to: Callable[..., Relay], address: str) -> None:
    with ScriptedRelay() as server:
        result = send(to(server), rcpt_to=address)
        assert (result.state, result.enhanced) == ("failed", "5.1.3")
        assert not any(c.startswith("RCPT") for c in server.commands)


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "relay.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


EHLO_TLS = b"250-relay.test\r\n250 STARTTLS\r\n"


def test_starttls_then_ehlo_again_then_mail(to: Callable[..., Relay], server_tls: ssl.SSLContext) -> None:
    script = {"EHLO": EHLO_TLS, "after_tls": {"EHLO": b"250 relay.test\r\n"}}
    with ScriptedRelay(script, context=server_tls) as server:
        assert send(to(server, tls="starttls")).state == "accepted"
        assert [c.split(" ")[0].upper() for c in server.commands][:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
        assert server.heard[0].tls


def test_tls_from_the_first_byte(to: Callable[..., Relay], server_tls: ssl.SSLContext) -> None:
    with ScriptedRelay(context=server_tls, tls_first=True) as server:
        assert send(to(server, tls="tls")).state == "accepted"


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        ({}, "does not offer STARTTLS"),
        ({"EHLO": EHLO_TLS, "STARTTLS": b"454 4.7.0 not now\r\n"}, "at STARTTLS: 454"),
        ({"EHLO": EHLO_TLS, "STARTTLS": b"220 go\r\n250 injected\r\n"}, "out of turn"),
        ({"EHLO": EHLO_TLS, "STARTTLS": DROP}, "at STARTTLS"),
    ],
    ids=["stripped", "refused", "injected", "dropped"],
)
def test_never_in_the_clear(
    to: Callable[..., Relay], server_tls: ssl.SSLContext, script: dict[str, Any], hint: str
) -> None:
    with ScriptedRelay(script, context=server_tls) as server:
        result = send(to(server, tls="starttls", user="u", password="geheim"))
        assert result.state == "deferred"
        assert hint in result.text
        assert not any(c.startswith(("MAIL", "AUTH")) for c in server.commands)


def test_a_certificate_nobody_vouches_for(
    server_tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback is not checked; the same relay under a name elsewhere is, against the system's or the given roots."""

    def elsewhere(settings: RelaySettings) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=settings.ca_file or None)

    monkeypatch.setattr("mailgate.notify.transport.tls_context", elsewhere)
    script = {"EHLO": EHLO_TLS, "after_tls": {"EHLO": b"250 relay.test\r\n"}}
    with ScriptedRelay(script, context=server_tls) as server:
        relay = Relay(RelaySettings("localhost", server.port, tls="starttls", **FAST))
        result = send(relay)
        assert (result.state, result.enhanced) == ("deferred", "4.7.5")
        assert not any(c.startswith("MAIL") for c in server.commands)
        known = Relay(RelaySettings("localhost", server.port, tls="starttls", ca_file=str(certificate), **FAST))
        assert send(known).state == "accepted"
        known.close()


def test_certificates_are_checked_unless_loopback_or_told() -> None:
    strict = session_module.tls_context(RelaySettings("relay.example.test", 587))
    assert strict is not None
    assert (strict.check_hostname, strict.verify_mode) == (True, ssl.CERT_REQUIRED)
    loose = session_module.tls_context(RelaySettings("relay.example.test", 587, verify=False))
    assert loose is not None
    assert loose.verify_mode == ssl.CERT_NONE


# --- AUTH ---


def test_password(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({"EHLO": b"250-relay.test\r\n250 AUTH PLAIN\r\n"}) as server:
        assert send(to(server, user="u", password="geheim")).state == "accepted"
        assert server.commands[1] == "AUTH PLAIN AHUAZ2VoZWlt"


def test_a_wrong_password_fails_no_mail_and_is_not_repeated(to: Callable[..., Relay]) -> None:
    script = {"EHLO": b"250-relay.test\r\n250 AUTH PLAIN\r\n", "AUTH": b"535 5.7.8 wrong\r\n"}
    with ScriptedRelay(script) as server:
        result = send(to(server, user="u", password="geheim"))
        assert (result.state, result.code, result.enhanced) == ("deferred", 535, "5.7.8")
        assert "geheim" not in result.text
        assert not any(c.startswith("MAIL") for c in server.commands)


def test_xoauth2_and_a_token_that_the_relay_no_longer_takes(to: Callable[..., Relay]) -> None:
    """A refused token is dropped, so that the next try asks for a new one."""
    tokens = iter(["old", "new"])
    source = TokenSource(lambda: Grant(next(tokens), 3600.0))
    ehlo = b"250-relay.test\r\n250 AUTH XOAUTH2\r\n"
    with ScriptedRelay({"EHLO": ehlo, "AUTH": b"535 5.7.8 expired\r\n"}, {"EHLO": ehlo}) as server:
        relay = to(server, user="suporte@example.test", token=source)
        assert send(relay).state == "deferred"
        assert send(relay).state == "accepted"
        first, second = (c for c in server.commands if c.startswith("AUTH"))
        assert first.startswith("AUTH XOAUTH2 ")
        assert first != second


def test_no_token_no_mail_but_a_reason(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({"EHLO": b"250-relay.test\r\n250 AUTH XOAUTH2\r\n"}) as server:
        result = send(to(server, user="u", token=TokenSource.by_command(["/nonexistent/token"])))
        assert result.state == "deferred"
        assert "token command" in result.text


def test_a_transaction_that_is_cut_comes_back_at_once_as_deferred(to: Callable[..., Relay]) -> None:
    with ScriptedRelay({".": HANG}) as server:
        relay = to(server, data_seconds=60.0)
        results: list[DeliveryResult] = []
        sender = threading.Thread(target=lambda: results.append(send(relay)))
        sender.start()
        wait_until(lambda: server.mails, what="the mail behind its final dot")
        relay.cut()
        sender.join(5)
        assert [result.state for result in results] == ["deferred"]
