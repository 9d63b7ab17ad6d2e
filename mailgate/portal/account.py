"""Signing in and out, the link that signs in without a password, and the way to a new password.

One answer for every address, whoever has it: in its words, and in its time. What is mailed is written after the answer
has left, and the connection is closed, so that not even the next question on it has to wait for a mail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate import log
from mailgate.flows import sessions, signing
from mailgate.flows.signing import ENTER, RESET, Opened
from mailgate.flows.site import Site
from mailgate.people import passwords
from mailgate.portal import members
from mailgate.portal.access import answer_and_close, refuse_asking, refuse_guessing
from mailgate.portal.cookies import Visit
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages
from mailgate.portal.entering import (
    SMALL_FORM,
    attempt,
    came,
    form_page,
    is_from_form,
    let_in,
    secret,
    slowly,
)
from mailgate.yamltypes import Rate
from store.errors import StoreError

_LOG = log.get("portal")


# --- with a password -------------------------------------------------------------------------------------------------


def look(request: Request) -> Response:
    """GET /login: the form; whoever is signed in goes on."""
    desk = desk_of(request)
    wanted = members.local_path(request.query_params.get("next", "/"))
    with desk.site.writer.database.read() as connection:
        if members.visitor(desk, connection, request) is not None:
            return desk.go(wanted)
    return _login_form(desk, request, wanted, said="out" if "out" in request.query_params else "")


async def sign_in(request: Request) -> Response:
    """POST /login: address and password, and on to where the visitor wanted to go."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(**SMALL_FORM) as form:
        address, wanted = first(form.getlist("address"))[:320], members.local_path(first(form.getlist("next")))
        password, ours = secret(form, "password"), is_from_form(desk, request, form)
    if not ours:
        return _login_form(desk, request, wanted, address, error="again", status=403)
    if not address or not password:
        return _login_form(desk, request, wanted, address, error="empty", status=422)
    wait, forgive = attempt(desk, request, address)
    if wait:
        return _login_form(desk, request, wanted, address, error="many", status=429, wait=wait)
    browser = came(desk, request)
    token = await slowly(desk, lambda: signing.by_password(desk.site, address, password, browser))
    if token is None:
        _LOG.info("not signed in")
        return _login_form(desk, request, wanted, address, error="wrong", status=422)
    forgive()
    _LOG.info("signed in", by="password")
    return await run_in_threadpool(let_in, desk, token, wanted)


def _login_form(
    desk: Desk, request: Request, wanted: str, address: str = "", error: str = "", said: str = "", status: int = 200,
    wait: int = 0,
) -> Response:  # fmt: skip
    return form_page(
        desk, request, "login.html", status=status, headers={"Retry-After": str(wait)} if wait else None,
        next=wanted, address=address, error=error, said=said, minutes=math.ceil(wait / 60),
        lives=_minutes(desk.site.lifetimes.enter.total_seconds()), longest=passwords.LONGEST,
    )  # fmt: skip


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)


# --- by a link -------------------------------------------------------------------------------------------------------


async def ask_to_enter(request: Request) -> Response:
    """POST /enter: a link that signs in goes to the address, if it is somebody's."""
    return await _mail(request, signing.ask_to_enter, "enter_sent")


def look_at_link(request: Request) -> Response:
    """GET /enter/{token}: whose link it is, and the button."""
    desk = desk_of(request)
    about = _about(desk, request, ENTER)
    if about.state != "open":
        return desk.message(request, f"enter_{about.state}", 410)
    return _enter_form(desk, request, about)


async def enter(request: Request) -> Response:
    """POST /enter/{token}: signed in, and the link is spent."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    about = await run_in_threadpool(_about, desk, request, ENTER)
    if about.state != "open":
        return desk.message(request, f"enter_{about.state}", 410)
    async with request.form(**SMALL_FORM) as form:
        ours = is_from_form(desk, request, form)
    if not ours:
        return _enter_form(desk, request, about, error="again", status=403)
    token = await run_in_threadpool(signing.enter, desk.site, request.path_params["token"], came(desk, request))
    if token is None:
        return desk.message(request, "enter_spent", 410)
    _LOG.info("signed in", by="link")
    return await run_in_threadpool(let_in, desk, token, "/")


def _enter_form(desk: Desk, request: Request, about: Opened, error: str = "", status: int = 200) -> Response:
    return form_page(
        desk, request, "enter.html", status=status, translator=desk.translator(request, about.language), about=about,
        error=error, link=request.path_params["token"],
    )  # fmt: skip


# --- a new password --------------------------------------------------------------------------------------------------


def forgotten(request: Request) -> Response:
    """GET /forgotten: where shall the link go?"""
    desk = desk_of(request)
    return form_page(desk, request, "forgotten.html")


async def ask_to_reset(request: Request) -> Response:
    """POST /forgotten: a link for a new password goes to the address, if it is somebody's (N3)."""
    return await _mail(request, signing.ask_to_reset, "reset_sent")


def look_at_reset(request: Request) -> Response:
    """GET /reset/{token}: the form for a new password."""
    desk = desk_of(request)
    about = _about(desk, request, RESET)
    if about.state != "open":
        return desk.message(request, f"reset_{about.state}", 410)
    return _reset_form(desk, request, about)


async def reset(request: Request) -> Response:
    """POST /reset/{token}: the password is changed, every session ends but the one that begins, the link is spent."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    about = await run_in_threadpool(_about, desk, request, RESET)
    if about.state != "open":
        return desk.message(request, f"reset_{about.state}", 410)
    async with request.form(**SMALL_FORM) as form:
        ours, password, again = is_from_form(desk, request, form), secret(form, "password"), secret(form, "again")
    if not ours:
        return _reset_form(desk, request, about, error="again", status=403)
    error = passwords.mistake(password, about.name, about.address, desk.site.company.name)
    error = error or ("differ" if password != again else "")
    if error:
        return _reset_form(desk, request, about, error=error, status=422)
    kept = await slowly(desk, lambda: passwords.hashed(password))
    token = await run_in_threadpool(signing.reset, desk.site, request.path_params["token"], kept, came(desk, request))
    if token is None:
        return desk.message(request, "reset_spent", 410)
    _LOG.info("password changed", by="link")
    return await run_in_threadpool(let_in, desk, token, "/")


def _reset_form(desk: Desk, request: Request, about: Opened, error: str = "", status: int = 200) -> Response:
    return form_page(
        desk, request, "reset.html", status=status, translator=desk.translator(request, about.language), about=about,
        error=error, link=request.path_params["token"], shortest=passwords.SHORTEST, longest=passwords.LONGEST,
    )  # fmt: skip


async def _mail(request: Request, ask: Callable[[Site, str, Sequence[Rate]], bool], said: str) -> Response:
    """The answer to everybody who asks for a link, and the mail to who has that address, afterwards."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    refuse_asking(desk, request)
    async with request.form(**SMALL_FORM) as form:
        address, ours = first(form.getlist("address"))[:321], is_from_form(desk, request, form)
    if not ours:
        raise HTTPException(403)
    await run_in_threadpool(desk.site.writer.database.ping)  # better a 503 now than a promise that is not kept
    task = BackgroundTask(_send, desk, ask, address) if "@" in address else None
    return answer_and_close(desk, request, said, task)


def _send(desk: Desk, ask: Callable[[Site, str, Sequence[Rate]], bool], address: str) -> None:
    try:
        sent = ask(desk.site, address, desk.limits.resets)
    except StoreError as error:
        _LOG.warning("link not mailed", error=str(error))
    else:
        _LOG.info("link asked for", sent=sent)


# --- and out ---------------------------------------------------------------------------------------------------------


async def sign_out(request: Request) -> Response:
    """POST /logout: the session ends, and this browser forgets its links too. Whoever is not signed in just goes on."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(**SMALL_FORM) as form:
        await run_in_threadpool(_end, desk, request, form)
    answer = desk.go("/login?out")
    desk.cookies.end_session(answer)
    desk.cookies.write(answer, Visit())
    return answer


def _end(desk: Desk, request: Request, form: FormData) -> None:
    with desk.site.writer.database.read() as connection:
        visitor = members.visitor(desk, connection, request)
    if visitor is not None:
        members.check_form(desk, request, visitor, form)
        sessions.end(desk.site, visitor.session_id)


def _about(desk: Desk, request: Request, purpose: str) -> Opened:
    with desk.site.writer.database.read() as connection:
        found = signing.opened(connection, desk.site, request.path_params["token"], purpose)
    if found is None:
        refuse_guessing(desk, request)
        raise HTTPException(404)
    return found


ROUTES = [
    Route("/login", look),
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", sign_out, methods=["POST"]),
    Route("/enter", ask_to_enter, methods=["POST"]),
    Route("/enter/{token}", look_at_link),
    Route("/enter/{token}", enter, methods=["POST"]),
    Route("/forgotten", forgotten),
    Route("/forgotten", ask_to_reset, methods=["POST"]),
    Route("/reset/{token}", look_at_reset),
    Route("/reset/{token}", reset, methods=["POST"]),
]
