"""kill -9 in a loop, under load, behind a relay that lies: what got 250 is there once, and acknowledged once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.load import Load, sender_of
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until
from tests.integration.sink import ACCEPT, Mood, Sink

#: No limit on what one company may be told, so that every mail is owed an acknowledgement.
SETTINGS = {"limits": {"acks_total": "off", "notices_per_address": "off", "connections_per_ip": "off"}}
LIES = (
    Mood(at_mail="421 4.3.2 closing"),
    Mood(at_rcpt={"*": "451 4.7.1 greylisted"}),
    Mood(at_data="451 4.3.0 later"),
    Mood(drop_at_mail=True),
    Mood(drop_after_data=True),
)
#: Each holds a connection until the next kill: fewer than the relay's connections, or nothing would go on.
HANGING = [Mood(hang_after_data=True)] * 3


def lies(dice: random.Random, transactions: int) -> list[Mood]:
    """How the relay behaves until the next kill: it lies in half of the transactions, and three never end."""
    moods = [dice.choice((*LIES, *[ACCEPT] * len(LIES))) for _ in range(transactions * 4)]
    for hang in HANGING:
        moods.insert(dice.randint(0, 20), hang)
    return moods


def kill_loop(gateway: Gateway, dice: random.Random, mails: int, kills: int, road: str) -> Load:
    """Hand the mails in while the program is killed; returns when all are handed in and it runs in peace."""
    load = Load(gateway, mails, road)
    gateway.sink.next(*lies(dice, mails))
    load.start()
    try:
        for mark in sorted(dice.sample(range(1, mails), kills)):
            by_relay = dice.random() < 0.5
            relayed = gateway.sink.transactions + dice.randint(1, 12)

            def is_time(mark: int = mark, relayed: int = relayed, by_relay: bool = by_relay) -> bool:
                reached = gateway.sink.transactions >= relayed if by_relay else len(load.accepted) >= mark
                return reached or load.is_done

            wait_until(is_time, 60, "the moment to kill", every=0.002)
            gateway.kill9()
            gateway.sink.peace()
            gateway.sink.next(*lies(dice, mails))
            gateway.start()
        gateway.kill9()
        gateway.sink.peace()
        gateway.start()
        wait_until(lambda: load.is_done, 120, "every mail to be accepted", every=0.05)
    finally:
        load.stop()
    return load


def all_told(rows: list[dict[str, Any]]) -> bool:
    states = [m["state"] for row in rows for m in row["messages"] if m["kind"] == "notice"]
    return all(state == "accepted" for state in states) and not any(r.get("outcome") == "pending" for r in rows)


def check(gateway: Gateway, load: Load) -> dict[str, int]:
    """What must hold, by the export and by what the relay got; the figures."""
    rows = gateway.wait_export(all_told, limit=120, what="nothing left to do")
    seen = Counter(m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"])
    copies = Counter(row["of"] for row in rows if row.get("outcome") == "duplicate")
    assert set(seen) == set(load.accepted)
    assert set(seen.values()) == {1}
    assert set(copies) <= set(load.accepted)
    tickets = [row for row in rows if row["key"]]
    assert sorted(t["requester"] for t in tickets) == sorted(map(sender_of, load.accepted.values()))
    assert len({t["key"] for t in tickets}) == len(tickets)
    again = 0
    for ticket in tickets:
        written = Counter((m["notice"], m["recipient"]) for m in ticket["messages"] if m["kind"] == "notice")
        assert written == {("N1", ticket["requester"]): 1, ("N19", "bruno@example.test"): 1}, ticket["key"]
        again += check_relayed(gateway.sink, ticket)
    return {
        "mails": len(seen),
        "resent after a lost 250": sum(copies.values()),
        "connections refused or cut": load.broken,
        "mails relayed": len(gateway.sink.mails),
        "relayed again, same bytes": again,
    }


def check_relayed(sink: Sink, ticket: dict[str, Any]) -> int:
    """The acknowledgement reached the relay, and each time as the same bytes; how often beyond the first."""
    [message_id] = [m["message_id"] for m in ticket["messages"] if m.get("notice") == "N1"]
    mails = sink.to(ticket["requester"])
    assert mails, f"no acknowledgement of {ticket['key']}"
    assert {m.message_id for m in mails} == {message_id}
    assert len({m.raw for m in mails}) == 1
    return len(mails) - 1


@pytest.fixture
def killed(gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]) -> Callable[[int, int, int, str], None]:
    """Run the loop, check, print the figures."""

    def run(seed: int, mails: int, kills: int, road: str) -> None:
        running = gateway(SETTINGS)
        began = time.monotonic()
        load = kill_loop(running, random.Random(seed), mails, kills, road)
        figures = check(running, load) | {"kills": kills + 1, "seconds": round(time.monotonic() - began)}
        with capsys.disabled():
            print(f"\n  kill loop over {road}, seed {seed}: " + ", ".join(f"{v} {k}" for k, v in figures.items()))

    return run


@pytest.mark.timeout(240)
def test_killed_under_load(killed: Callable[..., None]) -> None:
    killed(1, 120, 5, "smtp")


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("road", ["smtp", "lmtp"])
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_killed_fifteen_times_under_load(killed: Callable[..., None], seed: int, road: str) -> None:
    killed(seed, 600, 15, road)
