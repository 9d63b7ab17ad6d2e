"""Zetti's "Portal do Cliente": access, a new request, the lists, one request, and the way out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mailgate.flows.knowledge import import_folder
from store import tickets
from tests.house import BRUNO, SUPPORT, plain_mail
from tests.portal.browsing import Size, reading, signed_in
from tests.portal.customers import (
    BOTH,
    LIA,
    OTHER_WAY,
    PICTURE,
    SECRET,
    SHOP,
    VERA,
    change,
    listed,
    menu,
    organised,
    sifts,
    signs_in,
    status,
    writes,
)
from tests.portal.letters import letter_to
from tests.unit.portal.conftest import Portal

pytestmark = pytest.mark.integration

NEW_SECRET = "outra frase bem comprida"
TAX = "Rejeição 539 ao emitir nota fiscal"
ARTICLE = f"""---
title: {TAX}
section: Financeiro-Fiscal
labels: [nota fiscal, rejeição]
---
A rejeição 539 diz que a numeração da nota já foi usada. Ajuste a série em Fiscal, Numeração.
"""


@pytest.fixture
def zetti(make_portal: Callable[..., Portal], tmp_path: Path, quick: None) -> Portal:
    """Zetti Tech with one article; Vetor Farma with two shops, Vera of its IT and Lia."""
    folder = tmp_path / "knowledge"
    folder.mkdir()
    (folder / "rejeicao-539.md").write_text(ARTICLE, encoding="utf-8")
    portal = make_portal(
        preset="zetti",
        guests="rejected",
        company={"name": "Zetti Tech", "site": "https://zetti.test"},
        addresses=[{"address": SUPPORT, "department": "financeiro-fiscal"}],
        agents=[{"name": BRUNO[0], "address": BRUNO[1], "departments": ["financeiro-fiscal"]}],
        knowledge={"folder": str(folder)},
    )
    import_folder(portal.house.site)
    organised(portal, {VERA: "light", LIA: "light"}, shops=True)
    change(portal, VERA[1], may=["open", "answer", "share"])
    return portal


@BOTH
def test_the_first_use_of_the_link_and_a_forgotten_password(
    chromium: Browser, zetti: Portal, size: Size, scripts: bool
) -> None:
    change(zetti, LIA[1], password=None, preferences={})
    # "Quando um agente da Zetti Tech abre um chamado e o vincula ao cliente", a mail with a link (R013, R051, N2)
    mail = plain_mail(BRUNO, f"{SUPPORT}, {LIA[1]}", "Série da nota", "Lia, vamos ajustar a série.")
    zetti.house.receive(mail, auth_user=BRUNO[1])
    with reading(chromium, zetti.base, size, scripts=scripts) as lia:
        page = lia.opens(letter_to(zetti, LIA[1], "N2").link("/t/"))
        page.get_by_role("heading", name="Série da nota").wait_for()
        lia.judge()
        # "o cliente será orientado a criar uma senha para prosseguir": a link can be forwarded, so the way to the
        # password goes through her mailbox once more
        page.get_by_role("button", name="Criar senha").click()
        page.get_by_role("heading", name="Confira o seu e-mail").wait_for()
        lia.judge()
        # "Informe o campo “Nome completo” e crie uma senha … “Salvar e continuar”" (R054, N17)
        page = lia.opens(letter_to(zetti, LIA[1], "N17").link("/invite/"))
        lia.judge()
        page.get_by_label("Nome completo").fill("Lia dos Reis")
        page.get_by_label("Senha nova").fill("curta")
        page.get_by_label("A senha outra vez").fill("curta")
        # "A senha [deve] conter um padrão de segurança"; "marque a opção “Exibir senha”" (R055)
        expect(page.get_by_text("pelo menos 10 caracteres")).to_be_visible()
        if scripts:
            page.get_by_label("Exibir senha").check()
            expect(page.get_by_label("Senha nova")).to_have_attribute("type", "text")
        page.get_by_label("Senha nova").fill(SECRET)
        page.get_by_label("A senha outra vez").fill(SECRET)
        page.get_by_role("button", name="Salvar e continuar").click()
        page.get_by_role("heading", name="Boas-vindas, Lia").wait_for()
        lia.judge()
        page.get_by_role("button", name="Está certo, continuar").click()
        page.get_by_role("heading", name="Olá, Lia").wait_for()
        lia.judge()
        # "Para encerrar a sessão no portal, clique em “Sair”" (R065)
        menu(page, ("Lia dos Reis", LIA[1])).get_by_role("button", name="Sair").click()
        # "Esqueceu a senha?" … "Enviar para mim" (R057, N3)
        page.get_by_role("link", name="Esqueci a minha senha").click()
        lia.judge()
        page.get_by_label("E-mail").fill(LIA[1])
        page.get_by_role("button", name="Enviar para mim").click()
        # "verifique a caixa de entrada, a lixeira e a caixa de spam"
        expect(page.get_by_text("a lixeira e o spam")).to_be_visible()
        lia.judge()
        page = lia.opens(letter_to(zetti, LIA[1], "N3").link("/reset/"))
        lia.judge()
        page.get_by_label("Senha nova").fill(NEW_SECRET)
        page.get_by_label("A senha outra vez").fill(NEW_SECRET)
        page.get_by_role("button", name="Salvar e entrar").click()
        page.get_by_role("heading", name="Olá, Lia").wait_for()
        # "Perfil: área de gerenciamento das informações pessoais e configurações de conta" (R064)
        menu(page, ("Lia dos Reis", LIA[1])).get_by_role("link", name="Meu perfil").click()
        expect(page.get_by_label("Nome completo")).to_have_value("Lia dos Reis")
        lia.judge()
        lia.shoot(f"zetti-profile-{'js' if scripts else 'plain'}")
    with reading(chromium, zetti.base, size, scripts=scripts) as lia:
        signs_in(lia, LIA, NEW_SECRET).get_by_role("heading", name="Olá, Lia").wait_for()


@OTHER_WAY
def test_a_new_request_from_the_search_to_its_preview(
    chromium: Browser, zetti: Portal, size: Size, scripts: bool
) -> None:
    with reading(chromium, zetti.base, size, scripts=scripts) as vera:
        signed_in(vera, zetti, VERA[1])
        # "um campo de “Pesquisa” … listará os artigos relevantes … o artigo correspondente à direita" (R124)
        page = vera.opens("/")
        page.locator("main").get_by_role("searchbox").first.fill("numeração da nota")
        page.keyboard.press("Enter")
        page.locator("main").get_by_role("link", name=TAX).click()
        page.get_by_role("heading", name=TAX).wait_for()
        expect(page.locator(".kb-menu").get_by_text("Financeiro-Fiscal").first).to_be_visible()
        vera.judge()
        # "selecionar o departamento"; "abaixo clique sobre o tipo de solicitação" (R022, R023)
        page = vera.opens("/")
        page.locator("main").get_by_role("link", name="Nova solicitação").first.click()
        for one in ("PDV-Orçamento", "Compras-Estoque", "Financeiro-Fiscal", "Administrativo", "Comercial"):
            expect(page.locator("main").get_by_role("link", name=one).first).to_be_visible()
        vera.judge()
        page.locator("main").get_by_role("link", name="Financeiro-Fiscal").first.click()
        for one in ("Suporte", "Reportar falha", "Dúvida"):
            expect(page.locator("main").get_by_role("link", name=one).first).to_be_visible()
        page.locator("main").get_by_role("link", name="Suporte").first.click()
        # "Contato: um número de telefone para contato via ligação ou mensagem whatsapp" (R021, R026)
        page.get_by_label("Contato").fill("(48) 99999-0000")
        # "Ao iniciar a descrição do assunto … exibirá um menu com sugestões de artigos" (R032)
        page.get_by_label("Assunto").press_sequentially("Rejeição 539")
        if scripts:
            page.locator("#new-found").get_by_role("link", name=TAX).wait_for()
        page.get_by_label("Descrição").fill("A loja não emite nota desde cedo.")
        # "colar capturas de tela ou clicar em “Navegue”" (R029)
        page.get_by_label("Imagens e anexos").set_input_files([PICTURE])
        # "Por padrão, a solicitação será compartilhada com toda a rede" (R034)
        assert page.get_by_label("Toda a rede").is_checked()
        page.get_by_label("Filiais específicas").check()
        page.get_by_label("Loja 2").check()
        vera.judge()
        vera.shoot(f"zetti-new-{'js' if scripts else 'plain'}")
        page.get_by_role("button", name="Criar ticket").click()
        if scripts:  # the assistant's step has found the article (R033); without scripts the files would not survive it
            page.get_by_text("Isto resolveu?").wait_for()
            vera.judge()
            page.get_by_role("button", name="Não resolveu: abrir ticket").first.click()
        # "uma prévia do chamado criado será exibida" (R036)
        page.get_by_text("SUP-1 foi criado.").wait_for()
        status(page, "Aguardando suporte")
        vera.judge()
    ticket = zetti.house.ticket("SUP-1")
    assert (ticket.department, ticket.topic, ticket.visibility) == ("financeiro-fiscal", "suporte", "branches")
    with zetti.house.site.writer.database.read() as connection:
        assert len(list(tickets.shared_branches(connection, [ticket.id]))) == 1


@BOTH
def test_the_three_lists_their_filters_and_columns(chromium: Browser, zetti: Portal, size: Size, scripts: bool) -> None:
    writes(zetti, VERA, "Rejeição na nota")
    writes(zetti, VERA, "Boleto em dobro")
    writes(zetti, LIA, "Estoque negativo")
    zetti.house.agent_answers("SUP-2", "#topico duvida\nQual é o vencimento?\n\n#pedir-info")
    with reading(chromium, zetti.base, size, scripts=scripts) as vera:
        signed_in(vera, zetti, VERA[1])
        # "uma prévia dos chamados em andamento vinculados à rede", waiting ones first (R080, R095)
        page = vera.opens("/")
        for subject in ("Rejeição na nota", "Boleto em dobro", "Estoque negativo"):
            expect(page.get_by_role("link", name=subject)).to_be_visible()
        expect(page.get_by_text("Última interação: ").first).to_be_visible()
        vera.judge()
        vera.shoot(f"zetti-home-{'js' if scripts else 'plain'}")
        # the number of requests in the user's menu (R086), and from there to the lists (R081, R097)
        own = menu(page, VERA)
        expect(own.locator(".count")).to_have_text("3")
        own.get_by_role("link", name="Solicitações").click()
        page.get_by_role("link", name="Minhas solicitações").click()
        listed(page, "Rejeição na nota", "Boleto em dobro")
        page.get_by_role("link", name="Todas as solicitações").click()
        listed(page, "Rejeição na nota", "Boleto em dobro", "Estoque negativo")
        vera.judge()
        page.get_by_role("link", name="Compartilhado com minhas organizações").click()
        listed(page, "Estoque negativo")
        # "Conforme a seleção é feita, a seção abaixo atualizará a lista automaticamente" (R083)
        page.get_by_role("link", name="Todas as solicitações").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Todas as solicitações")
        listed(sifts(vera, state="Aguardando cliente"), "Boleto em dobro")
        expect(page).to_have_url(re.compile("state=aguardando_cliente"))
        vera.judge()
        page.get_by_role("link", name="Limpar filtros").click()
        # "digite … a referência “SUP-”, em seguida informe o número do chamado e pressione a tecla “Enter”" (R084)
        page.get_by_label("Buscar", exact=True).fill("SUP-3")
        page.keyboard.press("Enter")
        listed(page, "Estoque negativo")
        # "Editar colunas" … "Buscar identificadores" … "Salvar" … "Restaurar padrão" (R085)
        page = vera.opens("/requests")
        page.get_by_text("Editar colunas").click()
        if scripts:
            page.get_by_label("Buscar identificadores").fill("departamento")
            expect(page.locator(".columns label.check:visible")).to_have_count(1)
        page.locator(".columns").get_by_label("Departamento").check()
        vera.judge()
        page.get_by_role("button", name="Salvar").click()
        expect(page.locator("td.c-department").first).to_have_text("Financeiro-Fiscal")
        page.get_by_text("Editar colunas").click()
        page.get_by_role("button", name="Restaurar padrão").click()
        expect(page.locator("td.c-department")).to_have_count(0)
        vera.judge()


@OTHER_WAY
def test_one_request_bell_sharing_and_the_way_back(chromium: Browser, zetti: Portal, size: Size, scripts: bool) -> None:
    writes(zetti, VERA, "Série da nota")
    with reading(chromium, zetti.base, size, scripts=scripts) as vera:
        signed_in(vera, zetti, VERA[1])
        page = vera.opens("/tickets/SUP-1")
        # "Adicione um comentário" … "Postar comentário", with an image (R089)
        page.get_by_label("Sua mensagem").fill("A loja 2 tem o mesmo problema.")
        page.get_by_label("Imagens e anexos").set_input_files([PICTURE])
        page.get_by_role("button", name="Enviar resposta").click()
        expect(page.locator("article", has_text="A loja 2 tem").get_by_role("link", name="erro.png")).to_be_visible()
        # "basta clicar no ícone representado por um sino" (R093, R117)
        page.get_by_role("button", name="Avisos ligados").click()
        page.get_by_role("button", name="Avisos desligados").click()
        page.get_by_role("button", name="Avisos ligados").wait_for()
        # "clique em “Compartilhar”, informe o e-mail da filial" (R066, R092, N15)
        page.locator("summary", has_text="Compartilhar").click()
        page.get_by_label("E-mail da filial").fill(SHOP)
        page.get_by_role("button", name="Compartilhar").click()
        page.get_by_text("a filial foi avisada").wait_for()
        vera.judge()
        assert "Série da nota" in letter_to(zetti, SHOP, "N15").text
        # "clique na aba “Vetor Farma” para retornar à página de solicitações" (R096)
        page.get_by_role("link", name="Vetor Farma").click()
        page.get_by_role("link", name="Série da nota").wait_for()
        menu(page, VERA).get_by_role("button", name="Sair").click()
        page.get_by_text("Você saiu").wait_for()
