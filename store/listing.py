"""Lists of tickets for a person, out of many: each part of what he sees is read in the order of an index, then merged.

A list is made of parts (his own, those he follows, his branch's, his organisation's …). A part is read status by
status, since `status, updated_at` is the order of an index and `status IN (…), updated_at` is not. A page therefore
costs the same on the first page and on the thousandth, with a thousand tickets or with two hundred thousand.

What no index can find (a text, a topic among all) is looked for in the newest `WINDOW` of each status; `Found.cut` says
that there would have been more to look at. Reads only. Parameters are bound, patterns escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
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
WINDOW = 6_000
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
    def is_of_few(self) -> bool:
        """Whether it asks for one person's or one branch's: their index finds them, not the one of an organisation."""
        return self.requester_id is not None or self.branch_id is not None

    @property
    def reads(self) -> Order:
        """The order in which the tickets are read: of an index, and such that a period is a part of it."""
        return "created" if self.since or self.until or self.order == "created" else "updated"


@dataclass(frozen=True, slots=True)
class Found:
    """Ids in the order asked for. cut: older ones were not looked through. total: how many there are, up to a bound."""

    ids: tuple[int, ...]
    cut: bool = False
    total: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one statement reads. walked: along the order of all, not along whose they are. since: the window's end."""

    part: Part
    asked: Asked
    walked: bool = False
    since: datetime | None = None

    @property
    def is_long(self) -> bool:
        """Whether there may be very many, so that there are indexes for each of their orders."""
        return self.part.by == "organisation" and not self.asked.is_of_few


def page(connection: Connection, parts: Sequence[Part], asked: Asked, most: int, counted: int = 0) -> Found:
    """At most so many tickets of the list, each once. counted: so many are counted besides."""
    found: dict[int, tuple[datetime, int]] = {}
    pieces = _pieces(connection, parts, asked)
    for piece in pieces:
        for row in connection.execute(_ordered(connection, piece, max(most, counted))):
            found[row[0]] = (row[2] or _NEVER, row[1])
    down = asked.descending != asked.back
    ids = sorted(found, key=lambda key: found[key], reverse=down)[:most]
    cut = any(piece.since is not None for piece in pieces)
    return Found(tuple(reversed(ids) if asked.back else ids), cut, min(len(found), counted))


def count(connection: Connection, parts: Sequence[Part], asked: Asked, most: int) -> int:
    """How many there are, up to `most`."""
    pieces = _pieces(connection, parts, replace(asked, after=None))
    sure = 0  # organisations and statuses have no ticket in common: their numbers add up
    for piece in (one for one in pieces if one.part.by == "organisation"):
        one = select(func.count()).select_from(_unordered(connection, piece, most).subquery())
        sure += connection.execute(one).scalar_one()
        if sure >= most:
            return most
    found: set[int] = set()
    for piece in pieces:
        found.update(connection.execute(_unordered(connection, piece, most)).scalars())
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


def _pieces(connection: Connection, parts: Sequence[Part], asked: Asked) -> list[_Piece]:
    """The statements of a list. Where there can be many tickets, each status is one by itself."""
    found: list[_Piece] = []
    for part in parts if asked.statuses else ():
        several = part.by == "organisation" and len(part.ids) > 1
        walked = several and not asked.is_of_few and _has_more_than(connection, _FEW, part, asked)
        if part.by != "organisation" or (several and not walked) or asked.is_of_few:
            found.append(_Piece(part, asked))
            continue
        for status in asked.statuses:
            piece = _Piece(part, replace(asked, statuses=(status,)), walked)
            found.append(replace(piece, since=_window_end(connection, piece)) if asked.sifts else piece)
    return found


def _has_more_than(connection: Connection, few: int, part: Part, asked: Asked) -> bool:
    """Whether several organisations have so many tickets that walking through all in order meets them soon."""
    query = select(TICKET.c.id).where(*_whose(_Piece(replace(part, kinds=None), asked)))
    return connection.execute(query.offset(few).limit(1)).first() is not None


def _window_end(connection: Connection, piece: _Piece) -> datetime | None:
    """The instant of the oldest ticket that is looked through; None where all of them are."""
    read = TICKET.c[_COLUMNS[piece.asked.reads]]
    where = _whose(replace(piece, part=replace(piece.part, kinds=None)))
    if piece.walked:  # the newest of all: an index alone says when the window ends
        where = [TICKET.c.status == piece.asked.statuses[0], *_period(piece.asked, indexed=True)]
    query = select(read).where(*where).order_by(read.desc(), TICKET.c.number.desc()).offset(WINDOW).limit(1)
    found: datetime | None = connection.execute(query).scalar()
    return found


def _ordered(connection: Connection, piece: _Piece, most: int) -> Select[Any]:
    """The first of a piece, in order: (id, number, at)."""
    t, asked = TICKET.c, piece.asked
    down = asked.descending != asked.back
    at = t[_COLUMNS[asked.order]]
    several = len(piece.part.ids) > 1 and not piece.walked
    few = several or asked.order == "due" or (asked.order == "created" and not piece.is_long)
    key = _hidden(at) if few else at
    where = [*_whose(piece), *_sifted(connection, asked)]
    if asked.after is not None:
        where.append(_beyond(key, t.number, asked.after, down=down))
    query = select(t.id, t.number, at.label("at")).select_from(_joined(piece))
    order = (one.desc() if down else one for one in (key, t.number))
    return query.where(*where).order_by(*order).limit(most)


def _unordered(connection: Connection, piece: _Piece, most: int) -> Select[Any]:
    """So many ids of a piece, in no order."""
    where = [*_whose(replace(piece, walked=False)), *_sifted(connection, piece.asked)]
    return select(TICKET.c.id).select_from(_joined(piece)).where(*where).limit(most)


def _joined(piece: _Piece) -> FromClause:
    """With the requesters, where they are asked for: by the kinds of a part, or by words."""
    led = piece.part.kinds is not None and any(kind.led is not None for kind in piece.part.kinds)
    if led or piece.asked.words:
        return TICKET.join(CONTACT, CONTACT.c.id == TICKET.c.requester_id)
    return TICKET


def _beyond(key: ColumnElement[Any], number: ColumnElement[int], after: tuple[datetime, int], *, down: bool) -> Any:
    here, there = tuple_(key, number), tuple_(literal(after[0], key.type), literal(after[1]))
    return here < there if down else here > there


def _whose(piece: _Piece) -> list[ColumnElement[bool]]:
    """Whose tickets a piece reads, of which statuses, kinds, and time."""
    t, part, asked = TICKET.c, piece.part, piece.asked
    where: list[ColumnElement[bool]] = []
    if part.by == "participant":
        where.append(t.id.in_(select(PARTICIPANT.c.ticket_id).where(PARTICIPANT.c.contact_id.in_(part.ids))))
    elif part.by == "shared":
        where.append(t.id.in_(select(TICKET_BRANCH.c.ticket_id).where(TICKET_BRANCH.c.branch_id.in_(part.ids))))
    else:
        column = {"requester": t.requester_id, "branch": t.branch_id}.get(part.by, t.organisation_id)
        where.append(_one_of(column, part.ids, indexed=not piece.walked and not asked.is_of_few))
    if part.by == "said":
        where.append(cast(ColumnElement[bool], SAID))
    where.append(_one_of(t.status, asked.statuses, indexed=part.by not in ("participant", "shared", "said")))
    if part.organisation_ids:
        where.append(_one_of(t.organisation_id, part.organisation_ids, indexed=False))
    if asked.requester_id is not None:
        where.append(t.requester_id == asked.requester_id)
    if asked.branch_id is not None:
        where.append(_one_of(t.branch_id, (asked.branch_id,), indexed=asked.requester_id is None))
    if part.but is not None:
        where.append(t.requester_id != part.but)
    if piece.since is not None:
        where.append(t[_COLUMNS[asked.reads]] >= piece.since)
    where += _period(asked, indexed=piece.is_long)
    if part.kinds is not None:
        where.append(or_(false(), *(_of_kind(kind, part) for kind in part.kinds)))
    return where


def _hidden(at: Any) -> ColumnElement[Any]:
    """An instant, said so that no index gives it: few are to be fetched and sorted, not many to be walked through."""
    return func.coalesce(at, literal(_NEVER, at.type))


def _period(asked: Asked, *, indexed: bool) -> list[ColumnElement[bool]]:
    at = TICKET.c.created_at if indexed else _hidden(TICKET.c.created_at)
    since = [at >= asked.since] if asked.since is not None else []
    return [*since, at < asked.until] if asked.until is not None else since


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


def _sifted(connection: Connection, asked: Asked) -> list[ColumnElement[bool]]:
    """What no index finds."""
    where: list[ColumnElement[bool]] = []
    if asked.topic is not None:
        where.append(TICKET.c.topic == asked.topic)
    if asked.department is not None:
        where.append(TICKET.c.department == asked.department)
    if asked.words:
        pattern = like_pattern(asked.words)
        said = (TICKET.c.subject, CONTACT.c.name, CONTACT.c.address)
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
