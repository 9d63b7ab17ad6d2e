"""A period once more, under rules that are only tried out: the mails and whatever else happened, timers included.

Two worlds are kept in memory, one for the rules in force and one for the others. A ticket enters a world with the Facts
of its first event in the period; from then on each world goes by its own state. The clock is that of the records; due
times fire in between, where it passes them. Nothing is written and nothing is sent; the same rules give no difference.
What the records cannot know stays as it was: how often a sender wrote, and how many tickets an agent had.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row

from mailgate.decide.decide import decide
from mailgate.decide.decision import Assign, Decision
from mailgate.decide.facts import Candidate, Facts, TicketFacts
from mailgate.flows.recall import facts_of
from mailgate.flows.simulating import carried_out
from mailgate.flows.site import Site
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail
from mailgate.notify.plan import Plan
from mailgate.tickets.workflow import TimedTransition
from store import happenings, journal, tickets
from store.vocabulary import Outcome

#: More than this many firings of one ticket's timers in a period are a workflow that runs in a circle.
_MOST_FIRINGS = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in the period. opened: the ticket that it opened then, 0 for none."""

    at: datetime
    facts: Facts
    name: str
    opened: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A mail that would leave."""

    key: str
    notice: str
    to: str


@dataclass(slots=True)
class _World:
    """What would be under one book."""

    site: Site
    since: datetime
    known: frozenset[int]  # tickets that were opened in the period: a world has them only once it opens them
    tickets: dict[int, TicketFacts] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    told: Counter[Told] = field(default_factory=Counter)
    fired: set[tuple[int, str, datetime]] = field(default_factory=set)
    drawn: dict[int, int] = field(default_factory=dict)
    by_message_id: dict[str, int] = field(default_factory=dict)
    last: Facts | None = None
    made: int = 0

    def take(self, event: Event) -> None:
        """One event, with all due times before it."""
        for ticket in event.facts.tickets:
            if ticket.id not in self.tickets and ticket.id not in self.known:
                self.tickets[ticket.id] = ticket
        self.last = event.facts
        self.until(event.at)
        if event.facts.mail is None and event.facts.action is None:
            return  # a timer or a due date: the world's own clock has seen to it
        facts = self._own(event.facts)
        if facts.mail is None and facts.action is not None and facts.action.verb != "open" and not facts.tickets:
            self.outcomes[event.name] = "none"
            return
        self._decide(facts, event.name, event)

    def until(self, at: datetime) -> None:
        """Fire everything that is due up to then, in order."""
        for _ in range(_MOST_FIRINGS):
            due = min(self._due(at), key=lambda one: (one[0], one[1]), default=None)
            if due is None:
                return
            moment, ticket_id, name, since = due
            self.fired.add((ticket_id, name, since))
            self._fire(moment, self.tickets[ticket_id], name)

    def _due(self, at: datetime) -> Iterator[tuple[datetime, int, str, datetime]]:
        for ticket in self.tickets.values():
            for timed in self.site.book().workflow.timers_for(ticket.status):
                base = _counted_from(ticket, timed)
                moment = self.site.timer_at(base, timed.after.text)
                if self.since < moment <= at and (ticket.id, timed.name, base) not in self.fired:
                    yield moment, ticket.id, timed.name, base
            yield from self._due_dates(ticket, at)

    def _due_dates(self, ticket: TicketFacts, at: datetime) -> Iterator[tuple[datetime, int, str, datetime]]:
        book = self.site.book()
        state = book.workflow.states.get(ticket.status)
        if ticket.due_at is None or state is None or state.sla != "run" or ticket.category in ("solved", "closed"):
            return
        what: Literal["overdue", "due_soon"] = "overdue" if ticket.due_at <= at else "due_soon"
        if not book.rules.listens(what) or (ticket.id, what, ticket.due_at) in self.fired:
            return
        if what == "overdue" and self.since < ticket.due_at:
            yield ticket.due_at, ticket.id, what, ticket.due_at
        elif what == "due_soon" and ticket.due_at <= book.clock.horizon(at):
            yield at, ticket.id, what, ticket.due_at

    def _fire(self, at: datetime, ticket: TicketFacts, name: str) -> None:
        assert self.last is not None
        due = name if name in ("due_soon", "overdue") else ""
        facts = replace(
            self.last, now=at, mail=None, action=None, timer="" if due else name, due=due, sender=None, agent=None,
            candidates=(), tickets=(ticket,), agents=self._agents(self.last),
        )  # fmt: skip
        self._decide(facts, "", None)

    def _decide(self, facts: Facts, name: str, event: Event | None) -> None:
        decision = decide(facts, self.site.book())
        ticket_id, key = (event.opened, event.key) if event is not None and event.opened else self._new_id()
        ticket, plans = carried_out(self.site, facts, decision, ticket_id, key)
        if ticket is not None:
            self.tickets[ticket.id] = ticket
            if facts.mail is not None and ticket.id == ticket_id:
                self.by_message_id[facts.mail.message_id] = ticket.id
        for action in decision.actions:
            if isinstance(action, Assign) and action.draw == "round_robin" and action.agent_id is not None:
                self.drawn[action.agent_id] = int(facts.now.timestamp() * 1_000_000)
        if name:
            self.outcomes[name] = _outcome(decision, ticket)
        self._note(plans, ticket.key if ticket is not None else "")

    def _new_id(self) -> tuple[int, str]:
        self.made += 1
        return -self.made, f"+{self.made}"

    def _note(self, plans: list[Plan], key: str) -> None:
        self.told.update(Told(key, str(p.notice), p.to.address) for p in plans if not p.suppressed)

    def _own(self, facts: Facts) -> Facts:
        """The facts as this world has them."""
        candidates = [c for c in facts.candidates if c.ticket_id in self.tickets]
        mail = facts.mail
        if mail is not None:
            named = (mail.in_reply_to, *mail.references)
            found = [(self.by_message_id[i], i) for i in named if i and i in self.by_message_id]
            have = {c.ticket_id for c in candidates}
            candidates += [Candidate(t, "their_message_id", i) for t, i in found if t not in have]
        wanted = dict.fromkeys([*(t.id for t in facts.tickets), *(c.ticket_id for c in candidates)])
        mine = tuple(self.tickets[i] for i in wanted if i in self.tickets)
        return replace(facts, candidates=tuple(candidates), tickets=mine, agents=self._agents(facts))

    def _agents(self, facts: Facts) -> Any:
        return tuple(replace(a, last_drawn=self.drawn.get(a.id, a.last_drawn)) for a in facts.agents)


def _counted_from(ticket: TicketFacts, timed: TimedTransition) -> datetime:
    """The instant that a timer counts from, as things stand."""
    said = {
        "last_interaction": (ticket.last_customer_at, ticket.last_agent_at),
        "last_customer": (ticket.last_customer_at,),
        "last_agent": (ticket.last_agent_at,),
    }.get(timed.after.since, ())
    words = [at for at in said if at is not None]
    return max(words) if words else ticket.status_since


def _outcome(decision: Decision, ticket: TicketFacts | None) -> str:
    on = f" {ticket.key}" if ticket is not None and decision.outcome is not Outcome.OPENED else ""
    return f"{decision.outcome}{f' ({decision.reason})' if decision.reason else ''}{on}"


# --- the difference ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would be otherwise. what: outcome, or a property of the ticket. "" for what is not there."""

    subject: str
    what: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What another book would have made of a period."""

    mails: int
    others: int
    outcomes: tuple[Difference, ...]
    tickets: tuple[Difference, ...]
    more: tuple[tuple[Told, int], ...]
    fewer: tuple[tuple[Told, int], ...]

    @property
    def empty(self) -> bool:
        """Whether nothing would be otherwise."""
        return not (self.outcomes or self.tickets or self.more or self.fewer)


def replay(
    events: list[Event], old: Site, new: Site, since: datetime, until: datetime,
    progress: Callable[[int], None] = lambda done: None,
) -> Replayed:  # fmt: skip
    """The events of a period through both books, and what differs. Pure: reads no clock, writes nothing."""
    known = frozenset(e.opened for e in events if e.opened)
    worlds = [_World(site.pinned(), since, known) for site in (old, new)]
    for done, event in enumerate(events, 1):
        for world in worlds:
            world.take(event)
        progress(done)
    for world in worlds:
        world.until(until)
    before, after = worlds
    mails = sum(1 for e in events if e.facts.mail is not None)
    return Replayed(
        mails, len(events) - mails, _outcomes(before, after), _tickets(before, after),
        _counts(after.told - before.told), _counts(before.told - after.told),
    )  # fmt: skip


def _outcomes(before: _World, after: _World) -> tuple[Difference, ...]:
    pairs = ((name, before.outcomes.get(name, ""), after.outcomes.get(name, "")) for name in before.outcomes)
    return tuple(Difference(name, "outcome", old, new) for name, old, new in pairs if old != new)


def _tickets(before: _World, after: _World) -> tuple[Difference, ...]:
    found: list[Difference] = []
    both = sorted(before.tickets.keys() | after.tickets.keys(), key=lambda i: (i < 0, abs(i)))
    for ticket_id in both:
        old, new = before.tickets.get(ticket_id), after.tickets.get(ticket_id)
        if old is None or new is None:
            there = old or new
            assert there is not None
            found.append(Difference(there.key, "ticket", there.subject if old else "", there.subject if new else ""))
            continue
        seen_before, seen_after = _shown(old, before), _shown(new, after)
        found += [
            Difference(old.key, what, seen_before[what], seen_after[what])
            for what in seen_before
            if seen_before[what] != seen_after[what]
        ]
    return tuple(found)


def _shown(ticket: TicketFacts, world: _World) -> dict[str, str]:
    agents = world.last.agents if world.last is not None else ()
    return {
        "status": ticket.status,
        "department": ticket.department,
        "topic": ticket.topic,
        "priority": ticket.priority,
        "agent": next((a.address for a in agents if a.id == ticket.agent_id), ""),
        "due": ticket.due_at.isoformat() if ticket.due_at else "",
        "tags": ", ".join(ticket.tags),
        "fields": ", ".join(f"{k}={v}" for k, v in ticket.fields),
        "participants": ", ".join(p.address for p in ticket.participants),
    }


def _counts(told: Counter[Told]) -> tuple[tuple[Told, int], ...]:
    return tuple(sorted(told.items(), key=lambda one: (one[0].key, one[0].notice, one[0].to)))


# --- what happened ----------------------------------------------------------------------------------------------------


def events_since(
    connection: Connection, site: Site, since: datetime, limits: MailLimits,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Event]:  # fmt: skip
    """Everything that was decided since then, in the order it was decided. Reads only."""
    found: list[Event] = []
    for row in happenings.mails_since(connection, since):
        event = _mail_event(connection, site, row, limits)
        found += [event] if event is not None else []
        progress(len(found))
    for row in happenings.since(connection, since):
        event = _other_event(connection, row)
        found += [event] if event is not None else []
        progress(len(found))
    return sorted(found, key=lambda event: event.at)


def recalled(connection: Connection, site: Site, row: Row[Any], limits: MailLimits) -> Facts | None:
    """The whole facts of a journal row: its record, with text and header out of the raw mail; None without either."""
    raw = raw_of(connection, site, row)
    if not row.record or raw is None:
        return None
    message = read_mail(raw, limits, mail_from=row.mail_from).message
    try:
        return facts_of(json.loads(row.record), message.reply, message.headers)
    except ValueError:
        return None


def raw_of(connection: Connection, site: Site, row: Row[Any]) -> bytes | None:
    """The bytes of a journal row; None when they are gone."""
    raw = journal.raw_bytes(connection, row.id)
    if raw is not None:
        return raw
    try:
        return site.blobs.get(row.raw_sha256)
    except OSError:
        return None


def _mail_event(connection: Connection, site: Site, row: Row[Any], limits: MailLimits) -> Event | None:
    facts = recalled(connection, site, row, limits)
    if facts is None:
        return None
    opened = row.ticket_id if row.outcome == Outcome.OPENED and row.ticket_id else 0
    author = facts.mail.author.address if facts.mail and facts.mail.author else row.mail_from
    return Event(facts.now, facts, f"{author}: {row.subject}", opened, _key(connection, opened))


def _other_event(connection: Connection, row: Row[Any]) -> Event | None:
    record = json.loads(row.record)
    try:
        facts = facts_of(record)
    except ValueError:
        return None
    opened = row.ticket_id if record["decision"]["outcome"] == Outcome.OPENED else 0
    who = facts.action.address if facts.action is not None else facts.timer or facts.due
    return Event(facts.now, facts, f"{who}: {row.trigger} {row.id:x}", opened, _key(connection, opened))


def _key(connection: Connection, ticket_id: int) -> str:
    row = next(iter(tickets.by_ids(connection, [ticket_id] if ticket_id else [])), None)
    return row.key if row is not None else ""
