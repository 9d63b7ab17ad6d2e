"""S5 to S7 by the running program: a relay with every fault at every stage, stuck mails beside others, the schedule."""

from __future__ import annotations

import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterable

import pytest

from tests.faults.liar import COMES_AGAIN, FAULTS, STAGES, Liar, Taken
from tests.integration.desk import Desk
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until

sqlite_only = pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
LIMITS = dict.fromkeys(("acks_total", "acks_per_address", "notices_per_address", "connections_per_ip"), "off")
#: Patience of seconds instead of minutes.
SHORT = {"relay_connect": "2s", "relay_command": "2s", "relay_data": "3s"}
BRUNO = "bruno@example.test"
Start = Callable[..., Gateway]


def start(gateway: Start, liar: Liar, limits: dict[str, str] | None = None, retry: Iterable[str] = ("1s",)) -> Gateway:
    return gateway({"relay": {"port": liar.port, "retry": list(retry)}, "limits": LIMITS | (limits or {})})


def write(running: Gateway, address: str) -> float:
    """A customer of that address writes; when his mail was taken."""
    raw = (
        f"From: <{address}>\r\nTo: suporte@example.test\r\nSubject: Pedido de {address}\r\n"
        f"Message-ID: <{address.replace('@', '.')}@cliente.test>\r\n\r\nN\u00e3o chegou.\r\n"
    )
    assert running.send(raw.encode(), mail_from=address) == {}
    return time.monotonic()


def states(desk: Desk) -> dict[str, list[str]]:
    """Recipient → the states of the notices to him, once none is on its way."""
    found: dict[str, list[str]] = {}
    for row in desk.rows():
        for one in row["messages"]:
            if one["kind"] == "notice":
                found.setdefault(one["recipient"], []).append(one["state"])
    return {to: each for to, each in found.items() if not {"waiting", "sending"} & set(each)}


def all_settled(running: Gateway, people: Iterable[str], limit: float) -> dict[str, list[str]]:
    """Wait until nothing to these people is on its way; the states of what they were sent."""
    desk, wanted = Desk(running, None), {*people, BRUNO}  # type: ignore[arg-type]  # no names are asked
    seen: dict[str, list[str]] = {}

    def look() -> bool:
        seen.update(states(desk))
        return wanted <= set(seen)

    try:
        wait_until(look, limit, "all to be settled", every=0.5)
    finally:
        desk.close()
    return seen


def check_bytes(liar: Liar) -> int:
    """One mail, one set of bytes, at every try, and only CRLF; how many were relayed more than once."""
    by_id: dict[str, set[bytes]] = {}
    for mail in liar.taken:
        by_id.setdefault(mail.message_id, set()).add(mail.raw)
        assert mail.raw.replace(b"\r\n", b"").count(b"\r") == mail.raw.replace(b"\r\n", b"").count(b"\n") == 0
    assert [len(same) for same in by_id.values()] == [1] * len(by_id)
    return sum(count - 1 for count in liar.copies().values())


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelining"])
def test_every_fault_at_every_stage_of_a_mail(
    gateway: Start, pipelining: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each address has its own fault, twice, at RCPT, DATA or behind the dot; others go on beside them."""
    faulty = [f"{stage}.{fault}.2@cliente.test" for stage in ("rcpt", "data", "dot") for fault in FAULTS]
    with Liar(pipelining=pipelining) as liar:
        running = start(gateway, liar, SHORT)
        begun = {address: write(running, address) for address in faulty}
        others = [f"ana{n}@cliente.test" for n in range(20)]
        for address in others:
            begun[address] = write(running, address)
            time.sleep(0.5)
        came = all_settled(running, [*faulty, *others], 200)
        for address in faulty:
            stage, fault, _ = address.partition("@")[0].split(".")
            tries, taken = len(liar.tries[address]), len(liar.to(address))
            assert came[address] == (["failed"] if fault == "never" else ["accepted"]), address
            assert (tries, taken) == _expected(stage, fault), address
        again = check_bytes(liar)
        assert liar.most_open <= 5
        waits = [liar.to(address)[0].at - begun[address] for address in others]
    with capsys.disabled():
        print(f"\n  {len(faulty)} faults: {again} copies more, same bytes; others left within {max(waits):.1f} s")


def _expected(stage: str, fault: str) -> tuple[int, int]:
    """Tries that reach RCPT, and mails at the relay."""
    if fault == "never":
        return 1, 0
    if fault not in COMES_AGAIN:
        return 1, 1
    unknown = stage == "dot" and fault in ("hang", "endless", "lost")
    return 3, 3 if unknown else 1


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_fault_of_the_connection(gateway: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Greeting, EHLO and MAIL in any mood, by dice: whatever the code, a fault of the connection fails no mail."""
    dice = random.Random(6)
    moods: dict[tuple[int, str], str] = {}

    def plan(number: int, stage: str) -> str:
        if stage not in ("connect", "ehlo", "mail") or dice.random() < 0.6:
            return ""
        kinds = [f for f in FAULTS if f not in (("never", "lost") if stage == "mail" else ("lost",))]
        moods[(number, stage)] = dice.choice(kinds)
        return moods[(number, stage)]

    with Liar(plan) as liar:
        running = start(gateway, liar, SHORT)
        people = [f"ana{n}@cliente.test" for n in range(60)]
        for address in people:
            write(running, address)
        came = all_settled(running, people, 400)
        assert {state for each in came.values() for state in each} == {"accepted"}
        assert liar.most_open <= 5
        assert check_bytes(liar) == 0
        assert set(liar.copies().values()) == {1}
    with capsys.disabled():
        print(f"\n  120 mails, {len(moods)} faults of {liar.connections} connections: lost 0, doubled 0")


def _left_within(liar: Liar, running: Gateway, names: Iterable[str], every: float) -> list[float]:
    """Customers write, one after the other; how long each acknowledgement took to the relay, in seconds."""
    begun: dict[str, float] = {}
    for name in names:
        begun[name] = write(running, name)
        time.sleep(every)

    def all_there() -> dict[str, Taken]:
        found = {name: liar.to(name)[0] for name in names if liar.to(name)}
        return found if len(found) == len(begun) else {}

    there = wait_until(all_there, 400, "the acknowledgements of others")
    return [there[name].at - begun[name] for name in names]


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("stage", "stuck", "within"), [("rcpt", 4, 15), ("dot", 4, 15), ("rcpt", 12, 90), ("dot", 12, 300)]
)
def test_stuck_mails_hold_up_no_others(
    gateway: Start, stage: str, stuck: int, within: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the patience of RFC 5321: a minute for a reply, ten for the final dot."""
    with Liar() as liar:
        running = start(gateway, liar)
        for number in range(stuck):
            write(running, f"{stage}.hang.9.{number}@cliente.test")
        wait_until(lambda: len(liar.tries) >= min(stuck, 5), 90, "mails that are stuck")
        waits = _left_within(liar, running, [f"ana{n}@cliente.test" for n in range(10)], 0.5)
        assert max(waits) < within
        assert liar.most_open <= 5
        running.stop()
    with capsys.disabled():
        print(f"\n  {stuck} mails stuck at {stage}: another left within {max(waits):.1f} s")


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_address_that_hangs_for_ever_holds_up_no_others(gateway: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """All mails of a popular address hang, at every try: a hundred of them wait, and customers get theirs."""
    stuck = "rcpt.hang.9999@example.test"
    with Liar() as liar:
        agents = [{"name": "Bruno", "address": stuck, "departments": ["suporte"], "role": "agent"}]
        running = gateway(
            {
                "relay": {"port": liar.port, "retry": ["1s"]},
                "limits": LIMITS | {"relay_command": "20s"},
                "agents": agents,
            }
        )
        waits = _left_within(liar, running, [f"ana{n}@cliente.test" for n in range(100)], 0.1)
        assert max(waits) < 30
        assert liar.most_open <= 5
        running.stop()
    with capsys.disabled():
        print(f"\n  100 mails to one address stuck: others left within {max(waits):.1f} s")


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(120)
def test_the_schedule_with_its_jitter(gateway: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """A relay that is never ready: 2, 4 and 8 seconds, each 20 % to either side, and not all at one instant."""
    people = [f"rcpt.later.4.{n}@cliente.test" for n in range(40)]
    with Liar() as liar:
        running = start(gateway, liar, retry=("2s", "4s", "8s"))
        for address in people:
            write(running, address)
        wait_until(lambda: all(liar.to(a) for a in people), 90, "all taken", every=0.2)
        report = []
        for number, seconds in enumerate((2, 4, 8, 8)):
            gaps = [liar.tries[a][number + 1] - liar.tries[a][number] for a in people]
            assert min(gaps) >= 0.8 * seconds
            assert max(gaps) <= 1.2 * seconds + 1.0
            assert abs(statistics.mean(gaps) - seconds) < 0.1 * seconds + 0.3
            assert statistics.stdev(gaps) > 0.05 * seconds
            report.append(f"{min(gaps):.2f} to {max(gaps):.2f} s, mean {statistics.mean(gaps):.2f}")
    with capsys.disabled():
        print("\n  gaps of 2, 4, 8, 8 s: " + "; ".join(report))


def test_every_stage_and_fault_is_attacked() -> None:
    named = {*itertools.product(STAGES, FAULTS)}
    assert len(named) == len(STAGES) * len(FAULTS) == 72
