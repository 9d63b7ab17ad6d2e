"""kill -9 in a loop while mail comes by IMAP from a server that dies, refuses, renumbers, behind a relay that lies."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.imap import FAULTS, IllImap
from tests.faults.load import mail
from tests.faults.test_kill_loop import SETTINGS, check, lies
from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK, wait_until

#: Seconds for a start: other tests may run beside.
_PATIENCE = 180.0
AFTER = {"leave": "leave", "flag": {"flag": "mailgate"}, "move": {"move": "Lidos"}}


@pytest.fixture
def server() -> Iterator[IllImap]:
    with IllImap() as ill:
        yield ill


@dataclass
class Arrivals:
    """Mails that reach the mailbox one after the other, whether anybody reads it or not."""

    server: IllImap
    count: int
    dice: random.Random
    accepted: dict[str, int] = field(default_factory=dict)  # SHA-256 of the bytes → number
    broken: int = 0
    answered: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)

    @property
    def is_done(self) -> bool:
        return len(self.accepted) == self.count

    def _run(self) -> None:
        for number in range(self.count):
            raw = mail(number)
            self.accepted[hashlib.sha256(raw).hexdigest()] = number
            self.server.deliver(raw, datetime.now(UTC))
            if self._stopped.wait(self.dice.choice((0.0, 0.0, 0.1, 0.3, 0.5))):
                return


def trouble(dice: random.Random) -> list[str]:
    """How the mailbox's server behaves until the next kill: ill at every third command, hanging at most once."""
    faults = [fault for fault in FAULTS if fault != "hang"]
    plan = [dice.choice(faults) if dice.random() < 0.34 else "" for _ in range(60)]
    plan.insert(dice.randint(5, 50), "hang")
    return plan


def kill_loop(
    gateway: Gateway, server: IllImap, dice: random.Random, mails: int, kills: int, renumberings: int
) -> tuple[Arrivals, int]:
    """Mails arrive while the program is killed and the server is ill. Returns them, and how many faults were met."""
    arrivals = Arrivals(server, mails, random.Random(dice.random()))
    wait_until(lambda: server.idling(), 30, "a first look at the mailbox")
    renumber_at = set(dice.sample(range(kills), renumberings))
    met = 0
    arrivals.start()
    try:
        for number in range(kills):
            server.next(*trouble(dice))
            gateway.sink.next(*lies(dice, 30))
            mark = min(mails, (number + 1) * mails // (kills + 1))
            wait_until(lambda m=mark: len(arrivals.accepted) >= m, 60, "mails", every=0.002)  # type: ignore[misc]
            time.sleep(dice.random() * 0.5)
            gateway.kill9()
            gateway.sink.peace()
            if number in renumber_at:
                server.renumber()
            gateway.start(_PATIENCE)
        server.next(*trouble(dice))
        server.renumber(cut=False)
        wait_until(lambda: arrivals.is_done, 60, "every mail in the mailbox", every=0.05)
        gateway.kill9()
        met = len(server.met)
        server.peace()
        gateway.sink.peace()
        gateway.start(_PATIENCE)
    finally:
        arrivals.stop()
    return arrivals, met


@pytest.fixture
def killed(
    gateway: Callable[..., Gateway], server: IllImap, capsys: pytest.CaptureFixture[str]
) -> Callable[[int, int, int, int, str], None]:
    """Run the loop, check, print the figures."""

    def run(seed: int, mails: int, kills: int, renumberings: int, after: str) -> None:
        mailbox: dict[str, Any] = {
            "name": "caixa", "host": LOOPBACK, "port": server.port, "tls": "none", "user": "suporte",
            "password": "secret", "poll": "1s", "after": AFTER[after],
        }  # fmt: skip
        limits = SETTINGS["limits"] | {"imap_timeout": "2s", "imap_backoff": "1s", "imap_backoff_max": "1s"}
        running = gateway({"imap": [mailbox], "limits": limits, "portal": None}, start=False).start(_PATIENCE)
        began = time.monotonic()
        arrivals, met = kill_loop(running, server, random.Random(seed), mails, kills, renumberings)
        wait_until(lambda: is_read(server, after, running, mails), 120, "a mailbox that is read to its end")
        figures = check(running, arrivals)  # type: ignore[arg-type]
        figures = {"mails": figures["mails"], "read again": figures["resent after a lost 250"]} | figures | {
            "kills": kills + 1, "renumberings": renumberings + 1, "faults of the server": met,
            "seconds": round(time.monotonic() - began),
        }  # fmt: skip
        del figures["resent after a lost 250"], figures["connections refused or cut"]
        with capsys.disabled():
            said = ", ".join(f"{v} {k}" for k, v in figures.items())
            print(f"\n  kill loop over imap, {after}, seed {seed}: {said}")

    return run


def is_read(server: IllImap, after: str, gateway: Gateway, mails: int) -> bool:
    """Whether every mail is marked or moved; where it is left alone, whether the journal has as many."""
    with server.lock:
        inbox = list(server.inbox.mails.values())
    if after == "flag":
        return all("mailgate" in m.flags for m in inbox)
    if after == "move":
        return not inbox
    rows = gateway.export()
    return len({m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"]}) >= mails


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(("seed", "after"), [(21, "leave"), (22, "leave"), (23, "leave"), (22, "flag"), (23, "move")])
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_killed_eight_times_and_renumbered_thrice(killed: Callable[..., None], seed: int, after: str) -> None:
    killed(seed, 120, 8, 2, after)
