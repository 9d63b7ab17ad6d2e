"""Links: a token becomes a cookie and a clean address; an expired one, or a forgotten one, is mailed anew.

GET and HEAD write nothing, so a scanner that opens every link of a mail changes nothing. Whether data match is never
shown: the same words, at once; the mail is written after the answer has left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mailgate import log
from mailgate.flows import customer
from mailgate.flows.customer import Expired, Grant
from mailgate.flows.seeing import may_see_ticket
from mailgate.portal import members
from mailgate.portal.cookies import Visit
from mailgate.portal.desk import Desk, asker, desk_of, first, only_from_our_pages
from mailgate.portal.visitor import Visitor
from store import people, tickets
from store.errors import StoreError

_LOG = log.get("portal")
_KEY = re.compile(r"[\[#\s]*([A-Za-z]{1,20}-)?([0-9]{1,12})[\]\s]*")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A visitor who may see one ticket. language: of the person, if known. visitor: who signed in, None by a link.

    grant: of the link; of a session it bears the session's id in the link's place.
    """

    ticket: Row[Any]
    grant: Grant
    visit: Visit
    language: str | None
    visitor: Visitor | None = None

    @property
    def zone(self) -> str:
        """The time zone of who signed in; "" for the company's."""
        return self.visitor.zone if self.visitor is not None else ""


class LinkExpired(Exception):
    """This browser had a link to the ticket; it no longer opens."""

    def __init__(self, link_id: int) -> None:
        super().__init__("an access link has expired")
        self.link_id = link_id


def open_token(request: Request) -> Response:
    """GET /t/{token}: the cookie, and on to the ticket without the token in the address."""
    desk = desk_of(request)
    token: str = request.path_params["token"]
    with desk.site.writer.database.read() as connection:
        found = customer.open_link(connection, desk.site, token)
        ticket = _ticket_of(connection, found)
    if isinstance(found, Expired):
        return expired(request, token)
    if found is None or ticket is None:
        refuse_guessing(desk, request)
        raise HTTPException(404)
    visit = desk.cookies.read(request)
    answer = desk.go(f"/tickets/{ticket.key}")
    known = replace(visit, number=visit.number or desk.site.ids.new())
    desk.cookies.write(answer, known.opened(found.link_id))
    return answer


def _ticket_of(connection: Connection, found: Grant | Expired | None) -> Row[Any] | None:
    return next(iter(tickets.by_ids(connection, [found.ticket_id])), None) if found is not None else None


def expired(request: Request, token: str) -> HTMLResponse:
    """The page of a link that has expired: one button, and a new link is on its way."""
    return desk_of(request).message(request, "expired", 410, renew=token)


def admit(desk: Desk, connection: Connection, request: Request) -> Admitted:
    """The ticket of the path, if who signed in may see it, or a link of this browser opens it now.

    Raises LinkExpired, and HTTPException 404 for every other reason alike; 429 beyond the rate of link or session.
    """
    visit = desk.cookies.read(request)
    ticket = tickets.by_key(connection, request.path_params["key"][:40])
    visitor = members.visitor(desk, connection, request)
    if visitor is not None and ticket is not None and _sees(connection, desk, visitor, ticket):
        _bound(desk, request, f"session {visitor.session_id}")
        agent, contact = visitor.agent, visitor.contact
        grant = Grant(
            visitor.session_id, ticket.id, contact.id if contact is not None else None,
            agent.id if agent is not None else None, visitor.until,
        )  # fmt: skip
        return Admitted(ticket, grant, visit, visitor.language, visitor)
    late = 0
    for link_id in visit.links if ticket is not None else ():
        found = customer.known_link(connection, desk.site, link_id)
        if found is None or ticket is None or found.ticket_id != ticket.id:
            continue
        if isinstance(found, Expired):
            late = late or found.link_id
            continue
        _bound(desk, request, str(link_id))
        return Admitted(ticket, found, visit, _language(connection, found))
    if late:
        raise LinkExpired(late)
    raise HTTPException(404)


def check_form(desk: Desk, admitted: Admitted, form: FormData) -> None:
    """Refuse (403) a form that did not come from the page of this ticket, of this link or session."""
    if not desk.cookies.is_form_token(admitted.visit, admitted.grant.link_id, first(form.getlist("token"))):
        raise HTTPException(403)


def _sees(connection: Connection, desk: Desk, visitor: Visitor, ticket: Row[Any]) -> bool:
    """Whether who signed in may see the ticket: agents all of them, contacts as `people.visibility` says."""
    if visitor.contact is None:
        return visitor.is_agent
    return may_see_ticket(connection, desk.site, visitor.contact.id, ticket)[0]


def _bound(desk: Desk, request: Request, name: str) -> None:
    """Count a request of a link or a session; the pictures of a page are not counted."""
    wait = 0 if "/files/" in request.url.path else desk.by_link.count(name, desk.site.clock())
    if wait:
        raise HTTPException(429, headers={"Retry-After": str(wait)})


def _language(connection: Connection, grant: Grant) -> str | None:
    if grant.agent_id is not None:
        person = people.agent(connection, grant.agent_id)
    else:
        person = people.contact(connection, grant.contact_id or 0)
    return person.language if person is not None else None


async def ask(request: Request) -> Response:
    """POST /links: an address and a ticket's number; the link is mailed if they belong together."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    refuse_asking(desk, request)
    async with request.form(max_files=0, max_fields=10, max_part_size=4096) as form:
        address, key = first(form.getlist("address"))[:320], first(form.getlist("key"))[:60]
    found = _KEY.fullmatch(key)
    await run_in_threadpool(desk.site.writer.database.ping)  # better a 503 now than a promise that is not kept
    task = None
    if found is not None and "@" in address:
        task = BackgroundTask(_mail, desk, customer.send_link, address, desk.site.key(int(found[2])))
    return answer_and_close(desk, request, "asked", task)


async def renew(request: Request) -> Response:
    """POST /links/renew: the button of an expired link."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    refuse_asking(desk, request)
    async with request.form(max_files=0, max_fields=10, max_part_size=4096) as form:
        token = first(form.getlist("token"))[:100]
    link_id = desk.site.mint.read_access_token(token)
    await run_in_threadpool(desk.site.writer.database.ping)
    task = BackgroundTask(_mail, desk, customer.renew_link, link_id) if link_id is not None else None
    return answer_and_close(desk, request, "renewed", task)


def answer_and_close(desk: Desk, request: Request, said: str, task: BackgroundTask | None) -> Response:
    """One thing to say, and what is done when it has left.

    The connection is closed: what is asked next on it would wait for the mail, and its time would tell of one.
    """
    answer = desk.message(request, said, 200, background=task)
    answer.headers["Connection"] = "close"
    return answer


def _mail(desk: Desk, send: Any, *named: Any) -> None:
    try:
        sent = send(desk.site, *named)
    except StoreError as error:
        _LOG.warning("link not mailed", error=str(error))
    else:
        _LOG.info("link asked for", sent=sent)


def refuse_guessing(desk: Desk, request: Request) -> None:
    """Count a token that opens nothing; 429 for a peer that has tried too many."""
    wait = desk.misses.count(asker(request), desk.site.clock())
    if wait:
        raise HTTPException(429, headers={"Retry-After": str(wait)})


def refuse_asking(desk: Desk, request: Request) -> None:
    """Count a question for a link, right or wrong alike: else the count itself would tell which it was."""
    wait = desk.asks.count(asker(request), desk.site.clock())
    if wait:
        raise HTTPException(429, headers={"Retry-After": str(wait)})


ROUTES = [
    Route("/t/{token}", open_token),
    Route("/links", ask, methods=["POST"]),
    Route("/links/renew", renew, methods=["POST"]),
]
