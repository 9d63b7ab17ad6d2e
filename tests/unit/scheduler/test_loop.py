"""Ticks while the clock of the machine jumps (D12): APScheduler asks `datetime.now`, which is moved here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import apscheduler.schedulers.base
import pytest

from scheduler import loop
from scheduler.loop import Ticker
from scheduler.sweeps import Sweep


class _Clock(datetime):
    offset = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.offset


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """A permit for each tick of a sweep of 50 ms."""
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", _Clock)
    monkeypatch.setattr(loop, "_COMPARE_EVERY", 0.05)
    done = threading.Semaphore(0)
    ticker = Ticker([Sweep("one", timedelta(milliseconds=50), done.release)], lambda: _Clock.now(UTC))
    ticker.start()
    yield done
    ticker.stop()
    _Clock.offset = timedelta()


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1), timedelta(days=365 * 56)])
def test_it_ticks_on_after_a_jump(ticks: threading.Semaphore, jump: timedelta) -> None:
    assert ticks.acquire(timeout=5)
    _Clock.offset = jump
    while ticks.acquire(blocking=False):
        pass
    for _ in range(5):
        assert ticks.acquire(timeout=2), "it sleeps"
