"""Invitations, which sign in, and the check of an address, which does not: GET shows, POST does it, once."""

from __future__ import annotations

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate import log
from mailgate.flows import inviting
from mailgate.flows.inviting import INVITE, VERIFY, Invited
from mailgate.people import passwords
from mailgate.portal.access import Admitted, admit, check_form, refuse_guessing
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages
from mailgate.portal.entering import SMALL_FORM, came, form_page, is_from_form, let_in, secret, slowly
from mailgate.portal.nonces import has_nonce, nonce
from store import people

_LOG = log.get("portal")


def look(request: Request) -> Response:
    """GET /invite/{token}: the form for name and password."""
    desk = desk_of(request)
    about = _about(desk, request, INVITE)
    if about.state != "open":
        return desk.message(request, f"invite_{about.state}", 410)
    return _form(desk, request, about)


async def accept(request: Request) -> Response:
    """POST /invite/{token}: name and password are kept, the link is spent, and the first steps follow."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    about = await run_in_threadpool(_about, desk, request, INVITE)
    if about.state != "open":
        return desk.message(request, f"invite_{about.state}", 410)
    async with request.form(**SMALL_FORM) as form:
        name = " ".join(first(form.getlist("name")).replace("\0", "").split())[:120]
        password, again, ours = secret(form, "password"), secret(form, "again"), is_from_form(desk, request, form)
    if not ours:
        return _form(desk, request, about, name=name, error="again", status=403)
    error = passwords.mistake(password, name, about.name, about.address, desk.site.company.name)
    error = error or ("differ" if password != again else "")
    if error:
        return _form(desk, request, about, name=name, error=error, status=422)
    kept = await slowly(desk, lambda: passwords.hashed(password))
    token = request.path_params["token"]
    session = await run_in_threadpool(inviting.accept, desk.site, token, name, kept, came(desk, request))
    if session is None:
        return desk.message(request, "invite_spent", 410)
    _LOG.info("signed in", by="invitation")
    return await run_in_threadpool(let_in, desk, session, "/")


async def invite_self(request: Request) -> Response:
    """POST /tickets/{KEY}/password: a link for a password goes to who the ticket's link belongs to."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(**SMALL_FORM) as form:
        await run_in_threadpool(_invite_self, desk, request, form)
    return desk.message(request, "invited_self", 200)


def _invite_self(desk: Desk, request: Request, form: FormData) -> None:
    with desk.site.writer.database.read() as connection:
        admitted = admit(desk, connection, request)
        offered = offers_password(connection, admitted)
    check_form(desk, admitted, form)
    if not offered:
        raise HTTPException(404)
    inviting.invite_self(desk.site, admitted.grant.contact_id or 0, desk.limits.resets)


def offers_password(connection: Connection, admitted: Admitted) -> bool:
    """Whether the page of a ticket says that there could be an account: to a contact by a link who has no password."""
    if admitted.visitor is not None or admitted.grant.contact_id is None:
        return False
    contact = people.contact(connection, admitted.grant.contact_id)
    return contact is not None and contact.active and contact.password is None


def ask_to_verify(request: Request) -> Response:
    """GET /verify/{token}: whose address it is, and the button."""
    desk = desk_of(request)
    about = _about(desk, request, VERIFY)
    if about.state != "open":
        return desk.message(request, f"verify_{about.state}", 410)
    return desk.page(
        request, "verify.html", translator=desk.translator(request, about.language), about=about,
        token=request.path_params["token"], nonce=nonce(desk, request, VERIFY),
    )  # fmt: skip


async def verify(request: Request) -> Response:
    """POST /verify/{token}: the address is the contact's."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(max_files=0, max_fields=5, max_part_size=1024) as form:
        ours = has_nonce(desk, request, VERIFY, form)
    await run_in_threadpool(_about, desk, request, VERIFY)
    if ours and await run_in_threadpool(inviting.verify, desk.site, request.path_params["token"]):
        return desk.message(request, "verify_done", 200)
    answer = await run_in_threadpool(ask_to_verify, request)
    if not ours and answer.status_code == 200:
        answer.status_code = 403
    return answer


def _form(
    desk: Desk, request: Request, about: Invited, name: str = "", error: str = "", status: int = 200
) -> Response:  # fmt: skip
    return form_page(
        desk, request, "invite.html", status=status, translator=desk.translator(request, about.language), about=about,
        name=name or (about.name if about.name != about.address else ""), error=error,
        shortest=passwords.SHORTEST, longest=passwords.LONGEST, link=request.path_params["token"],
    )  # fmt: skip


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
    Route("/tickets/{key}/password", invite_self, methods=["POST"]),
    Route("/verify/{token}", ask_to_verify),
    Route("/verify/{token}", verify, methods=["POST"]),
]
