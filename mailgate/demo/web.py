"""The mailboxes in the browser: who got what, one letter as HTML, text and source, and the line that answers it.

Plain pages: no script, no cookie, nothing from elsewhere. The mail's own HTML is shown in a sandboxed frame. Only this
machine's names are answered to, so that no page of the web can read it by a name of its own (RFC 9110 §7.2).
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mailgate.clock import utc_now
from mailgate.demo import lines
from mailgate.demo.cast import CAST, person
from mailgate.demo.lines import Draft
from mailgate.demo.mailbox import Letter, Mailbox
from mailgate.demo.ports import LOOPBACK, Ports
from mailgate.demo.words import Words

_PAGES = Path(__file__).parent / "pages"
_VIEWS = ("html", "text", "source")
_HREF = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_CID = re.compile(r"""(?i)(["'(])cid:([^"')\s]+)""")
_HEAD = re.compile(r"(?i)<head[^>]*>")
_KEY = re.compile(r"(\[[A-Z][A-Z0-9]*-\d+\])")
_SHOWN_BYTES = 512 * 1024

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src {portal} {own} data:; "
    "style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'"
)
_FILE_POLICY = "sandbox; default-src 'none'"
_INLINE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages are made of."""

    mailbox: Mailbox
    words: Words
    ports: Ports
    templates: Environment

    def index(self, request: Request) -> Response:
        """Everybody's mailbox, the newest letter first."""
        known = [p.address for p in CAST]
        others = sorted({letter.to for letter in self.mailbox.letters()} - set(known))
        boxes = [(person(address), self.mailbox.letters(address)) for address in [*known, *others]]
        return self._page("index.html", boxes=boxes, refresh=True)

    def start(self, request: Request) -> Response:
        """The line for the first mail."""
        return self._page("start.html", replies=[self._lines("", lines.first_mail(self.words))])

    def letter(self, request: Request) -> Response:
        """One letter and what its reader may answer."""
        letter = self._letter(request)
        view = request.query_params.get("view", "html" if letter.html else "text")
        replies = [self._lines(title, draft) for title, draft in lines.answers(letter, self.words)]
        return self._page(
            "letter.html",
            letter=letter,
            reader=person(letter.to),
            view=view if view in _VIEWS else "text",
            views=_VIEWS,
            text=_linked(letter.text),
            source=letter.raw[:_SHOWN_BYTES].decode("utf-8", "replace").replace("\r\n", "\n"),
            signed=_signed_by(letter),
            replies=replies,
        )

    def body(self, request: Request) -> Response:
        """The mail's HTML for its frame: links open beside it, images come from the mail itself."""
        letter = self._letter(request)
        parts = {file.content_id: file.index for file in letter.files if file.content_id}

        def image(found: re.Match[str]) -> str:
            index = parts.get(found[2])
            return f"{found[1]}/m/{letter.number}/file/{index}" if index is not None else found[0]

        text = _CID.sub(image, letter.html)
        text = _HEAD.sub(lambda found: found[0] + '<base target="_blank">', text, count=1)
        own, portal = (f"http://{LOOPBACK}:{port}" for port in (self.ports.mailbox, self.ports.portal))
        return HTMLResponse(text, headers=_headers(_MAIL_POLICY.format(own=own, portal=portal)))

    def file(self, request: Request) -> Response:
        """One attachment; images of a few kinds are shown, the rest is only saved."""
        letter = self._letter(request)
        index = request.path_params["index"]
        if index >= len(letter.files):
            raise HTTPException(404)
        file = letter.files[index]
        shown = file.content_type in _INLINE_TYPES
        headers = _headers(_FILE_POLICY)
        headers["Content-Disposition"] = "inline" if shown else f"attachment; filename*=UTF-8''{_percent(file.name)}"
        kind = file.content_type if shown else "application/octet-stream"
        return Response(file.content, media_type=kind, headers=headers)

    def missing(self, request: Request, error: Exception) -> Response:
        """No such letter."""
        return self._page("gone.html", status=404)

    def _letter(self, request: Request) -> Letter:
        letter = self.mailbox.get(request.path_params["number"])
        if letter is None:
            raise HTTPException(404)
        return letter

    def _lines(self, title: str, draft: Draft) -> dict[str, str]:
        return {
            "title": title,
            "python": lines.python_line(draft, self.ports),
            "swaks": lines.swaks_line(draft, self.ports),
        }

    def _page(self, name: str, *, status: int = 200, refresh: bool = False, **values: Any) -> Response:
        page = self.templates.get_template(name)
        text = page.render(t=self.words, language=self.words.language, refresh=refresh, **values)
        return HTMLResponse(text, status, headers=_headers(_PAGE_POLICY))


def make_web(mailbox: Mailbox, words: Words, ports: Ports) -> Starlette:
    """The mailbox pages as an ASGI app."""
    templates = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["local"] = _local
    templates.filters["kept"] = _kept
    templates.filters["start"] = _start
    pages = Pages(mailbox, words, ports, templates)
    routes = [
        Route("/", pages.index),
        Route("/start", pages.start),
        Route("/m/{number:int}", pages.letter),
        Route("/m/{number:int}/html", pages.body),
        Route("/m/{number:int}/file/{index:int}", pages.file),
        Mount("/static", StaticFiles(directory=_PAGES / "static")),
    ]
    hosts = TrustedHostMiddleware
    return Starlette(
        routes=routes,
        middleware=[Middleware(hosts, allowed_hosts=[LOOPBACK, "localhost"], www_redirect=False)],
        exception_handlers={404: pages.missing},
    )


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _linked(text: str) -> Markup:
    """Plain text with its links."""
    pieces: list[str] = []
    end = 0
    for found in _HREF.finditer(text):
        url = html.escape(found[0])
        pieces.append(html.escape(text[end : found.start()]))
        pieces.append(f'<a href="{url}" target="_blank" rel="noopener">{url}</a>')
        end = found.end()
    return Markup("".join(pieces) + html.escape(text[end:]))  # noqa: S704  (every piece is escaped above)


def _kept(subject: str) -> Markup:
    """A subject whose ticket key is not broken at its hyphen."""
    return Markup(_KEY.sub(r'<span class="key">\1</span>', html.escape(subject)))  # noqa: S704  (escaped)


def _start(text: str) -> str:
    """How a mail begins, below our marker line."""
    return " ".join(" ".join(line for line in text.splitlines() if not line.startswith("---")).split())[:160]


def _signed_by(letter: Letter) -> str:
    found = re.search(r"\bd=([^;\s]+)", letter.header("DKIM-Signature"))
    return found[1] if found else ""


def _local(at: datetime) -> str:
    """An instant on this machine's clock; the day too when it is not today's."""
    here = at.astimezone()
    return here.strftime("%H:%M:%S" if here.date() == utc_now().astimezone().date() else "%d/%m %H:%M")


def _percent(name: str) -> str:
    """A file's name for Content-Disposition."""
    return quote(name.encode("utf-8", "replace"), safe="")
