"""The program runs: a mail becomes a ticket, and its sender is told, on both databases."""

from __future__ import annotations

import hashlib
import smtplib
from collections.abc import Callable
from email.utils import formatdate

import pytest

from tests.integration.gateway import Gateway

MAIL = (
    b"From: Ana <ana@example.org>\r\nTo: suporte@example.test\r\nSubject: Boleto vencido\r\n"
    b"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Bom dia, o boleto venceu.\r\n"
)


def dated() -> bytes:
    """The mail with a Date of now: old mail gets no answer."""
    return b"Date: " + formatdate().encode() + b"\r\n" + MAIL


def test_a_mail_becomes_a_ticket_and_is_acknowledged(gateway: Callable[..., Gateway]) -> None:
    running = gateway()
    assert running.send(dated()) == {}
    [acknowledgement] = running.sink.wait_for(1, to="ana@example.org")
    rows = running.wait_export(lambda rows: any(row["key"] for row in rows))
    [ticket] = [row for row in rows if row["key"]]
    assert ticket["key"] == "SUP-1"
    assert ticket["messages"][0]["message_id"] == "1@example.org"
    assert "[SUP-1]" in str(acknowledgement.message["Subject"])
    assert acknowledgement.message["Auto-Submitted"] == "auto-replied"


@pytest.mark.long
def test_what_got_250_survives_a_crash_once(gateway: Callable[..., Gateway]) -> None:
    running = gateway()
    running.send(dated())
    running.kill9()
    running.restart()
    rows = running.wait_export(lambda rows: any(row["key"] for row in rows))
    assert [row["key"] for row in rows] == ["SUP-1"]
    assert [message["direction"] for message in rows[0]["messages"]].count("in") == 1


def test_a_pipe_delivery_needs_no_running_program(gateway: Callable[..., Gateway]) -> None:
    idle = gateway(start=False)
    idle.run("ingest", "--mail-from", "ana@example.org", "--rcpt", "suporte@example.test", stdin=MAIL)
    [row] = idle.export()
    assert row["outcome"] == "pending"  # nothing has read it yet: its bytes are all that is known
    assert row["messages"][0]["raw_sha256"] == hashlib.sha256(MAIL).hexdigest()


def test_not_our_recipient_is_refused_at_rcpt(gateway: Callable[..., Gateway]) -> None:
    running = gateway()
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        running.send(MAIL, ["someone@example.net"])
    code, text = refused.value.recipients["someone@example.net"]
    assert (code, text[:5]) == (550, b"5.1.1")
    assert running.export() == []
