"""K3 on the running program: an admin saves broken files a hundred times under load, and a worker dies meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailgate.scaffold import preset_folder
from tests.faults.load import Load
from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK, wait_until

pytestmark = pytest.mark.long

RELOADS, MAILS = 100, 120
_OFF = dict.fromkeys(("tickets_per_sender", "mails_per_sender", "acks_total"), "off")
_GOOD = (preset_folder("centrium") / "rules.yaml").read_text(encoding="utf-8")
BROKEN = (
    "rules: [", "x: 1\n", "\0", _GOOD + "\n  - nope", "rules:\n  - {name: a, when: [nothing]}\n", "&a [*a]",
    "!!python/object/apply:os.system [true]", _GOOD.replace("name:", "nome:", 1), "rules: " + "[" * 100_000,
    "a: &a [1]\n" + "b: [*a, *a]\n" * 200, 'rules: [{name: x, when: ticket_opened, if: {body: {matches: "("}}}]\n',
)  # fmt: skip


def workers_of(pid: int) -> list[int]:
    """The processes that read and render."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [(int(child), Path(f"/proc/{child}/cmdline").read_bytes()) for child in listed]
    return [child for child, line in found if b"spawn_main" in line]


class Canary:
    """A peer that wants to be greeted all the time; `worst`: how long it waited, in seconds."""

    def __init__(self, port: int) -> None:
        self.worst = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port,))
        self._thread.start()

    def _run(self, port: int) -> None:
        while not self._ended.wait(0.05):
            began = time.monotonic()
            with socket.create_connection((LOOPBACK, port), timeout=30) as peer:
                peer.recv(100)
            self.worst = max(self.worst, time.monotonic() - began)

    def end(self) -> None:
        self._ended.set()
        self._thread.join(40)


@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_broken_files_a_hundred_times_under_load(gateway: Callable[..., Gateway]) -> None:
    running = gateway({"limits": _OFF}, start=True)
    rules, template = running.home / "rules.yaml", running.home / "templates" / "mail" / "n1.txt"
    template.parent.mkdir(parents=True)
    load, canary = Load([running], MAILS, ahead=30), Canary(running.port("smtp"))
    load.start()
    try:
        for number in range(RELOADS):
            if number % 3 == 2:
                template.write_text("{% if %}" if number % 2 else "{{ nobody.knows")
            rules.write_text(BROKEN[number % len(BROKEN)], encoding="utf-8")
            running.signal(signal.SIGHUP)
            if number % 25 == 10:  # whoever takes its place must not need what is on the disk now
                for worker in workers_of(running.pid):
                    os.kill(worker, signal.SIGKILL)
            time.sleep(0.25)
        wait_until(lambda: "last good ones are in force" in running.ops("/readyz")[1], 20, "degraded health")
        assert running.ops("/readyz")[0] == 503
        assert running.ops("/healthz")[0] == 200
        wait_until(lambda: load.is_done, 240, "every mail handed in")
    finally:
        load.stop()
        canary.end()
    rules.unlink()
    template.unlink()
    running.signal(signal.SIGHUP)
    wait_until(lambda: running.ops("/readyz")[0] == 200, 30, "health again")
    rows = running.wait_export(lambda rows: len([r for r in rows if r["key"]]) == MAILS, 120)
    assert [row for row in rows if not row["key"]] == []
    wait_until(lambda: len(load.acknowledged()) == MAILS, 120, "every acknowledgement")
    assert sum(load.refused.values()) == 0
    assert load.broken == 0
    assert canary.worst < 5
    log = running.log()
    said = log.count("the last good ones stay")
    print(f"{RELOADS} reloads, {MAILS} mails, greeted within {canary.worst:.2f} s, {said} lines about the mistakes")
    assert "worker does not start" not in log
