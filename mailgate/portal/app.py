"""The portal as an ASGI app: routes, the pages of errors, and the shield around it all.

Every page works without scripts and images and with the keyboard alone. Endpoints are plain functions in a pool of
threads, since the store is synchronous; only those that read an upload are not.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from jinja2 import BytecodeCache
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mailgate import log
from mailgate.errors import DataError, NotAllowed
from mailgate.flows.site import Site
from mailgate.i18n import Translations
from mailgate.portal import (
    access,
    account,
    agentacts,
    confirmpages,
    filepages,
    home,
    installing,
    invitations,
    knowledge,
    lists,
    opening,
    organisation,
    profile,
    queue,
    statistics,
    survey,
    ticketacts,
    ticketpages,
)
from mailgate.portal.access import LinkExpired
from mailgate.portal.cookies import Cookies
from mailgate.portal.desk import Desk, asker, desk_of
from mailgate.portal.entering import Crowded
from mailgate.portal.hurry import RETRY_SECONDS, Hurry
from mailgate.portal.limits import PortalLimits
from mailgate.portal.members import NotSignedIn, to_sign_in
from mailgate.portal.menu import Offer
from mailgate.portal.pages import Pages
from mailgate.portal.shield import Shield, security_headers
from mailgate.portal.throttle import Once, Throttle
from store.errors import StoreError

_LOG = log.get("portal")
_KNOWN = frozenset({400, 403, 404, 405, 413, 429})
_IMAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_UNCOUNTED = ("/healthz", "/static/", "/robots.txt", "/favicon.ico", "/manifest.webmanifest")


def make_app(
    site: Site,
    translations: Translations,
    templates_folder: Path,
    limits: PortalLimits | None = None,
    *,
    override_folder: Path | None = None,
    logo: Path | None = None,
    trusted_proxies: Collection[str] = (),
    compiled: BytecodeCache | None = None,
) -> Starlette:
    """The portal of one company, ready for an ASGI server.

    templates_folder: holds `portal/`. override_folder: the company's own, may hold `portal/` too. logo: an image file,
    served by us. trusted_proxies: IP addresses whose X-Forwarded-For is believed. compiled: templates
    compiled before. The instant is `site.clock`'s.
    Raises jinja2.TemplateError and OSError for what cannot be read.
    """
    limits = limits or PortalLimits()
    pages = Pages(site, translations, templates_folder, override_folder, logo, compiled)
    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(Shield, base_url=site.base_url, limits=limits),
            Middleware(Hurry, seconds=limits.render_seconds),
            Middleware(_Rate),
        ],
        exception_handlers={
            HTTPException: _http_error,
            LinkExpired: _link_expired,
            NotSignedIn: to_sign_in,
            Crowded: _away,
            NotAllowed: _gone,
            DataError: _gone,
            StoreError: _away,
            PoolTimeout: _away,
            OSError: _away,
            ClientDisconnect: _left,
            Exception: _fault,
        },
    )
    app.router.redirect_slashes = False  # the shield takes them off
    app.state.desk = Desk(
        site=site,
        translations=translations,
        pages=pages,
        cookies=Cookies(site.mint, site.base_url),
        limits=limits,
        misses=Throttle(limits.misses),
        asks=Throttle(limits.misses),
        logins=Throttle(limits.logins),
        by_ip=Throttle(limits.requests_per_ip),
        by_link=Throttle(limits.requests_per_token),
        guests=Throttle(limits.guest_tickets),
        helped=Throttle(limits.helped),
        sent=Once(),
        offer=lambda: Offer(guests=site.policy.guests == "yes", knowledge=site.knowledge.is_there),
        proxies=frozenset(trusted_proxies),
    )
    return app


_PARTS = (
    home, account, profile, access, ticketpages, ticketacts, agentacts, queue, filepages, confirmpages,
    survey, invitations, organisation, statistics, knowledge, lists, opening,
)  # fmt: skip


def _routes() -> list[Route]:
    ours = [
        Route("/healthz", _healthz),
        Route("/robots.txt", _robots),
        Route("/manifest.webmanifest", installing.manifest),
        Route("/static/{name}", _static),
    ]
    return ours + [route for part in _PARTS for route in part.ROUTES]


class _Rate:
    """ASGI middleware: requests of one peer a minute."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_UNCOUNTED):
            request = Request(scope)
            desk = desk_of(request)
            wait = desk.by_ip.count(asker(request), desk.site.clock())
            if wait:
                answer = desk.message(request, "429", 429)
                answer.headers["Retry-After"] = str(wait)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _healthz(request: Request) -> Response:
    """The process answers; whether the database does, `/readyz` of the ops port says."""
    return PlainTextResponse("ok\n")


def _robots(request: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


def _static(request: Request) -> Response:
    desk = desk_of(request)
    if request.path_params["name"] == "logo" and desk.pages.logo is not None:
        # Mails name the logo so, and it is a webmail's page that shows it.
        return Response(
            desk.pages.logo.content,
            media_type=desk.pages.logo.content_type,
            headers={**_IMAGE_HEADERS, "Cache-Control": "public, max-age=86400"},
        )
    wanted = f"{desk.pages.root}/static/{request.path_params['name']}"
    found = next((one for one in desk.pages.static.values() if one.url == wanted), None)
    if found is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    if found.content_type.startswith("image/"):
        headers |= _IMAGE_HEADERS
    return Response(found.content, media_type=found.content_type, headers=headers)


# --- errors: a page each, which says what to do ----------------------------------------------------------------------


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    if request.method == "HEAD" or status in (204, 304):
        return Response(status_code=status, headers=error.headers)
    name = str(status) if status in _KNOWN else "400" if status < 500 else "500"
    answer = desk_of(request).message(request, name, status, ask=status == 404)
    answer.headers.update(error.headers or {})
    return answer


async def _link_expired(request: Request, error: Exception) -> Response:
    assert isinstance(error, LinkExpired)
    return access.expired(request, desk_of(request).site.mint.access_token(error.link_id))


async def _gone(request: Request, error: Exception) -> Response:
    """What was there a moment ago is not: the ticket or the right to it."""
    _LOG.info("refused", error=type(error).__name__)
    return await _http_error(request, HTTPException(404))


async def _away(request: Request, error: Exception) -> Response:
    """The database or the disk does not answer: nothing was kept, a later try helps."""
    _LOG.warning("unavailable", error=f"{type(error).__name__}: {error}"[:300])
    answer = desk_of(request).message(request, "503", 503)
    answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


async def _left(request: Request, error: Exception) -> Response:
    """The visitor went away, or was too slow, before his form had come: nobody reads this."""
    return Response(status_code=400)


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours; its cause is for the log, which the server writes."""
    desk = desk_of(request)
    answer = desk.message(request, "500", 500)
    answer.headers.update(security_headers(desk.site.base_url))  # it leaves outside the shield
    return answer
