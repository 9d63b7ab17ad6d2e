"""`mailgate backup` while the program is killed under load: what had its 250 before it began is in it, whole (O2)."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Load
from tests.faults.test_kill_loop import SETTINGS, all_told, by_message_id, check_relayed, kill_loop, say
from tests.integration.gateway import Gateway
from tests.integration.machine import folder, wait_until


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Callable[[Gateway], Gateway]]:
    """An empty place with the same configuration but for ports, data folder and database: nothing runs there."""
    with folder("else") as home:

        def create(one: Gateway) -> Gateway:
            other = one.beside(home, copied=False)
            if other.settings["database"] != "sqlite":
                fresh: Callable[[], str] = request.getfixturevalue("fresh_database")
                other.write_settings({"database": fresh()})
            # Customers know one address of the portal, wherever it is put back: it stands in mails.
            other.write_settings({"blobs": str(home / "data" / "blobs"), "base_url": one.settings["base_url"]})
            return other

        yield create


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_backup_in_the_kill_loop(
    gateway: Callable[..., Gateway], elsewhere: Callable[[Gateway], Gateway], capsys: pytest.CaptureFixture[str]
) -> None:
    running = gateway(SETTINGS)
    load = Load([running], 200, replies=40)
    died: list[BaseException] = []

    def kill() -> None:
        try:
            kill_loop(running, random.Random(31), load, kills=5)
        except BaseException as error:
            died.append(error)

    killing = threading.Thread(target=kill)
    killing.start()
    made: list[tuple[Path, set[str]]] = []
    while killing.is_alive():
        before = set(load.accepted)
        target = running.home / f"backup-{len(made)}"
        done = running.run("backup", str(target), code=None)  # 75: the database is being written for long just now
        assert done.returncode in (0, 75), done.stderr.decode()
        if done.returncode == 0:
            made.append((target, before))
        killing.join(2)
    assert not died, died
    target, before = next((one for one in reversed(made) if len(one[1]) < load.total), made[-1])
    running.run("verify", str(target))
    running.stop()

    place = elsewhere(running)
    place.run("restore", str(target))
    place.run("verify")
    rows = place.export()
    kept = Counter(m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"])
    assert before <= set(kept) <= set(load.accepted)
    assert set(kept.values()) == {1}
    _goes_on(place, load)
    figures = {"backups": len(made), "accepted before it": len(before), "in it": len(kept), "lost": 0, "half": 0}
    say(capsys, f"backup in the kill loop on {place.settings['database'].partition('+')[0]}", figures)


def _goes_on(place: Gateway, load: Load) -> None:
    """Served where it was put back, it finishes what was under way; everything handed in again is there once."""
    place.start()
    again = Load([place], load.count)
    again._left.clear()
    again._left.extend(load.handed)
    again.replies = load.replies
    again._unanswered.clear()
    again.ahead = load.total
    again.start()
    wait_until(lambda: again.is_done, 300, "everything to be handed in again")
    again.stop()
    rows = place.wait_export(all_told, limit=300, what="nothing left to do")
    kept = Counter(m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"])
    assert kept == Counter(load.accepted.keys())
    tickets: list[dict[str, Any]] = [row for row in rows if row["key"]]
    assert len(tickets) == load.count
    relayed = by_message_id(place.sink)
    for ticket in tickets:
        check_relayed(relayed, ticket)
    place.stop()
