"""The lists of a customer's person: which tickets, how many, in which tabs. Reads, but for the choice of columns.

What he sees is `people.visibility`'s word, turned into parts of a query by `people.sight`: the list shows exactly the
tickets that their own pages would show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Row

from mailgate.decide.thread import viewer
from mailgate.flows.peoplework import contact_facts
from mailgate.flows.site import Site
from mailgate.people import sight
from mailgate.people.roles import LEADING
from mailgate.people.sight import Kind, Sight
from mailgate.people.visibility import Scopes, Viewer
from mailgate.tickets.workflow import Workflow
from store import listing, people
from store.listing import Asked, Found, Part
from store.vocabulary import Category

#: mine: what he asked. all: what he sees. shared: what others share with him.
ListName = Literal["mine", "all", "shared"]
LISTS: tuple[ListName, ...] = ("mine", "all", "shared")

#: Beyond it a number is "more than": nobody counts two hundred thousand at each look.
MOST_COUNTED = 1000
_MOST_COLLEAGUES = 300
_DONE = (Category.SOLVED, Category.CLOSED)


@dataclass(frozen=True, slots=True)
class Looker:
    """A person who looks at lists: as visibility sees him, and the organisations of his network besides his own."""

    viewer: Viewer
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tab:
    """Statuses that are shown together. key: as the workflow's file names it."""

    key: str
    statuses: tuple[str, ...]


def looker(connection: Connection, contact: Row[Any]) -> Looker:
    """The person of a contact's row."""
    person = viewer(contact_facts(connection, contact))
    colleagues = people.colleagues(connection, person.organisation_id)
    return Looker(person, tuple(sorted(one for one in colleagues if one != person.organisation_id)))


def parts(scopes: Scopes, person: Looker, name: ListName) -> tuple[Part, ...]:
    """The parts of which a list is made."""
    me = (person.viewer.id,)
    if name == "mine":
        return (Part("requester", me),)
    if name == "all":
        seen = sight.sight(person.viewer, scopes)
        return (Part("requester", me), Part("participant", me), *_of_colleagues(person, seen))
    seen = sight.plain_sight(person.viewer, scopes)
    found = (Part("participant", me), *_of_colleagues(person, seen))
    return tuple(replace(part, but=person.viewer.id) for part in found)


def first_list(scopes: Scopes, person: Looker) -> ListName:
    """The list that a person begins with: all that he sees, where he leads or is shown his colleagues' by default."""
    seen = sight.sight(person.viewer, scopes)
    return "all" if person.viewer.role in LEADING or _by_default(_elsewhere(seen.organisation)) else "mine"


def _of_colleagues(person: Looker, seen: Sight) -> Iterable[Part]:
    own, branch = person.viewer.organisation_id, person.viewer.branch_id
    if own is None:
        return
    if seen.shared and branch is not None:
        yield Part("shared", (branch,), (own, *person.others))
    if seen.organisation == seen.network:
        yield from _of_organisations(person, (own, *person.others), seen.organisation)
    else:
        yield from _of_organisations(person, (own,), seen.organisation)
        yield from _of_organisations(person, person.others, seen.network)


def _of_organisations(person: Looker, ids: tuple[int, ...], kinds: frozenset[Kind]) -> Iterable[Part]:
    """What is seen by default is read along the organisation, what says so itself along those that say something."""
    branch = person.viewer.branch_id
    if not ids or not kinds:
        return
    given = {"branch_id": branch, "leading": tuple(sorted(LEADING))}
    if _by_default(_elsewhere(kinds)):
        yield Part("organisation", ids, kinds=_merged(kinds, branch), **given)  # type: ignore[arg-type]
        return
    said = kinds
    if branch is not None and _by_default(kinds):
        same = frozenset(kind for kind in kinds if kind.branch == "same")
        yield Part("branch", (branch,), ids, kinds=_merged(same, branch), **given)  # type: ignore[arg-type]
        said = kinds - same
    if said:
        yield Part("said", ids, kinds=_merged(said, branch), **given)  # type: ignore[arg-type]


def _elsewhere(kinds: Iterable[Kind]) -> frozenset[Kind]:
    return frozenset(kind for kind in kinds if kind.branch != "same")


def _by_default(kinds: Iterable[Kind]) -> bool:
    return "" in sight.words_of(kinds)


def _merged(kinds: Collection[Kind], branch_id: int | None) -> tuple[listing.Kind, ...] | None:
    """Kinds as few conditions; None where it is every kind there is."""
    branches = [name for name in listing.BRANCHES if name != "same" or branch_id is not None]
    if len(kinds) == len(sight.WORDS) * 2 * len(branches):
        return None
    alike: dict[tuple[tuple[bool, str], ...], list[str]] = {}
    for word in sight.WORDS:
        ways = tuple(sorted((kind.led, str(kind.branch)) for kind in kinds if kind.word == word))
        alike.setdefault(ways, []).append(word)
    found: list[listing.Kind] = []
    for ways, words in alike.items():
        by_led = {led: tuple(whose for one, whose in ways if one is led) for led in (False, True)}
        if by_led[False] == by_led[True]:
            by_led = {None: by_led[False]}  # type: ignore[dict-item]
        for led, whose in by_led.items():
            if whose:
                everywhere = len(whose) == len(branches)
                found.append(listing.Kind(tuple(words), led, listing.BRANCHES if everywhere else whose))
    return tuple(found)


# --- tabs -----------------------------------------------------------------------------------------------------------


def tabs(workflow: Workflow, known: Mapping[str, str]) -> tuple[Tab, ...]:
    """The tabs of the lists, in the order of the workflow's file.

    known: the statuses that tickets have, with their categories. One that the file has no more is with the first tab,
    or with the last where it was solved or closed.
    """
    found: dict[str, list[str]] = {}
    for key, status in workflow.states.items():
        usual = "encerrados" if status.category is Category.CLOSED else "abertos"
        found.setdefault(status.tab or usual, []).append(key)
    names = list(found)
    for key, category in known.items():
        if key not in workflow.states:
            found[names[-1] if category in _DONE else names[0]].append(key)
    return tuple(Tab(key, tuple(statuses)) for key, statuses in found.items())


def find(connection: Connection, made: tuple[Part, ...], asked: Asked, most: int, *, counts: bool = False) -> Found:
    """A page of a list. counts: and how many there are."""
    return listing.page(connection, made, asked, most, MOST_COUNTED + 1 if counts else 0)


def count(connection: Connection, made: tuple[Part, ...], asked: Asked) -> int:
    """How many a list has, up to `MOST_COUNTED` + 1."""
    return listing.count(connection, made, asked, MOST_COUNTED + 1)


def menu_count(connection: Connection, site: Site, contact: Row[Any]) -> int:
    """R086: how many tickets the person's branch opened, of those he sees; without a branch, how many his first list
    has."""
    person = looker(connection, contact)
    branch = person.viewer.branch_id
    scopes = site.book().scopes
    made = parts(scopes, person, "all" if branch is not None else first_list(scopes, person))
    return count(connection, made, Asked(tuple(listing.statuses(connection)), branch_id=branch))


def colleagues(connection: Connection, scopes: Scopes, person: Looker) -> list[Row[Any]]:
    """(id, name, address) of those whose tickets a person may be shown by default, if they asked something."""
    seen = sight.sight(person.viewer, scopes)
    own = person.viewer.organisation_id
    if own is None or not _by_default(seen.organisation):
        return []
    branch = None if _by_default(_elsewhere(seen.organisation)) else person.viewer.branch_id
    ids = (own, *(person.others if branch is None and _by_default(seen.network) else ()))
    return listing.requesters(connection, ids, branch, _MOST_COLLEAGUES)


def choose_columns(site: Site, contact_id: int, columns: list[str] | None) -> None:
    """Remember which columns a person's lists have; None: those of everybody."""

    def work(connection: Connection) -> None:
        row = people.contact(connection, contact_id)
        if row is None:
            return
        kept = {key: value for key, value in (row.preferences or {}).items() if key != "columns"}
        if columns is not None:
            kept["columns"] = columns
        if kept != row.preferences:
            people.change_contact(connection, contact_id, preferences=kept)

    site.writer.call(work)
