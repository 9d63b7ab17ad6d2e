"""What a customer does on a ticket's page besides answering: each a POST, each decided by its flow.

A link lets its holder finish the ticket and switch its person's bell (T2); everything else is for who signed in, since
a link can be passed on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.errors import DataError, NotAllowed
from mailgate.flows import changing, customer, following, involving
from mailgate.flows.customer import Refused
from mailgate.flows.seeing import may_see_ticket
from mailgate.portal.access import Admitted, check_form
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages
from mailgate.portal.ticketpages import Problem, admitted_to, page
from store import people

_MOST_WORD = 4000
_Act = Callable[[Desk, Admitted, FormData], str]


def acting(act: _Act, *, by_link: bool = False) -> Callable[[Request], Any]:
    """An endpoint around an act: from our page, with its token, by who may; then back to the ticket.

    act: returns what was done, a word of `page.done.…`, or raises Refused.
    """

    async def endpoint(request: Request) -> Response:
        desk = desk_of(request)
        only_from_our_pages(request, desk.site.base_url)
        admitted = await run_in_threadpool(admitted_to, desk, request)
        if admitted.grant.contact_id is None or not (by_link or admitted.visitor is not None):
            raise HTTPException(403)
        async with request.form(max_files=0, max_fields=10, max_part_size=_MOST_WORD * 4) as form:
            check_form(desk, admitted, form)
            return await run_in_threadpool(_answer, desk, request, admitted, act, form)

    return endpoint


def _answer(desk: Desk, request: Request, admitted: Admitted, act: _Act, form: FormData) -> Response:
    try:
        done = act(desk, admitted, form)
    except Refused as refused:
        code = refused.problem.partition(":")[0] or "refused"
        problem = Problem("involved", code, 409, about=str(refused))
        with desk.site.writer.database.read() as connection:
            return page(desk, request, connection, admitted, problem)
    if done == "left" and not _still_sees(desk, admitted):
        return desk.go("/requests")
    return desk.go(f"/tickets/{admitted.ticket.key}?done={done}#done")


def _still_sees(desk: Desk, admitted: Admitted) -> bool:
    with desk.site.writer.database.read() as connection:
        return may_see_ticket(connection, desk.site, admitted.grant.contact_id or 0, admitted.ticket)[0]


def _finish(desk: Desk, admitted: Admitted, form: FormData) -> str:
    text = first(form.getlist("text")).replace("\r\n", "\n").replace("\0", "")[:_MOST_WORD]
    via = "portal" if admitted.visitor is not None else "link"
    try:
        customer.finalize(desk.site, admitted.ticket.id, admitted.grant.contact_id or 0, text, via)
    except NotAllowed as refused:
        raise Refused(str(refused), "finish:") from refused
    return "finished"


def _bell(desk: Desk, admitted: Admitted, form: FormData) -> str:
    with desk.site.writer.database.read() as connection:
        contact = people.contact(connection, admitted.grant.contact_id or 0)
    if contact is None:
        raise HTTPException(404)
    on = first(form.getlist("on")) == "yes"
    try:
        following.set_bell(desk.site, admitted.ticket.key, contact.address, on=on)
    except (NotAllowed, DataError) as error:
        raise Refused(str(error), "permission:") from error
    return "bell_on" if on else "bell_off"


def _involve(desk: Desk, admitted: Admitted, form: FormData) -> str:
    """A colleague, chosen or written; what was written counts."""
    address = first(form.getlist("address"))[:320] or first(form.getlist("colleague"))[:320]
    contributes = first(form.getlist("kind")) != "follower"
    try:
        changing.add_colleague(
            desk.site, admitted.ticket.id, admitted.grant.contact_id or 0, address, contributes=contributes
        )
    except DataError as error:
        raise Refused(str(error), "address:") from error
    except NotAllowed as error:
        raise Refused(str(error), "stranger:") from error
    return "involved"


def _leave(desk: Desk, admitted: Admitted, form: FormData) -> str:
    involving.leave(desk.site, admitted.ticket.id, admitted.grant.contact_id or 0)
    return "left"


def _share(desk: Desk, admitted: Admitted, form: FormData) -> str:
    address = first(form.getlist("branch"))[:320]
    involving.share(desk.site, admitted.ticket.id, admitted.grant.contact_id or 0, address)
    return "shared"


def _show(desk: Desk, admitted: Admitted, form: FormData) -> str:
    word = first(form.getlist("visibility"))[:20]
    involving.set_visibility(desk.site, admitted.ticket.id, admitted.grant.contact_id or 0, word)
    return word


def _unlink(desk: Desk, admitted: Admitted, form: FormData) -> str:
    involving.revoke_links(desk.site, admitted.ticket.id, admitted.grant.contact_id or 0)
    return "unlinked"


ROUTES = [
    Route("/tickets/{key}/finish", acting(_finish, by_link=True), methods=["POST"]),
    Route("/tickets/{key}/bell", acting(_bell, by_link=True), methods=["POST"]),
    Route("/tickets/{key}/people", acting(_involve), methods=["POST"]),
    Route("/tickets/{key}/leave", acting(_leave), methods=["POST"]),
    Route("/tickets/{key}/share", acting(_share), methods=["POST"]),
    Route("/tickets/{key}/visibility", acting(_show), methods=["POST"]),
    Route("/tickets/{key}/unlink", acting(_unlink), methods=["POST"]),
]
