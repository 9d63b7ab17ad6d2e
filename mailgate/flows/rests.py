"""Which addresses rested when, out of the tickets' history: what a period that is tried out knows of `reaching`.

Delivery reports come from outside, whatever the rules say, so every world of a replay has the same rests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Rest:
    """A time in which an address got no notices. Named as the columns of the table that keeps them."""

    address: str
    until: datetime
    reason: str
    since: datetime
    status: str = ""


@dataclass(frozen=True, slots=True)
class Rests:
    """All of them, by address."""

    known: dict[str, list[Rest]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Row[Any]], told: Iterable[tuple[str, datetime]] = ()) -> Rests:
        """events: `address_suppressed` and `address_cleared`, oldest first. told: who got a notice when: no rest then,
        even where nothing says who ended it (`mailgate contact clear`)."""
        known: dict[str, list[Rest]] = {}
        for event in events:
            address = event.data["address"]
            rests = known.setdefault(address, [])
            _end(rests, event.at)
            if event.kind == "address_suppressed":
                until = datetime.fromisoformat(event.data["until"])
                rests.append(Rest(address, until, event.data.get("reason", ""), event.at))
        for address, at in told:
            _end(known.get(address, []), at)
        return cls(known)

    def at(self, now: datetime) -> dict[str, Rest]:
        """The addresses that rest at that instant."""
        found = ((a, next((r for r in rests if r.since <= now < r.until), None)) for a, rests in self.known.items())
        return {address: rest for address, rest in found if rest is not None}


def _end(rests: list[Rest], at: datetime) -> None:
    """The rest in which that instant lies ends there."""
    for place, one in enumerate(rests):
        if one.since < at < one.until:
            rests[place] = Rest(one.address, at, one.reason, one.since, one.status)
