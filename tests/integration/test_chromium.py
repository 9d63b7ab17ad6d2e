"""Chromium opens pages, and two people in it do not share cookies."""

from __future__ import annotations

from playwright.sync_api import Browser, Page


def test_a_page_is_opened_and_read(page: Page) -> None:
    page.goto("data:text/html;charset=utf-8,<title>SUP-1</title><h1>Olá, Ana</h1><a href='%23'>Responder</a>")
    assert page.title() == "SUP-1"
    assert page.get_by_role("heading").inner_text() == "Olá, Ana"
    assert page.evaluate("navigator.language") == "pt-BR"


def test_two_people_are_strangers(chromium: Browser) -> None:
    ana, carmen = chromium.new_context(), chromium.new_context()
    cookie = {"name": "mailgate", "value": "ana", "url": "http://127.0.0.1:8025"}
    ana.add_cookies([cookie])  # type: ignore[list-item]
    assert (len(ana.cookies()), len(carmen.cookies())) == (1, 0)


async def test_an_async_test_still_runs_after_them() -> None:
    """Playwright leaves no event loop behind in the thread."""
