"""Brakes at the door that remember: who sends far too much, and how much was taken today. In memory, bounded.

Beyond `limits.mails_per_sender` a mail is held; from `limits.refuse_from` times that on its sender's MTA keeps it
(450). Only the envelope is known here, and anybody can write anything there: this spares the disk, it judges nobody.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mailgate.clock import Clock
from mailgate.errors import SmtpReply
from mailgate.yamltypes import Rate

TOO_MANY_OF_SENDER = SmtpReply(450, "4.7.1", "Too many mails of this sender, please try again later")
QUOTA_FULL = SmtpReply(452, "4.3.1", "Too much mail today, please try again later")

_MOST_SENDERS = 10_000
_SLOTS = 12
_DAY = timedelta(days=1)


class SenderCount:
    """Mails of each envelope sender against rates. A rate's span is counted in twelfths: that is exact enough.

    Of more than ten thousand senders the one that was quiet for longest is forgotten. For one event loop.
    """

    def __init__(self, rates: Sequence[Rate]) -> None:
        self._rates = tuple(rates)
        self._seen: OrderedDict[str, tuple[deque[tuple[int, int]], ...]] = OrderedDict()

    def is_over(self, sender: str, now: datetime) -> bool:
        """Whether one more is too many. The null sender is everybody's: it is not counted (RFC 5321 §4.5.5)."""
        slots = self._seen.get(sender.lower())
        if slots is None:
            return False
        return any(self._count(each, rate, now) >= rate.count for each, rate in zip(slots, self._rates, strict=True))

    def add(self, sender: str, now: datetime) -> None:
        """One more was taken."""
        if not sender or not self._rates:
            return
        sender = sender.lower()
        slots = self._seen.setdefault(sender, tuple(deque() for _ in self._rates))
        self._seen.move_to_end(sender)
        if len(self._seen) > _MOST_SENDERS:
            self._seen.popitem(last=False)
        for each, rate in zip(slots, self._rates, strict=True):
            slot = _slot(now, rate)
            if each and each[-1][0] == slot:
                each[-1] = (slot, each[-1][1] + 1)
            else:
                each.append((slot, 1))

    @staticmethod
    def _count(slots: deque[tuple[int, int]], rate: Rate, now: datetime) -> int:
        oldest = _slot(now, rate) - _SLOTS
        while slots and slots[0][0] <= oldest:
            slots.popleft()
        return sum(count for _, count in slots)


def _slot(now: datetime, rate: Rate) -> int:
    return int(now.timestamp() * _SLOTS / rate.per.total_seconds())


class DayQuota:
    """Octets taken within a day against `limits.stored_per_day`. stored: looks in the database, since an instant.

    `ready` and `add` cost nothing and may be called from any thread; `look` reads, and is called now and then, so that
    other nodes' mail counts too and yesterday's does not.
    """

    def __init__(self, limit: int | None, stored: Callable[[datetime], int], clock: Clock) -> None:
        self._limit = limit
        self._stored = stored
        self._clock = clock
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        return self._limit is not None

    def look(self) -> None:
        """Count anew. Raises StoreError."""
        if self._limit is None:
            return
        with self._lock:
            before = self._taken
        stored = self._stored(self._clock() - _DAY)
        with self._lock:
            self._taken = stored + (self._taken - before)  # what came while we looked may count twice until the next

    def add(self, octets: int) -> None:
        """So much was made durable."""
        with self._lock:
            self._taken += octets

    def ready(self, octets: int) -> SmtpReply | None:
        """None, or the reply that puts a mail of this size off."""
        if self._limit is None or self._taken + max(1, octets) <= self._limit:
            return None
        return QUOTA_FULL
