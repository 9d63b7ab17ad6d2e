"""A person or a machine: the evidence of RFC 3834 and its neighbours."""

from __future__ import annotations

import pytest

from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Screening
from mailgate.mail.parse import read_mail


def screened(
    header: str = "", subject: str = "Impressora", mail_from: str | None = "ana@cliente.test", **more: object
) -> Screening:
    raw = f"From: ana@cliente.test\r\nSubject: {subject}\r\nMessage-ID: <1@cliente.test>\r\n{header}\r\noi\r\n".encode()
    return read_mail(raw, MailLimits(), mail_from=mail_from, **more).screening  # type: ignore[arg-type]


def test_a_dmarc_aggregate_report_is_nobodys_word() -> None:
    usual, braced = (
        "Report Domain: a.test Submitter: b.test Report-ID: 1",
        "report domain: {a} Submitter: {b} Report-ID: {c}",
    )
    for subject in (usual, braced):
        assert screened(subject=subject) == Screening("auto_reply", "DMARC aggregate report", False, "feedback", False)
    assert screened(subject="The report domain: wrong").kind == "human"


def test_a_person() -> None:
    assert screened() == Screening("human")
    assert screened("Auto-Submitted: no\r\n", "Resposta automática").kind == "human"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Auto-Submitted: auto-replied\r\n", "auto_reply"),
        ("Auto-Submitted: auto-generated; x=1\r\n", "auto_reply"),
        ("X-Autoreply: yes\r\n", "auto_reply"),
        ("Precedence: auto_reply\r\n", "auto_reply"),
        ("Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n", "auto_reply"),
        ("Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n", "auto_reply"),
        ("List-Id: <users.lists.test>\r\n", "list"),
        ("List-Unsubscribe: <mailto:x@y.test>\r\n", "list"),
        ("Precedence: bulk\r\n", "bulk"),
        ("Precedence: junk\r\n", "bulk"),
        ("X-Auto-Response-Suppress: OOF, AutoReply\r\n", "human"),
        ("Return-Path: <>\r\n", "human"),
    ],
)
def test_no_automatic_answer_to(header: str, kind: str) -> None:
    result = screened(header)
    assert result.kind == kind
    assert result.reason
    assert not result.may_answer


@pytest.mark.parametrize(
    "subject",
    [
        "Resposta automática: Re: x",
        "RES: Ausência temporária",
        "Out of Office: x",
        "Automatic reply: x",
        "Fuera de la oficina",
        "Respuesta automática: x",
        "Férias",
        "Fora do escritório",
        "Re: Vacation",
    ],
)
def test_absence_notices_by_their_subject(subject: str) -> None:
    assert screened(subject=subject).kind == "auto_reply"


@pytest.mark.parametrize(
    "subject",
    [
        "Férias coletivas da equipe",
        "Ausente no sistema de ponto",
        "Vacation module does not open",
        "Licença do Windows",
        "Automação da resposta",
        "Recesso escolar no calendário",
    ],
)
def test_people_write_about_absence_too(subject: str) -> None:
    assert screened(subject=subject).kind == "human"


def test_null_sender_and_no_reply_are_not_answered() -> None:
    assert not screened(mail_from="").may_answer
    assert not screened(mail_from="no-reply@loja.test").may_answer


def test_our_own_group_address_is_no_list() -> None:
    header = "List-Id: Suporte <suporte.example.test>\r\nPrecedence: list\r\n"
    assert screened(header).kind == "list"
    assert screened(header, list_id="suporte.example.test").kind == "human"


def test_our_own_mail_coming_back_is_a_loop() -> None:
    result = screened(own_domains_ids=lambda message_id: message_id == "1@cliente.test")
    assert (result.kind, result.may_answer) == ("loop", False)


def mail(header: str, body: str = "oi", subject: str = "Impressora", **more: object) -> Screening:
    raw = f"From: ana@cliente.test\r\nSubject: {subject}\r\n{header}\r\n{body}\r\n".encode()
    return read_mail(raw, MailLimits(), mail_from="ana@cliente.test", **more).screening  # type: ignore[arg-type]


INVITED = "Content-Type: multipart/alternative; boundary=b\r\n"
ANSWER = (
    "--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n--b\r\nContent-Type: text/calendar; method=REPLY\r\n\r\n"
    "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nSUMMARY:Visita\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--"
)


@pytest.mark.parametrize(
    ("header", "body", "subject", "fine", "evidence"),
    [
        ("Auto-Submitted: auto-replied (vacation)\r\n", "oi", "Re: x", "out_of_office", "Auto-Submitted: auto-replied"),
        ("Auto-Submitted: auto-replied\r\n", "Estarei ausente ate segunda", "Re: x", "out_of_office", "Auto-Submitted"),
        ("Auto-Submitted: auto-generated\r\n", "I am out of office", "Re: x", "auto_reply", "auto-generated"),
        ("X-Autorespond: yes\r\n", "Recebemos seu pedido", "Re: x", "auto_reply", "x-autorespond"),
        ("Precedence: auto_reply\r\n", "oi", "Fuera de la oficina", "out_of_office", "Precedence"),
        ("", "oi", "Ausência temporária: Re: x", "out_of_office", "Subject: ausência temporária"),
        ("", "oi", "Por favor, x", "human", ""),
        ("", "Clique para entregar", "Confirme sua mensagem para Ana", "challenge", "Subject: confirme sua mensagem"),
        ("X-Challenge: 1\r\n", "oi", "x", "challenge", "x-challenge"),
        ("", "", "Lida: pedido", "receipt", "Subject: lida"),
        ("", "Preciso de ajuda com isto", "Lido: pedido", "human", ""),
        (INVITED, ANSWER.format(""), "Aceito: Visita", "calendar", "METHOD:REPLY"),
        ("List-Id: <a.b.test>\r\nList-Post: <mailto:a@b.test>\r\n", "oi", "x", "list", "list-id"),
        ("List-Unsubscribe: <mailto:u@b.test>\r\n", "oi", "x", "newsletter", "list-unsubscribe"),
        ("X-Campaign-Id: 7\r\n", "oi", "x", "newsletter", "x-campaign-id"),
        ("Precedence: bulk\r\n", "oi", "x", "bulk", "Precedence: bulk"),
        ("X-OTRS-Loop: yes\r\n", "oi", "x", "human", "another ticket system: x-otrs-loop"),
    ],
)
def test_the_kind_and_what_decided_it(header: str, body: str, subject: str, fine: str, evidence: str) -> None:
    found = mail(header, body, subject)
    assert found.fine == fine
    assert evidence in found.reason
    assert found.may_answer is (not found.reason)


def test_what_is_nobodys_word() -> None:
    for header in (
        "Auto-Submitted: auto-replied\r\n",
        "List-Unsubscribe: <mailto:u@b.test>\r\n",
        "Precedence: bulk\r\n",
    ):
        assert not mail(header).counts, header


def test_what_is_somebodys_word_though_nothing_answers_it() -> None:
    for header in (
        "List-Id: <a.b.test>\r\nList-Post: <mailto:a@b.test>\r\n",  # a person writes through a list
        "List-Unsubscribe: <mailto:u@b.test>\r\nIn-Reply-To: <n1@example.test>\r\n",  # answers by a sales tool
        "Feedback-ID: 1:x\r\n",  # some relays put it on every mail
        "X-RT-Loop-Prevention: x\r\n",  # a person writes in another ticket system
    ):
        found = mail(header)
        assert (found.counts, found.may_answer) == (True, False), header
    assert mail(INVITED, ANSWER.format("Chego mais tarde.")).counts


def test_a_delay_is_told_from_a_failure() -> None:
    raw = "From: MAILER-DAEMON@x.test\nSubject: {}\n\nYour mail to <ana@cliente.test> {}: 451 4.7.1 later\n"
    late = read_mail(raw.format("Delayed mail", "is delayed and will be retried").encode(), MailLimits()).screening
    lost = read_mail(raw.format("Undeliverable", "could not be delivered").encode(), MailLimits()).screening
    assert (late.kind, late.fine) == ("dsn", "delay")
    assert (lost.kind, lost.fine, lost.reason) == ("dsn", "delivery_report", "From: MAILER-DAEMON@x.test")
