"""When a deferred message may be tried again, and when to give up. Pure: the draw comes from the caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

#: 1, 5, 15 minutes, 1, 2, 4 hours, then every 8 hours.
DEFAULT_RETRY: tuple[timedelta, ...] = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 240, 480))
DEFAULT_GIVE_UP = timedelta(days=5)
JITTER = 0.2


class GiveUp(Exception):
    """The message has been tried for long enough; not retryable."""


def next_attempt_at(
    first_try_at: datetime,
    attempts: int,
    now: datetime,
    jitter: float,
    *,
    retry: Sequence[timedelta] = DEFAULT_RETRY,
    give_up: timedelta = DEFAULT_GIVE_UP,
) -> datetime:
    """When a deferred message may be tried again.

    first_try_at, now: aware UTC. attempts: tries already made, >= 1. jitter: 0.0 to 1.0, drawn by the caller; spreads
    the interval by 20 % to either side. retry: the intervals; the last repeats until give_up.
    Returns an aware UTC instant later than `now`; the last one is the give-up time itself.
    Raises GiveUp (not retryable) once `now` has reached the give-up time, 5 days after `first_try_at` by default.
    Source: RFC 5321 §4.5.4.1 (retry spacing and give-up time).
    """
    end = first_try_at + give_up
    if now >= end:
        raise GiveUp(f"given up after {attempts} tries in {give_up}")
    interval = retry[min(max(attempts, 1), len(retry)) - 1]
    spread = interval * (1 - JITTER + 2 * JITTER * jitter)
    return min(now + max(spread, timedelta(milliseconds=1)), end)
