"""What only a page of ours knows about the link that opened it.

The mail scanners of companies open every address of a mail, and some post to it too: what a link does by POST is done
for who saw its page. No cookie is needed, since mail clients open links in a browser of their own.
"""

from __future__ import annotations

import hmac

from starlette.datastructures import FormData
from starlette.requests import Request

from mailgate.portal.desk import Desk, first


def nonce(desk: Desk, request: Request, purpose: str) -> str:
    """For the form of the link in the path. purpose: of its token."""
    link_id = desk.site.mint.read_access_token(request.path_params["token"], purpose)
    return desk.site.mint.access_token(link_id or 0, f"{purpose} form")


def has_nonce(desk: Desk, request: Request, purpose: str, form: FormData) -> bool:
    """Whether a form brought it back; compared in constant time."""
    brought = first(form.getlist("nonce")).encode("utf-8", "replace")
    return hmac.compare_digest(nonce(desk, request, purpose).encode(), brought)
