"""Due times of tickets that are values: what `timers` and `duedates` keep in rows, for a period that is tried out.

A ticket's timers are armed when it enters a status, moved by words, armed again as reminders, gone with the status.
Each due date is spoken of twice at most: near, and past.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from mailgate.decide.facts import TicketFacts
from mailgate.flows.site import Site
from mailgate.tickets.workflow import TimedTransition, split_name

#: More than this many firings of one ticket's timers in a period are a workflow that runs in a circle.
_MOST_FIRINGS = 1000
DATES = ("due_soon", "overdue")


@dataclass(frozen=True, slots=True)
class Settled:
    """A timer of a ticket that had fired, or was cancelled, when the ticket came into view. name: of its row."""

    ticket_id: int
    name: str
    status: str
    at: datetime


@dataclass(slots=True)
class Alarms:
    """The due times of one world. since: what was due before is not spoken of."""

    site: Site
    since: datetime
    _heap: list[tuple[datetime, int, str, datetime]] = field(default_factory=list)
    _armed: dict[int, dict[str, datetime]] = field(default_factory=dict)
    _dates: dict[int, datetime | None] = field(default_factory=dict)
    _spoken: set[tuple[int, str, datetime]] = field(default_factory=set)
    _firings: dict[int, int] = field(default_factory=dict)
    _soon: dict[datetime, datetime] = field(default_factory=dict)

    def next(self, until: datetime) -> tuple[datetime, int, str] | None:
        """Take the earliest of what is due up to then: (when, ticket, name of the timer or one of DATES)."""
        while self._heap and self._heap[0][0] <= until:
            at, ticket_id, name, of = heapq.heappop(self._heap)
            if name in DATES:
                if self._dates.get(ticket_id) == of and (ticket_id, name, of) not in self._spoken:
                    return at, ticket_id, name
                continue
            if self._armed.get(ticket_id, {}).get(name) != at:
                continue
            self._firings[ticket_id] = self._firings.get(ticket_id, 0) + 1
            if self._firings[ticket_id] <= _MOST_FIRINGS:
                return at, ticket_id, name
        return None

    # --- timers ------------------------------------------------------------------------------------------------------

    def came_into_view(self, ticket: TicketFacts, settled: Iterable[Settled]) -> None:
        """A ticket as its first event in the period found it. settled: its timers that were over by then."""
        over = [s for s in settled if s.status == ticket.status and s.at > ticket.status_since]
        for timed in self._timers(ticket):
            rounds = [(split_name(s.name)[1], s.at) for s in over if split_name(s.name)[0] == timed.name]
            number, at = max(rounds, default=(0, ticket.status_since))
            if number >= timed.repeat:
                continue
            due = self._by_words(ticket, timed, self.site.timer_at(at, timed.after.text))
            self._arm(ticket.id, timed.row_name(number + 1), due)
        self._date(ticket, self.since)

    def changed(self, before: TicketFacts | None, ticket: TicketFacts, now: datetime) -> None:
        """A ticket after something was done to it; before: None when it was opened."""
        if before is None or before.status != ticket.status or before.status_since != ticket.status_since:
            self._armed[ticket.id] = {}
            for timed in self._timers(ticket):
                self._arm(ticket.id, timed.row_name(), self.site.timer_at(now, timed.after.text))
        else:
            self._move(ticket)
        paused = before is None or before.status != ticket.status
        if paused or before is None or before.due_at != ticket.due_at:
            self._date(ticket, now)

    def fired(self, ticket: TicketFacts, name: str, now: datetime) -> None:
        """A timer fired and the ticket stayed where it was: the next reminder is armed, if there is one."""
        armed = self._armed.get(ticket.id, {})
        armed.pop(name, None)
        timed, number = self.site.book().workflow.timer(ticket.status, name), split_name(name)[1]
        if timed is not None and number < timed.repeat:
            self._arm(ticket.id, timed.row_name(number + 1), self.site.timer_at(now, timed.after.text))

    def leaves_now(self, ticket: TicketFacts, name: str, now: datetime) -> bool:
        """Whether a time that moves the ticket on is due as well; then a reminder of what is over is gone."""
        workflow = self.site.book().workflow
        timed, armed = workflow.timer(ticket.status, name), self._armed.get(ticket.id, {})
        others = (workflow.timer(ticket.status, other) for other, at in armed.items() if other != name and at <= now)
        leaves = timed is not None and timed.to is None and any(o is not None and o.to is not None for o in others)
        if leaves:
            armed.pop(name, None)
        return leaves

    def _timers(self, ticket: TicketFacts) -> tuple[TimedTransition, ...]:
        return self.site.book().workflow.timers_for(ticket.status)

    def _arm(self, ticket_id: int, name: str, at: datetime) -> None:
        self._armed.setdefault(ticket_id, {})[name] = at
        if at > self.since:
            heapq.heappush(self._heap, (at, ticket_id, name, at))

    def _move(self, ticket: TicketFacts) -> None:
        workflow = self.site.book().workflow
        for name, at in list(self._armed.get(ticket.id, {}).items()):
            timed = workflow.timer(ticket.status, name)
            later = self._by_words(ticket, timed, at) if timed is not None else at
            if later != at:
                self._arm(ticket.id, name, later)

    def _by_words(self, ticket: TicketFacts, timed: TimedTransition, at: datetime) -> datetime:
        """As `duetimes.later_by_words`: later, where a word was said since."""
        said = {
            "last_interaction": (ticket.last_customer_at, ticket.last_agent_at),
            "last_customer": (ticket.last_customer_at,),
            "last_agent": (ticket.last_agent_at,),
        }.get(timed.after.since, ())
        words = [word for word in said if word is not None]
        return max(at, self.site.timer_at(max(words), timed.after.text)) if words else at

    # --- due dates ---------------------------------------------------------------------------------------------------

    def speaks(self, ticket: TicketFacts, what: str, now: datetime) -> Literal["due_soon", "overdue"] | None:
        """Whether a due date is to be spoken of now; once it is, never again. None: not now, or it stands still."""
        date, state = ticket.due_at, self.site.book().workflow.states.get(ticket.status)
        if date is None or state is None or state.sla != "run" or ticket.category in ("solved", "closed"):
            return None
        if (what == "overdue") != (date <= now):
            return None
        self._spoken.add((ticket.id, what, date))
        return "overdue" if what == "overdue" else "due_soon"

    def _date(self, ticket: TicketFacts, now: datetime) -> None:
        date = self._dates[ticket.id] = ticket.due_at
        if date is None:
            return
        for at, what in ((self._near(date), "due_soon"), (date, "overdue")):
            if at > self.since and (ticket.id, what, date) not in self._spoken:
                heapq.heappush(self._heap, (max(at, now), ticket.id, what, date))

    def _near(self, date: datetime) -> datetime:
        """When a due date comes near: the earliest instant, to the second, whose horizon reaches it."""
        if date not in self._soon:
            horizon = self.site.book().clock.horizon
            spans = (timedelta(hours=4), timedelta(days=1), timedelta(days=5), timedelta(days=60))
            span = next((one for one in spans if horizon(date - one) < date), spans[-1])
            low, high = 0, int(span.total_seconds())  # seconds before the date: near at `low`, not yet at `high`
            while high - low > 1:
                middle = (low + high) // 2
                if horizon(date - timedelta(seconds=middle)) >= date:
                    low = middle
                else:
                    high = middle
            self._soon[date] = date - timedelta(seconds=low)
        return self._soon[date]
