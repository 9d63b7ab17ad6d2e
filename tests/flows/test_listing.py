"""A person's lists show what `people.visibility` lets him see: for any people and tickets, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert

from mailgate.flows import listing, seeing
from mailgate.flows.site import Site
from mailgate.people import sight
from mailgate.people.roles import ROLES
from mailgate.people.visibility import Scopes
from store import listing as queries
from store import people, tickets
from store.listing import Asked
from store.tables import BRANCH, CONTACT, ORGANISATION, PARTICIPANT, TICKET, TICKET_BRANCH
from tests.house import close_site, make_site

BEGAN = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)
#: Two organisations of one network (written differently), one of another, one of none; each has two branches but one.
NETWORKS = {1: "Rede Boa", 2: "REDE BOA", 3: "Outra", 4: ""}
BRANCHES = {11: 1, 12: 1, 21: 2, 22: 2, 31: 3}
STATUSES = ("aberto", "fechado", "de antes")

SCOPES = st.builds(
    lambda roles, default, own: Scopes(dict(zip(("light", "master", "manager"), roles, strict=True)), default, own),
    st.tuples(*[st.sampled_from(("own", "branch", "organisation", "network"))] * 3),
    st.sampled_from(("own", "branch", "organisation", "network")),
    st.booleans(),
)
PLACES = st.sampled_from([(None, None), (1, None), (1, 11), (1, 12), (2, None), (2, 21), (3, 31), (4, None)])
PEOPLE = st.lists(st.tuples(PLACES, st.sampled_from(ROLES)), min_size=2, max_size=7)
TICKETS = st.lists(
    st.tuples(
        st.integers(0, 6), PLACES, st.sampled_from(sight.WORDS), st.sampled_from(STATUSES),
        st.sets(st.integers(0, 6), max_size=2), st.sets(st.sampled_from(sorted(BRANCHES)), max_size=2),
        st.integers(0, 9),
    ),
    max_size=12,
)  # fmt: skip


@pytest.fixture
def site(house_url: str, tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path, house_url)
    yield made
    close_site(made)


def fill(connection: Connection, persons: list[Any], asked: list[Any]) -> None:
    """Write a world anew."""
    for table in (PARTICIPANT, TICKET_BRANCH, TICKET, CONTACT, BRANCH, ORGANISATION):
        connection.execute(delete(table))
    connection.execute(insert(ORGANISATION), [
        {"id": i, "name": str(i), "domains": [], "tier": "", "network": network, "cnpj": "", "created_at": BEGAN}
        for i, network in NETWORKS.items()
    ])  # fmt: skip
    connection.execute(insert(BRANCH), [
        {"id": i, "organisation_id": owner, "name": str(i), "place": "", "cnpj": "", "address": "", "active": True,
         "created_at": BEGAN}
        for i, owner in BRANCHES.items()
    ])  # fmt: skip
    connection.execute(insert(CONTACT), [
        {"id": i, "name": f"P{i}", "address": f"p{i}@x.test", "role": role, "organisation_id": place[0],
         "branch_id": place[1], "active": True, "created_at": BEGAN, "whatsapp": "", "phone": "", "timezone": "",
         "preferences": {}}
        for i, (place, role) in enumerate(persons)
    ])  # fmt: skip
    for number, (who, place, word, status, follows, shared, age) in enumerate(asked, 1):
        at = BEGAN - timedelta(hours=age)
        connection.execute(insert(TICKET), [{
            "id": 1000 + number, "number": number, "key": f"SUP-{number}", "subject": "Erro", "status": status,
            "category": "open", "department": "suporte", "topic": "", "priority": "normal", "tags": [],
            "requester_id": who % len(persons), "organisation_id": place[0], "branch_id": place[1],
            "visibility": word, "channel": "mail", "address": "", "language": "pt-BR", "verified": True, "version": 1,
            "created_at": at, "updated_at": at, "status_since": at, "claims": "", "fields": {},
            "due_at": at if age % 2 else None,
        }])  # fmt: skip
        for one in {one % len(persons) for one in follows}:
            people.add_participant(connection, 1000 + number, one, BEGAN)
        for one in shared:
            tickets.share_with(connection, 1000 + number, one)


def by_the_rule(connection: Connection, site: Site, contact_id: int, scopes: Scopes) -> set[int]:
    """The ids of the tickets that `may_see` lets the person see, asked one by one."""
    held = replace(site, book=lambda: _Scoped(scopes))  # type: ignore[arg-type, return-value]
    return {row.id for row in seeing.visible_tickets(connection, held, contact_id, limit=500)}


class _Scoped:
    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes


def in_pages(connection: Connection, made: Any, asked: Asked, size: int) -> list[int]:
    """A list read page by page to its end, and back again."""
    forth: list[int] = []
    last, pages = asked, 0
    while True:
        ids = list(queries.page(connection, made, last, size).ids)
        pages += 1
        if not ids:
            break
        forth += ids
        last = replace(asked, after=queries.mark(queries.rows(connection, ids[-1:])[0], asked.order))
    if forth:
        end = queries.mark(queries.rows(connection, forth[-1:])[0], asked.order)
        back = queries.page(connection, made, replace(asked, after=end, back=True), len(forth)).ids
        assert list(back) == forth[:-1]
    return forth


@settings(
    max_examples=30, phases=[Phase.generate], deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(persons=PEOPLE, asked=TICKETS, scopes=SCOPES, few=st.sampled_from((0, 2000)), who=st.integers(0, 6))
def test_a_list_is_what_the_rule_lets_pass(
    site: Site, persons: list[Any], asked: list[Any], scopes: Scopes, few: int, who: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, site.writer.database.write() as connection:
        patch.setattr(queries, "_FEW", few)
        fill(connection, persons, asked)
        me = who % len(persons)
        row = people.contact(connection, me)
        assert row is not None
        person = listing.looker(connection, row)
        seen = by_the_rule(connection, site, me, scopes)
        found = {name: listing.parts(scopes, person, name) for name in listing.LISTS}
        whole = Asked(STATUSES)
        all_ids = in_pages(connection, found["all"], whole, 3)
        assert len(all_ids) == len(set(all_ids))
        assert set(all_ids) == seen
        mine = set(queries.page(connection, found["mine"], whole, 99).ids)
        rows = {row.id: row for row in tickets.by_ids(connection, seen)}
        assert mine == {i for i in seen if rows[i].requester_id == me}
        assert set(queries.page(connection, found["shared"], whole, 99).ids) <= seen - mine
        assert queries.count(connection, found["all"], whole, 99) == len(seen)
        assert queries.count(connection, found["all"], replace(whole, branch_id=11), 99) == sum(
            row.branch_id == 11 for row in rows.values()
        )


@settings(
    max_examples=12, phases=[Phase.generate], deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asked=TICKETS, order=st.sampled_from(("updated", "created", "due")), down=st.booleans(), since=st.integers(0, 9))
def test_every_order_is_read_to_its_end_and_back(
    site: Site, asked: list[Any], order: Any, down: bool, since: int
) -> None:
    everybody = Scopes({"master": "organisation"}, "network")
    with site.writer.database.write() as connection:
        fill(connection, [((1, 11), "light"), ((2, None), "light"), ((1, None), "master")], asked)
        row = people.contact(connection, 2)
        assert row is not None
        made = listing.parts(everybody, listing.looker(connection, row), "all")
        seen = by_the_rule(connection, site, 2, everybody)
        for wish in (
            Asked(STATUSES, order=order, descending=down),
            Asked(STATUSES, order=order, descending=down, since=BEGAN - timedelta(hours=since), words="erro"),
            Asked(("aberto",), order=order, descending=down, requester_id=0, until=BEGAN),
            Asked(STATUSES, order=order, descending=down, words="p1@x", department="suporte"),
        ):
            ids = in_pages(connection, made, wish, 4)
            rows = {r.id: r for r in tickets.by_ids(connection, ids)}
            marks = [queries.mark(rows[i], order) for i in ids]
            assert marks == sorted(marks, reverse=down)
            expected = {
                r.id
                for r in tickets.by_ids(connection, seen)
                if r.status in wish.statuses
                and (wish.requester_id is None or r.requester_id == wish.requester_id)
                and (wish.since is None or r.created_at >= wish.since)
                and (wish.until is None or r.created_at < wish.until)
                and (not wish.words.startswith("p1") or r.requester_id == 1)
            }
            assert set(ids) == expected
            assert queries.count(connection, made, wish, 99) == len(expected)
