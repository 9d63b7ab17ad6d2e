"""Lists of tickets for a person, out of many: each part of what he sees is read in the order of an index, then merged.

A list is made of parts (his own, those he follows, his branch's, his organisation's …). A part is read status by
status, since `status, updated_at` is the order of an index and `status IN (…), updated_at` is not. A page therefore
costs the same on the first page and on the thousandth, with a thousand tickets or with two hundred thousand.

What no index can find (a text, a topic among all) is looked for in the newest `WINDOW` of each status; `Found.cut` says
that there would have been more to look at. Reads only. Parameters are bound, patterns escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from store.indexes import SAID
from store.tables import AGENT, BRANCH, CONTACT, ORGANISATION, PARTICIPANT, TICKET, TICKET_BRANCH, is_sqlite

By = Literal["requester", "participant", "shared", "branch", "organisation", "said"]
Order = Literal["updated", "created", "due"]

#: Whose branch a ticket is of: the viewer's, nobody's, another one's.
BRANCHES = ("same", "none", "other")
#: So many of a status are looked through for what no index finds.
WINDOW = 10_000
#: Of several organisations: with fewer tickets they are fetched and sorted, with more the order of all is followed.
_FEW = 2_000
_COLUMNS = {"updated": "updated_at", "created": "created_at", "due": "due_at"}
#: Where a due date stands that there is none of: behind all others.
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """Tickets of these words. led: whether one of `Part.leading` asked, None for either. branches: of `BRANCHES`."""

    words: tuple[str, ...]
    led: bool | None
    branches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the tickets that a person sees.

    by, ids: whose they are. organisation_ids: and of which organisations, () for any. kinds: and one of these kinds,
    None for every kind. branch_id, leading: the viewer's branch and the roles that lead, for the kinds. but: not those
    that this one asked.
    """

    by: By
    ids: tuple[int, ...]
    organisation_ids: tuple[int, ...] = ()
    kinds: tuple[Kind, ...] | None = None
    branch_id: int | None = None
    leading: tuple[str, ...] = ()
    but: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of them are wanted, in which order. since, until: of opening, until excluded. words: in subject and names.

    after: (instant of the order, number) of the row that the page follows, or precedes where `back` is set.
    """

    statuses: tuple[str, ...]
    requester_id: int | None = None
    branch_id: int | None = None
    topic: str | None = None
    department: str | None = None
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None
    order: Order = "updated"
    descending: bool = True
    after: tuple[datetime, int] | None = None
    back: bool = False

    @property
    def sifts(self) -> bool:
        """Whether it asks for what no index finds."""
        return bool(self.topic or self.department or self.words) or self.order != self.reads

    @property
    def reads(self) -> Order:
        """The order in which the tickets are read: of an index, and such that a period is a part of it."""
        return "created" if self.since or self.until or self.order == "created" else "updated"


@dataclass(frozen=True, slots=True)
class Found:
    """Ids in the order asked for; cut: older ones were not looked through."""

    ids: tuple[int, ...]
    cut: bool = False


def page(connection: Connection, parts: Sequence[Part], asked: Asked, most: int) -> Found:
    """At most so many tickets of the list, each once."""
    found: dict[int, tuple[datetime, int]] = {}
    cut = False
    for part, one in _pieces(parts, asked):
        for row in connection.execute(_ordered(connection, part, one, most)):
            found[row.id] = (row.at or _NEVER, row.number)
        cut = cut or (asked.sifts and not asked.after and _overflows(connection, part, one))
    down = asked.descending != asked.back
    ids = sorted(found, key=lambda key: found[key], reverse=down)[:most]
    return Found(tuple(reversed(ids) if asked.back else ids), cut)


def count(connection: Connection, parts: Sequence[Part], asked: Asked, most: int) -> int:
    """How many there are, up to `most`."""
    found: set[int] = set()
    for part, one in _pieces(parts, replace(asked, after=None)):
        found.update(connection.execute(_unordered(connection, part, one, most)).scalars())
        if len(found) >= most:
            return most
    return len(found)


def rows(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """What a list shows of these tickets, in the order given."""
    t = TICKET.c
    query = (
        select(
            t.id, t.number, t.key, t.subject, t.status, t.category, t.department, t.topic, t.priority, t.requester_id,
            t.created_at, t.updated_at, t.due_at, CONTACT.c.name.label("requester_name"),
            CONTACT.c.address.label("requester_address"), AGENT.c.name.label("agent_name"),
            ORGANISATION.c.name.label("organisation"), BRANCH.c.name.label("branch"),
        )
        .select_from(
            TICKET.join(CONTACT, CONTACT.c.id == t.requester_id)
            .outerjoin(AGENT, AGENT.c.id == t.agent_id)
            .outerjoin(ORGANISATION, ORGANISATION.c.id == t.organisation_id)
            .outerjoin(BRANCH, BRANCH.c.id == t.branch_id)
        )
        .where(t.id.in_(ids))
    )  # fmt: skip
    found: list[Row[Any]] = list(connection.execute(query)) if ids else []
    by_id = {row.id: row for row in found}
    return [by_id[key] for key in ids if key in by_id]


def mark(row: Row[Any], order: Order) -> tuple[datetime, int]:
    """Where a row of `rows` stands in that order: what `Asked.after` wants."""
    return getattr(row, _COLUMNS[order]) or _NEVER, row.number


def statuses(connection: Connection) -> dict[str, str]:
    """The statuses that tickets have, each with the category of one of them; a step in an index for each."""
    found: dict[str, str] = {}
    last = ""
    while len(found) < 200:
        t = TICKET.c
        row = connection.execute(
            select(t.status, t.category).where(t.status > last).order_by(t.status).limit(1)
        ).first()  # fmt: skip
        if row is None:
            return found
        last = row.status
        found[row.status] = row.category
    return found


def requesters(
    connection: Connection, organisation_ids: Sequence[int], branch_id: int | None, most: int
) -> list[Row[Any]]:
    """(id, name, address) of the people of these organisations, or of one branch, who asked something; by name."""
    c = CONTACT.c
    asked = select(TICKET.c.id).where(TICKET.c.requester_id == c.id).exists()
    query = select(c.id, c.name, c.address).where(c.organisation_id.in_(organisation_ids), asked)
    if branch_id is not None:
        query = query.where(c.branch_id == branch_id)
    return list(connection.execute(query.order_by(func.lower(c.name), c.id).limit(most)))


# --- one part, one status: a statement ------------------------------------------------------------------------------


def _pieces(parts: Sequence[Part], asked: Asked) -> Iterator[tuple[Part, Asked]]:
    """Each part with each status by itself, but for the parts whose tickets are few and fetched as a whole."""
    if not asked.statuses:
        return
    for part in parts:
        if part.by in ("participant", "shared", "said"):
            yield part, asked
        else:
            for status in asked.statuses:
                yield part, replace(asked, statuses=(status,))


def _ordered(connection: Connection, part: Part, asked: Asked, most: int) -> Select[Any]:
    """The first of one part, in order: (id, number, at)."""
    several = part.by == "organisation" and len(part.ids) > 1
    walked = several and _is_many(connection, part, asked)
    down = asked.descending != asked.back
    where = _whose(part, asked, walked=walked)
    source: FromClause = TICKET
    if asked.sifts:
        source = _window(part, asked, where)
        where = _sifted(connection, asked, source)
    at = source.c[_COLUMNS[asked.order]]
    # Said so that no index gives this order: few are to be fetched and sorted, not many to be walked through.
    sorted_first = asked.order == "due" or (several and not walked)
    key: ColumnElement[Any] = func.coalesce(at, literal(_NEVER, at.type)) if sorted_first else at
    if asked.after is not None:
        where.append(_beyond(key, source.c.number, asked.after, down=down))
    query = select(source.c.id, source.c.number, at.label("at")).select_from(_joined(part, asked, source))
    order = (one.desc() if down else one for one in (key, source.c.number))
    return query.where(*where).order_by(*order).limit(most)


def _unordered(connection: Connection, part: Part, asked: Asked, most: int) -> Select[Any]:
    """So many ids of one part, in no order."""
    where = _whose(part, asked, walked=False)
    source: FromClause = TICKET
    if asked.sifts and (asked.topic or asked.department or asked.words):
        source = _window(part, asked, where)
        where = _sifted(connection, asked, source)
    return select(source.c.id).select_from(_joined(part, asked, source)).where(*where).limit(most)


def _window(part: Part, asked: Asked, where: Sequence[ColumnElement[bool]]) -> FromClause:
    """The newest of one part."""
    t = TICKET.c
    inner = select(
        t.id, t.number, t.subject, t.requester_id, t.topic, t.department, t.created_at, t.updated_at, t.due_at
    ).select_from(_joined(part, asked, TICKET))
    read = t[_COLUMNS[asked.reads]]
    return inner.where(*where).order_by(read.desc(), t.number.desc()).limit(WINDOW).subquery()


def _joined(part: Part, asked: Asked, source: FromClause) -> FromClause:
    """With the requesters, where they are asked for: by the kinds of a part, or by words."""
    led = source is TICKET and part.kinds is not None and any(kind.led is not None for kind in part.kinds)
    if led or (source is not TICKET and asked.words):
        return source.join(CONTACT, CONTACT.c.id == source.c.requester_id)
    return source


def _beyond(key: ColumnElement[Any], number: ColumnElement[int], after: tuple[datetime, int], *, down: bool) -> Any:
    here, there = tuple_(key, number), tuple_(literal(after[0], key.type), literal(after[1]))
    return here < there if down else here > there


def _overflows(connection: Connection, part: Part, asked: Asked) -> bool:
    """Whether a part has more than is looked through."""
    return _has_more(connection, part, asked, WINDOW)


def _is_many(connection: Connection, part: Part, asked: Asked) -> bool:
    """Whether several organisations have so many tickets that walking through all in order meets them soon."""
    return asked.requester_id is None and _has_more(connection, part, asked, _FEW)


def _has_more(connection: Connection, part: Part, asked: Asked, than: int) -> bool:
    query = select(TICKET.c.id).where(*_whose(replace(part, kinds=None), asked, walked=False))
    return connection.execute(query.offset(than).limit(1)).first() is not None


def _whose(part: Part, asked: Asked, *, walked: bool) -> list[ColumnElement[bool]]:
    """The conditions of a part. walked: no index on whose they are; the order is what is followed."""
    t = TICKET.c
    where: list[ColumnElement[bool]] = []
    if part.by == "participant":
        where.append(t.id.in_(select(PARTICIPANT.c.ticket_id).where(PARTICIPANT.c.contact_id.in_(part.ids))))
    elif part.by == "shared":
        where.append(t.id.in_(select(TICKET_BRANCH.c.ticket_id).where(TICKET_BRANCH.c.branch_id.in_(part.ids))))
    else:
        column = {"requester": t.requester_id, "branch": t.branch_id}.get(part.by, t.organisation_id)
        where.append(_one_of(column, part.ids, indexed=not walked and asked.requester_id is None))
    if part.by == "said":
        where.append(cast(ColumnElement[bool], SAID))
    where.append(_one_of(t.status, asked.statuses, indexed=len(asked.statuses) == 1))
    if part.organisation_ids:
        where.append(_one_of(t.organisation_id, part.organisation_ids, indexed=False))
    if asked.requester_id is not None:
        where.append(t.requester_id == asked.requester_id)
    if asked.branch_id is not None:
        where.append(_one_of(t.branch_id, (asked.branch_id,), indexed=False))
    if part.but is not None:
        where.append(t.requester_id != part.but)
    if asked.since is not None:
        where.append(t.created_at >= asked.since)
    if asked.until is not None:
        where.append(t.created_at < asked.until)
    if part.kinds is not None:
        where.append(or_(false(), *(_of_kind(kind, part) for kind in part.kinds)))
    return where


def _of_kind(kind: Kind, part: Part) -> ColumnElement[bool]:
    branch = TICKET.c.branch_id
    said: list[ColumnElement[bool]] = [TICKET.c.visibility.in_(kind.words)]
    if kind.led is not None:
        leads = CONTACT.c.role.in_(part.leading)
        said.append(leads if kind.led else ~leads)
    if not set(kind.branches) >= set(BRANCHES):
        no, own = branch.is_(None), branch == part.branch_id if part.branch_id is not None else false()
        ways = {"same": own, "none": no, "other": and_(~no, ~own)}
        said.append(or_(*(ways[name] for name in kind.branches)))
    return and_(*said)


def _sifted(connection: Connection, asked: Asked, source: FromClause) -> list[ColumnElement[bool]]:
    """What no index finds."""
    where: list[ColumnElement[bool]] = []
    if asked.topic is not None:
        where.append(source.c.topic == asked.topic)
    if asked.department is not None:
        where.append(source.c.department == asked.department)
    if asked.words:
        pattern = like_pattern(asked.words)
        said = (source.c.subject, CONTACT.c.name, CONTACT.c.address)
        # SQLite's LIKE knows no case by itself, and `lower()` on both sides would take longer than the search.
        sqlite = is_sqlite(connection)
        where.append(or_(*(c.like(pattern, escape="\\") if sqlite else c.ilike(pattern, escape="\\") for c in said)))
    return where


def like_pattern(words: str) -> str:
    """A pattern that finds the words anywhere; `%`, `_` and backslash are themselves.

    A letter beyond ASCII is any one letter: databases disagree about its case.
    """
    bare = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return "%" + "".join(letter if letter.isascii() else "_" for letter in bare) + "%"


def _one_of(column: Any, values: Sequence[Any], *, indexed: bool) -> ColumnElement[bool]:
    """indexed: the index on the column may be used; else it is hidden, for the planner might prefer the wrong one."""
    if not indexed:
        column = column.concat("") if isinstance(values[0], str) else column + literal(0, column.type)
    found: ColumnElement[bool] = column == values[0] if len(values) == 1 else column.in_(values)
    return found
