"""The cookies: which links this browser has opened, signed, with nothing behind it in the database; and its session.

A link in the cookie is looked up at each request, so that a revoked or expired one opens nothing any more. The forms'
token is bound to the cookie's own number and to the link. Source: RFC 6265 §4.1 (cookie), RFC 6265 §8.6 (integrity).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from mailgate.links.tokens import Mint

MOST_LINKS = 20
MOST_FILED = 10
_MAX_AGE = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Visit:
    """What one browser has opened. links: ids of access links, the newest first. number: the browser's own, 0 = new.

    filed: ids of tickets that a guest opened here; that proves nothing and shows him what he wrote, no more.
    """

    links: tuple[int, ...] = ()
    number: int = 0
    filed: tuple[int, ...] = ()

    def opened(self, link_id: int) -> Visit:
        """The visit with one more link, as the newest."""
        rest = tuple(one for one in self.links if one != link_id)
        return Visit((link_id, *rest)[:MOST_LINKS], self.number, self.filed)

    def has_filed(self, ticket_id: int) -> Visit:
        """The visit with one more ticket that was opened without signing in."""
        rest = tuple(one for one in self.filed if one != ticket_id)
        return Visit(self.links, self.number, (ticket_id, *rest)[:MOST_FILED])


class Cookies:
    """Reads and writes the cookie, and makes the token of forms."""

    def __init__(self, mint: Mint, base_url: str) -> None:
        self.secure = urlsplit(base_url).scheme == "https"
        self.name = "__Host-mailgate" if self.secure else "mailgate"
        self.session_name = f"{self.name}-session"
        self._form_key = mint.secret("form")
        self._serializer = URLSafeSerializer(
            mint.secret("cookie"),
            salt="mailgate.visit",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def read(self, request: Request) -> Visit:
        """What the cookie says; nothing at all when it is not ours."""
        value = request.cookies.get(self.name, "")
        if not value or len(value) > 2000:
            return Visit()
        try:
            number, *links = self._serializer.loads(value)
        except (BadData, ValueError, TypeError):
            return Visit()
        if not all(isinstance(one, int) for one in (number, *links)):
            return Visit()
        opened = tuple(one for one in links if one > 0)
        filed = tuple(-one for one in links if one < 0)
        return Visit(opened[:MOST_LINKS], number, filed[:MOST_FILED])

    def write(self, response: Response, visit: Visit) -> None:
        """Set the cookie: not for scripts, not for other sites' posts."""
        # One list of numbers; below zero are tickets that a guest opened, so that an older cookie still reads.
        value = self._serializer.dumps([visit.number, *visit.links, *(-one for one in visit.filed)])
        response.set_cookie(
            self.name,
            value if isinstance(value, str) else value.decode(),
            max_age=_MAX_AGE,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def session(self, request: Request) -> str:
        """The token of this browser's session; "" for none."""
        return request.cookies.get(self.session_name, "")[:64]

    def write_session(self, response: Response, token: str) -> None:
        """Set the cookie of a session that was just begun; it ends with the browser, or when the session does."""
        response.set_cookie(
            self.session_name, token, path="/", secure=self.secure, httponly=True, samesite="lax"
        )  # fmt: skip

    def end_session(self, response: Response) -> None:
        """Take the session's cookie away."""
        response.delete_cookie(self.session_name, path="/", secure=self.secure, httponly=True, samesite="lax")

    def form_token(self, visit: Visit, link_id: int) -> str:
        """What a form of this browser about this link, or of this session, must bring back.

        link_id: of a form that anybody may send, the second when it was made, below zero.
        """
        return hmac.digest(self._form_key, f"{visit.number}:{link_id}".encode(), "sha256").hex()[:32]

    def is_form_token(self, visit: Visit, link_id: int, token: str) -> bool:
        """Whether a form brought back the right token; compared in constant time."""
        return hmac.compare_digest(self.form_token(visit, link_id).encode(), token.encode("utf-8", "replace"))
