"""Numbers that may be a minute old, so that nobody counts anew at each look. In memory, bounded; time is passed in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TypeVar

T = TypeVar("T")


class Remembered:
    """Values by key for a while. Whose rights a value depends on belongs into its key. Safe between threads."""

    def __init__(self, lasts: timedelta = timedelta(seconds=60), most: int = 10_000) -> None:
        self._lasts = lasts
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[datetime, object]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, now: datetime, make: Callable[[], T]) -> T:
        """The value of the key, made where there is none or an old one."""
        with self._lock:
            found = self._kept.get(key)
        if found is not None and now - self._lasts < found[0] <= now:
            return found[1]  # type: ignore[return-value]
        value = make()
        with self._lock:
            self._kept[key] = (now, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
