"""A period once more, under rules that are only tried out: the mails and whatever else happened, timers included.

Two worlds are kept in memory, one for the rules in force and one for the others. A ticket enters a world with the Facts
of its first event in the period; from then on each world goes by its own state. The clock is that of the records; due
times fire in between, when they are due. Nothing is written and nothing is sent; the same rules give no difference.
What the records cannot know stays as it was: how often a sender wrote, how many tickets an agent had, what came back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decision import BlockSender
from mailgate.decide.facts import Facts, TicketFacts
from mailgate.flows.alarms import Settled
from mailgate.flows.recall import facts_of
from mailgate.flows.rests import Rests
from mailgate.flows.site import Site
from mailgate.flows.world import Event as Event
from mailgate.flows.world import Told as Told
from mailgate.flows.world import World
from mailgate.mail.forwarded import passed_on
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail
from mailgate.people.reachable import REST
from store import happenings, journal, tickets, timers
from store.vocabulary import Outcome, Role

#: Tickets whose timers are read at once.
_PAGE = 500

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
    progress: Callable[[int], None] = lambda done: None, rests: Rests | None = None,
) -> Replayed:  # fmt: skip
    """The events of a period through both books, and what differs. Pure: reads no clock, writes nothing.

    rests: when which addresses got no notices.
    """
    known = frozenset(e.opened for e in events if e.opened)
    worlds = [World(site.pinned(), since, known, rests or Rests()) for site in (old, new)]
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


def _outcomes(before: World, after: World) -> tuple[Difference, ...]:
    pairs = ((name, before.outcomes.get(name, ""), after.outcomes.get(name, "")) for name in before.outcomes)
    return tuple(Difference(name, "outcome", old, new) for name, old, new in pairs if old != new)


def _tickets(before: World, after: World) -> tuple[Difference, ...]:
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


def _shown(ticket: TicketFacts, world: World) -> dict[str, str]:
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
    return _with_settled(connection, sorted(found, key=lambda event: event.at))


def rests_since(connection: Connection, since: datetime) -> Rests:
    """When which addresses got no notices: by the tickets' history, and by who was told something. Reads only."""
    rows = happenings.rests_since(connection, since - REST)
    return Rests.of(rows, _told_since(connection, since)) if rows else Rests()


def _told_since(connection: Connection, since: datetime) -> Iterator[tuple[str, datetime]]:
    """(address, instant) of the customers' notices that were written since then."""
    for rows in (happenings.mails_since(connection, since), happenings.since(connection, since)):
        for row in rows:
            record = json.loads(row.record)
            at = datetime.fromisoformat(record["facts"]["now"])
            told = (n for n in record["notices"] if n["role"] == Role.CUSTOMER and not n["suppressed"])
            yield from ((n["to"], at) for n in told)


def _with_settled(connection: Connection, events: list[Event]) -> list[Event]:
    """Each event with what was over by then of the timers of tickets that come into view with it."""
    first: dict[int, int] = {}
    for place, event in enumerate(events):
        for ticket in (*event.facts.tickets, *event.facts.named):
            first.setdefault(ticket.id, place)
    ids = sorted(first)
    for begin in range(0, len(ids), _PAGE):
        for row in timers.settled(connection, ids[begin : begin + _PAGE]):
            place = first[row.ticket_id]
            if row.settled_at < events[place].at:
                one = Settled(row.ticket_id, row.name, row.status, row.settled_at)
                events[place] = replace(events[place], settled=(*events[place].settled, one))
    return events


def recalled(connection: Connection, site: Site, row: Row[Any], limits: MailLimits) -> Facts | None:
    """The whole facts of a journal row: its record, with text and header out of the raw mail; None without either."""
    raw = raw_of(connection, site, row)
    if not row.record or raw is None:
        return None
    message = read_mail(raw, limits, mail_from=row.mail_from).message
    try:
        facts = facts_of(json.loads(row.record), message.reply, message.headers)
    except ValueError:
        return None
    passed = passed_on(message.text) if facts.forwarded is not None else None
    if facts.forwarded is None or passed is None:
        return facts
    return replace(facts, forwarded=replace(facts.forwarded, text=passed.text))


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
    has = row.outcome == Outcome.OPENED and row.ticket_id
    opened = happenings.opened_by(connection, row.id, row.ticket_id) if has else 0
    author = facts.mail.author.address if facts.mail and facts.mail.author else row.mail_from
    name, blocked = f"{author}: {row.subject}", _blocked(facts, json.loads(row.record)["decision"])
    return Event(facts.now, facts, name, opened, _key(connection, opened), blocked=blocked)


def _other_event(connection: Connection, row: Row[Any]) -> Event | None:
    record = json.loads(row.record)
    try:
        facts = facts_of(record)
    except ValueError:
        return None
    opened = row.ticket_id if record["decision"]["outcome"] == Outcome.OPENED else 0
    who = facts.action.address if facts.action is not None else facts.timer or facts.due
    name, blocked = f"{who}: {row.trigger} {row.id:x}", _blocked(facts, record["decision"])
    return Event(facts.now, facts, name, opened, _key(connection, opened), blocked=blocked)


def _blocked(facts: Facts, decision: dict[str, Any]) -> str:
    """The address of the sender whom this decision switched off, "" for none."""
    if not any(action["action"] == BlockSender.__name__ for action in decision["actions"]):
        return ""
    ticket = facts.ticket(decision["thread"]["ticket_id"] or 0)
    return ticket.requester.address if ticket is not None else ""


def _key(connection: Connection, ticket_id: int) -> str:
    row = next(iter(tickets.by_ids(connection, [ticket_id] if ticket_id else [])), None)
    return row.key if row is not None else ""
