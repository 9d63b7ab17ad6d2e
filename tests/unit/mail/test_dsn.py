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


REPORT = """From: Mail Delivery System <MAILER-DAEMON@mx.test>
To: suporte@example.test
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

{text}

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

{fields}

--b
Content-Type: text/rfc822-headers

Message-ID: <n1.mac@example.test>

--b--
"""


def report(fields: str, text: str = "Your mail could not be delivered.") -> ReadMail:
    return read(REPORT.format(fields=fields, text=text).encode())


def test_each_recipient_of_a_report() -> None:
    bounce = report(
        "Final-Recipient: rfc822; late@cliente.test\nAction: delayed\nStatus: 4.4.1\n\n"
        "Final-Recipient: rfc822; full@cliente.test\nAction: failed\nStatus: 5.2.2\n"
        "Diagnostic-Code: smtp; 552 5.2.2 Mailbox full\n\n"
        "Final-Recipient: rfc822; gone@cliente.test\nAction: failed\nStatus: 5.1.1\n"
    ).bounce
    assert bounce is not None
    assert [(r.address, r.action, r.reason) for r in bounce.recipients] == [
        ("late@cliente.test", "delayed", "host_unreachable"),
        ("full@cliente.test", "failed", "mailbox_full"),
        ("gone@cliente.test", "failed", "unknown_recipient"),
    ]
    assert (bounce.recipient, bounce.status, bounce.action) == ("full@cliente.test", "5.2.2", "failed")


def test_the_address_that_we_wrote_to_is_named() -> None:
    bounce = report(
        "Final-Recipient: rfc822; u123@inside.test\nOriginal-Recipient: rfc822;ana@cliente.test\nAction: failed\n"
    ).bounce
    assert bounce is not None
    assert bounce.recipient == "ana@cliente.test"


def test_the_word_of_the_server_that_refused_counts_more_than_the_summary() -> None:
    fields = "Final-Recipient: rfc822; ana@cliente.test\nAction: failed\nStatus: {}\nDiagnostic-Code: smtp; {}\n"
    for stated, said, status, reason in (
        ("5.0.0", "550-'5.7.1 Access denied'", "5.7.1", "refused"),
        ("5.1.1", "552 5.2.2 Over quota", "5.2.2", "mailbox_full"),
        ("4.4.7", "450 4.7.1 Client host rejected", "4.7.1", "blocked"),
        ("5.1.1", "552 sorry, the mailbox is over quota", "5.1.1", "mailbox_full"),
        ("5.1.1", "550 5.1.1 User unknown", "5.1.1", "unknown_recipient"),
        ("5.0.0", "550 Blocked IP 192.0.2.22", "5.0.0", "blocked"),
    ):
        bounce = report(fields.format(stated, said)).bounce
        assert bounce is not None
        assert (bounce.status, bounce.reason) == (status, reason), said


def test_a_status_is_implied_by_the_reply_code() -> None:
    bounce = read(QMAIL.replace(b"552 5.2.2 Mailbox full", b"421 cannot talk to you now")).bounce
    assert bounce is not None
    assert (bounce.status, bounce.code) == ("4.0.0", "421")


def test_what_a_filter_refuses_comes_back_as_a_disposition() -> None:
    """RFC 5429 §2.1.2; a person who deletes a mail unread has received it."""
    raw = (
        b"From: Mail Delivery Subsystem <postmaster@cliente.test>\nSubject: Rejected: x\n"
        b"Auto-Submitted: auto-replied (rejected)\n"
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\nQuota exceeded\n"
        b"--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ana@cliente.test\n"
        b"Original-Message-ID: <n1.mac@example.test>\nDisposition: automatic-action/MDN-sent-automatically; deleted\n"
        b"--b--\n"
    )
    bounce = read(raw).bounce
    assert bounce is not None
    assert (bounce.recipient, bounce.action, bounce.reason) == ("ana@cliente.test", "failed", "mailbox_full")
    assert bounce.original_message_id == "n1.mac@example.test"
    shown = raw.replace(
        b"automatic-action/MDN-sent-automatically; deleted", b"manual-action/MDN-sent-manually; displayed"
    )
    assert read(shown).bounce is None


def test_reports_in_portuguese_and_spanish() -> None:
    for sender, subject, text, reason in (
        ("Sistema de Entrega <postmaster@provedor.test>", "=?utf-8?q?N=C3=A3o_=C3=A9_poss=C3=ADvel_entregar?=: x",
         "A mensagem não pôde ser entregue a ana@cliente.test: caixa postal cheia.", "mailbox_full"),
        ("MAILER-DAEMON@correo.test", "Mensaje devuelto", "No se pudo entregar a ana@cliente.test: usuario desconocido",
         "unknown_recipient"),
        ("post_master@operadora.test", "Re: x", "Erro: usuário inexistente ana@cliente.test\n550 - no such user here",
         "unknown_recipient"),
    ):  # fmt: skip
        raw = f"From: {sender}\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        bounce = read(raw.encode()).bounce
        assert bounce is not None, subject
        assert (bounce.recipient, bounce.action, bounce.reason) == ("ana@cliente.test", "failed", reason)


def test_a_relay_that_posts_json() -> None:
    text = (
        '{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":'
        '"ana@cliente.test","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 unknown"}]}}'
    )
    raw = f"From: no-reply@sns.test\nX-Amz-Sns-Message-Id: 1\nSubject: Notification\n\n{text}\n"
    bounce = read(raw.encode()).bounce
    assert bounce is not None
    assert (bounce.recipient, bounce.status, bounce.code) == ("ana@cliente.test", "5.1.1", "550")
    assert read(raw.replace("}]}}", "}]").encode()).bounce is None
