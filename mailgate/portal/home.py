"""The first page: what this is and the ways in for who is not signed in; an overview for who is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.portal import members
from mailgate.portal.desk import desk_of


def home(request: Request) -> Response:
    """GET /."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.visitor(desk, connection, request)
    if visitor is not None and visitor.is_agent:
        return desk.go("/queue")
    template = "welcome.html" if visitor is not None else "home.html"
    return desk.page(
        request, template, visitor=visitor, here="home", address=desk.site.addresses[0].address, offer=desk.offer()
    )


ROUTES = [Route("/", home)]
