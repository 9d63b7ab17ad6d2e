"""The machine's own clock is set forth and back by days under the running program (D12): each due time fires once.

libfaketime stands between the program and the clock; `time.monotonic` goes on as it does on a real machine.
"""

from __future__ import annotations

import glob
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.load import Load
from tests.faults.test_kill_loop import SETTINGS, all_told, by_message_id, check_relayed, say
from tests.faults.test_kill_timers import resolve_many
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until

pytestmark = [pytest.mark.long, pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)]
_TICKETS = 30
_HOURS = 3600
#: Where the clock stands, in hours from the true time. Due times of five days lie between the fourth and the fifth.
_JUMPS = (24, -24, 0, 50, 121, 0, 122, 145, -24)


def _library() -> str:
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        pytest.skip("libfaketime is not here")
    return found[0]


def _set(clock: Path, hours: int) -> None:
    fresh = clock.with_suffix(".new")
    fresh.write_text(f"{hours * _HOURS:+d}\n")
    fresh.replace(clock)


@pytest.mark.timeout(600)
def test_the_clock_is_set_forth_and_back_under_load(
    gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = gateway({**SETTINGS, "preset": "totvs"}, start=False)
    resolve_many(running, monkeypatch, _TICKETS)
    clock = running.home / "faketime"
    _set(clock, 0)
    running.under(
        "env", f"LD_PRELOAD={_library()}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    )  # fmt: skip
    running.start()
    load = Load([running], 8 * len(_JUMPS))
    load.start()
    try:
        for n, hours in enumerate(_JUMPS, 1):
            wait_until(lambda mark=8 * n: len(load.accepted) >= mark - 4, 60, "mails between two jumps", every=0.01)
            _set(clock, hours)
            time.sleep(1.5)
        wait_until(lambda: load.is_done, 60, "every mail to be accepted")
    finally:
        load.stop()
    rows = running.wait_export(
        lambda rows: all_told(rows) and sum(r["status"] == "fechado" for r in rows if r["key"]) >= _TICKETS,
        limit=120, what="every due time to fire and every mail to leave",
    )  # fmt: skip
    assert running.is_running
    seen = Counter(m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"])
    assert set(load.accepted) <= set(seen)
    assert max(seen.values()) == 1
    relayed = by_message_id(running.sink)
    again = 0
    for ticket in (row for row in rows if row["key"]):
        told = Counter(m["notice"] for m in ticket["messages"] if m["kind"] == "notice")
        assert max(told.values()) == 1, (ticket["key"], told)
        if ticket["status"] == "fechado":
            assert [e["kind"] for e in ticket["events"]].count("timer") == 1
        if told["N5"]:  # made before it ran: those left by another road
            continue
        again += check_relayed(relayed, ticket)
    say(
        capsys,
        "clock jumps",
        {"jumps": len(_JUMPS), "mails": len(load.accepted), "closed by time": _TICKETS, "relayed again": again},
    )
