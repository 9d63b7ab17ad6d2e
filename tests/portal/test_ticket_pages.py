"""The ticket's page in a browser: a member with and without scripts, an agent by link and signed in, the queue."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from store import journal, people, tickets
from store.vocabulary import CommentKind
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail, png
from tests.portal.browsing import Size, reading, signed_in
from tests.unit.portal.conftest import Portal
from tests.unit.portal.test_agentacts import AGENTS, BIA
from tests.unit.portal.test_queue import hold
from tests.unit.portal.test_ticketacts import SHOP, followers, organise

pytestmark = pytest.mark.integration
LONG = "Segue a explicação, linha por linha, de como reproduzir o problema no caixa."


@pytest.fixture
def shop(make_portal: Any) -> Portal:
    """SUP-1 of Ana with a picture in its text; her organisation with a second shop; Bruno and Bia are agents."""
    portal: Portal = make_portal(agents=AGENTS, guests="held")
    mail = plain_mail(
        ANA, SUPPORT, "Nota fiscal recusada pela SEFAZ", "Veja a tela.",
        html='<p>Bom dia!</p><p>A nota <b>não é emitida</b>, veja:</p><p><img src="cid:tela@x"></p><p>Ana</p>',
        images=(("tela@x", "png", png(640, 300)),), files=(("nota.xml", "text/xml", b"<a/>" * 900),),
    )  # fmt: skip
    site = portal.house.site
    site.writer.call(lambda c: people.contact_for(c, site.ids.new(), ANA[1], ANA[0], None, portal.clock()))
    portal.house.receive(mail)
    organise(portal)
    portal.clock.advance(timedelta(minutes=7))
    portal.house.agent_answers("SUP-1", "Bom dia, Ana! Qual é a versão?\n\n#com-cliente")
    portal.clock.advance(timedelta(minutes=7))
    return portal


@pytest.mark.parametrize(("size", "scripts"), [("phone", True), ("desk", False)])
def test_a_member_adds_shares_silences_and_finishes(
    chromium: Browser, shop: Portal, size: Size, scripts: bool
) -> None:  # fmt: skip
    with reading(chromium, shop.base, size, scripts=scripts) as ana:
        signed_in(ana, shop, ANA[1])
        page = ana.opens("/tickets/SUP-1")
        assert page.title() == "SUP-1 · Nota fiscal recusada pela SEFAZ"
        assert page.get_by_role("link", name="Vetor Farma").is_visible()
        place = page.locator(".said img").first
        assert (place.get_attribute("width"), place.get_attribute("height")) == ("640", "300")
        page.get_by_text("Adicionar participante").click()
        page.get_by_label("Colega").select_option(CARMEN[1])
        page.get_by_label("Só acompanha").check()
        ana.judge()
        ana.shoot(f"ticket-{'js' if scripts else 'plain'}")
        page.get_by_role("button", name="Adicionar", exact=True).click()
        page.get_by_text("o participante foi avisado").wait_for()
        page.locator("summary", has_text="Compartilhar").click()
        page.get_by_label("E-mail da filial").fill(SHOP)
        page.get_by_role("button", name="Compartilhar").click()
        page.get_by_text("a filial foi avisada").wait_for()
        page.get_by_role("button", name="Avisos ligados").click()
        page.get_by_role("button", name="Avisos desligados").wait_for()
        page.locator("summary", has_text="Finalizar").click()
        page.get_by_role("button", name="Sim, finalizar").click()
        page.get_by_text("Ticket finalizado").wait_for()
        ana.judge()
    assert set(followers(shop)) == {ANA[1], CARMEN[1], SHOP}
    assert shop.house.ticket("SUP-1").category == "closed"


def test_a_draft_is_kept_in_the_tab_and_for_its_person_only(chromium: Browser, shop: Portal) -> None:
    with reading(chromium, shop.base) as ana:
        signed_in(ana, shop, ANA[1])
        page = ana.opens("/tickets/SUP-1")
        page.get_by_label("Sua mensagem").fill(LONG)
        page.reload()
        assert page.get_by_label("Sua mensagem").input_value() == LONG
        page.get_by_label("Sua mensagem").press("Control+Enter")
        page.locator("article", has_text=LONG).wait_for()
        page.reload()
        assert page.get_by_label("Sua mensagem").input_value() == ""
        page.get_by_label("Sua mensagem").fill("Só para mim")
        signed_in(ana, shop, BRUNO[1])
        ana.opens("/tickets/SUP-1")
        assert page.get_by_label("Sua mensagem").input_value() == ""
        assert "Só para mim" not in page.evaluate("JSON.stringify(sessionStorage)")


@pytest.mark.parametrize(("size", "scripts"), [("phone", True), ("desk", True), ("desk", False)])
def test_an_agent_works_on_the_page(chromium: Browser, shop: Portal, size: Size, scripts: bool) -> None:
    with reading(chromium, shop.base, size, scripts=scripts) as bruno:
        page = bruno.opens(f"/t/{shop.house.token('SUP-1', BRUNO[1])}")
        page.get_by_label("Nota interna", exact=True).fill("Visto no celular.")
        assert not page.get_by_role("button", name="Enviar ao cliente").is_visible()
        page.evaluate("scrollTo(0, 0)")  # a link half under the bar at the top would count as too small
        bruno.judge()
        bruno.shoot(f"agent-link-{'js' if scripts else 'plain'}")
        page.get_by_role("button", name="Guardar como nota").click()
        page.locator("article", has_text="Visto no celular.").wait_for()
        signed_in(bruno, shop, BRUNO[1])
        page = bruno.opens("/tickets/SUP-1")
        shop.house.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", "Versão 12.1."))
        page.get_by_label("Sua mensagem").fill("Ana, e a versão?")
        page.get_by_role("button", name="Enviar ao cliente").click()
        page.get_by_text("Nada foi enviado").wait_for()
        assert page.get_by_label("Sua mensagem").input_value() == "Ana, e a versão?"
        assert ["409" in one for one in bruno.complaints] == [True], "the browser names the answer that was refused"
        bruno.complaints.clear()
        bruno.judge()
        bruno.shoot(f"agent-news-{'js' if scripts else 'plain'}")
        page.get_by_label("Sua mensagem").fill("Obrigado, Ana. Corrigido.")
        page.get_by_label("Status depois da resposta").select_option("resolvido")
        page.get_by_role("button", name="Enviar mesmo assim").click()
        page.locator("article", has_text="Obrigado, Ana. Corrigido.").wait_for()
        page.locator("summary", has_text="Alterar").click()
        page.get_by_label("Prioridade").select_option("urgent")
        page.get_by_role("button", name="Salvar").click()
        page.get_by_text("Feito.").wait_for()
        page.get_by_role("link", name="Por que ficou assim").click()
        page.locator("summary").filter(has_text="SUP-1").first.click()
        bruno.judge()
        bruno.shoot(f"agent-why-{'js' if scripts else 'plain'}")
    ticket = shop.house.ticket("SUP-1")
    assert (ticket.status, ticket.priority) == ("resolvido", "urgent")
    with shop.house.site.writer.database.read() as connection:
        kinds = [one.kind for one in tickets.comments(connection, ticket.id)]
    assert kinds.count(CommentKind.NOTE) == 1


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_the_queue(chromium: Browser, shop: Portal, size: Size) -> None:
    mail = hold(shop)
    for n, subject in enumerate(("Impressora não imprime", "Relatório em branco", "Troca de senha"), 2):
        shop.house.receive(plain_mail(ANA, SUPPORT, subject, f"Texto {n}"))
        values = {"priority": ("urgent", "high", "normal")[n - 2], "due_at": shop.clock() + timedelta(hours=9 * n - 25)}
        ticket = shop.house.ticket(f"SUP-{n}")
        shop.house.site.writer.call(lambda c, t=ticket, v=values: tickets.change(c, t.id, **v))
    with reading(chromium, shop.base, size) as bia:
        signed_in(bia, shop, BIA[1])
        page = bia.opens("/queue?tab=unassigned")
        bia.judge()
        bia.shoot("queue")
        page.get_by_role("link", name="E-mails retidos").click()
        bia.judge()
        bia.shoot("queue-held")
        page.get_by_role("link", name="Estranho").click()
        bia.judge()
        bia.shoot("held")
        page.get_by_role("button", name="Liberar").click()
        page.get_by_text("foi liberado").wait_for()
        page.get_by_label("Número do ticket").fill("sup-1")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Nota fiscal recusada").wait_for()
    with shop.house.site.writer.database.read() as connection:
        row = journal.by_id(connection, mail)
    assert row is not None
    assert row.resumed == "released"


def test_on_paper(chromium: Browser, shop: Portal, tmp_path: Any) -> None:
    """The conversation and its facts, none of the forms, nothing wider than the sheet."""
    with reading(chromium, shop.base) as ana:
        signed_in(ana, shop, ANA[1])
        page = ana.opens("/tickets/SUP-1")
        page.set_viewport_size({"width": 720, "height": 1000})
        page.emulate_media(media="print")
        for shown in ("Qual é a versão?", "Próxima verificação", "Aberto por"):
            assert page.get_by_text(shown).first.is_visible(), shown
        for hidden in (".reply", ".deeds", ".menu", ".deed", ".ways"):
            assert not page.locator(hidden).first.is_visible(), hidden
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        if (folder := os.environ.get("MAILGATE_SCREENSHOTS")) is not None:
            page.screenshot(path=f"{folder}/paper.png", full_page=True)
        page.emulate_media(media="screen")
        assert page.pdf(path=tmp_path / "ticket.pdf", format="A4")[:5] == b"%PDF-"
