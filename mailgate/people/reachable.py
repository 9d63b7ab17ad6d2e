"""Whether an address is worth writing to: a score out of delivery reports that decays, and a rest that ends. Pure.

A failure of the address itself (no such user) is enough for a rest where our relay says so, and two of them that are
reported by mail; failures that pass (mailbox full) only when they go on for days; what our own mail or server is blamed
for says nothing of the address. After the rest the next notice is the probe: if it comes back too, the next rest
begins. Nothing lasts for ever by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailgate.mail.dsn_reason import HARD, SOFT

HALF_LIFE = timedelta(days=7)
REST = timedelta(days=14)
#: From this score on an address rests.
ENOUGH = 5.0
_REFUSED_POINTS = 5.0
#: A report can be written by whoever holds the mail: one alone makes no address rest.
_REPORTED_POINTS = 3.0
_SOFT_POINTS = 1.0
#: Several notices of one day that come back are one failure.
_SOFT_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of an address. score: as it was at scored_at. until: no notices before, None for no rest."""

    score: float
    scored_at: datetime
    until: datetime | None = None

    def score_at(self, now: datetime) -> float:
        """The score at `now` (aware UTC), halved every week."""
        passed = max((now - self.scored_at) / HALF_LIFE, 0.0)
        return float(self.score * 0.5**passed)

    def rests(self, now: datetime) -> bool:
        """Whether it gets no notices now."""
        return self.until is not None and self.until > now


def after_failure(before: Reach | None, reason: str, now: datetime, reported: bool = False) -> Reach | None:
    """What is known after one more failure; None when it changes nothing. reason: of `dsn_reason.REASONS`.

    reported: a report by mail says so, not our own relay.
    """
    if reason in HARD:
        first = before is None or before.until is None  # after a rest the next notice is the probe: it is enough
        points = _REPORTED_POINTS if reported and first else _REFUSED_POINTS
    elif reason in SOFT and (before is None or now - before.scored_at >= _SOFT_EVERY):
        points = _SOFT_POINTS
    else:
        return None
    score = (before.score_at(now) if before else 0.0) + points
    score = min(score, 2 * ENOUGH)
    rest = before.until if before else None
    return Reach(score, now, now + REST if score >= ENOUGH else rest)


def probing(before: Reach, now: datetime) -> Reach:
    """Let the next notice go out; one more failure of any kind is then enough again."""
    return Reach(ENOUGH, now - _SOFT_EVERY, None)
