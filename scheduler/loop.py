"""The clock that ticks sweeps. APScheduler holds only the ticks, in memory; due times are rows of the database.

A tick that is late runs once (coalesce), a sweep never overlaps with itself, and one that fails is logged and comes
again: what it should have done is still due.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from scheduler.sweeps import Sweep


class Ticker:
    """Runs each sweep at its interval, in a thread pool of its own."""

    def __init__(self, sweeps: Sequence[Sweep], threads: int = 4) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for sweep in sweeps:
            seconds = max(sweep.every, timedelta(milliseconds=50)).total_seconds()
            self._scheduler.add_job(sweep.run, "interval", seconds=seconds, id=sweep.name)
            if sweep.at_once:
                self._scheduler.add_job(sweep.run, id=f"{sweep.name}, at once")

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking and wait for the sweeps that are under way."""
        self._scheduler.shutdown(wait=True)
