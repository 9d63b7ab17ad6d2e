"""Debian's Chromium, without a window, driven by Playwright. Tests that use it are plain functions, not `async`.

Playwright's synchronous side keeps an event loop in the thread that started it, and a test of pytest-asyncio in the
same thread would trip over it: so it is started and ended with each test, which costs about a second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

from tests.integration.machine import find_program

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser with a fresh profile; `browser.new_context()` is one person's. Skips where chromium is missing."""
    program = find_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS, timeout=60_000)
        try:
            yield browser
        finally:
            browser.close()
