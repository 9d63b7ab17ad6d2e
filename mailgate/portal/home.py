"""The first page: what this is and the ways in for who is not signed in; an overview for who is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.portal import lists, members
from mailgate.portal.desk import desk_of


def home(request: Request) -> Response:
    """GET /."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.visitor(desk, connection, request)
        if visitor is not None and visitor.contact is not None:
            return lists.overview(desk, connection, request, visitor)
    if visitor is not None:
        return desk.go("/queue")
    return desk.page(request, "home.html", here="home", address=desk.site.addresses[0].address, offer=desk.offer())


ROUTES = [Route("/", home)]
