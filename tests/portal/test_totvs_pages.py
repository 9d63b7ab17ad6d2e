"""TOTVS' service: the administrator's first access, the checklist, the overview, and the survey at the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from mailgate.flows import inviting, timers
from tests.portal.browsing import Size, reading, signed_in
from tests.portal.customers import BOTH, LIA, OTHER_WAY, PICTURE, SECRET, VERA, change, organised, status
from tests.portal.letters import letter_to
from tests.portal.test_new import forgiven
from tests.unit.portal.conftest import Portal

pytestmark = pytest.mark.integration

NUNO = "nuno@vetor.test"


@pytest.fixture
def totvs(make_portal: Callable[..., Portal], quick: None) -> Portal:
    """TOTVS with Vera, who administers Vetor Farma, and Lia."""
    portal = make_portal(preset="totvs", company={"name": "TOTVS"})
    organised(portal, {VERA: "master", LIA: "light"})
    return portal


@BOTH
def test_the_administrators_first_access_and_the_contacts(
    chromium: Browser, totvs: Portal, size: Size, scripts: bool
) -> None:
    change(totvs, VERA[1], password=None, preferences={})
    inviting.invite(totvs.house.site, VERA[1])
    # "no primeiro acesso …, o administrador deverá informar o OPEN ID(e-mail) e a SENHA FORTE" (R058, N16): he chooses
    # it himself behind a link of one use, because no password is mailed
    with reading(chromium, totvs.base, size, scripts=scripts) as vera:
        page = vera.opens(letter_to(totvs, VERA[1], "N16").link("/invite/"))
        expect(page.get_by_text(VERA[1]).first).to_be_visible()
        page.get_by_label("Senha nova").fill(SECRET)
        page.get_by_label("A senha outra vez").fill(SECRET)
        page.get_by_role("button", name="Salvar e continuar").click()
        # "incluir os contatos autorizados para acesso, que terão e-mail e senha exclusivos" (R067, R105)
        page.get_by_role("link", name="Incluir contatos").click()
        vera.judge()
        page.get_by_role("link", name="Adicionar pessoa").click()
        page.get_by_label("E-mail").fill(NUNO)
        page.get_by_label("Nome completo").fill("Nuno Novo")
        vera.judge()
        vera.shoot(f"totvs-person-{'js' if scripts else 'plain'}")
        page.get_by_role("button", name="Enviar convite").click()
        page.get_by_text("Convite enviado.").wait_for()
        vera.judge()
    with reading(chromium, totvs.base, size, scripts=scripts) as nuno:
        page = nuno.opens(letter_to(totvs, NUNO, "N17").link("/invite/"))
        page.get_by_label("Senha nova").fill(SECRET)
        page.get_by_label("A senha outra vez").fill(SECRET)
        page.get_by_role("button", name="Salvar e continuar").click()
        page.get_by_role("heading", name="Boas-vindas, Nuno").wait_for()
        nuno.judge()
        page.get_by_role("button", name="Agora não").click()
        page.get_by_role("heading", name="Olá, Nuno").wait_for()


@OTHER_WAY
def test_the_checklist_the_overview_and_the_survey(chromium: Browser, totvs: Portal, size: Size, scripts: bool) -> None:
    with reading(chromium, totvs.base, size, scripts=scripts) as lia:
        signed_in(lia, totvs, LIA[1])
        # "Informações a serem enviadas no ticket", nine of them, two only if asked for by others (R030, R031)
        page = lia.opens("/new")
        page.get_by_label("Assunto").fill("Folha com valor errado")
        expect(page.get_by_text("No menu Ambiente, Sobre, Mais Info")).to_be_visible()
        page.get_by_label("Versão do sistema").fill("12.1.2310")
        page.get_by_label("Processo realizado em detalhes").fill("Menu Folha, Calcular, competência 10.")
        assert not page.get_by_label("Dados do ambiente de teste").is_visible()
        cloud = page.locator("fieldset", has_text="Hospedado no Cloud da TOTVS?")
        cloud.get_by_label("sim").check()
        lia.judge()
        if scripts:
            page.get_by_label("Dados do ambiente de teste").fill("teste.vetor.cloudtotvs.test")
        # "sem necessidade de compacta-los" (R008)
        film = {"name": "processo.mp4", "mimeType": "video/mp4", "buffer": b"\0" * 3000}
        page.get_by_label("Imagens e anexos").set_input_files([PICTURE, film])
        page.get_by_role("button", name="Criar ticket").click()
        # what is missing is marked, and nothing that was typed is lost
        expect(page.locator("[aria-invalid=true]")).to_contain_text("Base de dados")
        expect(page.get_by_label("Versão do sistema")).to_have_value("12.1.2310")
        forgiven(lia).judge()
        lia.shoot(f"totvs-missing-{'js' if scripts else 'plain'}")
        if not scripts:
            page.get_by_label("Dados do ambiente de teste").fill("teste.vetor.cloudtotvs.test")
            page.get_by_label("Imagens e anexos").set_input_files([PICTURE, film])
        page.get_by_label("SQL", exact=True).check()
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("SUP-1 foi criado.").wait_for()
        for words in ("12.1.2310", "teste.vetor.cloudtotvs.test", "processo.mp4"):
            expect(page.get_by_text(words).first).to_be_visible()
        forgiven(lia).judge()

        # "visão geral do atendimento e visibilidade da evolução com data/hora da última interação" (R095)
        totvs.clock.advance(timedelta(hours=3))
        totvs.house.agent_answers("SUP-1", "O parâmetro 14 estava ligado. Desliguei.\n\n#resolvido")
        page = lia.opens("/")
        count = page.locator(".counts li", has_text="Resolvido")
        expect(count.locator(".big")).to_have_text("1")
        expect(count).to_contain_text("em 5 dias o ticket será fechado")
        lia.judge()
        lia.shoot(f"totvs-overview-{'js' if scripts else 'plain'}")
        count.get_by_role("link").click()
        expect(page.locator("#list .c-updated").nth(1)).to_contain_text("13:22")
        # "após 5 dias o mesmo será fechado automaticamente. … responda a pesquisa de satisfação" (R120, N12)
        totvs.clock.advance(timedelta(days=5, minutes=1))
        timers.sweep(totvs.house.site, "test")
        page = lia.opens(letter_to(totvs, LIA[1], "N12").link("/rate/"))
        lia.judge()
        lia.shoot(f"totvs-survey-{'js' if scripts else 'plain'}")
        page.get_by_role("radio", name="4 de 5").check()
        page.get_by_label("Quer contar o porquê?").fill("Rápido e claro.")
        page.get_by_role("button", name="Enviar avaliação").click()
        page.get_by_role("heading", name="Obrigado pela avaliação").wait_for()
        lia.judge()
        signed_in(lia, totvs, LIA[1])  # five days later she has to sign in again
        page = lia.opens("/tickets/SUP-1")
        status(page, "Fechado")
    assert totvs.house.outbox("N13")
