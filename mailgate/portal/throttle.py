"""How often somebody may ask: a sliding window per key, in memory, bounded. Time is passed in."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from mailgate.yamltypes import Rate

#: Keys remembered at most; the one that was quiet for longest is forgotten first.
MOST_KEYS = 20_000


class Throttle:
    """Counts events per key against rates such as 30 an hour; no rate at all means no limit. Safe between threads."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._rates = tuple(rates)
        self._longest = max((rate.per for rate in self._rates), default=timedelta())
        self._most = max((rate.count for rate in self._rates), default=0)
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str, now: datetime) -> int:
        """Seconds until `key` may ask again, 0 when it may now. Counts nothing."""
        with self._lock:
            return self._wait(self._seen.get(key, deque()), now)

    def count(self, key: str, now: datetime) -> int:
        """Count one event of `key` if it may, and return 0; else the seconds to wait, counting nothing."""
        if not self._rates:
            return 0
        with self._lock:
            events = self._seen.setdefault(key, deque(maxlen=max(1, self._most)))
            self._seen.move_to_end(key)
            while len(self._seen) > MOST_KEYS:
                self._seen.popitem(last=False)
            seconds = self._wait(events, now)
            if not seconds:
                events.append(now)
            return seconds

    def give_back(self, key: str) -> None:
        """The last event of `key` does not count after all."""
        with self._lock:
            events = self._seen.get(key)
            if events:
                events.pop()

    def _wait(self, events: deque[datetime], now: datetime) -> int:
        while events and events[0] <= now - self._longest:
            events.popleft()
        seconds = 0
        for rate in self._rates:
            inside = [at for at in events if at > now - rate.per]
            if len(inside) >= rate.count:
                first = inside[-rate.count] if rate.count else now
                seconds = max(seconds, math.ceil((first + rate.per - now).total_seconds()), 1)
        return seconds


class Once:
    """Forms that were sent already, so that a double click says a thing once. Bounded; safe between threads."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._taken: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str) -> bool:
        """Take a name; False when it is taken."""
        with self._lock:
            if name in self._taken:
                return False
            self._taken[name] = ""
            if len(self._taken) > self._most:
                self._taken.popitem(last=False)
            return True

    def came_to(self, name: str, where: str) -> None:
        """What became of it: the page that whoever sends it again is shown."""
        with self._lock:
            if name in self._taken:
                self._taken[name] = where

    def where(self, name: str) -> str:
        """What became of a name that is taken; "" while that is not known."""
        with self._lock:
            return self._taken.get(name, "")

    def give_back(self, name: str) -> None:
        """What was begun under the name did not happen: it may be tried again."""
        with self._lock:
            self._taken.pop(name, None)
