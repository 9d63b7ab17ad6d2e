"""What an agent orders by mail: commands, collisions, mails passed on. All or nothing (F72, I7, I12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from store.tables import CONTACT, JOURNAL, PARTICIPANT
from store.vocabulary import Notice, Outcome, Road
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

CARLA = ("Carla Reis", "carla@example.test")


@pytest.fixture
def opened(story: Story) -> Story:
    """Ana's ticket SUP-1."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada com o erro 656 outra vez."))
    return story


def _reply_to(story: Story, notice: str) -> str:
    return str(json.loads(story.outbox(notice)[-1].body)["reply_to"])


def text_of(raw: bytes) -> str:
    """The text part of a mail that left, LF."""
    part = message_from_bytes(raw, policy=policy.default).get_body(("plain",))  # type: ignore[union-attr]
    return str(part.get_content()).replace("\r\n", "\n")


def _bruno_writes(story: Story, to: str, text: str, subject: str = "Re: aviso") -> Outcome | None:
    mail = plain_mail(BRUNO, to, subject, text, verified=False)
    return story.receive(mail, [to], road=Road.SUBMISSION, auth_user=BRUNO[1]).outcome


def test_what_an_agent_is_answered_reads_well(opened: Story) -> None:
    """Help is no failure; who changed the ticket has a name; why is said without codes, one mail after the other."""
    opened.agent_answers("SUP-1", "#ajuda")
    opened.agent_answers("SUP-1", "#filial Loja 9\nSegue.")
    opened.agent_answers("SUP-1", "#porque")
    subjects = {m.id: message_from_bytes(m.raw, policy=policy.default) for m in opened.deliver()}
    answers = [m for m in subjects.values() if m["To"] and BRUNO[1] in m["To"]]
    assert "[SUP-1] Comandos que você pode usar" in [str(m["Subject"]) for m in answers]
    why = " ".join(text_of(bytes(answers[-1])).split())
    assert "um comando que não pôde ser feito (#filial Loja 9): nada foi enviado" in why
    assert "branch:" not in why
    assert "cannot" not in why
    copy = opened.agents_copy("SUP-1")
    opened.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Esqueci de dizer: desde ontem."))
    _bruno_writes(opened, copy, "Reinstale.")
    (asked,) = [text_of(m.raw) for m in opened.deliver() if m.id == opened.outbox("CONFIRM")[-1].id]
    assert f"- {ANA[0]}," in asked


def test_a_canned_answer_to_somebody_without_a_name(make_story: Callable[..., Story], tmp_path: Path) -> None:
    canned = "canned:\n  boleto: {pt-BR: 'Olá, {customer}! A segunda via está no portal.'}\n"
    (tmp_path / "notices.yaml").write_text(canned, encoding="utf-8")
    opened = make_story()
    opened.receive(plain_mail(ANA, SUPPORT, "Boleto", "Cadê o boleto?"))
    opened.agent_answers("SUP-1", "#solicitante nova@cliente.test")
    opened.agent_answers("SUP-1", "#modelo boleto")
    assert opened.comments("SUP-1", "comment")[-1].reply == "Olá! A segunda via está no portal."


def test_who_gets_a_ticket_is_told(make_story: Callable[..., Story]) -> None:
    """N19 on assignment: to the agent it was given to, with the customer's last words, and to nobody who took it
    himself; an unassigned one that moves is told to its new department. Nobody was told before."""
    agents = [
        {"name": "Bruno", "address": "bruno@example.test", "departments": ["suporte"]},
        {"name": "Bia Reis", "address": "bia@example.test", "departments": ["financeiro"]},
    ]
    story = make_story(agents=agents)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    before = len(story.told())
    story.agent_answers("SUP-1", "#departamento financeiro")
    assert ("N19", "bia@example.test") in story.told()[before:]
    before = len(story.told())
    story.agent_answers("SUP-1", "#assumir")
    assert [to for n, to in story.told()[before:] if n == "N19"] == []
    before = len(story.told())
    story.agent_answers("SUP-1", "#atribuir bia")
    assert [to for n, to in story.told()[before:] if n == "N19"] == ["bia@example.test"]
    before = len(story.told())
    story.agent_answers("SUP-1", "#pegar")
    story.agent_answers("SUP-1", "#atribuir bia\n#nota\nEla é cliente antiga.")
    assert [to for n, to in story.told()[before:] if n == "N19"] == ["bia@example.test"]
    said = [text_of(m.raw) for m in story.deliver() if m.recipient == "bia@example.test"]
    assert [line.split("\n\n")[1].strip() for line in said] == [
        "SUP-1 veio para o seu departamento", "SUP-1 agora está com você", "SUP-1 agora está com você",
    ]  # fmt: skip
    assert "A nota 4411 foi recusada." in said[1]
    assert "nota interna" in said[2]
    assert "Ela é cliente antiga." in said[2]


def test_several_orders_at_once_with_an_answer(opened: Story) -> None:
    opened.agent_answers(
        "SUP-1",
        "#prioridade alta\n#prazo 20/12 14h\n#participante carmen@cliente.test\nPode mandar o XML?\n#com-cliente",
    )
    ticket = opened.ticket("SUP-1")
    assert (ticket.priority, ticket.status, ticket.agent_name) == ("high", "com_cliente", "Bruno")
    assert ticket.due_at == datetime(ticket.due_at.year, 12, 20, 17, 0, tzinfo=UTC)
    assert opened.told()[2:] == [("N15", CARMEN[1]), ("N7", ANA[1])]
    assert opened.comments("SUP-1", "comment")[-1].reply == "Pode mandar o XML?"


def test_one_wrong_order_and_nothing_happens(opened: Story) -> None:
    settled = opened.agent_answers("SUP-1", "#prioridade alta\n#prazo 31/02\nPronto.\n#resolvido")
    ticket = opened.ticket("SUP-1")
    assert (settled.outcome, ticket.priority, ticket.status, ticket.agent_id) == (
        Outcome.COMMAND, "normal", "aberto", None,
    )  # fmt: skip
    assert opened.told()[2:] == [("COMMAND_ERROR", BRUNO[1])]
    body = json.loads(opened.outbox("COMMAND_ERROR")[0].body)
    assert (body["reason"], body["problem"]) == ("when", "#prazo 31/02")
    assert {"#resolvido", "#prazo …", "#ajuda"} <= set(body["commands"])
    assert "Pronto." in opened.comments("SUP-1", "note")[-1].reply, "the text is kept"


def test_orders_alone_are_done_and_reported(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#assumir\n#prazo amanhã 14h")
    assert opened.ticket("SUP-1").agent_name == "Bruno"
    assert opened.told()[2:] == [("COMMAND_DONE", BRUNO[1])]
    assert json.loads(opened.outbox("COMMAND_DONE")[0].body)["commands"] == ["#assumir", "#prazo amanhã 14h"]


def test_help_changes_nothing(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#ajuda")
    assert opened.told()[2:] == [("COMMAND_ERROR", BRUNO[1])]
    assert json.loads(opened.outbox("COMMAND_ERROR")[0].body)["reason"] == "help"
    assert opened.comments("SUP-1", "note") == []


def test_an_order_of_somebody_unproven_does_nothing(opened: Story) -> None:
    """I1, I12."""
    opened.agent_answers("SUP-1", "#prioridade urgente\n#spam", proven=False)
    ticket = opened.ticket("SUP-1")
    assert (ticket.priority, ticket.status) == ("normal", "aberto")
    assert opened.rows(CONTACT, CONTACT.c.address == ANA[1])[0].active


# --- collisions -------------------------------------------------------------------------------------------------------


def _collision(opened: Story) -> None:
    """Ana adds something after the notice that Bruno answers."""
    copy = opened.agents_copy("SUP-1")
    opened.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Achei: era o certificado vencido."))
    assert _bruno_writes(opened, copy, "Reinstale o sistema.\n#resolvido") is Outcome.HELD


def test_an_answer_that_has_not_seen_the_newest_word_is_held(opened: Story) -> None:
    """I7: he is told at once what came, and nothing leaves."""
    _collision(opened)
    assert (opened.ticket("SUP-1").status, opened.told()[-1]) == ("aberto", ("CONFIRM", BRUNO[1]))
    body = json.loads(opened.outbox("CONFIRM")[0].body)
    assert body["reason"] == "collision"
    assert [(kind, who, said) for kind, who, _, said in body["news"]] == [
        ("comment", ANA[0], "Achei: era o certificado vencido.")
    ]
    (held,) = opened.rows(JOURNAL, JOURNAL.c.outcome == "held")
    assert held.reason == "collision"
    opened.later(days=400)
    assert opened.rows(JOURNAL, JOURNAL.c.outcome == "held"), "it never expires"


@pytest.mark.parametrize(
    ("word", "public", "status"), [("#enviar", ["Reinstale o sistema."], "resolvido"), ("#nota", [], "resolvido")]
)
def test_the_agent_says_what_becomes_of_it(opened: Story, word: str, public: list[str], status: str) -> None:
    _collision(opened)
    _bruno_writes(opened, _reply_to(opened, "CONFIRM"), word)
    opened.work()
    said = [c for c in opened.comments("SUP-1") if c.role == "agent"]
    assert [c.reply for c in said if c.kind == "comment"] == public
    assert [c.reply for c in said] == ["Reinstale o sistema."]
    assert opened.ticket("SUP-1").status == status
    assert opened.rows(JOURNAL, JOURNAL.c.outcome == "held") == []


def test_a_discarded_answer_stays_in_the_journal_and_nowhere_else(opened: Story) -> None:
    _collision(opened)
    _bruno_writes(opened, _reply_to(opened, "CONFIRM"), "#descartar")
    assert [c for c in opened.comments("SUP-1") if c.role == "agent"] == []
    assert [r.reason for r in opened.rows(JOURNAL, JOURNAL.c.outcome == "rejected")] == ["dropped"]


def test_nothing_waits_is_said(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#enviar")
    assert json.loads(opened.outbox("COMMAND_ERROR")[0].body)["reason"] == "nothing_waits"


def test_an_agents_own_second_answer_is_no_collision(opened: Story) -> None:
    copy = opened.agents_copy("SUP-1")
    assert _bruno_writes(opened, copy, "Primeira resposta.\n#com-cliente") is Outcome.COMMENTED
    assert _bruno_writes(opened, copy, "E mais uma coisa.") is Outcome.COMMENTED


# --- joining, spam, requester -----------------------------------------------------------------------------------------


def test_a_joined_ticket_goes_on_in_the_other(opened: Story) -> None:
    """Answers to mails of the old ticket arrive in the new one; nobody is told of the move."""
    opened.receive(plain_mail(ANA, SUPPORT, "Nota recusada de novo", "O mesmo problema na filial."))
    old_copy = _reply_to(opened, "N1")
    opened.agent_answers("SUP-2", "#juntar SUP-1")
    assert (opened.ticket("SUP-2").status, opened.told()[-1]) == ("fechado", ("COMMAND_DONE", BRUNO[1]))
    assert [c.reply for c in opened.comments("SUP-1")][-1] == "O mesmo problema na filial."
    settled = opened.receive(plain_mail(ANA, old_copy, "Re: Nota", "Segue o log."), [old_copy])
    assert (settled.key, settled.outcome) == ("SUP-1", Outcome.COMMENTED)


def test_tickets_of_strangers_are_not_joined(opened: Story) -> None:
    opened.receive(plain_mail(("Diego", "diego@outra.test"), SUPPORT, "Erro", "Outro cliente."))
    opened.agent_answers("SUP-2", "#juntar SUP-1")
    assert json.loads(opened.outbox("COMMAND_ERROR")[0].body)["reason"] == "strangers"
    assert opened.ticket("SUP-2").joined_into is None


def test_spam_is_closed_silently_and_its_sender_waits_for_a_person(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#spam")
    assert (opened.ticket("SUP-1").status, opened.told()[2:]) == ("fechado", [("COMMAND_DONE", BRUNO[1])])
    settled = opened.receive(plain_mail(ANA, SUPPORT, "Compre já", "Oferta!"))
    assert settled.outcome is Outcome.HELD


def test_the_requester_can_be_changed(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#solicitante maria@cliente.test")
    assert opened.ticket("SUP-1").requester_address == "maria@cliente.test"
    assert ("N2", "maria@cliente.test") in opened.told()
    opened.agent_answers("SUP-1", "#solicitante bruno@example.test")
    assert json.loads(opened.outbox("COMMAND_ERROR")[0].body)["reason"] == "address"


# --- passing on -------------------------------------------------------------------------------------------------------

_PASSED_ON = """Cliente antigo, trate com carinho.

---------- Forwarded message ---------
De: Helena Prado <helena@nova.test>
Date: qua., 5 de nov. de 2025 às 09:12
Subject: Boleto não abre
To: Bruno <bruno@example.test>


Bom dia,

o boleto de novembro não abre no celular.

Helena
"""


def test_what_an_agent_passes_on_becomes_the_customers_ticket(story: Story) -> None:
    """F48: in the customer's name, the customer's words first, the agent's own as a note."""
    mail = plain_mail(BRUNO, SUPPORT, "Fwd: Boleto não abre", _PASSED_ON)
    settled = story.receive(mail)
    ticket = story.ticket("SUP-1")
    assert (settled.outcome, ticket.requester_address, ticket.subject) == (
        Outcome.OPENED, "helena@nova.test", "Boleto não abre",
    )  # fmt: skip
    said = [(c.kind, c.role, c.reply.split("\n")[0]) for c in story.comments("SUP-1")]
    assert said == [
        ("comment", "customer", "Bom dia,"),
        ("note", "agent", "Cliente antigo, trate com carinho."),
    ]
    assert story.told()[0] == (str(Notice.N2), "helena@nova.test")
    (first, _) = story.comments("SUP-1")
    assert "carinho" not in f"{first.text}{first.html or ''}{first.elided}", (
        "the agent's own words are not hers to read"
    )


def test_what_a_customer_passes_on_stays_the_customers_own(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Fwd: Boleto não abre", _PASSED_ON))
    assert story.ticket("SUP-1").requester_address == ANA[1]
    assert story.rows(PARTICIPANT) == []


def test_why_is_answered_with_the_decision(opened: Story) -> None:
    """I1: the agent gets what `mailgate explain` says, in his language, and nobody else anything."""
    opened.agent_answers("SUP-1", "#porque")
    assert opened.told()[2:] == [("COMMAND_DONE", BRUNO[1])]
    (sent,) = [s for s in opened.deliver() if b"COMMAND_DONE" in s.raw or s.recipient == BRUNO[1]][-1:]
    text = message_from_bytes(sent.raw).get_payload(0).get_payload(decode=True).decode()  # type: ignore[union-attr]
    for words in (
        "Quem escreveu",
        "Ana Souza (ana@cliente.test), cliente",
        "O que as regras disseram",
        "Quem foi avisado",
    ):
        assert words in text, text
