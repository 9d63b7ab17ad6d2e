"""Negotti's help desk: a request, everybody's requests by their state, reopened on the page, an icon on the phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.portal.browsing import Size, reading
from tests.portal.customers import BOTH, LIA, VERA, listed, organised, sifts, signs_in, status, writes
from tests.portal.letters import letter_to
from tests.unit.portal.conftest import Portal

pytestmark = pytest.mark.integration


@BOTH
def test_a_request_is_sent_followed_and_opened_again(
    chromium: Browser, make_portal: Callable[..., Portal], quick: None, size: Size, scripts: bool
) -> None:
    portal = make_portal(preset="negotti", company={"name": "Negotti"})
    organised(portal, {VERA: "light", LIA: "light"})
    writes(portal, LIA, "Relatório de vendas")
    portal.house.agent_answers("SUP-1", "Qual período?\n\n#pedir-info")
    with reading(chromium, portal.base, size, scripts=scripts) as vera:
        # "Enviar uma Solicitação > incluir os dados de acesso > criar a solicitação com assunto e descrição" (R020,
        # R027, R056)
        page = signs_in(vera, VERA)
        page.get_by_role("heading", name="Olá, Vera").wait_for()
        vera.judge()
        page.locator("main").get_by_role("link", name="Nova solicitação").first.click()
        page.get_by_label("Assunto").fill("Preço não atualiza")
        page.get_by_label("Descrição").fill("O preço da tabela 3 ficou o de ontem.")
        # "A menos que seja explicitamente solicitado, nunca é restringido o uso normal" (R137, R031)
        assert not page.get_by_label("Por que trancar").is_visible()
        page.get_by_role("radio", name="não").check()
        vera.judge()
        vera.shoot(f"negotti-new-{'js' if scripts else 'plain'}")
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("SUP-2 foi criado.").wait_for()
        # "um email de confirmação é enviado confirmando o recebimento" (R002, N1)
        assert "SUP-2" in letter_to(portal, VERA[1], "N1").subject
        # "Novo: criado e ainda precisa ser iniciado"
        status(page, "Novo")
        expect(page.get_by_text("Criada e ainda não iniciada")).to_be_visible()
        vera.judge()

        # "Minhas atividades … Solicitações da Organização … podem ser filtradas pelo estado" (R081, R083, R104)
        page = vera.opens("/requests?scope=mine")
        listed(page, "Preço não atualiza")
        page.get_by_role("link", name="Todas as solicitações").click()
        listed(page, "Preço não atualiza", "Relatório de vendas")
        listed(sifts(vera, state="Pendente"), "Relatório de vendas")
        vera.judge()
        vera.shoot(f"negotti-list-{'js' if scripts else 'plain'}")

        # "Avisos são enviados por email ao serem realizadas alterações de status e mensagens" (R112, N10)
        portal.house.agent_answers("SUP-2", "Atualizei a tabela 3.\n\n#resolvido")
        page = vera.opens(letter_to(portal, VERA[1], "N10").link("clicando aqui"))
        status(page, "Resolvido")
        expect(page.get_by_text("Pode ser reaberta pelo sistema web ou respondendo o e-mail")).to_be_visible()
        # "Ao ser Resolvido, pode ser reaberto pelo sistema Web" (R005)
        page.get_by_label("Sua mensagem").fill("A tabela 4 também ficou a de ontem.")
        page.get_by_role("button", name="Enviar resposta").click()
        status(page, "Aberto")
        vera.judge()


def test_a_shortcut_on_the_phone(chromium: Browser, make_portal: Callable[..., Portal]) -> None:
    """What a browser needs for "toque em Tela de Início" and "Adicionar à tela inicial" (R071) is there."""
    portal = make_portal(preset="negotti", company={"name": "Negotti"})
    with reading(chromium, portal.base, "phone") as vera:
        page = vera.opens("/")
        where = page.locator("link[rel=manifest]").get_attribute("href")
        manifest = page.evaluate("where => fetch(where).then(answer => answer.json())", where)
        assert (manifest["name"], manifest["display"], manifest["start_url"]) == (
            "Atendimento Negotti",
            "standalone",
            "/",
        )
        touch = page.locator("link[rel=apple-touch-icon]").get_attribute("href") or ""
        for path in (touch, *(one["src"] for one in manifest["icons"])):
            size: int = page.evaluate(
                """async path => {
                  const one = new Image();
                  one.src = path;
                  await one.decode();
                  return one.naturalWidth;
                }""",
                path,
            )
            assert size >= 180 or path.endswith(".svg"), path
        cannot = page.context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
        assert [one["errorId"] for one in cannot if one["errorId"] != "in-incognito"] == []
