"""kill -9 in a loop, under load, behind a relay that lies: what got 250 is there once, and acknowledged once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.load import Load, sender_of
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until
from tests.integration.sink import ACCEPT, Caught, Mood, Sink

#: No limit on what one company may be told, so that every mail is owed an acknowledgement.
SETTINGS = {"limits": {"acks_total": "off", "notices_per_address": "off", "connections_per_ip": "off"}}
LIES = (
    Mood(at_mail="421 4.3.2 closing"),
    Mood(at_rcpt={"*": "451 4.7.1 greylisted"}),
    Mood(at_data="451 4.3.0 later"),
    Mood(drop_at_mail=True),
    Mood(drop_after_data=True),
    Mood(half_reply=True),
    Mood(late_seconds=2.0),
)
#: Each holds a connection until the next kill: fewer than the relay's connections, or nothing would go on.
HANGING = [Mood(hang_after_data=True)] * 3


def lies(dice: random.Random, transactions: int) -> list[Mood]:
    """How the relay behaves until the next kill: it lies in half of the transactions, and three never end."""
    moods = [dice.choice((*LIES, *[ACCEPT] * len(LIES))) for _ in range(transactions * 4)]
    for hang in HANGING:
        moods.insert(dice.randint(0, 20), hang)
    return moods


def kill_loop(gateway: Gateway, dice: random.Random, load: Load, kills: int) -> int:
    """Hand the mails in while the program is killed; returns when all are handed in and it runs in peace.

    Before half of the kills one of its own processes dies alone; how many did.
    """
    alone = 0
    gateway.sink.next(*lies(dice, load.total))
    load.start()
    try:
        for mark in sorted(dice.sample(range(1, load.total), kills)):
            by_relay = dice.random() < 0.5
            relayed = gateway.sink.transactions + dice.randint(1, 12)

            def is_time(mark: int = mark, relayed: int = relayed, by_relay: bool = by_relay) -> bool:
                reached = gateway.sink.transactions >= relayed if by_relay else len(load.accepted) >= mark
                return reached or load.is_done

            if dice.random() < 0.5:
                alone += _kill_one_child(gateway, dice)
            wait_until(is_time, 300, "the moment to kill", every=0.002)
            gateway.kill9()
            gateway.sink.peace()
            gateway.sink.next(*lies(dice, load.total))
            gateway.start()
        gateway.kill9()
        gateway.sink.peace()
        gateway.start()
        wait_until(lambda: load.is_done, 300, "every mail to be accepted", every=0.05)
    finally:
        load.stop()
    return alone


def _kill_one_child(gateway: Gateway, dice: random.Random) -> int:
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(dice.choice(gateway.children()), signal.SIGKILL)
        return 1
    return 0


def all_told(rows: list[dict[str, Any]]) -> bool:
    states = [m["state"] for row in rows for m in row["messages"] if m["kind"] == "notice"]
    return all(state == "accepted" for state in states) and not any(r.get("outcome") == "pending" for r in rows)


def check(gateway: Gateway, load: Load, limit: float = 300) -> dict[str, int]:
    """What must hold, by the export and by what the relay got; the figures."""
    rows = gateway.wait_export(all_told, limit=limit, what="nothing left to do")
    seen = Counter(m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"])
    copies = Counter(row["of"] for row in rows if row.get("outcome") == "duplicate")
    assert set(seen) == set(load.accepted)
    assert set(seen.values()) == {1}
    assert set(copies) <= set(load.accepted)
    tickets = {row["requester"]: row for row in rows if row["key"]}
    assert sorted(tickets) == sorted(map(sender_of, set(load.accepted.values())))
    assert len({t["key"] for t in tickets.values()}) == len(tickets) == len([row for row in rows if row["key"]])
    replied = load.answered
    again, relayed = 0, by_message_id(gateway.sink)
    for requester, ticket in tickets.items():
        written = Counter((m["notice"], m["recipient"]) for m in ticket["messages"] if m["kind"] == "notice")
        words = 2 if requester in replied else 1  # Bruno is told of each
        assert written == {("N1", requester): 1, ("N19", "bruno@example.test"): words}, ticket["key"]
        said = [m["author"] for m in ticket["messages"] if m["direction"] == "in" and m["kind"] == "comment"]
        assert said == [requester] * words, ticket["key"]
        again += check_relayed(relayed, ticket)
    assert len(relayed) == 2 * len(tickets) + len(replied)
    return {
        "mails": len(seen),
        "of them answers": len(replied),
        "lost": len(set(load.accepted) - set(seen)),
        "doubled": sum(n - 1 for n in seen.values()),
        "resent after a lost 250": sum(copies.values()),
        "connections refused or cut": load.broken,
        "mails relayed": len(gateway.sink.mails),
        "relayed again, same bytes": again,
    }


def by_message_id(sink: Sink) -> dict[str, list[Caught]]:
    """What the relay got, each mail under its Message-ID."""
    found: dict[str, list[Caught]] = {}
    for mail in sink.mails:
        found.setdefault(mail.message_id, []).append(mail)
    return found


def check_relayed(relayed: dict[str, list[Caught]], ticket: dict[str, Any]) -> int:
    """Each notice reached the relay, and each time as the same bytes; how often beyond the first."""
    again = 0
    for notice in (m for m in ticket["messages"] if m["kind"] == "notice"):
        mails = relayed.get(notice["message_id"], [])
        assert {m.rcpt_tos for m in mails} == {(notice["recipient"],)}, f"{notice['notice']} of {ticket['key']}"
        assert len({m.raw for m in mails}) == 1
        again += len(mails) - 1
    return again


def say(capsys: pytest.CaptureFixture[str], what: str, figures: dict[str, int]) -> None:
    """Print the figures, for the table in docs/threats.md."""
    with capsys.disabled():
        print(f"\n  {what}: " + ", ".join(f"{v} {k}" for k, v in figures.items()))


@pytest.fixture
def killed(gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]) -> Callable[[int, int, int, str], None]:
    """Run the loop, check, print the figures."""

    def run(seed: int, mails: int, kills: int, road: str) -> None:
        running = gateway(SETTINGS)
        began = time.monotonic()
        load = Load([running], mails - mails // 6, road, replies=mails // 6)
        alone = kill_loop(running, random.Random(seed), load, kills)
        figures = check(running, load) | {"kills": kills + 1, "child processes killed": alone}
        kind = str(running.settings["database"]).partition("+")[0]
        figures |= {"seconds": round(time.monotonic() - began)}
        say(capsys, f"kill loop over {road} on {kind}, seed {seed}", figures)

    return run


@pytest.mark.timeout(600)
def test_killed_under_load(killed: Callable[..., None]) -> None:
    killed(1, 120, 5, "smtp")


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("road", ["smtp", "lmtp"])
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_killed_fifteen_times_under_load(killed: Callable[..., None], seed: int, road: str) -> None:
    killed(seed, 600, 15, road)
