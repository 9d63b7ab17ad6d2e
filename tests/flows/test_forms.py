"""Forms by mail (I8, R026–R031) on both databases: asked for just what is missing, and the ticket moves by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from mailgate.flows import duedates
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail, png

LONG = "Ao processar a folha de outubro, o cálculo das férias sai com o valor do mês anterior, para todos da filial 2."


@pytest.fixture
def totvs(make_story: Callable[..., Story]) -> Story:
    return make_story(preset="totvs")


def _asked(story: Story, notice: str) -> str:
    return str(json.loads(story.outbox(notice)[-1].body).get("problem", ""))


def test_asked_for_what_is_missing_and_back_by_itself(totvs: Story) -> None:
    """R030: the description is there; version and database are asked for, and nothing that is not required."""
    totvs.receive(plain_mail(ANA, SUPPORT, "Cálculo da folha", LONG))
    assert _asked(totvs, "N1") == "Versão do sistema: ___\nBase de dados: ( ) SQL  ( ) ORACLE"
    assert (totvs.ticket("SUP-1").status, totvs.told("N8")) == ("pendente", [])
    sent = b"".join(m.raw for m in totvs.deliver() if m.recipient == ANA[1])
    assert b"Base de dados: ( ) SQL" in sent.replace(b"=\r\n", b"")
    totvs.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Cálculo", "Versao do sistema: 12.1.2310\nusamos Oracle"))
    ticket = totvs.ticket("SUP-1")
    assert (ticket.status, ticket.fields["versao"], ticket.fields["base"]) == ("aberto", "12.1.2310", "ORACLE")
    shown = json.loads(totvs.outbox("N19")[-1].body)["form"]
    assert ["Versão do sistema", "12.1.2310"] in shown


def test_the_checklist_shrinks(totvs: Story) -> None:
    """Some of it: he is asked for the rest and the ticket stays with him. Nothing of it: an agent sees it."""
    totvs.receive(plain_mail(ANA, SUPPORT, "Cálculo da folha", LONG))
    totvs.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Cálculo da folha", "Versão: 12.1.2310"))
    assert (_asked(totvs, "N8"), totvs.ticket("SUP-1").status) == ("Base de dados: ( ) SQL  ( ) ORACLE", "pendente")
    assert [m.recipient for m in totvs.deliver() if b"SQL" in m.raw][-1:] == [ANA[1]]
    totvs.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Cálculo da folha", "Não sei qual é, preciso de ajuda."))
    assert (len(totvs.told("N8")), totvs.ticket("SUP-1").status) == (1, "aberto")


def test_a_complete_mail_is_asked_nothing(totvs: Story) -> None:
    whole = f"{LONG}\nVersão do sistema: 12.1.2310\nBase de dados: SQL\nHospedado no Cloud da TOTVS? não"
    totvs.receive(plain_mail(ANA, SUPPORT, "Cálculo da folha", whole))
    ticket = totvs.ticket("SUP-1")
    assert (ticket.status, ticket.fields["cloud"], _asked(totvs, "N1")) == ("aberto", "no", "")


def test_to_an_unproven_sender_only_our_own_lines(totvs: Story) -> None:
    totvs.receive(plain_mail(ANA, SUPPORT, "PALAVRA", f"{LONG} PALAVRA", verified=False))
    assert _asked(totvs, "N1").startswith("Versão do sistema: ___")
    raw = next(m.raw for m in totvs.deliver() if m.recipient == ANA[1])
    assert (b"Base de dados" in raw, b"PALAVRA" in raw) == (True, False)
    totvs.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1]", "Versão: 12.1", verified=False))
    assert totvs.told("N8") == []


def test_an_attachment_that_the_topic_requires(make_story: Callable[..., Story]) -> None:
    """R028: accepted by mail, and asked for; a mail with nothing but the screen is the answer (S4:18, S4:39)."""
    story = make_story(preset="centrium")
    book = story.site.book()
    story.site = replace(story.site, default_topic=lambda: "inconformidade", others=lambda book: {})
    assert book.topics.topics["inconformidade"].attachment == "required"
    story.receive(plain_mail(ANA, SUPPORT, "Erro 656", "Não consigo emitir a nota."))
    assert (_asked(story, "N1"), story.ticket("SUP-1").status) == ("Anexo: (anexe a este e-mail)", "com_cliente")
    picture = plain_mail(ANA, SUPPORT, "Re: [SUP-1] Erro 656", "", html='<img src="cid:tela@x">',
                         images=[("tela@x", "png", png(40, 40))])  # fmt: skip
    story.receive(picture)
    ticket = story.ticket("SUP-1")
    assert (ticket.status, bool(ticket.fields["attachment"])) == ("aberto", True)
    assert ("N19", BRUNO[1]) in story.told("N19")


def test_the_time_to_the_due_date_begins_when_the_form_is_complete(make_story: Callable[..., Story]) -> None:
    """I8. Nothing is promised while the customer is asked; two days later eight working hours begin."""
    story = make_story(preset="totvs")
    story.receive(plain_mail(ANA, SUPPORT, "Cálculo da folha", LONG))
    assert (story.ticket("SUP-1").status, story.ticket("SUP-1").due_at) == ("pendente", None)
    assert json.loads(story.outbox("N1")[-1].body)["due_at"] is None
    story.later(days=2)
    assert duedates.sweep(story.site) == 0
    whole = f"{LONG}\nVersão do sistema: 12.1.2310\nBase de dados: SQL\nHospedado no Cloud da TOTVS? não"
    story.receive(
        plain_mail(ANA, SUPPORT, "Re: [SUP-1] Cálculo da folha", "Versao do sistema: 12.1.2310\nusamos Oracle")
    )
    story.receive(plain_mail(ANA, SUPPORT, "Outro cálculo da folha", whole))
    first, second = story.ticket("SUP-1"), story.ticket("SUP-2")
    assert (first.status, second.status) == ("aberto", "aberto")
    assert first.due_at is not None
    assert first.due_at == second.due_at, "as if it had been opened now"
    assert json.loads(story.outbox("N19")[-1].body)["due_at"] == first.due_at.isoformat()


def test_it_begins_too_when_the_ticket_comes_to_us_incomplete(make_story: Callable[..., Story]) -> None:
    """The customer has nothing more to say, or an agent takes it as it is."""
    story = make_story(preset="totvs")
    for number in (1, 2):
        story.receive(plain_mail(ANA, SUPPORT, f"Cálculo da folha {number}", LONG))
    story.later(hours=3)
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Cálculo", "Não sei qual é, preciso de ajuda."))
    story.agent_answers("SUP-2", "#aberto\nVejo aqui.")
    due = {key: story.ticket(key).due_at for key in ("SUP-1", "SUP-2")}
    assert due["SUP-1"] is not None
    assert due["SUP-1"] == due["SUP-2"]
