"""The clock that ticks sweeps. APScheduler holds only the ticks, in memory; due times are rows of the database.

A tick that is late runs once (coalesce), a sweep never overlaps with itself, and one that fails is logged and comes
again: what it should have done is still due. APScheduler 3 keeps its next ticks by the wall clock: one that is set back
a day would make it sleep for a day, so the jump is watched for and the ticks are set anew; one that is set ahead would
make its own interval trigger list every tick in between (a machine that boots in 1970 has billions), so ours does not.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from scheduler.sweeps import Sweep

#: Seconds between two comparisons of the wall clock with the steady one, and the difference that is a jump.
_COMPARE_EVERY, _JUMP = 1.0, 2.0


class _Every(BaseTrigger):  # type: ignore[misc]
    """One interval after now, whenever it was asked before."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """APScheduler's question."""
        return now + self._interval


class Ticker:
    """Runs each sweep at its interval, in a thread pool of its own."""

    def __init__(self, sweeps: Sequence[Sweep], now: Callable[[], datetime], threads: int = 4) -> None:
        """now: the machine's own clock, which APScheduler goes by."""
        self._now = now
        self._stopped = threading.Event()
        self._watch = threading.Thread(target=self._watch_clock, name="clock-watch", daemon=True)
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for sweep in sweeps:
            self._scheduler.add_job(sweep.run, _Every(max(sweep.every, timedelta(milliseconds=50))), id=sweep.name)
            if sweep.at_once:
                self._scheduler.add_job(sweep.run, id=f"{sweep.name}, at once")

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """Stop ticking and wait for the sweeps that are under way."""
        self._stopped.set()
        self._scheduler.shutdown(wait=True)

    def _watch_clock(self) -> None:
        ahead = self._now().timestamp() - time.monotonic()
        while not self._stopped.wait(_COMPARE_EVERY):
            before, ahead = ahead, self._now().timestamp() - time.monotonic()
            if abs(ahead - before) > _JUMP:
                self._tick_now()

    def _tick_now(self) -> None:
        """Every sweep looks at once, and then at its interval."""
        for job in self._scheduler.get_jobs():
            with contextlib.suppress(JobLookupError):  # it ran once and is gone
                job.modify(next_run_time=self._now())
