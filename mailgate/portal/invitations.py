"""Invitations and the check of an address: GET shows, POST does it, once. Nothing is signed in by it."""

from __future__ import annotations

from collections.abc import Sequence

from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.flows import inviting
from mailgate.flows.inviting import INVITE, VERIFY, Invited
from mailgate.portal.access import refuse_guessing
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages

_SHORTEST, _LONGEST = 10, 200


def look(request: Request) -> Response:
    """GET /invite/{token}: the form for name and password."""
    desk = desk_of(request)
    about = _about(desk, request, INVITE)
    if about.state != "open":
        return desk.message(request, f"invite_{about.state}", 410)
    return _form(desk, request, about)


async def accept(request: Request) -> Response:
    """POST /invite/{token}: name and password are kept, and the link is spent."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    about = await run_in_threadpool(_about, desk, request, INVITE)
    if about.state != "open":
        return desk.message(request, f"invite_{about.state}", 410)
    async with request.form(max_files=0, max_fields=5, max_part_size=4096) as form:
        name = " ".join(first(form.getlist("name")).replace("\0", "").split())[:120]
        password, again = _secret(form.getlist("password")), _secret(form.getlist("again"))
    error = "short" if len(password) < _SHORTEST else "long" if len(password) > _LONGEST else ""
    error = error or ("differ" if password != again else "")
    if error:
        return _form(desk, request, about, name=name, error=error)
    hashed = await run_in_threadpool(Argon2Hasher().hash, password)
    if not await run_in_threadpool(inviting.accept, desk.site, request.path_params["token"], name, hashed):
        return desk.message(request, "invite_spent", 410)
    return desk.message(request, "invite_done", 200)


def ask_to_verify(request: Request) -> Response:
    """GET /verify/{token}: whose address it is, and the button."""
    desk = desk_of(request)
    about = _about(desk, request, VERIFY)
    if about.state != "open":
        return desk.message(request, f"verify_{about.state}", 410)
    translator = desk.translator(request, about.language)
    return desk.page(request, "verify.html", translator=translator, about=about, token=request.path_params["token"])


def verify(request: Request) -> Response:
    """POST /verify/{token}: the address is the contact's."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    _about(desk, request, VERIFY)
    done = inviting.verify(desk.site, request.path_params["token"])
    return desk.message(request, "verify_done", 200) if done else ask_to_verify(request)


def _form(desk: Desk, request: Request, about: Invited, name: str = "", error: str = "") -> Response:
    return desk.page(
        request,
        "invite.html",
        status=422 if error else 200,
        translator=desk.translator(request, about.language),
        about=about,
        name=name or (about.name if about.name != about.address else ""),
        error=error,
        shortest=_SHORTEST,
        longest=_LONGEST,
        token=request.path_params["token"],
    )


def _secret(values: Sequence[object]) -> str:
    """A password as it was typed: spaces are part of it."""
    return next((one for one in values if isinstance(one, str)), "")


def _about(desk: Desk, request: Request, purpose: str) -> Invited:
    with desk.site.writer.database.read() as connection:
        found = inviting.invited(connection, desk.site, request.path_params["token"], purpose)
    if found is None:
        refuse_guessing(desk, request)
        raise HTTPException(404)
    return found


ROUTES = [
    Route("/invite/{token}", look),
    Route("/invite/{token}", accept, methods=["POST"]),
    Route("/verify/{token}", ask_to_verify),
    Route("/verify/{token}", verify, methods=["POST"]),
]
