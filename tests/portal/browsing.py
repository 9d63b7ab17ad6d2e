"""People in front of the portal: on a phone or at a desk, with or without scripts; and what no page may have.

Accessibility is judged by axe-core (Deque, MPL 2.0) by the rules of WCAG 2.2 A and AA. Where
`MAILGATE_SCREENSHOTS` names a folder, `shoot` leaves pictures there in both themes, for people to look at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
from playwright.sync_api import Browser, Page

from tests.unit.portal.conftest import Portal

Size = Literal["phone", "desk"]
_SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: A page without the customer's own images may weigh so much, all its parts together.
MOST_BYTES = 60 * 1024


@dataclass
class Reader:
    """A person with a browser. complaints: whatever the browser said about our pages, policy violations among it."""

    page: Page
    base: str
    scripts: bool
    complaints: list[str]

    def opens(self, path: str) -> Page:
        """Go to a path of the portal, or a whole address."""
        self.page.goto(path if path.startswith("http") else f"{self.base}{path}")
        return self.page

    def judge(self) -> None:
        """No serious fault of accessibility, nothing wider than the screen, and no complaint of the browser."""
        assert self.complaints == []
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{self.page.url} is {wide} pixels wider than the screen"
        faults = self.faults()
        assert faults == [], f"{self.page.url}\n" + "\n".join(faults)

    def faults(self, rules: Sequence[str] = ()) -> list[str]:
        """What axe finds that is serious or critical: rule, what it says, where. rules: only these, else all."""
        if not self.scripts:  # axe is a script itself
            return []
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": _RULES}
        found: dict[str, Any] = self.page.evaluate(
            "only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", only
        )
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def shoot(self, name: str) -> None:
        """Pictures of the page as it is, light and dark, where somebody wants them."""
        wanted = os.environ.get("MAILGATE_SCREENSHOTS")
        if not wanted:
            return
        folder = Path(wanted)
        folder.mkdir(parents=True, exist_ok=True)
        width = (self.page.viewport_size or {"width": 0})["width"]
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            self.page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)
        self.page.emulate_media(color_scheme="light")


@contextmanager
def reading(
    chromium: Browser, base: str, size: Size = "desk", *, scripts: bool = True, language: str = "pt-BR"
) -> Iterator[Reader]:
    """A person who comes with a browser of his own, without any cookie."""
    with ExitStack() as ends:
        context = chromium.new_context(
            viewport=_SIZES[size],  # type: ignore[arg-type]
            java_script_enabled=scripts,
            locale=language,
            has_touch=size == "phone",
            reduced_motion="reduce",
        )
        ends.callback(context.close)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield Reader(page, base, scripts, complaints)


def signed_in(reader: Reader, portal: Portal, address: str) -> None:
    """Let the person sign in without the page for it: a session, as the page would begin one."""
    token = portal.signed_in(address).cookies["mailgate-session"]
    reader.page.context.add_cookies([{"name": "mailgate-session", "value": token, "url": portal.base}])
