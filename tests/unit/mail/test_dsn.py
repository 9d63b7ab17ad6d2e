"""Delivery reports without a machine-readable part, and mails that only look like one."""

from __future__ import annotations

from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import ReadMail, read_mail

QMAIL = b"""From: MAILER-DAEMON@nota.test
To: suporte@example.test
Subject: failure notice
Message-ID: <q@nota.test>

Hi. This is the mail program at nota.test.
I'm afraid I wasn't able to deliver your message to the following addresses.

<ana@cliente.test>:
192.0.2.9 does not like recipient.
Remote host said: 552 5.2.2 Mailbox full

--- Below this line is a copy of the message.

From: suporte@example.test
Message-ID: <n1.mac@example.test>
"""


def read(raw: bytes, mail_from: str | None = None) -> ReadMail:
    return read_mail(raw, MailLimits(), mail_from=mail_from)


def test_free_form_report() -> None:
    bounce = read(QMAIL).bounce
    assert bounce is not None
    assert (bounce.recipient, bounce.status, bounce.action) == ("ana@cliente.test", "5.2.2", "failed")
    assert bounce.diagnostic is not None
    assert "552 5.2.2 Mailbox full" in bounce.diagnostic
    assert bounce.reason == "mailbox_full"
    assert bounce.original_message_id == "n1.mac@example.test"


def test_a_delay_is_not_a_failure() -> None:
    raw = QMAIL.replace(b"failure notice", b"Warning: message delayed").replace(
        b"Remote host said: 552 5.2.2 Mailbox full", b"Delivery has been delayed and will be retried: 451 4.7.1 later"
    )
    bounce = read(raw).bounce
    assert bounce is not None
    assert (bounce.status, bounce.action) == ("4.7.1", "delayed")


def test_a_customer_who_pastes_an_error_is_a_person() -> None:
    mail = read(
        QMAIL.replace(b"MAILER-DAEMON@nota.test", b"Ana <ana@cliente.test>").replace(
            b"failure notice", b"Erro ao enviar"
        )
    )
    assert mail.bounce is None
    assert mail.screening.kind == "human"


def test_an_absence_notice_with_the_null_sender_is_no_report() -> None:
    raw = b"From: ana@cliente.test\nSubject: Re: x\nAuto-Submitted: auto-replied\n\nEstou fora. Nothing was rejected.\n"
    mail = read(raw, mail_from="")
    assert mail.bounce is None
    assert mail.screening.kind == "auto_reply"
