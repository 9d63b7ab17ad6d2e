"""A page that takes too long is a 503 that says so, not a browser that waits (R13)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mailgate.portal.limits import PortalLimits
from mailgate.portal.pages import Pages
from tests.unit.portal.conftest import Portal


def test_a_page_that_takes_too_long_is_503(make_portal: Callable[..., Portal], monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    portal = make_portal(PortalLimits(render_seconds=0.3))
    browser = portal.visit()
    assert browser.get("/login").status_code == 200
    monkeypatch.setattr(Pages, "render", _slow(Pages.render, let_go))
    began = time.monotonic()
    answer = browser.get("/login")
    let_go.set()
    assert time.monotonic() - began < 5
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "no-store" in answer.headers["cache-control"]
    assert browser.get("/login").status_code == 200


def _slow(render: Callable[..., str], let_go: threading.Event) -> Callable[..., str]:
    def waiting(pages: object, template: str, *given: object, **more: object) -> str:
        if template != "message.html" and not let_go.is_set():
            let_go.wait(20)
        return render(pages, template, *given, **more)

    return waiting
