"""A new ticket from a page: department, request type, the fields they ask for, sharing, files; then what comes next.

Each step is an address of its own, so that it works without scripts; with them the last one alone changes under the
visitor's hands. A guest, where the company takes guests, fills in the same form without signing in: no CAPTCHA, but a
signed mark of when the form was made, a field that people do not see, and rates (threats R9 to R11, T5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.decide.ruling import Book
from mailgate.errors import NotAllowed, TooMany
from mailgate.flows import knowledge, opening
from mailgate.flows.customer import Repeated
from mailgate.flows.knowledge import Suggestion
from mailgate.flows.opening import MOST_FOLLOWERS, OwnAddress, Wanted
from mailgate.i18n import Translator
from mailgate.knowledge.assistant import MOST_ASKED
from mailgate.knowledge.base import CUSTOMER
from mailgate.mail.message import Attachment
from mailgate.portal import members, newform, newviews, uploads
from mailgate.portal.access import admit, check_form
from mailgate.portal.cookies import Visit
from mailgate.portal.desk import Desk, asker, desk_of, first, only_from_our_pages
from mailgate.portal.newform import Checked, Draft
from mailgate.portal.visitor import Visitor
from mailgate.tickets import intake
from store import tickets

#: Nobody fills a form in faster, and no form is good for longer.
SHORTEST_SECONDS = 3
LONGEST_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Page:
    """One request for the form. visitor: None for a guest. book: one version of the company's files for all of it.

    made: the second when the form was made that is sent, for a guest whose form is good; else 0.
    """

    desk: Desk
    request: Request
    visitor: Visitor | None
    visit: Visit
    book: Book
    translator: Translator
    made: int = 0

    @property
    def language(self) -> str:
        return self.translator.language


def _page_of(desk: Desk, request: Request, connection: Connection) -> Page:
    """Who asks for a form. Raises NotSignedIn where the company takes no guests; 404 for who may not open tickets."""
    visitor = members.visitor(desk, connection, request)
    if visitor is not None or desk.site.policy.guests != "yes":
        visitor = members.member(desk, connection, request, permission="open")
    visit = desk.cookies.read(request)
    if visitor is None:
        visit = replace(visit, number=visit.number or desk.site.ids.new())
    translator = desk.translator(request, visitor.language, zone=visitor.zone) if visitor else desk.translator(request)
    return Page(desk, request, visitor, visit, desk.site.book(), translator)


def show(request: Request) -> Response:
    """GET /new: the departments, the topics of one, or the form; whatever is the only one is not asked."""
    desk = desk_of(request)
    values = [(name, value) for name, value in request.query_params.multi_items() if name in ("department", "topic")]
    with desk.site.writer.database.read() as connection:
        page = _page_of(desk, request, connection)
        return _step(page, connection, newform.draft_of(values[:10]))


def _step(page: Page, connection: Connection, draft: Draft) -> Response:
    """The first thing that is still to be chosen, else the form."""
    topics = page.book.topics
    departments = intake.departments_of(page.book.departments, topics)
    if draft.department not in departments:
        if len(departments) > 1:
            choices = newviews.departments(departments, page.language)
            return _answer(page, "new_choose.html", what="department", choices=choices, department="", here_label="")
        draft = replace(draft, department=next(iter(departments), ""))
    offered = intake.topics_of(topics, draft.department)
    if offered and draft.topic not in offered:
        if len(offered) > 1:
            label = page.desk.site.department_labels(draft.department, page.language) if len(departments) > 1 else ""
            choices = newviews.topics(offered, page.language)
            return _answer(
                page, "new_choose.html", what="topic", choices=choices, department=draft.department, here_label=label
            )
        draft = replace(draft, topic=next(iter(offered)))
    return _form(page, connection, replace(draft, topic=draft.topic if offered else ""))


def _form(
    page: Page, connection: Connection, draft: Draft, checked: Checked | None = None, *, status: int = 200,
    error: str = "", about: str = "", again: bool = False, more: bool = False, help: Suggestion | None = None,
) -> Response:  # fmt: skip
    """The form itself. error: a key of `page.new.error.*` about all of it; more: fields have come besides.

    help: what may spare the ticket; the form goes on from there.
    """
    topic = page.book.topics.topics.get(draft.topic)
    contact = page.visitor.contact if page.visitor is not None else None
    view = newviews.form_view(
        connection, page.book, draft, topic, checked, contact, page.language,
        (page.translator.t("page.yes"), page.translator.t("page.no")),
    )  # fmt: skip
    made = page.made or int(page.desk.site.clock().timestamp())
    policy = page.book.topics.policy(draft.topic)
    return _answer(
        page, "new.html", status=status, form=view, draft=draft, problems=checked.problems if checked else {},
        error=error, about=about, again=again, more=more, help=help, offer=page.desk.offer(),
        guest=page.visitor is None, made=made,
        guest_token=page.desk.cookies.form_token(page.visit, -made), number=page.desk.site.ids.new(),
        told_files=uploads.told(policy, page.translator, page.desk.limits.body_bytes),
        most_text=newform.MOST_TEXT, most_subject=newform.MOST_SUBJECT, most_followers=MOST_FOLLOWERS,
    )  # fmt: skip


def _answer(page: Page, template: str, *, status: int = 200, **context: Any) -> Response:
    answer = page.desk.page(
        page.request, template, status=status, translator=page.translator, visitor=page.visitor, here="new", **context
    )
    if page.visitor is None:
        page.desk.cookies.write(answer, page.visit)
    return answer


# --- what is sent ----------------------------------------------------------------------------------------------------


async def send(request: Request) -> Response:
    """POST /new: the ticket, or the form with what has to be mended in it."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    page = await run_in_threadpool(_sender, desk, request)  # before one byte of a stranger's upload is read
    limits = desk.limits
    most_bytes = newform.MOST_TEXT * 4 + 1024
    async with request.form(max_files=limits.parts, max_fields=limits.fields, max_part_size=most_bytes) as form:
        return await run_in_threadpool(_take, page, form)


def _sender(desk: Desk, request: Request) -> Page:
    with desk.site.writer.database.read() as connection:
        page = _page_of(desk, request, connection)
    wait = 0
    if page.visitor is None:
        near, now = asker(request), desk.site.clock()
        wait = desk.guests.wait(near, now) or desk.by_link.count(f"guest {near}", now)
    if wait:
        raise HTTPException(429, headers={"Retry-After": str(wait)})
    return page


def _take(page: Page, form: FormData) -> Response:
    draft = newform.draft_of([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
    brought = uploads.chosen(form)
    departments = intake.departments_of(page.book.departments, page.book.topics)
    topics = intake.topics_of(page.book.topics, draft.department)
    if (draft.department not in departments and departments) or (topics and draft.topic not in topics):
        with page.desk.site.writer.database.read() as connection:  # forged, or no longer offered
            return _step(page, connection, draft)
    page, stale = _from_elsewhere(page, form)
    topic = topics.get(draft.topic)
    today = page.book.clock.local(page.desk.site.clock()).date()
    guest = page.visitor is None
    checked = newform.check(draft, topic, [one.filename or "" for one in brought], today, guest=guest)
    again = bool(brought) and not first(form.getlist("keeps"))
    with page.desk.site.writer.database.read() as connection:
        checked = _with_followers(page, connection, draft, checked)
        if stale:
            status = 403 if stale == "expired" else 422
            return _form(page, connection, draft, checked, status=status, error=stale, again=again)
        besides = intake.asked_besides(topic, checked.answers, draft.shown) if topic is not None else ()
        checked = newform.without_unseen(checked, [one.key for one in besides])
        if checked.problems:
            return _form(page, connection, draft, checked, status=422, error="mend", again=again)
        if besides:
            return _form(page, connection, draft, checked, again=again, more=True)
    found = uploads.read(brought)
    refused = uploads.refused(page.book.topics.policy(draft.topic), found)
    if refused is not None:
        bad = replace(checked, problems={"files": refused.why})
        with page.desk.site.writer.database.read() as connection:
            return _form(page, connection, draft, bad, status=422, error="mend", about=refused.name, again=again)
    help = None if first(form.getlist("unsolved")) or again else _help(page, draft)
    if help is not None:
        with page.desk.site.writer.database.read() as connection:
            return _form(page, connection, draft, checked, help=help)
    return _open(page, draft, checked, found, first(form.getlist("number"))[:40], again=again)


def _help(page: Page, draft: Draft) -> Suggestion | None:
    """Articles that fit, and the assistant's answer where the company has one; None for neither.

    Whoever asks too often goes on without, and so does whoever would have to choose his files again.
    """
    desk = page.desk
    if not desk.offer().knowledge or desk.helped.count(asker(page.request), desk.site.clock()):
        return None
    may = CUSTOMER if page.visitor is not None else desk.site.knowledge.stranger
    found = knowledge.suggest(desk.site, page.language, draft.subject, draft.text[:MOST_ASKED], may)
    return found if found.articles or found.answer else None


def _from_elsewhere(page: Page, form: FormData) -> tuple[Page, str]:
    """Why a form is not taken as this person's own: "" when it is. 403 for one that a session's page did not make."""
    desk = page.desk
    if page.visitor is not None:
        members.check_form(desk, page.request, page.visitor, form)
        return page, ""
    made = first(form.getlist("made"))
    seconds = int(made) if made.isascii() and made.isdigit() and len(made) < 12 else 0
    token = first(form.getlist("token"))
    if not desk.cookies.is_form_token(desk.cookies.read(page.request), -seconds, token):
        return page, "expired"
    age = desk.site.clock().timestamp() - seconds
    if age > LONGEST_SECONDS:
        return page, "expired"
    page = replace(page, made=seconds)
    if first(form.getlist("website")):
        return page, "trap"
    return page, "fast" if age < SHORTEST_SECONDS else ""


def _with_followers(page: Page, connection: Connection, draft: Draft, checked: Checked) -> Checked:
    """Whoever is to follow must be of the requester's own organisation; who else there is, is not told."""
    contact = page.visitor.contact if page.visitor is not None else None
    organisation = contact.organisation_id if contact is not None else None
    wrong = {
        f"follower_{number}": "follower"
        for number, (address, _) in enumerate(draft.followers, 1)
        if opening.colleague(connection, page.desk.site, organisation, address) is None
    }
    return replace(checked, problems=checked.problems | wrong) if wrong else checked


def _open(page: Page, draft: Draft, checked: Checked, found: list[Attachment], number: str, *, again: bool) -> Response:
    """The ticket itself, once however often the button is pressed."""
    desk, visitor = page.desk, page.visitor
    once = f"new:{visitor.session_id if visitor else page.visit.number}:{number}"
    if not desk.sent.take(once):
        return desk.go(desk.sent.where(once) or ("/requests" if visitor else "/"))
    try:
        kept = uploads.keep(desk.site, found)
        wanted = _wanted(page, draft, checked)
        if visitor is not None and visitor.contact is not None:
            done = opening.open_as_member(desk.site, visitor.contact.id, wanted, kept, once if number else "")
        else:
            done = opening.open_as_guest(desk.site, draft.address, draft.name, wanted, kept, once if number else "")
    except Repeated:
        return desk.go(desk.sent.where(once) or ("/requests" if visitor else "/"))
    except NotAllowed as refusal:
        desk.sent.give_back(once)
        if visitor is None:  # what is refused tells of an address as well: whoever asks for many is stopped as soon
            desk.guests.count(asker(page.request), desk.site.clock())
        error = "own" if isinstance(refusal, OwnAddress) else "many" if isinstance(refusal, TooMany) else "refused"
        with desk.site.writer.database.read() as connection:
            status = 429 if error == "many" else 409
            return _form(page, connection, draft, checked, status=status, error=error, again=again)
    except BaseException:
        desk.sent.give_back(once)
        raise
    where = f"/tickets/{done.key}?created" if visitor is not None else f"/new/{done.key}"
    desk.sent.came_to(once, where)
    answer = desk.go(where)
    if visitor is None:
        desk.guests.count(asker(page.request), desk.site.clock())
        desk.cookies.write(answer, page.visit.has_filed(done.ticket_id))
    return answer


def _wanted(page: Page, draft: Draft, checked: Checked) -> Wanted:
    phone = draft.phone
    said = page.translator.t("page.new.phone_line", phone=phone) if phone else ""
    return Wanted(
        subject=draft.subject, text=f"{draft.text}\n\n{said}" if said else draft.text, department=draft.department,
        topic=draft.topic, fields=tuple(checked.answers.items()), visibility=draft.visibility,
        branch_ids=draft.branch_ids, followers=draft.followers, phone=phone, language=page.language,
    )  # fmt: skip


# --- afterwards ------------------------------------------------------------------------------------------------------


def solved(request: Request) -> Response:
    """GET /new/solved: an article or the assistant helped; nothing was opened."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.visitor(desk, connection, request)
    return desk.message(request, "new_solved", 200, visitor=visitor, here="new")


def filed(request: Request) -> Response:
    """GET /new/{KEY}: what a guest has just filed, in his browser only; never what became of it since."""
    desk = desk_of(request)
    visit = desk.cookies.read(request)
    with desk.site.writer.database.read() as connection:
        ticket = tickets.by_key(connection, request.path_params["key"][:40])
        if ticket is None or ticket.id not in visit.filed:
            raise HTTPException(404)
        ids = tickets.comment_ids(connection, ticket.id, public_only=True)
        comment = tickets.comment(connection, ids[0]) if ids else None
        files = tickets.attachments(connection, [comment.id]) if comment is not None else []
    return desk.page(
        request, "new_filed.html", here="new", key=ticket.key, subject=ticket.subject, at=ticket.created_at,
        said=comment.reply if comment is not None else "", files=[(one.filename, one.size_bytes) for one in files],
    )  # fmt: skip


async def vouch(request: Request) -> Response:
    """POST /tickets/{KEY}/vouch: the requester says that it was he who opened it."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(max_files=0, max_fields=5, max_part_size=1024) as form:
        return await run_in_threadpool(_vouch, desk, request, form)


def _vouch(desk: Desk, request: Request, form: FormData) -> Response:
    with desk.site.writer.database.read() as connection:
        admitted = admit(desk, connection, request)
    check_form(desk, admitted, form)
    if admitted.grant.contact_id is None:
        raise HTTPException(403)
    opening.vouch(desk.site, admitted.ticket.id, admitted.grant.contact_id)
    return desk.go(f"/tickets/{admitted.ticket.key}?vouched")


ROUTES = [
    Route("/new", show),
    Route("/new", send, methods=["POST"]),
    Route("/new/solved", solved),
    Route("/new/{key}", filed),
    Route("/tickets/{key}/vouch", vouch, methods=["POST"]),
]
