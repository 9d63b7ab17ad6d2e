"""Every road in and the one out, through real servers: swaks, Postfix by LMTP and by pipe, Dovecot, a Postfix relay."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.house import png
from tests.integration import clients
from tests.integration.clients import APPLE, GMAIL, OUTLOOK, SUPPORT, Picture
from tests.integration.desk import BRUNO, Desk, comments, parts
from tests.integration.dovecot import Dovecot
from tests.integration.gateway import PROGRAM, Gateway
from tests.integration.machine import LOOPBACK, find_program, wait_until
from tests.integration.postfix import Postfix

MAILBOX: dict[str, str] = {}


def DESK_SETTINGS(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A mailbox of its own, and a certificate for both doors."""
    dovecot: Dovecot = request.getfixturevalue("dovecot")
    files = certificate(request.getfixturevalue("tmp_path_factory").mktemp("tls"))
    MAILBOX["user"] = dovecot.new_user()
    account = {
        "name": "suporte", "host": dovecot.host, "port": dovecot.port, "tls": "none", "user": MAILBOX["user"],
        "password": "secret", "folders": ["INBOX"], "since": "now", "after": {"move": "Lidos"},
    }  # fmt: skip
    return {"imap": [account], "smtp": {"tls": files}, "submission": {"tls": files}}


def certificate(home: Path) -> dict[str, str]:
    """A self-signed certificate of mx.example.test and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.example.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = (
        builder.not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mx.example.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (home / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (home / "key.pem").write_bytes(private)
    (home / "key.pem").chmod(0o600)
    return {"cert": str(home / "cert.pem"), "key": str(home / "key.pem")}


def ticket_of(desk: Desk, raw: bytes) -> dict[str, Any]:
    row = desk.outcome(raw)
    assert row["key"], row
    return row


def test_swaks_sends_a_mail_with_a_file(desk: Desk, tmp_path: Path) -> None:
    ana = desk.customer()
    (tmp_path / "nota.pdf").write_bytes(b"%PDF-1.4 nota")
    command = [
        find_program("swaks"), "--server", f"{LOOPBACK}:{desk.gateway.port('smtp')}", "--from", ana.address,
        "--to", SUPPORT, "--header", "Subject: Nota rejeitada", "--body", "A nota foi rejeitada.",
        "--attach-type", "application/pdf", "--attach-name", "nota.pdf", "--attach", f"@{tmp_path / 'nota.pdf'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    ticket = desk.ticket(desk.key_of(desk.sink.wait_for(1, to=ana.address)[0]))
    assert ticket["subject"] == "Nota rejeitada"
    assert comments(ticket)[0]["text"].strip() == "A nota foi rejeitada."
    notice = desk.told(BRUNO.address, ticket["key"])
    assert [content for _, _, content in parts(notice)] == [b"%PDF-1.4 nota"]


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_mail_comes_under_tls_where_there_is_a_certificate(desk: Desk) -> None:
    ana = desk.customer()
    raw = clients.first(GMAIL, ana, "Cifrado", "Ninguém lê.", at=desk.now())
    with smtplib.SMTP(LOOPBACK, desk.gateway.port("smtp"), timeout=10) as client:
        client.starttls(context=trusting())
        client.sendmail(ana.address, [SUPPORT], raw)
    assert ticket_of(desk, raw)["requester"] == ana.address


def test_an_agent_signs_in_only_under_tls_where_there_is_a_certificate(desk: Desk) -> None:
    with smtplib.SMTP(LOOPBACK, desk.gateway.port("submission"), timeout=10) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        client.starttls(context=trusting())
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(BRUNO.address, "wrong")
        assert client.login(BRUNO.address, "secret")[0] == 235


def test_postfix_delivers_by_lmtp_and_bounces_what_is_not_ours(
    desk: Desk, postfix_lmtp: Callable[..., Postfix]
) -> None:
    mta = postfix_lmtp(desk.gateway.port("lmtp"), returns_to=desk.sink.port)
    ana = desk.customer()
    shot = Picture("tela.png", png())
    raw = clients.first(OUTLOOK, ana, "Relatório", "Não imprime.", at=desk.now(), picture=shot)
    mta.send(raw, [SUPPORT], ana.address)
    ack = desk.sink.wait_for(1, to=ana.address)[0]
    assert ack.message["In-Reply-To"] in raw.decode()
    [image] = desk.attachments(desk.key_of(ack))
    assert image["sha256"] == shot.sha256.hex()
    stray = desk.customer()
    mta.send(raw, ["ninguem@example.test"], stray.address)
    [report] = desk.sink.wait_for(1, to=stray.address)
    assert (report.mail_from, b"5.1.1" in report.raw) == ("", True)
    mta.wait_empty()


def test_postfix_delivers_through_a_pipe(
    desk: Desk, postfix_pipe: Callable[..., Postfix], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILGATE_TEST", "1")
    mta = postfix_pipe(ingest_command(desk.gateway))
    ana = desk.customer()
    mta.send(clients.first(GMAIL, ana, "Backup", "Falhou.", at=desk.now()), [SUPPORT], ana.address)
    mta.wait_empty()
    desk.sink.wait_for(1, to=ana.address)
    stray = desk.customer()
    mta.send(clients.first(GMAIL, stray, "Backup", "Falhou.", at=desk.now()), ["ninguem@example.test"], stray.address)
    mta.wait_empty()  # 67: no such recipient, the MTA bounces and does not try again
    assert "status=bounced" in mta.log()
    assert desk.sink.to(stray.address) == []


def ingest_command(gateway: Gateway) -> list[str | Path]:
    return [PROGRAM, "ingest", "--config", gateway.home, "--mail-from", "${sender}", "--rcpt", "${recipient}"]


def test_a_mailbox_is_read_within_seconds_and_what_is_read_is_moved(desk: Desk, dovecot: Dovecot) -> None:
    user, ana = MAILBOX["user"], desk.customer()
    raw = clients.first(APPLE, ana, "Senha", "Esqueci.", at=desk.now(), picture=Picture("tela.png", png()))
    began = time.monotonic()
    dovecot.append(raw, user)
    ack = desk.sink.wait_for(1, to=ana.address)[0]
    assert time.monotonic() - began < 10
    wait_until(lambda: raw in dovecot.mails(user, "Lidos").values(), what="the mail to be moved")
    assert raw not in dovecot.mails(user).values()
    assert ticket_of(desk, raw)["key"] == desk.key_of(ack)


def test_one_mail_by_every_road_is_one_comment(
    desk: Desk,
    dovecot: Dovecot,
    postfix_lmtp: Callable[..., Postfix],
    postfix_pipe: Callable[..., Postfix],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAILGATE_TEST", "1")
    ana = desk.customer()
    raw = clients.first(GMAIL, ana, "Uma só", "Uma vez só.", at=desk.now())
    dovecot.append(raw, MAILBOX["user"])
    ticket = ticket_of(desk, raw)
    sha256 = comments(ticket)[0]["raw_sha256"]
    desk.gateway.send(raw, [SUPPORT], ana.address)
    desk.gateway.send(raw, [SUPPORT], ana.address)  # as after a lost 250
    postfix_lmtp(desk.gateway.port("lmtp")).send(raw, [SUPPORT], ana.address)
    postfix_pipe(ingest_command(desk.gateway)).send(raw, [SUPPORT], ana.address)

    def copies() -> list[dict[str, Any]]:
        return [row for row in desk.rows() if row.get("outcome") == "duplicate" and row["of"] == sha256]

    wait_until(lambda: len(copies()) == 4, 20, "four duplicates", every=0.1)
    desk.settled()
    assert len(comments(desk.ticket(ticket["key"]))) == 1
    assert len(desk.sink.to(ana.address)) == 1
    dovecot.append(raw, MAILBOX["user"])
    wait_until(lambda: len(copies()) == 5, 20, "a fifth", every=0.1)
    wait_until(lambda: dovecot.mails(MAILBOX["user"]) == {}, what="it to be moved as well")


def test_mail_leaves_by_a_real_relay(gateway: Callable[..., Gateway], postfix_relay: Callable[[int], Postfix]) -> None:
    idle = gateway(start=False)
    relay = postfix_relay(idle.sink.port)
    idle.write_settings({"relay": {"port": relay.port}})
    running = idle.start()
    raw = clients.first(OUTLOOK, clients.Person("Ana", "ana@cliente.test"), "Relé", "Olá.", at=datetime.now(UTC))
    running.send(raw, [SUPPORT], "ana@cliente.test")
    [ack] = running.sink.wait_for(1, to="ana@cliente.test")
    [notice] = running.sink.wait_for(1, to=BRUNO.address)
    assert ack.mail_from == ""
    assert notice.mail_from.startswith("suporte+b")
    rows = running.wait_export(lambda rows: all(m.get("state", "accepted") == "accepted" for m in rows[0]["messages"]))
    assert ack.message_id in {m["message_id"] for m in rows[0]["messages"]}
    relay.wait_empty()
