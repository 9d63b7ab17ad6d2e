"""How long one read may take for whoever asked: a page has seconds, a mail in the background takes what it takes.

The span is the asker's (a context variable, which threads started for him inherit), so that queries know nothing of
it. A read that takes longer is stopped in the database and fails as StoreUnavailable. Sources: sqlite.org,
c3ref/progress_handler.html; PostgreSQL 15, 20.11 (statement_timeout).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_seconds: ContextVar[float | None] = ContextVar("patience", default=None)
#: Virtual machine instructions of SQLite between two looks at the clock: about a millisecond.
_INSTRUCTIONS = 20_000


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Each read of the block, and of what it starts, has so many seconds; None: as many as it takes."""
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)


def for_postgres() -> str:
    """What a transaction begins with, "" where nobody waits."""
    seconds = _seconds.get()
    return "" if seconds is None else f"; SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}"


@contextmanager
def on_sqlite(raw: Any) -> Iterator[None]:
    """raw: the driver's connection."""
    seconds = _seconds.get()
    if seconds is None:
        yield
        return
    deadline = time.monotonic() + seconds
    raw.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


def is_over(cause: str) -> bool:
    """Whether a database's error says that a read was stopped for this: nothing is wrong with the connection."""
    return cause == "interrupted" or "statement timeout" in cause
