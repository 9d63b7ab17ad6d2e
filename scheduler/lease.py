"""Which of the other nodes live, without asking any clock what time it is. Pure: who looks hands in what he saw.

A node counts up a beat in the database; one whose beat stands still while we look on is silent, and its work may be
taken over. Nobody compares his clock with another's, so a clock that jumps makes nobody silent. For whoever was frozen
himself, or could not reach the database, that time counts little: he has not looked on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

#: A node that misses so many beats counts as silent.
BEATS_MISSED = 8
#: A node's process and how often it has beaten.
Beat = tuple[str, int]


@dataclass(slots=True)
class _Seen:
    beat: Beat
    silent: float = 0.0


class Peers:
    """What this node knows of the others. One for a process; one thread looks, others ask who lives.

    every: seconds between two beats, and between two looks.
    """

    def __init__(self, every: float = 5.0) -> None:
        self._most_gap = 3 * every
        self._silence = BEATS_MISSED * every
        self._looked = 0.0
        self._seen: dict[str, _Seen] = {}
        self._alive: tuple[str, ...] = ()

    @property
    def alive(self) -> Collection[str]:
        """The others that are not known to be silent: what they hold is theirs, whatever a clock says."""
        return self._alive

    def look(self, beats: Mapping[str, Beat], now: float) -> list[str]:
        """The silent ones among `beats` (of the others, by name). now: seconds of a monotonic clock."""
        passed, self._looked = min(now - self._looked, self._most_gap), now
        seen: dict[str, _Seen] = {}
        for name, beat in beats.items():
            known = self._seen.get(name)
            stands = known if known is not None and known.beat == beat else None
            seen[name] = _Seen(beat, stands.silent + passed if stands is not None else 0.0)
        self._seen = seen
        silent = [name for name, one in seen.items() if one.silent >= self._silence]
        self._alive = tuple(name for name in seen if name not in silent)
        return silent
