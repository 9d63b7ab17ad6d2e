"""The lists of whoever signed in, their columns and their CSV; and the overview that a member begins with.

GET writes nothing. What is shown is what `people.visibility` lets the person see, whatever the address asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mailgate.flows import listing
from mailgate.flows.listing import LISTS, MOST_COUNTED
from mailgate.portal import columns, filters, members
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages
from mailgate.portal.filters import Wish
from mailgate.portal.listfile import MOST_ROWS, Source, pieces
from mailgate.portal.listviews import Board, Line, number_text
from mailgate.portal.visitor import Visitor
from mailgate.yamltypes import text_in
from store.listing import Asked
from store.vocabulary import Category

_WAITING_SHOWN, _RECENT_SHOWN = 5, 8


@dataclass(frozen=True, slots=True)
class Way:
    """A tab, or one of the three lists. count: as text, "" for none."""

    path: str
    label: str
    count: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column. path: sorted by it, "" where it cannot be. sorting: ascending | descending | ""."""

    name: str
    label: str
    path: str
    sorting: str


def requests(request: Request) -> Response:
    """GET /requests: one of the three lists, with tabs, filters, columns and pages."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.signed_in(desk, connection, request)
        if visitor.contact is None:
            return desk.go("/queue")
        board = _board(desk, connection, request, visitor)
        table = board.table()
        total = board.count(board.tab) if table.total is None else table.total
        tabs = [_tab(board, tab, total) for tab in dict.fromkeys((*board.tabs, board.tab))]
    t = desk.pages.speaker(board.translator)
    shown = columns.chosen(visitor.contact.preferences)
    return desk.page(
        request, "requests.html", visitor=visitor, here="requests", translator=board.translator,
        lists=[_list(board, name, t(f"page.list.{name}")) for name in LISTS], tabs=tabs, table=table,
        lines=[line.parts(shown) for line in table.lines], labels={n: t(f"page.column.{n}") for n in shown},
        headings=[_heading(board, name, t(f"page.column.{name}")) for name in shown], wish=board.wish,
        offered=board.offered, total=total, is_many=total > MOST_COUNTED, most=MOST_COUNTED,
        every_column=[(name, t(f"page.column.{name}"), name in shown) for name in columns.COLUMNS],
        cleared=_cleared(board.wish), name=board.name,
    )  # fmt: skip


def _board(desk: Desk, connection: Connection, request: Request, visitor: Visitor) -> Board:
    wish = filters.read(dict(reversed(request.query_params.multi_items())))  # of a name that comes twice, the first
    return Board(desk, connection, visitor, desk.translator(request, visitor.language, zone=visitor.zone), wish)


def _list(board: Board, name: str, label: str) -> Way:
    path = Wish(scope=name).query() if name != board.name else board.wish.query()
    return Way(f"/requests{path}", label, "", name == board.name)


def _tab(board: Board, tab: listing.Tab, total: int) -> Way:
    """A tab. How many another tab has is not looked up where it would have to be looked for."""
    if tab is board.tab and not board.wish.state:
        count = number_text(total)
    else:
        count = "" if board.wish.is_sifted else number_text(board.count(tab))
    usual = f"page.list.tab.{tab.key}"
    label = board.translator.t(usual) if board.translator.has(usual) else tab.key.replace("_", " ").capitalize()
    key = "" if tab is board.tabs[0] else tab.key
    path = board.wish.query(tab=key, state="", sort="" if board.wish.column == "due" else board.wish.sort)
    return Way(f"/requests{path}", label, count, tab is board.tab)


def _heading(board: Board, name: str, label: str) -> Heading:
    wish = board.wish
    sorts = name in columns.SORTS and (name != "due" or board.has_open)
    if not sorts:
        return Heading(name, label, "", "")
    sorting = ("descending" if wish.descending else "ascending") if name == wish.column else ""
    first_way = name if name == "due" else f"-{name}"
    other_way = name if wish.descending else f"-{name}"
    wanted = other_way if sorting else first_way
    return Heading(name, label, f"/requests{wish.query(sort='' if wanted == '-updated' else wanted)}", sorting)


def _cleared(wish: Wish) -> str:
    return f"/requests{Wish(scope=wish.scope, tab=wish.tab, sort=wish.sort).query()}"


async def choose(request: Request) -> Response:
    """POST /requests/columns: the columns of the person's lists, or those of everybody."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(max_files=0, max_fields=50, max_part_size=4096) as form:
        sent = form
        back, wanted = first(form.getlist("back")), [one for one in form.getlist("column") if isinstance(one, str)]
        restore = first(form.getlist("do")) == "restore"
    return await run_in_threadpool(_choose, desk, request, sent, back, None if restore else wanted)


def _choose(desk: Desk, request: Request, form: FormData, back: str, wanted: list[str] | None) -> Response:
    with desk.site.writer.database.read() as connection:
        visitor = members.member(desk, connection, request)
    members.check_form(desk, request, visitor, form)
    assert visitor.contact is not None
    listing.choose_columns(desk.site, visitor.contact.id, None if wanted is None else columns.known(wanted))
    # What came back is read as an address of a list and written anew: it leads nowhere else.
    wish = filters.read(dict(parse_qsl(back.removeprefix("?")[:2000], max_num_fields=30)))
    return desk.go(f"/requests{wish.query()}")


def table_file(request: Request) -> Response:
    """GET /requests.csv: the list of the same address as a table for spreadsheets, from its beginning."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.member(desk, connection, request)
        board = _board(desk, connection, request, visitor)
    t = desk.pages.speaker(board.translator)
    source = Source(desk, visitor, board.translator, board.wish)
    heads = [t(f"page.column.{name}") for name in columns.COLUMNS]
    content = pieces(source, heads, t("page.list.file_cut", most=MOST_ROWS))
    headers = {"Content-Disposition": f'attachment; filename="{t("page.list.file_name")}.csv"'}
    return StreamingResponse(content, media_type="text/csv; charset=utf-8", headers=headers)


# --- the overview ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count:
    """How many tickets of a status there are, with what the status means."""

    path: str
    label: str
    help: str
    category: str
    count: str


def overview(desk: Desk, connection: Connection, request: Request, visitor: Visitor) -> Response:
    """GET / of a member: what waits for him, what moved last, how many there are of each status."""
    board = Board(desk, connection, visitor, desk.translator(request, visitor.language, zone=visitor.zone), Wish())
    waiting = _newest(board, (Category.WAITING,), _WAITING_SHOWN)
    recent = _newest(board, (Category.NEW, Category.OPEN, Category.HOLD), _RECENT_SHOWN)
    counts = [_status(board, tab, status) for tab in board.tabs for status in tab.statuses]
    return desk.page(
        request, "welcome.html", visitor=visitor, here="home", translator=board.translator, waiting=waiting,
        recent=recent, counts=[one for one in counts if one is not None], name=board.name, offer=desk.offer(),
        may_open="open" in visitor.may,
    )  # fmt: skip


def _newest(board: Board, categories: tuple[Category, ...], most: int) -> tuple[Line, ...]:
    """The tickets of these categories that moved last."""
    states = board.book.workflow.states
    wanted = tuple(key for key, state in states.items() if state.category in categories)
    return board.lines(board.find(Asked(wanted), most).ids)


def _status(board: Board, tab: listing.Tab, status: str) -> Count | None:
    state = board.book.workflow.states.get(status)
    count = board.count(tab, state=status)
    if state is None and not count:
        return None
    language = board.translator.language
    return Count(
        f"/requests{Wish(state=status, tab='' if tab is board.tabs[0] else tab.key).query()}",
        board.book.workflow.label(status, language),
        text_in(state.help, language, "") if state is not None and state.help else "",
        str(state.category) if state is not None else "",
        number_text(count),
    )


ROUTES = [
    Route("/requests", requests),
    Route("/requests.csv", table_file),
    Route("/requests/columns", choose, methods=["POST"]),
]
