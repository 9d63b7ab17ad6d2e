"""An agent confirms that a text kept in his name is to be sent. GET shows it, POST sends it, once."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.flows import customer
from mailgate.portal.access import refuse_guessing
from mailgate.portal.desk import desk_of, only_from_our_pages


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
    return desk.page(request, "confirm.html", token=token, asked=found)


def send(request: Request) -> Response:
    """POST /confirm/{token}: the kept text goes through the line once more, as confirmed.

    The link alone is enough: it went to the agent's stored address, and programs of agents' own post to it.
    """
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    if customer.confirm(desk.site, request.path_params["token"]) is not None:
        return desk.message(request, "confirmed", 200)
    return look(request)


ROUTES = [
    Route("/confirm/{token}", look),
    Route("/confirm/{token}", send, methods=["POST"]),
]
