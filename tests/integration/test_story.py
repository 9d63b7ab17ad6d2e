"""The main job, told once from end to end on real servers: Ana writes, Bruno answers, Ana is not satisfied."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from tests.integration.gateway import Gateway

pytestmark = pytest.mark.integration


def letter(subject: str, text: str, *, author: str = "Ana Souza <ana@cliente.test>", **headers: str) -> bytes:
    """A mail as a person's client writes it."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = author
    mail["To"] = headers.pop("to", "suporte@example.test")
    mail["Subject"] = subject
    mail["Message-ID"] = headers.pop("message_id")
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


def read(raw: bytes) -> EmailMessage:
    """A mail as its receiver reads it."""
    return message_from_bytes(raw, policy=policy.default)  # type: ignore[return-value]


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def answer_to(mail: EmailMessage, text: str, *, author: str, message_id: str) -> bytes:
    """What a client sends when a person presses Reply: to Reply-To, with In-Reply-To and References."""
    return letter(
        str(mail["Subject"]),
        text,
        author=author,
        to=str(mail["Reply-To"]),
        message_id=message_id,
        In_Reply_To=str(mail["Message-ID"]),
        References=f"{mail['References'] or ''} {mail['Message-ID']}".strip(),
    )


def to_address(mail: EmailMessage) -> str:
    return str(mail["Reply-To"]).strip("<>")


def test_a_ticket_is_opened_answered_resolved_and_reopened_by_mail_alone(gateway: object) -> None:
    desk: Gateway = gateway()  # type: ignore[operator]
    desk.send(
        letter("Nota fiscal não sai", "Bom dia,\n\nA nota não sai desde ontem.\n", message_id="<1@cliente.test>"),
        ["suporte@example.test"],
        "ana@cliente.test",
    )
    (ack,) = desk.sink.wait_for(1, to="ana@cliente.test")
    told = read(ack.raw)
    assert told["Auto-Submitted"] == "auto-replied"
    assert told["In-Reply-To"] == "<1@cliente.test>"
    assert "SUP-1" in told["Subject"]
    assert ack.mail_from == ""
    assert "A nota não sai" not in text_of(told)  # Ana is not proven: nothing out of her mail goes back

    (notice,) = desk.sink.wait_for(1, to="bruno@example.test")
    work = read(notice.raw)
    assert "A nota não sai desde ontem" in text_of(work)
    desk.submit(
        answer_to(
            work, "Olá Ana, veja a versão.\n", author="Bruno <bruno@example.test>", message_id="<b1@example.test>"
        ),
        [to_address(work)],
        "bruno@example.test",
    )
    answer = read(desk.sink.wait_for(2, to="ana@cliente.test")[1].raw)
    assert "Olá Ana, veja a versão." in text_of(answer)
    assert "Bruno" in str(answer["From"])
    assert "suporte@example.test" in str(answer["From"])
    assert answer["Auto-Submitted"] is None
    assert answer["Subject"] == "Re: Nota fiscal não sai [SUP-1]"
    assert answer["X-Mailgate-Agent"] == "Bruno"

    desk.send(
        answer_to(answer, "A versão é 12.1\n", author="Ana Souza <ana@cliente.test>", message_id="<2@cliente.test>"),
        [to_address(answer)],
        "ana@cliente.test",
    )
    again = read(desk.sink.wait_for(2, to="bruno@example.test")[1].raw)
    desk.submit(
        answer_to(
            again,
            "#resolvido\nCorrigido, obrigado.\n",
            author="Bruno <bruno@example.test>",
            message_id="<b2@example.test>",
        ),
        [to_address(again)],
        "bruno@example.test",
    )
    solved = read(desk.sink.wait_for(3, to="ana@cliente.test")[2].raw)
    assert "Resolvido" in text_of(solved)
    assert "#resolvido" not in text_of(solved)
    (ticket,) = desk.tickets()
    assert (ticket["status"], ticket["agent"]) == ("resolvido", "bruno@example.test")

    desk.send(
        answer_to(
            solved, "Ainda não funciona.\n", author="Ana Souza <ana@cliente.test>", message_id="<3@cliente.test>"
        ),
        [to_address(solved)],
        "ana@cliente.test",
    )
    reopened = read(desk.sink.wait_for(4, to="ana@cliente.test")[3].raw)
    assert "Reaberto" in text_of(reopened)
    (ticket,) = desk.tickets()
    assert ticket["status"] == "reaberto"
    said = [m for m in ticket["messages"] if m["kind"] == "comment"]
    assert [m["direction"] for m in said] == ["in", "out", "in", "out", "in"]
