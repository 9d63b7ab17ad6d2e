"""I14: what an agent's mailbox answers by itself, proven as his own, is no word of his: nobody outside hears it."""

from __future__ import annotations

import pytest

from store.vocabulary import Road
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail

_REPORT = (
    'Content-Type: multipart/report; report-type={kind}; boundary="b"\r\nMIME-Version: 1.0\r\n\r\n'
    "--b\r\nContent-Type: text/plain\r\n\r\nsegredo\r\n--b\r\nContent-Type: message/{kind}\r\n\r\n{body}\r\n--b--\r\n"
)
#: More header fields, or the whole rest of the mail.
MACHINES = {
    "out of office": ("Re: aviso", "Auto-Submitted: auto-replied"),
    "out of office of Exchange": ("Resposta automática: aviso", "X-Auto-Response-Suppress: All"),
    "out of office without a field": ("Ausência temporária: Re: aviso", "X-Autoreply: yes"),
    "vacation of Gmail": ("Re: aviso", "Precedence: bulk\r\nX-Autorespond: aviso"),
    "read receipt": (
        "Lida: aviso",
        _REPORT.format(kind="disposition-notification", body="Disposition: manual-action/MDN-sent; displayed"),
    ),
    "bounce": (
        "Undelivered Mail Returned to Sender",
        _REPORT.format(
            kind="delivery-status",
            body="Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\nAction: failed",
        ),
    ),
    "accepted invitation": ("Aceito: aviso", 'Content-Type: text/calendar; method=REPLY; charset="utf-8"\r\n'
                            "MIME-Version: 1.0\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"),
}  # fmt: skip


@pytest.fixture
def opened(story: Story) -> Story:
    story.receive(plain_mail(ANA, SUPPORT, "Estoque", "Não fecha."))
    return story


def _mail(subject: str, rest: str, number: int) -> bytes:
    if "\r\n\r\n" not in rest:
        plain = plain_mail(BRUNO, SUPPORT, subject, f"#resolvido\nsegredo {number}", verified=False)
        return rest.encode() + b"\r\n" + plain
    head = (
        f"From: Bruno <{BRUNO[1]}>\r\nTo: {SUPPORT}\r\nSubject: {subject}\r\nMessage-ID: <m{number}@example.test>\r\n"
    )
    return (head + rest).encode()


def test_nothing_that_an_agents_mailbox_answers_by_itself_is_his_answer(opened: Story) -> None:
    opened.deliver()
    wrong = []
    for number, (name, (subject, rest)) in enumerate(MACHINES.items()):
        to = opened.agents_copy("SUP-1")
        opened.receive(_mail(subject, rest, number), [to], road=Road.SUBMISSION, auth_user=BRUNO[1])
        outside = [row for row in opened.outbox() if row.recipient != BRUNO[1]][1:]
        said = [c for c in opened.comments("SUP-1", "comment") if c.role == "agent"]
        if outside or said or opened.ticket("SUP-1").status != "aberto":
            wrong.append(name)
            break
    assert wrong == []
    assert not any(b"segredo" in one.raw for one in opened.deliver() if one.recipient != BRUNO[1])
