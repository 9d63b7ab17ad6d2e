"""What every request and every answer goes through: whose host, how large, and the security headers.

Sources: RFC 9110 §7.2 (Host), RFC 9110 §15.5.14 (413), RFC 9110 §15.5.15 (414), RFC 9110 §15.5.16 (415), RFC 6585 §5
(431), RFC 6797 (HSTS).
"""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

from python_multipart.multipart import parse_options_header
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailgate import log
from mailgate.links.tokens import SECRET_WORDS
from mailgate.portal.limits import PortalLimits

_LOG = log.get("portal")

#: For pages of ours: scripts only as files of our own, nothing from elsewhere, in no frame. blob: is a picture that
#: the visitor chose and has not sent yet.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
#: For the page that frames a mail.
FRAMING_POLICY = f"{PAGE_POLICY}; frame-src 'self'"
#: For the mail in its frame. `allow-same-origin` lets its images carry the cookie; it can do no harm without
#: `allow-scripts`.
MAIL_POLICY = (
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src 'self'; "
    "style-src 'self' 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
)
#: For a file that somebody sent.
FILE_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
_SECRET = re.compile(rf"/({'|'.join(SECRET_WORDS)})/.*", re.DOTALL)
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9_-]{32,}")
#: A body over the limit is still read until here, so that a browser shows our page and not a broken connection.
_DRAINED_TIMES = 4


class Shield:
    """ASGI middleware around the whole portal. base_url: as configured; its host is the only one we answer to."""

    def __init__(self, app: ASGIApp, base_url: str, limits: PortalLimits) -> None:
        parts = urlsplit(base_url)
        self._app = app
        self._limits = limits
        self._root = parts.path.rstrip("/")
        self._hosts = _names(parts.scheme, parts.netloc)
        self._headers = security_headers(base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Never raises because of what a peer sent."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1002})
            return
        began = time.perf_counter()
        status = 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, guarded)
        else:
            await self._app(self._inner(scope), _Bounded(scope, receive, self._limits), guarded)
        spent = round((time.perf_counter() - began) * 1000)
        if scope["path"] != "/healthz":
            _LOG.info("request", method=scope["method"], path=redacted(scope["path"]), status=status, ms=spent)

    def _refused(self, scope: Scope) -> PlainTextResponse | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > self._limits.url_bytes:
            return PlainTextResponse("This address is too long.\n", 414)
        if sum(len(name) + len(value) + 4 for name, value in headers) > self._limits.header_bytes:
            return PlainTextResponse("These header fields are too large.\n", 431)
        hosts = [value.decode("latin-1").strip().lower() for name, value in headers if name == b"host"]
        if scope["path"] != "/healthz" and (len(hosts) != 1 or hosts[0] not in self._hosts):
            return PlainTextResponse("This is not the host you are looking for.\n", 400)
        if not all(_is_plain(value) for name, value in headers if name == b"content-type"):
            return PlainTextResponse("Forms are read in UTF-8.\n", 415)
        return None

    def _inner(self, scope: Scope) -> Scope:
        """The scope without the path of base_url (`https://x.test/suporte`), where a proxy left it in.

        A NUL is written as what cannot be read: PostgreSQL takes no text with one, and nothing of ours is named so. One
        slash at the end is taken off: some mail clients add it, and the router's own redirect would name the scheme
        and host that the proxy spoke to us, with the token of the path.
        """
        path: str = scope["path"].replace("\0", "\ufffd")
        query: bytes = (scope.get("query_string") or b"").replace(b"\0", b"").replace(b"%00", b"%EF%BF%BD")
        scope = {**scope, "query_string": query}
        if self._root and (path == self._root or path.startswith(f"{self._root}/")):
            path = path[len(self._root) :] or "/"
        if path.endswith("/") and not path.endswith("//"):
            path = path[:-1] or "/"
        return {**scope, "path": path}


def security_headers(base_url: str) -> dict[str, str]:
    """The headers of every answer that does not say otherwise."""
    secure = {"Strict-Transport-Security": "max-age=31536000"} if base_url.startswith("https:") else {}
    return {**_HEADERS, **secure}


class _Bounded:
    """A `receive` that stops at a size: HTTPException 413; and, in a plain form, at a count of fields: 400.

    The parser of such a form counts fields, but not the marks between empty ones, which cost it as much: 30 MiB of `&`
    kept the whole portal busy for most of a minute.
    """

    def __init__(self, scope: Scope, receive: Receive, limits: PortalLimits) -> None:
        self._receive = receive
        self._most = limits.body_bytes
        types = [v.lower() for n, v in scope["headers"] if n == b"content-type"]
        self._marks_left = 2 * limits.fields if any(b"urlencoded" in one for one in types) else None
        self._read = 0
        lengths = [v for n, v in scope["headers"] if n == b"content-length" and v.isdigit()]
        self._declared = max((int(v[:18]) for v in lengths), default=0)

    async def __call__(self) -> Message:
        if self._declared > self._most:
            await self._refuse(more=True, known=self._declared)
        message = await self._receive()
        self._read += len(message.get("body") or b"")
        if self._read > self._most:
            await self._refuse(more=message.get("more_body", False), known=self._read)
        if self._marks_left is not None:
            self._marks_left -= (message.get("body") or b"").count(b"&")
            if self._marks_left < 0:
                raise HTTPException(400)
        return message

    async def _refuse(self, *, more: bool, known: int) -> None:
        """Read on and forget, within reason, then refuse. more: whether there is anything to read."""
        most = self._most * _DRAINED_TIMES
        while more and known <= most and self._read <= most:
            message = await self._receive()
            self._read += len(message.get("body") or b"")
            more = message.get("more_body", False)
        self._declared, self._most = 0, 1 << 62  # whoever asks again waits for the end of the connection
        raise HTTPException(413)


def _is_plain(content_type: bytes) -> bool:
    """Whether a form is in UTF-8, as all of our pages send theirs.

    The library that reads forms would take any codec of Python that a stranger names: `punycode` needs half a minute
    for 400 kB, on the loop that serves everybody, and others make texts that no database takes.
    """
    return parse_options_header(content_type)[1].get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8")


def _names(scheme: str, netloc: str) -> frozenset[str]:
    """How a browser may write our host: with and without the port that goes without saying."""
    name = netloc.rpartition("@")[2].lower()
    usual = {"http": ":80", "https": ":443"}[scheme]
    return frozenset({name, name.removesuffix(usual), name if name.count(":") else name + usual})


def redacted(path: str) -> str:
    """A path as the log may show it: without tokens and file names, wherever a proxy or a typing error put them."""
    head, found, rest = _SECRET.sub(r"/\1/…", path).partition("/files/")
    return _TOKEN_LIKE.sub("…", f"{head}{found}{rest.partition('/')[0]}")[:200]
