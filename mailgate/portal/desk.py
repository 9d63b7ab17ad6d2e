"""What every page needs at hand, and how a page becomes an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from mailgate.flows.site import Site
from mailgate.i18n import Translations, Translator
from mailgate.portal import menu
from mailgate.portal.browsers import counted
from mailgate.portal.cookies import Cookies
from mailgate.portal.limits import PortalLimits
from mailgate.portal.menu import Offer
from mailgate.portal.pages import Pages
from mailgate.portal.remembered import Remembered
from mailgate.portal.throttle import Once, Throttle
from mailgate.portal.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of one portal. misses: wrong tokens; asks: questions for a link; guests: tickets without an account;
    helped: answers before a ticket. Each of them is counted per address of the peer.

    logins: tries to sign in, per account and per peer. hashing: how many passwords are looked at at a time.
    """

    site: Site
    translations: Translations
    pages: Pages
    cookies: Cookies
    limits: PortalLimits
    misses: Throttle
    asks: Throttle
    logins: Throttle
    by_ip: Throttle
    by_link: Throttle
    guests: Throttle
    helped: Throttle
    sent: Once
    offer: Callable[[], Offer] = Offer
    remembered: Remembered = field(default_factory=Remembered)
    proxies: frozenset[str] = frozenset()
    hashing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))

    def translator(self, request: Request, *preferred: str | None, zone: str = "") -> Translator:
        """The visitor's language: what we know of the person, else what the browser asks for, else the company's.

        zone: the person's own; "" for the company's.
        """
        known = [one for one in preferred if one]
        accepted = accepted_languages(request.headers.get("accept-language", ""))
        found = next((tag for tag in (*known, *accepted) if self._speaks(tag)), self.site.policy.locale)
        return self.translations.translator(found, zone or self.site.timezone)

    def zone(self, visitor: Visitor) -> ZoneInfo:
        """The clock that a visitor lives by: his own, else the company's."""
        return ZoneInfo(visitor.zone or self.site.timezone)

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        translator: Translator | None = None,
        headers: dict[str, str] | None = None,
        background: BackgroundTask | None = None,
        visitor: Visitor | None = None,
        here: str = "",
        **context: Any,
    ) -> HTMLResponse:
        """A page as an answer. visitor: who signed in, for the menu. here: the menu's entry that the page is."""
        token = self.cookies.form_token(self.cookies.read(request), visitor.session_id) if visitor else ""
        known = (visitor.language, visitor.zone) if visitor is not None else (None, "")
        spoken = translator or self.translator(request, known[0], zone=known[1])
        html = self.pages.render(
            template,
            spoken,
            visitor=visitor,
            menu=menu.entries(visitor, self.offer()),
            here=here,
            session_token=token,
            **context,
        )
        answered = {"Content-Language": spoken.language, "Vary": "Accept-Language"}
        return HTMLResponse(html, status, {**answered, **(headers or {})}, background=background)

    def message(self, request: Request, name: str, status: int, **context: Any) -> HTMLResponse:
        """A page with one thing to say: texts `page.<name>.title` and `page.<name>.text`."""
        return self.page(request, "message.html", status=status, name=name, **{"ask": False, "renew": "", **context})

    def go(self, path: str) -> RedirectResponse:
        """See the page `path` (of ours), by GET."""
        return RedirectResponse(f"{self.pages.root}{path}", 303)

    def _speaks(self, tag: str) -> bool:
        primary = tag.lower().split("-")[0]
        return any(one.lower().split("-")[0] == primary for one in self.translations.languages)


def desk_of(request: Request) -> Desk:
    """The desk of the app that a request came to."""
    desk: Desk = request.app.state.desk
    return desk


def accepted_languages(header: str) -> list[str]:
    """The tags of an Accept-Language header, the best first; at most ten (RFC 9110 §12.5.4)."""
    found: list[tuple[float, int, str]] = []
    for index, item in enumerate(header[:500].split(",")[:10]):
        tag, _, parameter = item.partition(";")
        weight = 1.0
        if parameter.strip().startswith("q="):
            try:
                weight = float(parameter.strip()[2:])
            except ValueError:
                weight = 0.0
        if tag.strip() and tag.strip() != "*" and 0 < weight <= 1:
            found.append((-weight, index, tag.strip()))
    return [tag for _, _, tag in sorted(found)]


def row_id(request: Request) -> int:
    """The id in the path. HTTPException 404 for a number that no row can have."""
    found: int = request.path_params["id"]
    if found >= 1 << 63:
        raise HTTPException(404)
    return found


def peer(request: Request) -> str:
    """The address that rates are counted for: the last one in X-Forwarded-For that is none of our proxies.

    The field is believed only from a trusted proxy; what stands further left in it anybody could have written.
    """
    near = request.client.host if request.client else ""
    proxies = desk_of(request).proxies
    hops = [hop.strip() for one in request.headers.getlist("x-forwarded-for") for hop in one.split(",")]
    while near in proxies and hops:
        near = hops.pop()[:64]
    return near


def asker(request: Request) -> str:
    """Whom to count a request for: the peer, of IPv6 its whole network."""
    return counted(peer(request))


def only_from_our_pages(request: Request, base_url: str) -> None:
    """Refuse (403) a post that another site's page made.

    Browsers say so in Sec-Fetch-Site. Origin alone cannot tell: under `Referrer-Policy: no-referrer` our own forms send
    `null` (Fetch Standard §3.2), so `null` is left to the form's token.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise HTTPException(403)
    origin = request.headers.get("origin", "null")
    if origin != "null" and origin.lower() != _origin(base_url):
        raise HTTPException(403)


def _origin(base_url: str) -> str:
    parts = urlsplit(base_url)
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower()}".removesuffix(usual)


def first(values: Iterable[object]) -> str:
    """The first value that is text, trimmed; without NUL, which PostgreSQL does not take."""
    return next((one.replace("\0", "").strip() for one in values if isinstance(one, str)), "")
