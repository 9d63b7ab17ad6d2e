"""From the link in the mail to the answered ticket, as a stranger does it: phone or desk, with scripts or without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.house import ANA, SUPPORT, plain_mail
from tests.portal.browsing import Size, reading
from tests.unit.portal.conftest import Portal

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("size", "scripts"), [("phone", True), ("phone", False), ("desk", True), ("desk", False)])
def test_from_the_mail_to_the_answered_ticket(
    chromium: Browser,
    portal: Portal,
    size: Size,
    scripts: bool,
) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro ao emitir nota fiscal", "Bom dia,\nveja o erro 656."))
    portal.house.agent_answers("SUP-1", "Olá, Ana! Qual é a versão?\n\n#com-cliente")
    with reading(chromium, portal.base, size, scripts=scripts) as ana:
        page = ana.opens(f"/t/{portal.house.token('SUP-1')}")
        ana.judge()
        page.get_by_label("Sua mensagem").fill("É a versão 12.1.2310.")
        page.get_by_role("button", name="Enviar").click()
        page.get_by_text("É a versão 12.1.2310.").wait_for()
        ana.judge()
        ana.shoot(f"link-{'js' if scripts else 'plain'}")
    assert portal.house.ticket("SUP-1").status == "aberto"


def test_a_signed_in_persons_page_has_the_menu(chromium: Browser, portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro ao emitir nota fiscal", "Bom dia,\nveja o erro 656."))
    token = portal.signed_in().cookies["mailgate-session"]
    for size in ("phone", "desk"):
        with reading(chromium, portal.base, size) as ana:  # type: ignore[arg-type]
            ana.page.context.add_cookies([{"name": "mailgate-session", "value": token, "url": portal.base}])
            page = ana.opens("/tickets/SUP-1")
            page.get_by_label("Menu de Ana Souza").click()
            ana.judge()
            ana.shoot("menu")
            page.keyboard.press("Escape")
            assert not page.get_by_role("button", name="Sair").is_visible()
