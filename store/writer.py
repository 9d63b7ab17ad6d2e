"""Where writing happens inside `serve`: one writer thread on SQLite, the callers' own threads on PostgreSQL.

Urgent work (making an accepted mail durable) goes before the rest, so that a batch of tickets never keeps a peer
waiting for its 250 longer than one batch.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection

from store.engine import LOCK_WAIT_SECONDS, Database
from store.errors import StoreBusy, StoreUnavailable

T = TypeVar("T")
Work = Callable[[Connection], T]


class Writer:
    """Runs functions inside write transactions, each function in its own, and hands back what they return."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._urgent: deque[tuple[Work[Any], Future[Any], float]] = deque()
        self._normal: deque[tuple[Work[Any], Future[Any], float]] = deque()
        self._wake = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None
        if database.is_sqlite:
            self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
            self._thread.start()
        else:
            self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="journal-writer")

    def call(self, work: Work[T]) -> T:
        """Run `work(connection)` in a write transaction and return what it returned, after the commit.

        Raises what `work` raised (nothing is kept then), StoreBusy or StoreUnavailable.
        """
        if self._thread is None or threading.current_thread() is self._thread:
            return self._run(work)
        return self.submit(work).result()

    def submit(self, work: Work[T], *, urgent: bool = False) -> Future[T]:
        """As `call`, without waiting. urgent: goes before what is not."""
        if self._pool is not None:
            return self._pool.submit(self._run, work)
        future: Future[T] = Future()
        with self._wake:
            if self._stopped:
                future.set_exception(StoreUnavailable("the gateway is stopping"))
                return future
            (self._urgent if urgent else self._normal).append((work, future, time.monotonic()))
            self._wake.notify()
        return future

    def stop(self) -> None:
        """Finish what was handed in, then end."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _run(self, work: Work[T]) -> T:
        with self.database.write() as connection:
            return work(connection)

    def _loop(self) -> None:
        locked = False
        while True:
            with self._wake:
                while not (self._urgent or self._normal or self._stopped):
                    self._wake.wait()
                if not (self._urgent or self._normal):
                    return
                work, future, asked_at = (self._urgent or self._normal).popleft()
            if not future.set_running_or_notify_cancel():
                continue
            if locked and time.monotonic() - asked_at > LOCK_WAIT_SECONDS:
                # While another program holds the database, each has its five seconds, not each after the other.
                future.set_exception(StoreBusy("the database is being written by another program, try again"))
                continue
            try:
                result = self._run(work)
            except BaseException as error:  # the caller decides what it means
                locked = isinstance(error, StoreBusy)
                future.set_exception(error)
            else:
                locked = False
                future.set_result(result)
