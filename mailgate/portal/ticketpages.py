"""The page of a ticket, the mail as it was sent, and the answer posted from the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mailgate.decide.decision import RefusedFile
from mailgate.decide.facts import FileFacts
from mailgate.decide.files import refused_files
from mailgate.errors import NotAllowed
from mailgate.flows import customer
from mailgate.i18n import Translator
from mailgate.mail import attachments as files
from mailgate.mail.message import Attachment
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
        form_token=desk.cookies.form_token(admitted.visit, admitted.grant.link_id),
        form_number=desk.site.ids.new(),
        text=text,
        error=error,
        error_about=error_about,
        must_zip=_must_zip(desk, admitted, translator),
        most_text=MOST_TEXT,
        most_bytes=desk.limits.body_bytes,
    )


def _must_zip(desk: Desk, admitted: Admitted, translator: Translator) -> str:
    """The kinds of files that have to come in a .zip, as people say them; "" for none."""
    kinds = desk.site.book().topics.policy(admitted.ticket.topic).must_be_zipped
    return ", ".join(kind if kind.startswith(".") else translator.t(f"page.kind.{kind}") for kind in kinds)


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
    uploads = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    error = "empty" if not text and not uploads else "long" if len(text) > MOST_TEXT else ""
    if not error and _too_many(desk, admitted):
        error = "many"
    found = [] if error else [_read(upload, n + 1) for n, upload in enumerate(uploads)]
    about = ""
    refused = _refused(desk, admitted, found)
    if refused is not None:
        error, about = refused.why, refused.name
    if error:
        with desk.site.writer.database.read() as connection:
            status = 429 if error == "many" else 422
            return _page(desk, request, connection, admitted, status=status, text=text, error=error, error_about=about)
    number = f"{admitted.grant.link_id}:{first(form.getlist('number'))}"
    if not desk.sent.take(number):
        return desk.go(f"/tickets/{admitted.ticket.key}#last")
    try:
        stored = tuple(_store(desk, one) for one in found)
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


def _read(upload: UploadFile, number: int) -> Attachment:
    """An uploaded file; its name is only ever shown, its type is what its first bytes say."""
    declared = (upload.content_type or "").partition(";")[0].strip().lower()
    return files.of_bytes(upload.file.read(), declared, files.safe_name(upload.filename or ""), number, False, None)


def _refused(desk: Desk, admitted: Admitted, found: list[Attachment]) -> RefusedFile | None:
    """The first file that the company's policy does not take: it is still with its owner, who is told at once."""
    policy = desk.site.book().topics.policy(admitted.ticket.topic)
    named = (FileFacts(f.filename, f.declared_type, f.found_type, f.size, f.contents) for f in found)
    return next(iter(refused_files(policy, named)), None)


def _store(desk: Desk, found: Attachment) -> Attachment:
    """The file as a stored blob."""
    desk.site.blobs.put(found.content, found.sha256)
    return replace(found, content=b"")


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
