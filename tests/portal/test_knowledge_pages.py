"""S0:120, S0:56: somebody looks for an answer before asking, on a phone or at a desk, with scripts or without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mailgate.flows.knowledge import import_folder
from mailgate.scaffold import write_articles
from tests.portal.browsing import MOST_BYTES, Size, reading
from tests.unit.portal.conftest import Portal

pytestmark = pytest.mark.integration


@pytest.fixture
def library(make_portal: Callable[..., Portal], tmp_path: Path) -> Portal:
    """A company with the sample articles."""
    write_articles(tmp_path)
    portal = make_portal(knowledge={"folder": str(tmp_path / "knowledge")})
    assert import_folder(portal.house.site).added == 10
    return portal


@pytest.mark.parametrize(("size", "scripts"), [("phone", True), ("phone", False), ("desk", True), ("desk", False)])
def test_from_a_question_to_the_article(chromium: Browser, library: Portal, size: Size, scripts: bool) -> None:
    with reading(chromium, library.base, size, scripts=scripts) as ana:
        page = ana.opens("/knowledge")
        ana.judge()
        ana.shoot("knowledge")
        field = page.get_by_role("searchbox")
        field.fill("anexos grandes")
        page.get_by_role("button", name="Buscar").click()
        page.get_by_role("heading", name="Resultados da busca").wait_for()
        ana.judge()
        ana.shoot("knowledge-results")
        page.get_by_role("link", name="Como enviar prints, vídeos e arquivos").first.click()
        page.get_by_role("heading", level=1, name="Como enviar prints, vídeos e arquivos").wait_for()
        ana.judge()
        ana.shoot("article")
        menu = page.get_by_role("navigation", name="Artigos desta base")
        menu.get_by_role("link", name="Como incluir um colega no chamado").click()
        page.get_by_role("heading", level=1, name="Como incluir um colega no chamado").wait_for()


def test_suggestions_while_one_types_by_keyboard_alone(chromium: Browser, library: Portal) -> None:
    """R032."""
    with reading(chromium, library.base, "phone") as ana:
        page = ana.opens("/knowledge")
        page.keyboard.press("Tab")
        field = page.get_by_role("searchbox")
        field.focus()
        page.keyboard.type("nao recebi a respo", delay=10)
        page.get_by_role("link", name="Não recebi a confirmação ou a resposta 1 min de leitura").wait_for()
        assert "Artigos que podem ajudar:" in (page.locator(".kb-found [role=status]").text_content() or "")
        ana.judge()
        ana.shoot("knowledge-suggestions")
        page.keyboard.press("Escape")
        assert not page.locator(".kb-found").is_visible()
        page.keyboard.type("s")
        page.locator(".kb-found").wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.get_by_role("heading", level=1, name="Não recebi a confirmação ou a resposta").wait_for()
        assert page.get_by_text("1 min de leitura").is_visible()


def test_a_page_weighs_little(chromium: Browser, library: Portal) -> None:
    with reading(chromium, library.base) as ana:
        weights: list[int] = []
        ana.page.on("response", lambda answer: weights.append(len(answer.body())))
        ana.opens("/knowledge/enviar-arquivos")
        ana.page.wait_for_load_state("networkidle")
        assert sum(weights) < MOST_BYTES
