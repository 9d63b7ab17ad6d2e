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
