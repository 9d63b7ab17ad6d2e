"""An agent confirms that a text kept in his name is to be sent. GET shows it, POST sends it, once."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.flows import customer
from mailgate.portal.access import refuse_guessing
from mailgate.portal.desk import desk_of, only_from_our_pages
from mailgate.portal.nonces import has_nonce, nonce


def look(request: Request) -> Response:
    """GET /confirm/{token}: what would be sent, to whom, and the button."""
    desk = desk_of(request)
    token: str = request.path_params["token"]
    with desk.site.writer.database.read() as connection:
        found = customer.pending_confirmation(connection, desk.site, token)
    if found is None:
        refuse_guessing(desk, request)
        raise HTTPException(404)
    if found.state != "open":
        return desk.message(request, f"confirm_{found.state}", 410)
    return desk.page(request, "confirm.html", token=token, asked=found, nonce=nonce(desk, request, "confirm"))


async def send(request: Request) -> Response:
    """POST /confirm/{token}: the kept text goes through the line once more, as confirmed."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(max_files=0, max_fields=5, max_part_size=1024) as form:
        ours = has_nonce(desk, request, "confirm", form)
    if ours and await run_in_threadpool(customer.confirm, desk.site, request.path_params["token"]) is not None:
        return desk.message(request, "confirmed", 200)
    answer = await run_in_threadpool(look, request)
    if not ours and answer.status_code == 200:
        answer.status_code = 403
    return answer


ROUTES = [
    Route("/confirm/{token}", look),
    Route("/confirm/{token}", send, methods=["POST"]),
]
