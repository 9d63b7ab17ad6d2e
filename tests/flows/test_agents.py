"""An agent answers, notes, confirms: what is told, and what is not, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mailgate.flows import customer
from store.tables import COMMENT, OUTBOX
from store.vocabulary import Outcome, Road
from tests.flows.story import Story
from tests.house import ANA, BORDER, BRUNO, CARMEN, SUPPORT, plain_mail


@pytest.fixture
def opened(story: Story) -> Story:
    """Ana's ticket SUP-1."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada com o erro 656 outra vez."))
    return story


def _public(story: Story) -> list[str]:
    return [c.reply for c in story.comments("SUP-1", "comment") if c.role == "agent"]


def _confirm_link(story: Story) -> str:
    body = json.loads(story.outbox("CONFIRM")[-1].body)
    return story.site.mint.access_token(body["confirm_id"], "confirm")


def test_an_answer_is_public_assigns_and_is_told_once(opened: Story) -> None:
    settled = opened.agent_answers("SUP-1", "#com-cliente\nQual é a versão?")
    ticket = opened.ticket("SUP-1")
    assert (settled.outcome, ticket.status, ticket.agent_name) == (Outcome.COMMENTED, "com_cliente", "Bruno")
    assert opened.told()[2:] == [("N7", ANA[1])]
    row = opened.outbox("N7")[0]
    assert (json.loads(row.body)["auto_submitted"], json.loads(row.body)["from_name"]) == (
        "", "Bruno (Exemplo Sistemas)",
    )  # fmt: skip
    opened.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", "É a 8.1."))
    assert opened.ticket("SUP-1").status == "aberto"
    assert opened.told()[3:] == [("N19", BRUNO[1])]


def test_an_unproven_answer_waits_for_the_agents_word_and_is_sent_once(opened: Story) -> None:
    """I1: the text is a note, the link goes to the stored address, and opens the way exactly once."""
    settled = opened.agent_answers("SUP-1", "#resolvido\nInstale a versão 8.2.", proven=False)
    assert (settled.outcome, _public(opened), opened.ticket("SUP-1").status) == (Outcome.COMMENTED, [], "aberto")
    assert opened.told()[2:] == [("CONFIRM", BRUNO[1])]
    (note,) = opened.comments("SUP-1", "note")
    token = _confirm_link(opened)
    assert customer.confirm(opened.site, token) == str(settled.journal_id)
    assert customer.confirm(opened.site, token) is None, "it works once"
    assert [s.outcome for s in opened.work()] == [Outcome.COMMENTED]
    assert opened.comments("SUP-1", "note") == []
    assert (_public(opened), opened.ticket("SUP-1").status) == (["Instale a versão 8.2."], "resolvido")
    assert [c.id for c in opened.comments("SUP-1") if c.role == "agent"] == [note.id], "the note became the answer"
    assert opened.told()[3:] == [("N10", ANA[1])]
    assert opened.work() == []


def test_a_confirm_link_of_an_agent_who_left_sends_nothing(opened: Story) -> None:
    """I5: rights are looked at when the link is used."""
    opened.agent_answers("SUP-1", "Instale a versão 8.2.", proven=False)
    token = _confirm_link(opened)
    opened.dismiss(BRUNO[1])
    assert customer.confirm(opened.site, token) is None
    assert opened.work() == []
    assert [c.kind for c in opened.comments("SUP-1") if c.role == "agent"] == ["note"]


def test_who_left_between_confirming_and_sending_publishes_nothing(opened: Story) -> None:
    opened.agent_answers("SUP-1", "Instale a versão 8.2.", proven=False)
    customer.confirm(opened.site, _confirm_link(opened))
    opened.dismiss(BRUNO[1])
    opened.work()
    assert _public(opened) == []
    assert ("N5", ANA[1]) not in opened.told()


def test_a_link_expires(opened: Story) -> None:
    opened.agent_answers("SUP-1", "Instale a versão 8.2.", proven=False)
    token = _confirm_link(opened)
    opened.later(days=8)
    assert customer.confirm(opened.site, token) is None


def test_what_is_left_of_our_notice_holds_the_answer(opened: Story) -> None:
    """A token of ours in the text: asked, confirmed, sent as it is; a second click sends nothing more."""
    answer = f"Pronto, veja {opened.agents_copy('SUP-1')} abaixo."
    settled = opened.agent_answers("SUP-1", answer)
    assert (settled.outcome, _public(opened)) == (Outcome.HELD, [])
    token = _confirm_link(opened)
    customer.confirm(opened.site, token)
    assert [s.outcome for s in opened.work()] == [Outcome.COMMENTED]
    assert _public(opened) == [answer]


def test_a_released_answer_is_not_sent_again_by_its_link(opened: Story) -> None:
    settled = opened.agent_answers("SUP-1", f"Pronto, veja {opened.agents_copy('SUP-1')} abaixo.")
    token = _confirm_link(opened)
    opened.resume(settled.journal_id, "released")
    assert len(_public(opened)) == 1
    assert customer.confirm(opened.site, token) is None
    assert (opened.work(), len(_public(opened)), len(opened.outbox("N5"))) == ([], 1, 1)


CARLA = ("Carla", "carla@example.test")


@pytest.mark.parametrize("author", [CARLA, ANA], ids=["a colleague", "a customer"])
def test_an_agent_who_signs_in_is_nobody_else(make_story: Callable[..., Story], author: tuple[str, str]) -> None:
    """I1, I4: the border's word about the author, written by his own program into a mail that he hands in himself."""
    agents = [{"name": name, "address": address, "departments": ["suporte"]} for name, address in (BRUNO, CARLA)]
    story = make_story(agents=agents)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    to = story.agents_copy("SUP-1")
    forged = plain_mail(author, to, "Re: aviso", "Pronto, zqforjado.\n\n#resolvido")
    assert b"Authentication-Results: mx.example.test; dkim=pass" in forged
    story.receive(forged, [to], mail_from=BRUNO[1], road=Road.SUBMISSION, auth_user=BRUNO[1])
    (kept,) = [row for row in story.rows(COMMENT) if "zqforjado" in row.reply]
    assert not kept.verified
    assert all("zqforjado" not in row.reply for row in story.comments("SUP-1", "comment"))
    assert all(b"zqforjado" not in one.raw for one in story.deliver() if one.recipient == ANA[1])
    assert story.ticket("SUP-1").category != "solved"
    own = plain_mail(BRUNO, to, "Re: aviso", "Pronto.", verified=False)
    story.receive(own, [to], mail_from=BRUNO[1], road=Road.SUBMISSION, auth_user=BRUNO[1])
    assert [row.reply for row in story.comments("SUP-1", "comment")][1:] == ["Pronto."]


@pytest.mark.parametrize(
    "line",
    [
        "--- Responda acima desta linha ---",
        "A nota 4411 foi recusada com o erro 656 outra vez.",
        "> a nota 4411 foi  recusada com o erro 656 outra vez.",
        "http://127.0.0.1:8025/t/abc",
    ],
)
def test_a_line_of_what_was_answered_holds_the_answer(opened: Story, line: str) -> None:
    opened.agent_answers("SUP-1", f"Pronto.\n{line}\nAbraço")
    assert all(line not in text for text in _public(opened)), "cut off, or held"


@pytest.mark.parametrize("command", ["", "#resolvido\n\n"])
@pytest.mark.parametrize("named", ["our address", "the token"])
def test_our_notice_quoted_beneath_a_mere_attachment_stays_inside(opened: Story, command: str, named: str) -> None:
    """I13: with no word of his own, the quoted notice must not take the answer's place."""
    to = opened.agents_copy("SUP-1")
    sender = to if named == "the token" else SUPPORT
    quoted = f"{command}Em qua., 5 de nov. de 2025, Suporte <{sender}> escreveu:\n> nota interna: cliente difícil\n"
    mail = plain_mail(BRUNO, to, "Re: aviso", quoted, files=[("manual.pdf", "application/pdf", b"%PDF-1.4 x")])
    opened.receive(mail, [to], road=Road.SUBMISSION, auth_user=BRUNO[1])
    sent = [_text_of(m.raw) for m in opened.deliver() if m.recipient == ANA[1]]
    assert not any("cliente difícil" in text for text in sent)
    assert not any(to.partition("@")[0] in text for text in sent)


def _text_of(raw: bytes) -> str:
    from email import message_from_bytes
    from email.policy import default

    mail: Any = message_from_bytes(raw, policy=default)
    return "\n".join(p.get_content() for p in mail.walk() if p.get_content_maintype() == "text")


def test_a_note_reaches_no_customer(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#nota\nCliente difícil.")
    opened.agent_answers("SUP-1", "Instale a versão 8.2.")
    assert all("difícil" not in _text_of(m.raw) for m in opened.deliver() if m.recipient == ANA[1])
    assert opened.told()[2:] == [("N5", ANA[1])]


def test_an_unknown_command_sends_nothing_and_answers_with_the_list(opened: Story) -> None:
    assert opened.agent_answers("SUP-1", "#resovido\nPronto.").outcome is Outcome.COMMAND
    assert opened.told()[2:] == [("COMMAND_ERROR", BRUNO[1])]
    body = json.loads(opened.outbox("COMMAND_ERROR")[0].body)
    assert "#resolvido" in body["commands"]
    assert _public(opened) == []


def test_an_agents_mail_by_the_key_is_a_note_that_he_may_send(opened: Story) -> None:
    settled = opened.receive(plain_mail(BRUNO, SUPPORT, "[SUP-1] Nota", "Instale a versão 8.2."))
    assert (settled.outcome, _public(opened), opened.told()[2:]) == (Outcome.COMMENTED, [], [("CONFIRM", BRUNO[1])])
    customer.confirm(opened.site, _confirm_link(opened))
    opened.work()
    assert _public(opened) == ["Instale a versão 8.2."]
    assert opened.comments("SUP-1", "note") == []


def test_a_customer_with_an_agents_copy_is_no_agent(opened: Story) -> None:
    mail = plain_mail(CARMEN, SUPPORT, "Re: aviso", "#fechado\nPode fechar.")
    settled = opened.receive(mail, [opened.agents_copy("SUP-1")])
    assert (settled.key, opened.ticket("SUP-1").status) == ("SUP-2", "aberto")
    assert opened.ticket("SUP-2").claims == "SUP-1"


def test_a_ticket_for_the_customer_in_copy(story: Story) -> None:
    mail = plain_mail(BRUNO, f"{SUPPORT}, Helena <helena@nova.test>", "Retorno", "#com-cliente\nComo combinado.")
    settled = story.receive(mail)
    ticket = story.ticket("SUP-1")
    assert (settled.outcome, ticket.requester_address, ticket.agent_name, ticket.status) == (
        Outcome.OPENED, "helena@nova.test", "Bruno", "com_cliente",
    )  # fmt: skip
    assert story.told() == [("N2", "helena@nova.test")]


def test_a_report_about_an_agents_copy_is_not_told_by_mail(opened: Story) -> None:
    """Else a full mailbox and we would write to each other for ever."""
    message_id = opened.outbox("N19")[0].message_id
    opened.receive(_report(message_id, BRUNO[1]), mail_from="")
    assert opened.told()[2:] == []
    assert opened.events("SUP-1")[-1] == "agents_copy_returned"


def test_a_report_about_a_customers_copy_tells_the_agents(opened: Story) -> None:
    message_id = opened.outbox("N1")[0].message_id
    settled = opened.receive(_report(message_id, ANA[1]), mail_from="")
    assert settled.outcome is Outcome.DSN
    assert opened.told()[2:] == [("DELIVERY_FAILED", BRUNO[1])]
    assert opened.events("SUP-1")[-1] == "delivery_failed"
    assert opened.count(COMMENT) == 1


def test_a_forged_report_does_nothing(opened: Story) -> None:
    """S9."""
    settled = opened.receive(_report(f"{'a' * 44}.1@example.test", ANA[1]), mail_from="")
    assert (settled.outcome, settled.key, opened.count(OUTBOX)) == (Outcome.DSN, "", 2)


def _report(message_id: str, recipient: str) -> bytes:
    lines = f"""Authentication-Results: {BORDER}; none
From: MAILER-DAEMON@relay.test
To: {SUPPORT}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{message_id[:8]}@relay.test>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.test

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b
Content-Type: text/rfc822-headers

From: suporte@example.test
Message-ID: <{message_id}>

--b--
"""
    return lines.replace("\n", "\r\n").encode()
