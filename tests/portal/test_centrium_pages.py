"""Centrium's guide, its pages: a guest's ticket and its way to the end; the panels of a Light and of a Master user."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.portal.browsing import Size, reading
from tests.portal.customers import (
    BOTH,
    LIA,
    OTHER_WAY,
    PICTURE,
    VERA,
    listed,
    menu,
    organised,
    sifts,
    signs_in,
    status,
    writes,
)
from tests.portal.letters import letter_to
from tests.portal.test_new import forgiven
from tests.unit.portal.conftest import Portal

pytestmark = pytest.mark.integration

FABIO = "fabio@padaria.test"
TOPICS = {
    "Dúvida": "preenchimento de um campo",
    "Inconformidade": "erros do sistema",
    "Parada do Sistema": "não é possível entrar no sistema",
    "Solicitação de Melhoria": "melhoria em um processo",
}


@BOTH
def test_a_guest_from_abrir_novo_ticket_to_fechado(
    chromium: Browser, make_portal: Callable[..., Portal], size: Size, scripts: bool
) -> None:
    portal = make_portal(preset="centrium", guests="yes")
    with reading(chromium, portal.base, size, scripts=scripts) as fabio:
        # "o usuário deve acessar o Portal e clicar na opção “Abrir Novo Ticket”" (R020)
        page = fabio.opens("/")
        fabio.judge()
        page.locator("main").get_by_role("link", name="Abrir novo ticket").click()
        # "Tópicos de Ajuda": four, each with when it is used (R024)
        for topic, when in TOPICS.items():
            expect(page.locator("main li", has_text=topic).first).to_contain_text(when)
        fabio.judge()
        page.get_by_role("link", name="Inconformidade").click()
        # "obrigatória de e-mail e nome"; "O campo Whatsapp é opcional" (R021)
        assert page.get_by_label("Seu nome").get_attribute("required") is not None
        assert page.get_by_label("WhatsApp ou telefone").get_attribute("required") is None
        portal.clock.advance(timedelta(seconds=40))
        page.get_by_label("Seu nome").fill("Fábio Padeiro")
        page.get_by_label("Seu e-mail").fill(FABIO)
        page.get_by_label("Assunto").fill("Mensagem 539 ao faturar")
        page.get_by_label("Descrição").fill("Ao faturar o pedido aparece a mensagem 539.")
        page.get_by_role("button", name="Criar ticket").click()
        # "é imprescindível o anexo da mensagem de erro" (R028)
        page.get_by_text("Anexe a mensagem ou a tela do erro:").wait_for()
        page.get_by_label("Imagens e anexos").set_input_files([PICTURE])
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("Recebemos a sua solicitação.").wait_for()
        forgiven(fabio).judge()
        # "O usuário poderá abrir um sequencial de tickets" (R037)
        page.get_by_role("link", name="Abrir outra solicitação").click()
        expect(page).to_have_url(f"{portal.base}/new")

        # "Verificar Status do Ticket: informar o email e o nº do ticket … receber o link de acesso pelo e-mail" (R052)
        page = fabio.opens("/")
        page.get_by_label("Seu e-mail").fill(FABIO)
        page.get_by_label("Número do ticket").fill("SUP-1")
        page.get_by_role("button", name="Receber o link por e-mail").click()
        page.get_by_role("heading", name="Confira o seu e-mail").wait_for()
        fabio.judge()
        page = fabio.opens(letter_to(portal, FABIO, "N4").link("clicando aqui"))
        # status with what it means, department, creation date, who opened it, technician and next check (R087)
        status(page, "Aberto")
        for words in ("Seu ticket foi recebido", "Suporte", "Aberto em", "Fábio Padeiro", "Próxima verificação"):
            expect(page.get_by_text(words).first).to_be_visible()
        expect(page.get_by_role("link", name="erro.png")).to_be_visible()
        page.get_by_role("button", name="Confirmar que fui eu").click()
        page.get_by_text("confirmado que foi você").wait_for()
        fabio.judge()

        # "Com cliente: quando a continuidade depende de um retorno do cliente"; "Clicando aqui" (R050)
        portal.clock.advance(timedelta(minutes=20))
        portal.house.agent_answers("SUP-1", "Olá, Fábio! Qual é o número do pedido?\n\n#com-cliente")
        page = fabio.opens(letter_to(portal, FABIO, "N7").link("clicando aqui"))
        status(page, "Com cliente")
        expect(page.get_by_text("Bruno", exact=True).first).to_be_visible()  # "qual o técnico que assumiu" (R130)
        # "criar um trâmite direto … na opção “Postar uma Resposta”" (R089)
        page.get_by_role("heading", name="Postar uma resposta").wait_for()
        page.get_by_label("Sua mensagem").fill("É o pedido 1047.")
        page.get_by_role("button", name="Enviar resposta").click()
        expect(page.locator("article", has_text="É o pedido 1047.")).to_be_visible()
        status(page, "Aberto")

        # "caso o cliente responda o retorno do técnico, o ticket será reaberto" (R005)
        portal.clock.advance(timedelta(minutes=20))
        portal.house.agent_answers("SUP-1", "Corrigi a regra de tributação.\n\n#resolvido")
        page = fabio.opens(letter_to(portal, FABIO, "N10").link("clicando aqui"))
        status(page, "Resolvido")
        page.get_by_label("Sua mensagem").fill("Ainda aparece a mensagem 539.")
        page.get_by_role("button", name="Enviar resposta").click()
        expect(page.locator("article", has_text="Ainda aparece")).to_be_visible()
        status(page, "Reaberto")
        fabio.judge()
        fabio.shoot(f"centrium-reopened-{'js' if scripts else 'plain'}")
        portal.house.agent_answers("SUP-1", "Agora sim, Fábio.\n\n#fechado")
        page.reload()
        status(page, "Fechado")
        assert page.locator("article").count() >= 6  # the whole history (R088)


@OTHER_WAY
def test_a_light_user_sees_his_own_and_the_master_all(
    chromium: Browser, make_portal: Callable[..., Portal], quick: None, size: Size, scripts: bool
) -> None:
    portal = make_portal(preset="centrium", guests="yes")
    organised(portal, {LIA: "light", VERA: "master"})
    for who, subject in ((LIA, "Nota recusada"), (LIA, "Relatório em branco"), (VERA, "Troca de servidor")):
        writes(portal, who, subject)
        portal.clock.advance(timedelta(minutes=5))
    portal.house.agent_answers("SUP-1", "#topico inconformidade\nCorrigido.\n\n#resolvido")
    portal.house.agent_answers("SUP-2", "#topico duvida\nEra o filtro.\n\n#fechado")
    with reading(chromium, portal.base, size, scripts=scripts) as lia:
        # "Clicar na opção ENTRAR, no canto superior direito … Informar usuário e senha" (R056)
        page = signs_in(lia, LIA)
        lia.judge()
        # "não podendo visualizar os tickets de outros usuários da organização" (R059, R080)
        page = lia.opens("/requests")
        listed(page, "Nota recusada")
        lia.judge()
        assert lia.opens("/tickets/SUP-3").title().startswith("Não foi possível")
        lia.complaints.clear()
        # "clicar sobre o nº do ticket … Caso o usuário queira responder o técnico" (R088, R089)
        page = lia.opens("/requests")
        page.get_by_role("link", name="Nota recusada").click()
        page.get_by_label("Sua mensagem").fill("Obrigada, vou conferir.")
        page.get_by_role("button", name="Enviar resposta").click()
        status(page, "Reaberto")
        lia.judge()
        # "Abrir Novo Ticket, no menu" (R097)
        page.get_by_role("navigation", name="Menu").get_by_role("link", name="Nova solicitação").click()
        page.get_by_role("link", name="Parada do Sistema").wait_for()

    with reading(chromium, portal.base, size, scripts=scripts) as vera:
        # "O sistema abrirá diretamente na Central de Chamadas da organização" (R060, R098)
        page = signs_in(vera, VERA)
        for subject in ("Nota recusada", "Troca de servidor"):
            page.get_by_role("link", name=subject).wait_for()
        vera.judge()
        page = vera.opens("/requests")
        listed(page, "Nota recusada", "Troca de servidor")
        vera.judge()
        vera.shoot(f"centrium-master-{'js' if scripts else 'plain'}")
        # "Os tickets que possuem o ícone das pessoas no assunto" (R094)
        rows = page.locator("#list .c-subject")
        assert rows.filter(has_text="Nota recusada").locator(".others").count() == 1
        assert rows.filter(has_text="Troca de servidor").locator(".others").count() == 0
        # "Por assunto do trâmite ou por usuário … Por tópico de ajuda" (R083)
        listed(sifts(vera, user="Lia Reis"), "Nota recusada")
        page = vera.opens("/requests")
        listed(sifts(vera, topic="Inconformidade"), "Nota recusada")
        page = vera.opens("/requests")
        page.get_by_label("Buscar", exact=True).fill("servidor")
        page.keyboard.press("Enter")
        listed(page, "Troca de servidor")
        # "Encerrados são os ticket com status FECHADO, não RESOLVIDO"
        portal.house.agent_answers("SUP-3", "Feito.\n\n#resolvido")
        page = vera.opens("/requests")
        page.get_by_role("link", name="Encerrados").click()
        listed(page, "Relatório em branco")
        vera.judge()
        # "Mesmo assim, o usuário Master pode … incluir algum comentário dentro do ticket"
        page = vera.opens("/tickets/SUP-1")
        page.get_by_label("Sua mensagem").fill("Acompanho com a Lia.")
        page.get_by_role("button", name="Enviar resposta").click()
        expect(page.locator("article", has_text="Acompanho com a Lia.")).to_be_visible()
        menu(page, VERA).get_by_role("button", name="Sair").click()
        page.get_by_text("Você saiu").wait_for()
        vera.judge()
