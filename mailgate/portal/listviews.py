"""What a page of a list shows, as plain values: the address put right, the tickets found, what may be chosen.

What the form does not offer is not applied: an address with a topic that is no more shows the list without it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from mailgate.flows import listing
from mailgate.flows.listing import LISTS, MOST_COUNTED, ListName, Looker, Tab
from mailgate.flows.seeing import may_see_ticket
from mailgate.flows.site import Site
from mailgate.i18n import Translator
from mailgate.log import shorten
from mailgate.portal import columns, filters
from mailgate.portal.desk import Desk
from mailgate.portal.filters import Wish
from mailgate.portal.visitor import Visitor
from mailgate.yamltypes import text_in
from store import listing as queries
from store import tickets
from store.listing import Asked
from store.vocabulary import Category

PAGE = 40
#: The tab that is none of the workflow's: whatever the status. Statistics lead to it.
EVERY = "all"
T = TypeVar("T")
_DONE = (Category.SOLVED, Category.CLOSED)


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a filter offers."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Offered:
    """What the filters offer. A filter with nothing to choose between is not shown."""

    states: tuple[Choice, ...]
    topics: tuple[Choice, ...]
    departments: tuple[Choice, ...]
    people: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One ticket of a list. cells: what stands in each column. is_others: a colleague asked.

    Templates look into attributes slowly (the sandbox looks at each): `parts` gives what a long table needs.
    """

    key: str
    subject: str
    category: str
    is_others: bool
    requester: str
    cells: dict[str, str]

    def parts(self, names: Sequence[str]) -> tuple[str, str, str, list[tuple[str, str]]]:
        """(key, category, who asked if it was a colleague, (name, text) of these columns)."""
        return self.key, self.category, self.requester if self.is_others else "", [(n, self.cells[n]) for n in names]


@dataclass(frozen=True, slots=True)
class Table:
    """A page of a list. before, after: addresses of the pages beside it, "" for none. cut: see `store.listing`."""

    lines: tuple[Line, ...]
    before: str = ""
    after: str = ""
    cut: bool = False
    total: int | None = None  # how many there are, where that was counted along with them


class Board:
    """The lists of one person during one request. wish: put right."""

    def __init__(
        self, desk: Desk, connection: Connection, visitor: Visitor, translator: Translator, wish: Wish
    ) -> None:
        contact = visitor.contact
        assert contact is not None
        self._desk, self._connection, self._contact = desk, connection, contact
        self.translator, self.visitor = translator, visitor
        self.site = desk.site.pinned()
        self.book = self.site.book()
        self.now = self.site.clock()
        self.person: Looker = listing.looker(connection, contact)
        known = desk.remembered.get("statuses", self.now, lambda: queries.statuses(connection))
        self.tabs: tuple[Tab, ...] = listing.tabs(self.book.workflow, known)
        self.usual: ListName = listing.first_list(self.book.scopes, self.person)
        self.name: ListName = next((name for name in LISTS if name == wish.scope), self.usual)
        self.people = self._remember(("people", self.name), self._people)
        self.wish, self.tab = self._put_right(wish)
        self.offered = self._offered()

    # --- what is wanted ---------------------------------------------------------------------------------------------

    def _put_right(self, wish: Wish) -> tuple[Wish, Tab]:
        states = {status: tab for tab in self.tabs for status in tab.statuses}
        usual = Tab(EVERY, tuple(states)) if wish.tab == EVERY else self.tabs[0]
        tab = states.get(wish.state) or next((t for t in self.tabs if t.key == wish.tab), usual)
        right = replace(
            wish,
            scope=self.name if wish.scope else "",
            tab="" if tab is self.tabs[0] else tab.key,
            state=wish.state if wish.state in states else "",
            topic=wish.topic if wish.topic in self.book.topics.topics else "",
            department=wish.department if wish.department in self.book.names.departments else "",
            user=wish.user if any(wish.user == token for token, _, _ in self.people) else "",
        )
        states_of = self.book.workflow.states
        self.has_open = any(key in states_of and states_of[key].category not in _DONE for key in tab.statuses)
        if right.column == "due" and not self.has_open:  # nothing there has a due date ahead of it
            right = replace(right, sort="", after="", before="")
        return right, tab

    def asked(self, tab: Tab | None = None, *, state: str = "") -> Asked:
        """The wish as a query wants it; of another tab, or of one status."""
        wish = self.wish
        statuses = (tab or self.tab).statuses
        if state or (wish.state and wish.state in statuses):
            statuses = (state or wish.state,)
        place = filters.place(wish.after or wish.before) if tab is None and not state else None
        return Asked(
            statuses,
            requester_id=next((row_id for token, row_id, _ in self.people if token == wish.user), None),
            topic=wish.topic or None,
            department=wish.department or None,
            words=wish.q,
            since=self._midnight(wish.since),
            until=self._midnight(wish.until, 1),
            order=columns.SORTS[wish.column],  # type: ignore[arg-type]
            descending=wish.descending,
            after=place,
            back=bool(wish.before) and place is not None,
        )

    def _midnight(self, day: str, later: int = 0) -> datetime | None:
        """The first instant of a day, or of a later one, where the person lives."""
        if not day:
            return None
        zone = self._desk.zone(self.visitor)
        wanted = date.fromisoformat(day) + timedelta(days=later)
        return datetime.combine(wanted, time.min, zone).astimezone(UTC)

    # --- what is found ----------------------------------------------------------------------------------------------

    def table(self) -> Table:
        """The page that is wanted."""
        named = self._named()
        if named is not None:
            return Table(named, total=len(named))
        starts = not self.wish.after and not self.wish.before
        found = self.find(self.asked(), PAGE + 1, counts=starts and self.wish.is_sifted)
        if self.wish.before and len(found.ids) <= PAGE:  # the first page, and perhaps not a full one
            self.wish = replace(self.wish, before="")
            found = self.find(self.asked(), PAGE + 1)
        more = len(found.ids) > PAGE
        back = bool(self.wish.before)
        ids = (found.ids[1:] if back else found.ids[:PAGE]) if more else found.ids
        rows = queries.rows(self._connection, ids)
        order = self.asked().order
        ends = [filters.mark(*queries.mark(rows[i], order)) for i in (0, -1)] if rows else ["", ""]
        before = self.wish.query(before=ends[0]) if rows and (self.wish.after or (back and more)) else ""
        after = self.wish.query(after=ends[1]) if rows and (more or back) else ""
        total = found.total if starts and self.wish.is_sifted else None
        return Table(tuple(self._line(row) for row in rows), before, after, found.cut, total)

    def piece(self, most: int) -> tuple[tuple[Line, ...], Wish]:
        """The next lines of the whole list, and the wish for those that follow; without a mark at the end."""
        named = self._named()
        if named is not None:
            return named, replace(self.wish, after="")
        rows = queries.rows(self._connection, self.find(self.asked(), most).ids)
        after = filters.mark(*queries.mark(rows[-1], self.asked().order)) if len(rows) == most else ""
        return tuple(self._line(row) for row in rows), replace(self.wish, after=after)

    def find(self, asked: Asked, most: int, *, counts: bool = False) -> queries.Found:
        """Ids of a page."""
        made = listing.parts(self.book.scopes, self.person, self.name)
        return listing.find(self._connection, made, asked, most, counts=counts)

    def lines(self, ids: Sequence[int]) -> tuple[Line, ...]:
        """These tickets as lines."""
        return tuple(self._line(row) for row in queries.rows(self._connection, ids))

    def _named(self) -> tuple[Line, ...] | None:
        """The ticket that the words name, or none; None where they are to be looked for instead."""
        number = filters.number_of(self.wish.q)
        single = self._single(number) if number is not None else None
        if single is not None:
            return self.lines([single.id])
        return () if filters.names_a_key(self.wish.q) else None

    def _single(self, number: int) -> Row[Any] | None:
        """The ticket of that number, if the person may see it."""
        ids = tickets.ids_by_numbers(self._connection, [number])
        row = next(iter(tickets.by_ids(self._connection, ids.values())), None)
        if row is None or not may_see_ticket(self._connection, self.site, self._contact.id, row)[0]:
            return None
        return row

    def count(self, tab: Tab, *, state: str = "") -> int:
        """How many tickets a tab has with the filters that are set, up to one more than are counted."""
        made = listing.parts(self.book.scopes, self.person, self.name)
        asked = self.asked(tab, state=state)
        if self.wish.is_sifted and not state:
            return listing.count(self._connection, made, asked)
        return self._remember((self.name, tab.statuses, state), lambda: listing.count(self._connection, made, asked))

    def _remember(self, what: Hashable, make: Callable[[], T]) -> T:
        return self._desk.remembered.get((self.person, what), self.now, make)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _line(self, row: Row[Any]) -> Line:
        t, language = self.translator, self.translator.language
        name = row.requester_name.strip()
        is_others = row.requester_id != self._contact.id
        requester = name if name and "@" not in name else shorten(row.requester_address)
        topic = self.book.topics.topics.get(row.topic)
        cells = {
            "key": row.key,
            "subject": row.subject.strip(),
            "status": self.book.workflow.label(row.status, language),
            "requester": requester if is_others else self._contact.name.strip() or self._contact.address,
            "agent": row.agent_name or "",
            "created": t.short(row.created_at),
            "updated": t.short(row.updated_at),
            "due": t.short(row.due_at) if row.due_at is not None and row.category not in _DONE else "",
            "topic": text_in(topic.label, language, row.topic) if topic is not None else row.topic,
            "department": self.site.department_labels(row.department, language),
            "branch": row.branch or "",
            "organisation": row.organisation or "",
            "priority": t.t(f"page.priority.{row.priority}") if t.has(f"page.priority.{row.priority}") else "",
        }
        return Line(row.key, cells["subject"], row.category, is_others, requester, cells)

    def _people(self) -> tuple[tuple[str, int, str], ...]:
        """(what stands for him in an address, id, name) of the colleagues whose tickets he may be shown."""
        rows = listing.colleagues(self._connection, self.book.scopes, self.person) if self.name != "mine" else []
        return tuple(
            (
                colleague_token(self.site, row.id),
                row.id,
                row.name.strip() if row.name.strip() and "@" not in row.name else shorten(row.address),
            )
            for row in rows
        )

    def _offered(self) -> Offered:
        language = self.translator.language
        workflow, topics = self.book.workflow, self.book.topics.topics
        return Offered(
            tuple(Choice(key, workflow.label(key, language)) for key in self.tab.statuses),
            tuple(Choice(key, text_in(topic.label, language, key)) for key, topic in topics.items()),
            tuple(Choice(key, self.site.department_labels(key, language)) for key in self.book.names.departments),
            tuple(Choice(token, name) for token, _, name in self.people),
        )


def colleague_token(site: Site, contact_id: int) -> str:
    """What stands for a colleague in an address, so that ids need not."""
    return hmac.new(site.mint.secret("colleague"), str(contact_id).encode(), hashlib.sha256).hexdigest()[:12]


def number_text(count: int) -> str:
    """A number of tickets as tabs and menus show it."""
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)
