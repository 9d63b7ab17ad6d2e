"""Two nodes on one PostgreSQL: one is killed or frozen at random, and what got 250 is there once all the same.

A frozen node (SIGSTOP) is taken for gone after eight beats without a sign, here of half a second; what it had in hand
goes on elsewhere, and when it thaws in the middle of what it did, it commits nothing of that.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.faults.load import Load
from tests.faults.test_kill_loop import SETTINGS, check, lies, say
from tests.faults.test_kill_timers import resolve_many
from tests.integration.gateway import Gateway
from tests.integration.machine import folder, wait_until

pytestmark = [pytest.mark.long, pytest.mark.parametrize("gateway_db", ["postgresql"], indirect=True)]
_THAWED = "others took this node for gone"
_TICKETS = 60

Pair = tuple[Gateway, Gateway]


@pytest.fixture
def pair(gateway: Callable[..., Gateway]) -> Iterator[Callable[..., Pair]]:
    """Two nodes, of which the second's data folder is a copy of the first's; `prepare` is called before either runs."""
    made: list[Gateway] = []
    with folder("gate") as home:

        def create(settings: dict[str, object], prepare: Callable[[Gateway], None] = lambda one: None) -> Pair:
            one = gateway({**SETTINGS, "sweeps": {"nodes": "500ms"}, **settings}, start=False)
            prepare(one)
            one.start()
            two = one.beside(home)
            made.append(two)
            two.start()
            return one, two

        yield create
        for each in made:
            print(each.log())
            if each.is_running:
                each.stop()


def _is_known(one: Gateway) -> bool:
    """Whether the database knows of its pulse still: it does until all is taken over that it had in hand."""
    with psycopg.connect(one.settings["database"].replace("+psycopg", "")) as connection:
        found = connection.execute("select 1 from lease where name = %s", [f"node/{_name(one)}"])
        return found.fetchone() is not None


def freeze_until_taken_over(one: Gateway) -> None:
    """Stop it in the midst of what it does, until the other has taken over; then let it go on."""
    one.freeze()
    try:
        wait_until(lambda: not _is_known(one), 150, "the other to take over", every=0.1)
    finally:
        one.thaw()


def _kill_or_freeze(pair: Pair, dice: random.Random, load: Load, kills: int, freezes: int) -> None:
    what = ["kill"] * kills + ["freeze"] * freezes
    dice.shuffle(what)
    for mark, deed in zip(sorted(dice.sample(range(1, load.total), len(what))), what, strict=True):
        one = dice.choice(pair)
        relayed = one.sink.transactions + dice.randint(1, 12)

        def is_time(mark: int = mark, relayed: int = relayed, one: Gateway = one) -> bool:
            return len(load.accepted) >= mark or one.sink.transactions >= relayed or load.is_done

        wait_until(is_time, 300, "the moment", every=0.002)
        one.sink.peace()
        one.sink.next(*lies(dice, load.total))
        if deed == "freeze":
            freeze_until_taken_over(one)
            continue
        one.kill9()
        more = len(load.accepted) + 5

        def goes_on(more: int = more) -> bool:
            return len(load.accepted) > more or load.is_done

        wait_until(goes_on, 300, "the other to go on", every=0.02)
        one.start()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_one_killed_or_frozen_under_load(
    pair: Callable[..., Pair], capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    nodes = pair({})
    dice, began = random.Random(seed), time.monotonic()
    load = Load(nodes, 500, replies=100, patience=8)
    nodes[0].sink.next(*lies(dice, load.total))
    load.start()
    try:
        _kill_or_freeze(nodes, dice, load, kills=8, freezes=7)
        nodes[0].sink.peace()
        wait_until(lambda: load.is_done, 300, "every mail to be accepted", every=0.05)
    finally:
        load.stop()
    figures = check(nodes[0], load) | {"kills": 8, "freezes": 7}
    say(capsys, f"two nodes, seed {seed}", figures | {"seconds": round(time.monotonic() - began)})


@pytest.mark.timeout(900)
def test_one_dies_for_good_and_the_other_sends_what_it_had_in_hand(pair: Callable[..., Pair]) -> None:
    """Its outgoing mails were claimed for twenty minutes; nobody waits that long."""
    nodes = pair({})
    load = Load(nodes, 60, patience=8)
    load.start()
    wait_until(lambda: len(load.accepted) >= 30, 120, "half of the load", every=0.002)
    nodes[0].kill9()
    wait_until(lambda: load.is_done, 300, "the rest")
    load.stop()
    check(nodes[1], load, limit=60)


@pytest.mark.timeout(900)
def test_frozen_while_due_times_fire(
    pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has claimed them and fired some; the other fires the rest, and each was fired once."""
    nodes = pair({"preset": "totvs"}, lambda one: resolve_many(one, monkeypatch, _TICKETS))
    one, two = nodes
    nodes[0].advance(timedelta(days=5, minutes=1))
    wait_until(lambda: _timers(nodes[0])["claimed"], 60, "the due times to be claimed", every=0.001)
    holder = one if _holder(one).startswith(f"{_name(one)}:") else two
    holder.freeze()
    try:
        left = _timers(one)
        assert left["claimed"], left
        wait_until(lambda: _timers(one)["fired"] == _TICKETS, 120, "the other to fire them", every=0.1)
        nodes[0].advance(timedelta(days=1))
    finally:
        holder.thaw()
    wait_until(lambda: _THAWED in holder.log(), 60, "it to hear of it")
    tickets = one.wait_export(
        lambda rows: all(m["state"] == "accepted" for r in rows for m in r["messages"] if m["kind"] == "notice"),
        limit=120, what="every mail to leave",
    )  # fmt: skip
    for ticket in tickets:
        told = Counter(m["notice"] for m in ticket["messages"] if m["kind"] == "notice")
        assert (ticket["status"], told["N12"]) == ("fechado", 1), ticket["key"]
        assert [e["kind"] for e in ticket["events"]].count("timer") == 1
    say(capsys, "due times of a frozen node", {"due times": _TICKETS, "claimed when it froze": left["claimed"]})


def _timers(gateway: Gateway) -> Counter[str]:
    with psycopg.connect(gateway.settings["database"].replace("+psycopg", "")) as connection:
        rows = connection.execute(
            "select state, lease_until is not null from timer where name like 'resolvido>fechado%'"
        ).fetchall()
    return Counter("claimed" if state == "armed" and leased else str(state) for state, leased in rows)


def _holder(gateway: Gateway) -> str:
    with psycopg.connect(gateway.settings["database"].replace("+psycopg", "")) as connection:
        row = connection.execute("select lease_owner from timer where lease_owner is not null limit 1").fetchone()
    return str(row[0]) if row else ""


def _name(gateway: Gateway) -> str:
    """How the node calls itself in its leases: it says so when it begins to serve."""
    return str(re.findall(r'"node": "([^"]+)"', gateway.log())[-1])
