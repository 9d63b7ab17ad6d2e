"""The page of a ticket, the mail as it was sent and as it came, and a customer's answer posted from the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mailgate.companyfiles import AttachmentPolicy
from mailgate.decide.facts import News
from mailgate.errors import NotAllowed
from mailgate.flows import customer
from mailgate.flows.customer import Repeated
from mailgate.flows.involving import Abilities, abilities
from mailgate.flows.veiling import is_veiled
from mailgate.portal import uploads
from mailgate.portal.access import Admitted, admit, check_form
from mailgate.portal.agentview import agent_desk
from mailgate.portal.cookies import Visit
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages, row_id
from mailgate.portal.invitations import offers_password
from mailgate.portal.said import Gallery, as_sent
from mailgate.portal.shield import FILE_POLICY, FRAMING_POLICY, MAIL_POLICY
from mailgate.portal.views import Wish, ticket_page
from store import involved, journal, links, people, tickets
from store.vocabulary import CommentKind

MOST_TEXT = 100_000
#: Colleagues that may be chosen from a list; of a larger organisation the others are named by their address.
MOST_COLLEAGUES = 100


#: What was just done, as the address of the page says after a form: words of `page.done.…`.
_DONE = frozenset(
    {
        "finished", "bell_on", "bell_off", "involved", "left", "shared", "private", "public", "unlinked", "done",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form was not done. form: which one, "" for none. about: the name it is about. news: what came meanwhile."""

    form: str
    code: str
    status: int
    about: str = ""
    news: tuple[News, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What was written into the answer's form, which is not lost. status: the one that an agent chose.

    again: files came with it, which a browser without scripts forgets.
    """

    text: str = ""
    status: str = ""
    again: bool = False


def ticket(request: Request) -> Response:
    """GET /tickets/{KEY}: the ticket with its whole conversation."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        return page(desk, request, connection, admit(desk, connection, request))


def page(
    desk: Desk,
    request: Request,
    connection: Connection,
    admitted: Admitted,
    problem: Problem | None = None,
    written: Written | None = None,
) -> HTMLResponse:
    """The page of a ticket as this visitor may see it; after a form that was not done, with what was written."""
    site, shown, grant = desk.site, admitted.ticket, admitted.grant
    translator = desk.translator(request, admitted.language, zone=admitted.zone)
    wish = Wish(
        _number(request, "text"),
        "all" in request.query_params,
        admitted.visitor is not None,
        _number(request, "before"),
    )
    done = request.query_params.get("done", "")
    agent = people.agent(connection, grant.agent_id) if grant.agent_id is not None else None
    return desk.page(
        request,
        "ticket.html",
        status=problem.status if problem is not None else 200,
        translator=translator,
        visitor=admitted.visitor,
        here="queue" if agent is not None else "requests",
        ticket=ticket_page(connection, site, shown, grant, translator.language, desk.pages.root, wish),
        is_agent=agent is not None,
        mine=_mine(connection, desk, admitted),
        agents=agent_desk(connection, site, shown, agent, translator.language, acts=wish.signed_in) if agent else None,
        created="created" in request.query_params,
        vouched="vouched" in request.query_params,
        to_vouch=not shown.verified and grant.contact_id == shown.requester_id,
        form_token=desk.cookies.form_token(admitted.visit, grant.link_id),
        form_number=site.ids.new(),
        problem=problem or Problem("", "", 200),
        written=written or Written(),
        done=done if done in _DONE else "",
        told_files=uploads.told(_policy(desk, admitted), translator, desk.limits.body_bytes),
        most_text=MOST_TEXT,
        offers_password=offers_password(connection, admitted),
    )


def _number(request: Request, name: str) -> int:
    """The id that an address names; 0 for none."""
    wanted = request.query_params.get(name, "")
    return int(wanted) if wanted.isdecimal() and len(wanted) < 20 else 0


@dataclass(frozen=True, slots=True)
class Mine:
    """What a customer's person may do here, and whom he may choose. by_link: not signed in."""

    may: Abilities = field(default_factory=Abilities)
    by_link: bool = True
    is_contact: bool = False
    colleagues: tuple[tuple[str, str], ...] = ()


def _mine(connection: Connection, desk: Desk, admitted: Admitted) -> Mine:
    contact = people.contact(connection, admitted.grant.contact_id) if admitted.grant.contact_id is not None else None
    if contact is None:
        return Mine()
    may = abilities(connection, desk.site, contact, admitted.ticket)
    if admitted.visitor is None:  # a link can be passed on: it reads, answers, finishes and has a bell
        return Mine(Abilities(may.writes, may.finalizes, may.rings), True, True)
    named: tuple[tuple[str, str], ...] = ()
    if may.adds and contact.organisation_id is not None:
        there = {p.contact_id for p in tickets.participants(connection, [admitted.ticket.id])}
        there |= {admitted.ticket.requester_id, contact.id}
        rows = involved.colleagues_of(connection, contact.organisation_id, MOST_COLLEAGUES)
        named = tuple((row.address, _label(row)) for row in rows if row.id not in there)
    return Mine(may, False, True, named)


def _label(row: Row[Any]) -> str:
    name = row.name.strip()
    return f"{name} ({row.address})" if name and "@" not in name else str(row.address)


def _policy(desk: Desk, admitted: Admitted) -> AttachmentPolicy:
    return desk.site.book().topics.policy(admitted.ticket.topic)


def sent(request: Request) -> Response:
    """GET /tickets/{KEY}/comments/{id}: a page that frames the mail as it was sent."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        admitted = admit(desk, connection, request)
        comment = _html_comment(connection, admitted, request)
    return desk.page(
        request,
        "sent.html",
        visitor=admitted.visitor,
        here="queue" if admitted.visitor is not None and admitted.visitor.is_agent else "requests",
        translator=desk.translator(request, admitted.language, zone=admitted.zone),
        headers={"Content-Security-Policy": FRAMING_POLICY},
        key=admitted.ticket.key,
        subject=admitted.ticket.subject,
        comment_id=comment.id,
        at=comment.created_at,
    )


def original(request: Request) -> Response:
    """GET /tickets/{KEY}/comments/{id}/original: what the frame holds, under a policy of its own."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        admitted = admit(desk, connection, request)
        comment = _html_comment(connection, admitted, request)
        rows = tickets.attachments(connection, [comment.id])
    gallery = Gallery(f"{desk.pages.root}/tickets/{admitted.ticket.key}/files", rows)
    return desk.page(
        request,
        "mail.html",
        translator=desk.translator(request, admitted.language, zone=admitted.zone),
        headers={"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"},
        body=as_sent(comment.html, gallery),
    )


def _html_comment(connection: Connection, admitted: Admitted, request: Request) -> Row[Any]:
    found = tickets.comment(connection, row_id(request))
    if found is None or found.ticket_id != admitted.ticket.id or found.kind != CommentKind.COMMENT or not found.html:
        raise HTTPException(404)
    if admitted.grant.agent_id is None and is_veiled(found, admitted.grant.contact_id):
        raise HTTPException(404)
    return found


def raw(request: Request) -> Response:
    """GET /tickets/{KEY}/comments/{id}/raw: the mail as it came, to be saved.

    For who signed in only: an agent, or the author himself. A mail holds more than its page shows (hidden lines, other
    people's addresses, tokens of ours in a quotation), and a link can be passed on.
    """
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        admitted = admit(desk, connection, request)
        found = tickets.comment(connection, row_id(request))
        if found is None or found.ticket_id != admitted.ticket.id or not _may_save(connection, admitted, found):
            raise HTTPException(404)
        content = journal.raw_bytes(connection, found.journal_id) if found.journal_id is not None else None
    if content is None:
        try:
            content = desk.site.blobs.get(found.raw_sha256)
        except FileNotFoundError:
            raise HTTPException(404) from None
    headers = {
        "Content-Disposition": f'attachment; filename="{admitted.ticket.key}-{found.id:x}.eml"',
        "Content-Security-Policy": FILE_POLICY,
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type="message/rfc822", headers=headers)


def _may_save(connection: Connection, admitted: Admitted, comment: Row[Any]) -> bool:
    """An agent every mail; a customer his own, if it was he who sent it: an agent may have passed his words on."""
    if admitted.visitor is None or not comment.raw_sha256:
        return False
    if admitted.grant.agent_id is not None:
        return True
    if comment.kind != CommentKind.COMMENT or comment.contact_id is None or comment.journal_id is None:
        return False
    mail = journal.by_id(connection, comment.journal_id)
    own = (admitted.visitor.address, *people.more_addresses(connection, comment.contact_id))
    return comment.contact_id == admitted.grant.contact_id and mail is not None and mail.author in own


async def post(request: Request) -> Response:
    """POST /tickets/{KEY}/comments: the customer's answer with its files; then back to the page."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    admitted = await run_in_threadpool(admitted_to, desk, request)  # before one byte of a stranger's upload is read
    if admitted.grant.contact_id is None:
        raise HTTPException(403)
    limits = desk.limits
    async with request.form(
        max_files=limits.parts, max_fields=limits.fields, max_part_size=MOST_TEXT * 4 + 1024
    ) as form:
        check_form(desk, admitted, form)
        return await run_in_threadpool(_take, desk, request, admitted, form)


def admitted_to(desk: Desk, request: Request) -> Admitted:
    """Who may see the ticket of the path, on a connection of its own. Raises as `admit`."""
    with desk.site.writer.database.read() as connection:
        return admit(desk, connection, request)


def _take(desk: Desk, request: Request, admitted: Admitted, form: FormData) -> Response:
    text = first(form.getlist("text")).replace("\r\n", "\n").replace("\0", "")
    brought = uploads.chosen(form)
    error = "empty" if not text and not brought else "long" if len(text) > MOST_TEXT else ""
    if not error and _too_many(desk, admitted):
        error = "many"
    found = [] if error else uploads.read(brought)
    about = ""
    refused = uploads.refused(_policy(desk, admitted), found)
    if refused is not None:
        error, about = refused.why, refused.name
    if error:
        problem = Problem("reply", error, 429 if error == "many" else 422, about)
        with desk.site.writer.database.read() as connection:
            return page(desk, request, connection, admitted, problem, Written(text, again=bool(brought)))
    given = first(form.getlist("number"))[:40]
    number = f"{admitted.grant.link_id}:{given}"
    if not desk.sent.take(number):
        return desk.go(f"/tickets/{admitted.ticket.key}#last")
    via = "portal" if admitted.visitor is not None else "link"
    try:
        files = uploads.keep(desk.site, found)
        once = f"contact {admitted.grant.contact_id} {number}" if given else ""
        done = customer.comment(desk.site, admitted.ticket.id, admitted.grant.contact_id, text, files, via, once)
    except Repeated:
        return desk.go(f"/tickets/{admitted.ticket.key}#last")
    except NotAllowed as no:  # a closed ticket that takes no answer says so in the company's words
        desk.sent.give_back(number)
        with desk.site.writer.database.read() as connection:
            problem = Problem("reply", "refused", 409, str(no))
            return page(desk, request, connection, admitted, problem, Written(text, again=bool(brought)))
    except BaseException:
        desk.sent.give_back(number)
        raise
    answer = desk.go(f"/tickets/{done.key}#last")
    desk.cookies.write(answer, _visit_after(desk, admitted, done.ticket_id))
    return answer


def _too_many(desk: Desk, admitted: Admitted) -> bool:
    now = desk.site.clock()
    with desk.site.writer.database.read() as connection:
        return any(
            tickets.count_comments(connection, admitted.ticket.id, now - timedelta(seconds=bound.seconds))
            >= bound.count
            for bound in desk.site.policy.comments
        )


def _visit_after(desk: Desk, admitted: Admitted, ticket_id: int) -> Visit:
    """The visit to go on with. An answer to a closed ticket opened another one, which this browser may see too."""
    if ticket_id == admitted.ticket.id or admitted.visitor is not None:
        return admitted.visit
    with desk.site.writer.database.read() as connection:
        link = links.newest(connection, ticket_id, contact_id=admitted.grant.contact_id)
    return admitted.visit.opened(link.id) if link is not None else admitted.visit


ROUTES = [
    Route("/tickets/{key}", ticket),
    Route("/tickets/{key}/comments", post, methods=["POST"]),
    Route("/tickets/{key}/comments/{id:int}", sent),
    Route("/tickets/{key}/comments/{id:int}/original", original),
    Route("/tickets/{key}/comments/{id:int}/raw", raw),
]
