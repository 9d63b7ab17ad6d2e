"""Ana takes her invitation, looks at her profile, signs out, and comes in again by the link in her mail."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from mailgate.flows import inviting
from tests.house import ANA, SUPPORT, plain_mail
from tests.portal.browsing import Size, reading
from tests.unit.portal.accounts import SECRET, link_of, wait_for
from tests.unit.portal.conftest import Portal

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("size", "scripts"), [("phone", True), ("desk", False)])
def test_from_the_invitation_to_the_link_by_mail(
    chromium: Browser, portal: Portal, size: Size, scripts: bool, quick: None
) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    inviting.invite(portal.house.site, ANA[1], "Marta")
    with reading(chromium, portal.base, size, scripts=scripts) as ana:
        page = ana.opens(link_of(portal, "N17"))
        ana.judge()
        shows = page.get_by_label("Exibir senha")
        assert shows.is_visible() is scripts, "a box that could do nothing is not there"
        page.get_by_label("Senha nova").fill(SECRET)
        if scripts:
            assert page.get_by_text("Ótima").is_visible()
            shows.check()
            assert page.get_by_label("Senha nova").get_attribute("type") == "text"
            shows.uncheck()
        page.get_by_label("A senha outra vez").fill(SECRET + "x")
        page.get_by_role("button", name="Salvar e continuar").click()
        assert page.get_by_text("não são iguais").is_visible()
        ana.complaints.clear()  # the browser says that the answer was 422
        ana.judge()
        page.get_by_label("Senha nova").fill(SECRET)
        page.get_by_label("A senha outra vez").fill(SECRET)
        page.get_by_label("A senha outra vez").press("Enter")
        assert page.get_by_role("heading", name="Boas-vindas, Ana").is_visible()
        ana.judge()
        ana.shoot("start")
        page.get_by_role("button", name="Está certo").click()
        ana.opens("/profile")
        ana.judge()
        ana.shoot("profile")
        page.get_by_label("Respostas e encerramento").check()
        page.locator("#notices").get_by_role("button", name="Salvar").click()
        assert page.get_by_role("status").inner_text() == "Escolhas salvas."
        page.get_by_role("button", name="Sair de todos os aparelhos").click()
        assert "Você saiu" in page.get_by_role("status").inner_text()
        ana.judge()
        ana.shoot("login")
        page.get_by_label("E-mail", exact=True).fill(ANA[1])
        page.get_by_role("button", name="Receber um link").click()
        assert page.get_by_role("heading", name="Confira o seu e-mail").is_visible()
        wait_for(portal, "LOGIN")
        ana.opens(link_of(portal, "LOGIN"))
        ana.judge()
        page.get_by_role("button", name="Entrar agora").click()
        assert page.url == f"{portal.base}/"
        ana.opens("/forgotten") if not scripts else ana.opens("/profile")
        ana.judge()
