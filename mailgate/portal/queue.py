"""The agents' queue: what is theirs, nobody's, due, waiting, and the mails that are held. For agents who signed in.

Agents live in their mail client; this is where they look what is left. Held mails are settled by the same flow as at
the terminal (`flows.holding`); a mail that broke the parser is shown as it came and not parsed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.flows import holding
from mailgate.flows.holding import Word
from mailgate.flows.site import Site
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail
from mailgate.notify import phrases
from mailgate.portal import members
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages, row_id
from mailgate.portal.members import check_form
from mailgate.portal.visitor import Visitor
from store import journal, queue, tickets
from store.queue import After, Tab
from store.vocabulary import HeldReason, Outcome

_TABS: tuple[Tab, ...] = ("mine", "unassigned", "due", "waiting")
_PAGE = 50
#: Of a held mail so much is read for its page: enough to know what it is.
_PREVIEWED_BYTES = 128 * 1024
_MOST_SHOWN = 4000
_MOST_ID = (1 << 63) - 1
_DROPPERS = frozenset({"admin", "manager"})
_DONE = frozenset({"retry", "release", "drop", "gone", "no_ticket"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A ticket in the queue. late: past due; today: due until the end of the company's day."""

    key: str
    subject: str
    status: str
    category: str
    priority: str
    department: str
    requester: str
    agent: str
    due_at: datetime | None
    late: bool
    today: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a held mail says, as text. parsed: read as a mail; else the bytes as they came. cut: there is more."""

    text: str
    files: tuple[str, ...]
    parsed: bool
    cut: bool


def show(request: Request) -> Response:
    """GET /queue?tab=&after=: a page of one tab: his own tickets if he has any, else what nobody has.

    ?key=SUP-12 goes to that ticket.
    """
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.staff(desk, connection, request)
        wanted = request.query_params.get("key", "").strip()[:60]
        if wanted:
            return _to_ticket(desk, connection, wanted)
        tab = request.query_params.get("tab") or _first(desk, connection, visitor)
        if tab == "held":
            return _held(desk, connection, request, visitor)
        if tab not in _TABS:
            raise HTTPException(404)
        return _tickets(desk, connection, request, visitor, tab)


def _first(desk: Desk, connection: Connection, visitor: Visitor) -> Tab:
    has_some = queue.page(connection, "mine", _agent_id(visitor), _end_of_day(desk.site), 1, None)
    return "mine" if has_some else "unassigned"


def _to_ticket(desk: Desk, connection: Connection, wanted: str) -> Response:
    """By key in any case, or by number alone."""
    plain = wanted.strip("[]# ")
    found = tickets.by_key(connection, desk.site.key(int(plain)) if plain.isascii() and plain.isdigit() else plain)
    return desk.go(f"/tickets/{found.key}" if found is not None else "/queue?done=no_ticket")


def _tickets(desk: Desk, connection: Connection, request: Request, visitor: Visitor, tab: Tab) -> Response:
    site = desk.site
    agent_id = _agent_id(visitor)
    until = _end_of_day(site)
    rows = queue.page(connection, tab, agent_id, until, _PAGE + 1, _after(request.query_params.get("after", "")))
    translator = desk.translator(request, visitor.language)
    shown = [_waiting(site, row, translator.language, until) for row in rows[:_PAGE]]
    after = _written(tab, rows[_PAGE - 1]) if len(rows) > _PAGE else ""
    return _page(desk, connection, request, visitor, tab, rows=shown, mails=[], after=after)


def _held(desk: Desk, connection: Connection, request: Request, visitor: Visitor) -> Response:
    wanted = request.query_params.get("after", "")
    after = min(int(wanted), _MOST_ID) if wanted.isascii() and wanted.isdigit() and len(wanted) < 20 else 0
    rows = queue.held(connection, _PAGE + 1, after)
    follows = str(rows[_PAGE - 1].id) if len(rows) > _PAGE else ""
    return _page(desk, connection, request, visitor, "held", rows=[], mails=rows[:_PAGE], after=follows)


def _page(
    desk: Desk, connection: Connection, request: Request, visitor: Visitor, tab: str, **context: Any
) -> Response:  # fmt: skip
    counted = queue.counts(connection, _agent_id(visitor), _end_of_day(desk.site))
    done = request.query_params.get("done", "")
    return desk.page(
        request, "queue.html", visitor=visitor, here="queue", why=_why(desk, request, visitor),
        tab=tab, tabs_shown=(*_TABS, "held"), counts=counted, most=queue.MOST_COUNTED,
        done=done if done in _DONE else "", may_drop=_may_drop(visitor), paged="after" in request.query_params,
        **context,
    )  # fmt: skip


def held_mail(request: Request) -> Response:
    """GET /queue/held/{id}: one held mail, what it says as text, and what can be done with it."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.staff(desk, connection, request)
        row = journal.by_id(connection, row_id(request))
        if row is None or row.outcome != Outcome.HELD:
            raise HTTPException(404)
        content = journal.raw_bytes(connection, row.id)
        ticket = next(iter(tickets.by_ids(connection, [row.ticket_id] if row.ticket_id else [])), None)
    return desk.page(
        request, "held.html", visitor=visitor, here="queue", why=_why(desk, request, visitor),
        mail=row, preview=_preview(desk, row, content), may_drop=_may_drop(visitor),
        ticket_key=ticket.key if ticket is not None else "",
    )  # fmt: skip


def _why(desk: Desk, request: Request, visitor: Visitor) -> Callable[[str], str]:
    """The detail of a held mail in the viewer's language: it is stored as `decide` wrote it."""
    return partial(phrases.reason, desk.translator(request, visitor.language))


def _preview(desk: Desk, row: Row[Any], content: bytes | None) -> Preview:
    """The first part of the mail. What killed a parse process, or is over a limit, is not parsed in this one."""
    if content is None:
        try:
            content = desk.site.blobs.start(row.raw_sha256, _PREVIEWED_BYTES + 1)
        except OSError:
            content = b""
    cut = len(content) > _PREVIEWED_BYTES
    head = content[:_PREVIEWED_BYTES]
    if row.reason in (HeldReason.POISON, HeldReason.LIMIT):
        return Preview(_plain(head.decode("utf-8", "replace"))[:_MOST_SHOWN], (), False, len(head) > _MOST_SHOWN)
    message = read_mail(head, replace(MailLimits(), message_bytes=_PREVIEWED_BYTES + 1)).message
    text = _plain(message.text or message.reply)
    names = tuple(one.filename for one in message.attachments[:20])
    return Preview(text[:_MOST_SHOWN], names, True, cut or len(text) > _MOST_SHOWN)


def _plain(text: str) -> str:
    return "".join(c for c in text.replace("\r\n", "\n") if c.isprintable() or c in "\n\t")


async def settle(request: Request) -> Response:
    """POST /queue/held/{id}: decide again, let it pass, or drop it (who leads)."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    visitor = await run_in_threadpool(_staff, desk, request)
    async with request.form(max_files=0, max_fields=5, max_part_size=1024) as form:
        check_form(desk, request, visitor, form)
        return await run_in_threadpool(_settle, desk, request, visitor, form)


def _settle(desk: Desk, request: Request, visitor: Visitor, form: FormData) -> Response:
    word = first(form.getlist("do"))
    if word not in ("retry", "release", "drop"):
        raise HTTPException(400)
    if word == "drop" and not _may_drop(visitor):
        raise HTTPException(403)
    done = holding.settle_one(desk.site, cast(Word, word), row_id(request), visitor.address)
    return desk.go(f"/queue?tab=held&done={word if done else 'gone'}")


def _staff(desk: Desk, request: Request) -> Visitor:
    with desk.site.writer.database.read() as connection:
        return members.staff(desk, connection, request)


def _may_drop(visitor: Visitor) -> bool:
    return visitor.agent is not None and visitor.agent.role in _DROPPERS


def _agent_id(visitor: Visitor) -> int:
    return visitor.agent.id if visitor.agent is not None else 0


def _end_of_day(site: Site) -> datetime:
    """Midnight after today, where the company is; aware UTC."""
    zone = ZoneInfo(site.timezone)
    local = site.clock().astimezone(zone)
    return datetime.combine(local.date() + timedelta(days=1), time(), zone).astimezone(UTC)


def _waiting(site: Site, row: Row[Any], language: str, until: datetime) -> Waiting:
    return Waiting(
        row.key, row.subject.strip(), site.book().workflow.label(row.status, language), row.category, row.priority,
        site.department_labels(row.department, language), row.requester_name or row.requester_address,
        row.agent_name or "", row.due_at, row.due_at is not None and row.due_at <= site.clock(),
        row.due_at is not None and row.due_at <= until,
    )  # fmt: skip


def _written(tab: Tab, row: Row[Any]) -> str:
    """Behind which ticket the next page begins, as its address says it."""
    rank = queue.rank_of(row.priority) if tab in ("mine", "unassigned") else 0
    due = f"{row.due_at:%Y%m%d%H%M%S%f}" if row.due_at is not None else "-"
    return f"{rank}.{due}.{row.id}"


def _after(written: str) -> After | None:
    """The other way round; None for the first page, and for what we did not write."""
    parts = written.split(".")
    if len(written) > 60 or len(parts) != 3 or not (parts[0].isdigit() and parts[2].isdigit()) or not written.isascii():
        return None
    try:
        due = None if parts[1] == "-" else datetime.strptime(parts[1], "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    found = int(parts[2])
    return After(int(parts[0]), due, found) if found <= _MOST_ID else None


ROUTES = [
    Route("/queue", show),
    Route("/queue/held/{id:int}", held_mail),
    Route("/queue/held/{id:int}", settle, methods=["POST"]),
]
