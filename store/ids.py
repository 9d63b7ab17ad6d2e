"""Ids made by the program: 63 bits, growing with time, so that rows need no round trip and sort by age."""

from __future__ import annotations

import secrets
import threading
import time


class IdSource:
    """Hands out ids unique in this process and, by 12 random node bits, very probably among all nodes.

    41 bits of milliseconds, 12 of node, 10 of sequence. Two nodes that draw the same 12 bits and write in the same
    millisecond collide on a primary key: the transaction fails as a whole and is tried again.
    """

    def __init__(self) -> None:
        self._node = secrets.randbits(12) << 10
        self._last_ms = 0
        self._sequence = 0
        self._lock = threading.Lock()

    def new(self) -> int:
        """The next id; never the same twice, never smaller than the one before."""
        with self._lock:
            now_ms = time.time_ns() // 1_000_000
            if now_ms > self._last_ms:
                self._last_ms, self._sequence = now_ms, 0
            else:
                self._sequence += 1
                if self._sequence > 0x3FF:
                    self._last_ms, self._sequence = self._last_ms + 1, 0
            return (self._last_ms & ((1 << 41) - 1)) << 22 | self._node | self._sequence


def lowest_within(seconds: float) -> int:
    """No id that was made within the last so many seconds is smaller."""
    return (time.time_ns() // 1_000_000 - int(seconds * 1000) & ((1 << 41) - 1)) << 22
