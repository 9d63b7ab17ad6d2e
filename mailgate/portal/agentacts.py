"""What an agent does on a ticket's page: an answer, a note, orders, by the same line as his mails.

Who signed in has all the rights of his mails. A link in a mail can be passed on, so that its holder reads and writes
notes; for everything else he signs in. An answer carries the version of the ticket that its page showed: where a
customer's word or a status came since, nothing is sent and the page says what came.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.decide.decision import Order
from mailgate.decide.facts import ActionFacts
from mailgate.flows import customer, explaining
from mailgate.flows.customer import Refused, Repeated
from mailgate.notify.explained import lines_of
from mailgate.portal import agentview, uploads
from mailgate.portal.access import Admitted, admit, check_form
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages
from mailgate.portal.ticketpages import MOST_TEXT, Problem, Written, admitted_to, page
from store import people
from store.vocabulary import Channel, Role

#: Decisions shown on one page, the newest.
_MOST_DECISIONS = 50
#: Fields of a ticket that one form changes together, as the orders they are.
_FIELDS = ("assign", "priority", "topic", "department", "due")
_BUTTONS = frozenset({"take", "close", "reopen", "solve", "ask_info", "handoff", "spam"})
_NAMED = ("participant", "follower", "branch", "join", "requester")


async def answer(request: Request) -> Response:
    """POST /tickets/{KEY}/answer: send it, or put a prepared text into the form; whatever does not say so is a note."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    admitted = await run_in_threadpool(_agents, desk, request)
    limits = desk.limits
    async with request.form(
        max_files=limits.parts, max_fields=limits.fields, max_part_size=MOST_TEXT * 4 + 1024
    ) as form:
        check_form(desk, admitted, form)
        return await run_in_threadpool(_take, desk, request, admitted, form)


async def order(request: Request) -> Response:
    """POST /tickets/{KEY}/orders: a button, or the fields of a form that were changed."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    admitted = await run_in_threadpool(_agents, desk, request)
    async with request.form(max_files=0, max_fields=30, max_part_size=4096) as form:
        check_form(desk, admitted, form)
        return await run_in_threadpool(_obey, desk, request, admitted, form)


def why(request: Request) -> Response:
    """GET /tickets/{KEY}/why: what was decided about each mail and action, and why; for agents."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        admitted = admit(desk, connection, request)
        if admitted.grant.agent_id is None:
            raise HTTPException(404)
        found = explaining.of_ticket(connection, admitted.ticket.id, admitted.ticket.key)[-_MOST_DECISIONS:]
    translator = desk.translator(request, admitted.language, zone=admitted.zone)
    shown = [(one, list(lines_of(one, translator))) for one in reversed(found)]
    return desk.page(
        request, "why.html", translator=translator, visitor=admitted.visitor, here="queue",
        key=admitted.ticket.key, subject=admitted.ticket.subject, decisions=shown, most=_MOST_DECISIONS,
    )  # fmt: skip


def _agents(desk: Desk, request: Request) -> Admitted:
    admitted = admitted_to(desk, request)
    if admitted.grant.agent_id is None:
        raise HTTPException(403)
    return admitted


def _take(desk: Desk, request: Request, admitted: Admitted, form: FormData) -> Response:
    site = desk.site
    text = first(form.getlist("text")).replace("\r\n", "\n").replace("\0", "")
    status = first(form.getlist("status"))[:100]
    seen = first(form.getlist("seen"))[:12]
    do = first(form.getlist("do"))
    written = Written(text, status)
    if do == "canned":
        return _with_prepared(desk, request, admitted, form, written)
    brought = uploads.chosen(form)
    written = replace(written, again=bool(brought))
    if not text.strip() and not brought:
        return _again(desk, request, admitted, Problem("reply", "empty", 422), written)
    if len(text) > MOST_TEXT:
        return _again(desk, request, admitted, Problem("reply", "long", 422), written)
    given = first(form.getlist("number"))[:40]
    number = f"{admitted.grant.link_id}:{given}"
    if not desk.sent.take(number):
        return desk.go(f"/tickets/{admitted.ticket.key}#last")
    action = _action(
        admitted, "reply" if do == "send" else "note", text=text, status=status,
        seen=int(seen) if seen.isascii() and seen.isdigit() else 0,
    )  # fmt: skip
    try:
        files = uploads.keep(site, uploads.read(brought))
        once = f"agent {admitted.grant.agent_id} {number}" if given else ""
        customer.on_page(site, admitted.ticket.id, admitted.grant.agent_id or 0, action, files, once)
    except Repeated:
        return desk.go(f"/tickets/{admitted.ticket.key}#last")
    except Refused as refused:
        desk.sent.give_back(number)
        return _again(desk, request, admitted, _problem("reply", refused), written)
    except BaseException:
        desk.sent.give_back(number)
        raise
    return desk.go(f"/tickets/{admitted.ticket.key}#last")


def _with_prepared(
    desk: Desk, request: Request, admitted: Admitted, form: FormData, written: Written
) -> Response:  # fmt: skip
    """The prepared text below what was written, to be read and changed before it is sent."""
    with desk.site.writer.database.read() as connection:
        agent = people.agent(connection, admitted.grant.agent_id or 0)
        name = first(form.getlist("canned"))[:100]
        text = agentview.prepared(desk.site, admitted.ticket, agent, name) if agent is not None else ""
        whole = f"{written.text}\n\n{text}".strip() if text else written.text
        return page(
            desk,
            request,
            connection,
            admitted,
            Problem("", "", 200),
            Written(whole, written.status, bool(uploads.chosen(form))),
        )


def _obey(desk: Desk, request: Request, admitted: Admitted, form: FormData) -> Response:
    given = {name: first(form.getlist(name))[:320] for name in (*_FIELDS, *_NAMED)}
    was = {name: first(form.getlist(f"was_{name}"))[:320] for name in _FIELDS}
    do = first(form.getlist("do"))[:20]
    if do in _BUTTONS:
        orders: tuple[Order, ...] = (Order(do, "", f"#{do}"),)
    elif do in _NAMED:
        verb = "follower" if do == "participant" and first(form.getlist("kind")) == "follower" else do
        orders = (Order(verb, given[do], given[do]),) if given[do] else ()
    else:
        orders = agentview.changes(given, was, _FIELDS)
    if not orders:
        return _again(desk, request, admitted, Problem("orders", "nothing", 422), Written())
    action = _action(admitted, "change", orders=orders)
    try:
        done = customer.on_page(desk.site, admitted.ticket.id, admitted.grant.agent_id or 0, action)
    except Refused as refused:
        return _again(desk, request, admitted, _problem("orders", refused), Written())
    return desk.go(f"/tickets/{done.key}?done=done#done")


def _action(
    admitted: Admitted, verb: str, *, text: str = "", status: str = "", seen: int | None = None,
    orders: tuple[Order, ...] = (),
) -> ActionFacts:  # fmt: skip
    proof = "portal" if admitted.visitor is not None else "link"
    return ActionFacts(
        verb, Role.AGENT, Channel.PORTAL, admitted.grant.agent_id or 0, "", "", proof, text, status, seen=seen,
        orders=orders,
    )  # fmt: skip


def _problem(form: str, refused: Refused) -> Problem:
    code, _, word = refused.problem.partition(":")
    return Problem(form, code or "refused", 403 if code == "sign_in" else 409, word or str(refused), refused.news)


def _again(desk: Desk, request: Request, admitted: Admitted, problem: Problem, written: Written) -> Response:
    """The page once more, with the ticket as it is now and what was written."""
    with desk.site.writer.database.read() as connection:
        return page(desk, request, connection, admit(desk, connection, request), problem, written)


ROUTES = [
    Route("/tickets/{key}/answer", answer, methods=["POST"]),
    Route("/tickets/{key}/orders", order, methods=["POST"]),
    Route("/tickets/{key}/why", why),
]
