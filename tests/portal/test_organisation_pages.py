"""The administrator of a customer adds a person; a manager finds last month's tickets by category in three clicks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from mailgate.flows import directory
from tests.portal.browsing import Size, reading, signed_in
from tests.unit.portal.conftest import Portal
from tests.unit.portal.test_organisation import HELENA
from tests.unit.portal.test_organisation import fill as fill_people
from tests.unit.portal.test_statistics import fill as fill_tickets

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("size", "scripts"), [("phone", True), ("desk", False)])
def test_the_administrator_adds_a_person(chromium: Browser, portal: Portal, size: Size, scripts: bool) -> None:
    fill_people(portal)
    with reading(chromium, portal.base, size, scripts=scripts) as helena:
        signed_in(helena, portal, HELENA)
        page = helena.opens("/organisation")
        helena.judge()
        helena.shoot("people")
        page.get_by_role("link", name="Adicionar pessoa").click()
        helena.judge()
        helena.shoot("person")
        page.get_by_label("E-mail").fill("nuno@vetor.test")
        page.get_by_label("Nome completo").fill("Nuno Novo")
        page.locator("input[value=manager]").check()
        page.get_by_role("button", name="Enviar convite").click()
        assert page.get_by_role("status").inner_text() == "Convite enviado."
        assert page.get_by_text("nuno@vetor.test").is_visible()
        page.get_by_role("link", name="Filiais").click()
        helena.judge()
        helena.shoot("branches")


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_last_month_by_category_in_three_clicks(chromium: Browser, portal: Portal, size: Size) -> None:
    fill_tickets(portal)
    directory.put(portal.house.site, "contact", {"address": "rita@vetor.test", "name": "Rita Gestora"})
    portal.clock.advance(timedelta(days=30))
    with reading(chromium, portal.base, size) as rita:
        signed_in(rita, portal, "rita@vetor.test")
        page = rita.opens("/")
        page.get_by_role("link", name="Estatísticas").click()
        page.get_by_role("link", name="Mês passado").click()
        assert page.get_by_role("heading", name="Por categoria").is_visible()
        rita.judge()
        rita.shoot("statistics")
