"""The hosting provider's "Sistema de chamados": first access, a ticket to its rating, what managers have besides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mailgate.flows.knowledge import import_folder
from tests.portal.browsing import Size, reading, signed_in
from tests.portal.customers import (
    BOTH,
    LIA,
    MARCO,
    OTHER_WAY,
    VERA,
    change,
    listed,
    menu,
    organised,
    signs_in,
    status,
    writes,
)
from tests.portal.letters import letter_to
from tests.unit.portal.conftest import Portal
from tests.unit.portal.test_profile import code_of

pytestmark = pytest.mark.integration

NUMBER = "+5548999990000"
TITO = ("Tito Externo", "tito@vetor.test")
ARTICLE = """---
title: Caixa de e-mail cheia
section: E-mail
---
Quando a caixa está cheia, apague a lixeira e as mensagens enviadas grandes.
"""


@pytest.fixture
def provedor(make_portal: Callable[..., Portal], tmp_path: Path, quick: None) -> Portal:
    """The provider, which says protocolo; Lia, the managers Vera and Marco, and Tito from outside."""
    folder = tmp_path / "knowledge"
    folder.mkdir()
    (folder / "caixa-cheia.md").write_text(ARTICLE, encoding="utf-8")
    url = tmp_path / "whatsapp.url"
    url.write_text("json://127.0.0.1:9/{number}\n", encoding="utf-8")
    portal = make_portal(
        preset="provedor",
        company={"name": "Hospeda"},
        key={"prefix": "PRO", "label": "protocolo"},
        channels={"whatsapp": {"url_file": str(url)}},
        knowledge={"folder": str(folder)},
    )
    import_folder(portal.house.site)
    organised(portal, {LIA: "light", VERA: "manager", MARCO: "manager", TITO: "third_party"})
    return portal


@BOTH
def test_from_the_first_access_to_the_rating(chromium: Browser, provedor: Portal, size: Size, scripts: bool) -> None:
    change(provedor, LIA[1], preferences={})
    with reading(chromium, provedor.base, size, scripts=scripts) as lia:
        # "No primeiro acesso, pop-ups explicativos serão exibidos. Após isso, insira os dados mais atualizados
        # possíveis e realize a verificação"; "Insira um número válido de WhatsApp" (R067, R069)
        page = signs_in(lia, LIA)
        page.get_by_role("heading", name="Boas-vindas, Lia").wait_for()
        lia.judge()
        lia.shoot(f"provedor-start-{'js' if scripts else 'plain'}")
        page.get_by_label("Número do WhatsApp").fill(NUMBER)
        page.get_by_role("button", name="Está certo, continuar").click()
        page.get_by_label("Código recebido").fill(code_of(provedor))
        lia.judge()
        page.get_by_role("button", name="Confirmar o número").click()
        page.get_by_text("Número confirmado.").wait_for()
        # "pode alterar seus dados na opção “Meu Perfil”" (R064, R118)
        page.get_by_label("Quando é encerrada").check()
        page.get_by_label("Quando respondemos").check()
        page.locator("#notices").get_by_role("button", name="Salvar").click()
        page.get_by_text("Escolhas salvas.").wait_for()
        lia.judge()

        # "Novo Chamado"; "Selecione a categoria apropriada" (R020, R025, R097)
        page.get_by_role("navigation", name="Menu").get_by_role("link", name="Nova solicitação").click()
        page.locator("main").get_by_role("link", name="Suporte").click()
        page.locator("main").get_by_role("link", name="E-mail").click()
        page.get_by_label("Assunto").fill("Caixa de e-mail cheia")
        page.get_by_label("Descrição").fill("A caixa vendas@vetor.test está cheia e não recebe.")
        # "Adicione um participante dentro de sua organização" (R035)
        page.get_by_text("Adicionar participantes").click()
        page.get_by_label("E-mail do participante 1").fill(MARCO[1])
        page.get_by_role("button", name="Criar protocolo").click()
        # "Caso a IA não atenda sua solicitação, clique em “Abrir Chamado”" (R033)
        page.get_by_text("Isto resolveu?").wait_for()
        lia.judge()
        page.get_by_role("button", name="Não resolveu: abrir protocolo").first.click()
        page.get_by_text("PRO-1 foi criado.").wait_for()
        expect(page.get_by_text("Marco Dias").first).to_be_visible()
        lia.judge()

        # "divididos em duas abas: “Abertos” e “Finalizados”"; protocol, status, day of opening (R082, R015)
        provedor.house.agent_answers("PRO-1", "Aumentei para 50 GB.")
        page = lia.opens("/requests")
        row = page.locator("#list tbody tr")
        for words in ("PRO-1", "Respondido"):
            expect(row).to_contain_text(words)
        expect(page.get_by_role("link", name="Finalizados")).to_be_visible()
        lia.judge()
        # "responder, rever todas as interações, adicionar participantes da sua organização e finalizar o chamado"
        # (R088, R091, R090)
        page.get_by_role("link", name="Caixa de e-mail cheia").click()
        status(page, "Respondido")
        page.get_by_text("Adicionar participante").click()
        page.get_by_label("Colega").select_option(VERA[1])
        page.get_by_role("button", name="Adicionar", exact=True).click()
        page.get_by_text("o participante foi avisado").wait_for()
        page.locator("summary", has_text="Finalizar").click()
        page.get_by_role("button", name="Sim, finalizar").click()
        status(page, "Finalizado")
        lia.judge()
        page = lia.opens("/requests")
        page.get_by_role("link", name="Finalizados").click()
        listed(page, "Caixa de e-mail cheia")
        # "será enviado um link para que você possa avaliar" (R120, R121)
        page = lia.opens(letter_to(provedor, LIA[1], "N12").link("/rate/"))
        page.get_by_role("radio", name="5 de 5").check()
        page.get_by_role("button", name="Enviar avaliação").click()
        page.get_by_role("heading", name="Obrigado pela avaliação").wait_for()
        lia.judge()
    # "notificada tanto por E-mail quanto por WhatsApp cadastrado" (R111)
    spoken = [row.notice for row in provedor.house.outbox() if row.channel == "whatsapp" and row.recipient == NUMBER]
    assert {"N5", "N12"} <= set(spoken)


@OTHER_WAY
def test_what_managers_have_besides(chromium: Browser, provedor: Portal, size: Size, scripts: bool) -> None:
    writes(provedor, LIA, "Caixa cheia")
    writes(provedor, MARCO, "Contas dos diretores")
    writes(provedor, VERA, "Troca de plano")
    writes(provedor, TITO, "Acesso ao FTP")
    provedor.house.agent_answers("PRO-1", "#topico email\nAumentei.")
    with reading(chromium, provedor.base, size, scripts=scripts) as vera:
        signed_in(vera, provedor, VERA[1])
        # "podem monitorar os chamados de todos os membros de sua organização e também de outros gerentes, desde que o
        # chamado seja público" (R061, R101, R103)
        page = vera.opens("/requests?scope=all")
        listed(page, "Caixa cheia", "Troca de plano", "Acesso ao FTP")
        vera.judge()
        vera.shoot(f"provedor-manager-{'js' if scripts else 'plain'}")
        # "configurar seus próprios chamados como “Privados” ou “Públicos”" (R102)
        page.get_by_role("link", name="Troca de plano").click()
        expect(page.get_by_text("outros gestores da organização não veem")).to_be_visible()
        page.get_by_role("button", name="Tornar público").click()
        page.get_by_role("button", name="Tornar privado").wait_for()
        vera.judge()
        # "um dashboard com os chamados abertos pela organização, … por categoria e colaborador" (R122, R123)
        page.get_by_role("navigation", name="Menu").get_by_role("link", name="Estatísticas").click()
        page.get_by_role("heading", name="Por categoria").wait_for()
        expect(page.locator("main")).to_contain_text("Lia Reis")
        vera.judge()
        vera.shoot(f"provedor-statistics-{'js' if scripts else 'plain'}")
        assert "Marco" not in page.locator("main").inner_text()
    with reading(chromium, provedor.base, size, scripts=scripts) as marco:
        signed_in(marco, provedor, MARCO[1])
        page = marco.opens("/requests?scope=all")
        listed(page, "Caixa cheia", "Troca de plano", "Acesso ao FTP", "Contas dos diretores")
        marco.judge()
    with reading(chromium, provedor.base, size, scripts=scripts) as tito:
        # "Usuários terceirizados que necessitam gerar chamados" (R063): their own, and no figures
        signed_in(tito, provedor, TITO[1])
        page = tito.opens("/requests?scope=all")
        listed(page, "Acesso ao FTP")
        assert page.get_by_role("link", name="Estatísticas").count() == 0
        tito.judge()
        menu(page, TITO).get_by_role("link", name="Meu perfil").click()
        expect(page.get_by_label("Nome completo")).to_have_value("Tito Externo")
