"""The page of a ticket, the mail as it was sent, and the answer posted from the page."""

from __future__ import annotations

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
from mailgate.errors import NotAllowed
from mailgate.flows import customer
from mailgate.portal import uploads
from mailgate.portal.access import Admitted, admit
from mailgate.portal.cookies import Visit
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages, row_id
from mailgate.portal.said import Gallery, as_sent
from mailgate.portal.shield import FRAMING_POLICY, MAIL_POLICY
from mailgate.portal.views import Wish, ticket_page
from store import links, tickets
from store.vocabulary import CommentKind

MOST_TEXT = 100_000


def ticket(request: Request) -> Response:
    """GET /tickets/{KEY}: the ticket with its whole conversation."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        return _page(desk, request, connection, admit(desk, connection, request))


def _page(
    desk: Desk,
    request: Request,
    connection: Connection,
    admitted: Admitted,
    *,
    status: int = 200,
    text: str = "",
    error: str = "",
    error_about: str = "",
    again: bool = False,
) -> HTMLResponse:
    translator = desk.translator(request, admitted.language)
    wanted = request.query_params.get("text", "")
    wish = Wish(int(wanted) if wanted.isdecimal() and len(wanted) < 20 else 0, "all" in request.query_params)
    view = ticket_page(
        connection, desk.site, admitted.ticket, admitted.grant, translator.language, desk.pages.root, wish
    )
    return desk.page(
        request,
        "ticket.html",
        status=status,
        translator=translator,
        visitor=admitted.visitor,
        here="requests",
        ticket=view,
        is_agent=admitted.grant.agent_id is not None,
        created="created" in request.query_params,
        vouched="vouched" in request.query_params,
        to_vouch=not admitted.ticket.verified and admitted.grant.contact_id == admitted.ticket.requester_id,
        form_token=desk.cookies.form_token(admitted.visit, admitted.grant.link_id),
        form_number=desk.site.ids.new(),
        text=text,
        error=error,
        error_about=error_about,
        told_files=uploads.told(_policy(desk, admitted), translator, desk.limits.body_bytes),
        again=again,
        most_text=MOST_TEXT,
    )


def _policy(desk: Desk, admitted: Admitted) -> AttachmentPolicy:
    """What the company takes as files on this ticket."""
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
        translator=desk.translator(request, admitted.language),
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
        translator=desk.translator(request, admitted.language),
        headers={"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"},
        body=as_sent(comment.html, gallery),
    )


def _html_comment(connection: Connection, admitted: Admitted, request: Request) -> Row[Any]:
    found = tickets.comment(connection, row_id(request))
    if found is None or found.ticket_id != admitted.ticket.id or found.kind != CommentKind.COMMENT or not found.html:
        raise HTTPException(404)
    return found


async def post(request: Request) -> Response:
    """POST /tickets/{KEY}/comments: the customer's answer with its files; then back to the page."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    admitted = await run_in_threadpool(_admitted, desk, request)  # before one byte of a stranger's upload is read
    if admitted.grant.contact_id is None:
        raise HTTPException(403)
    limits = desk.limits
    async with request.form(
        max_files=limits.parts, max_fields=limits.fields, max_part_size=MOST_TEXT * 4 + 1024
    ) as form:
        if not desk.cookies.is_form_token(admitted.visit, admitted.grant.link_id, first(form.getlist("token"))):
            raise HTTPException(403)
        return await run_in_threadpool(_take, desk, request, admitted, form)


def _admitted(desk: Desk, request: Request) -> Admitted:
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
        with desk.site.writer.database.read() as connection:
            status = 429 if error == "many" else 422
            return _page(
                desk, request, connection, admitted, status=status, text=text, error=error, error_about=about,
                again=bool(brought),
            )  # fmt: skip
    number = f"{admitted.grant.link_id}:{first(form.getlist('number'))}"
    if not desk.sent.take(number):
        return desk.go(f"/tickets/{admitted.ticket.key}#last")
    try:
        stored = uploads.keep(desk.site, found)
        done = customer.comment(desk.site, admitted.ticket.id, admitted.grant.contact_id, text, stored)
    except NotAllowed as refused:  # a closed ticket that takes no answer says so in the company's words
        desk.sent.give_back(number)
        with desk.site.writer.database.read() as connection:
            return _page(
                desk, request, connection, admitted, status=409, text=text, error="refused", error_about=str(refused)
            )
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
]
