"""One timer a connection that is cheap to move: a deadline that is put off costs an assignment, not a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Watchdog:
    """Calls `on_late` once the loop's clock has passed the deadline. None = no deadline."""

    __slots__ = ("_deadline", "_loop", "_on_late", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_late: Callable[[], None]) -> None:
        self._loop = loop
        self._on_late = on_late
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def by(self, deadline: float | None) -> None:
        """Set the deadline, in seconds of the loop's clock."""
        self._deadline = deadline
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return  # it will look again when it rings
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._ring)

    def cancel(self) -> None:
        """The name a timer has where aiosmtpd cancels its own; see `stop`."""
        self.stop()

    def stop(self) -> None:
        """No call any more."""
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self.by(self._deadline)
        else:
            self._on_late()
