"""What would be under one rule book: tickets as values, with their people and due times, through a period.

A ticket comes into a world with the Facts of its first event in the period; from then on the world goes by its own
state. What came from outside (mails, reports, who was switched off by hand) is as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from mailgate.decide.decide import decide
from mailgate.decide.decision import Assign, BlockSender, Decision, JoinInto
from mailgate.decide.facts import AgentFacts, Candidate, ContactFacts, Facts, TicketFacts
from mailgate.flows.alarms import DATES, Alarms, Settled
from mailgate.flows.rests import Rests
from mailgate.flows.simulating import Supposed, carried_out
from mailgate.flows.site import Site
from mailgate.notify.plan import Plan
from store.vocabulary import Outcome


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in the period. opened: the ticket that it opened then, 0 for none.

    settled: timers of its tickets that were over by then. blocked: the sender whom it switched off then.
    """

    at: datetime
    facts: Facts
    name: str
    opened: int = 0
    key: str = ""
    settled: tuple[Settled, ...] = ()
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A mail that would leave."""

    key: str
    notice: str
    to: str


@dataclass(slots=True)
class People:
    """Whom a world knows: the numbers of contacts that were made in the period, and who is switched off in it."""

    _known: dict[str, ContactFacts] = field(default_factory=dict)
    _active: dict[str, bool] = field(default_factory=dict)  # in this world
    _recorded: dict[str, bool] = field(default_factory=dict)  # as it was

    def learn(self, event: Event) -> None:
        """Who is in the facts of an event. A change that no event of ours made came from outside: it holds here too."""
        facts = event.facts
        for person in (*(t.requester for t in (*facts.tickets, *facts.named)), facts.sender):
            if person is None or not person.id:
                continue
            self._known[person.address] = person
            if self._recorded.get(person.address) != person.active:
                self._active[person.address] = self._recorded[person.address] = person.active
        for follower in (p for t in facts.tickets for p in t.participants if p.id):
            self._known.setdefault(follower.address, follower)
        if event.blocked:
            self._recorded[event.blocked] = False

    def block(self, address: str) -> None:
        """Switch somebody off in this world."""
        self._active[address] = False

    def as_here(self, person: ContactFacts) -> ContactFacts:
        """A contact as this world has it."""
        known = self._known.get(person.address)
        if not person.id and known is not None:
            person = replace(known, contributes=person.contributes, told=person.told)
        active = self._active.get(person.address, person.active)
        return person if active == person.active else replace(person, active=active)


@dataclass(slots=True)
class World:
    """What would be under one book. known: tickets opened in the period: a world has them only once it opens them."""

    site: Site
    since: datetime
    known: frozenset[int]
    rests: Rests
    tickets: dict[int, TicketFacts] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    told: Counter[Told] = field(default_factory=Counter)
    last: Facts | None = None
    _people: People = field(default_factory=People)
    _organisations: dict[int, tuple[str, str]] = field(default_factory=dict)
    _drawn: dict[int, int] = field(default_factory=dict)
    _by_message_id: dict[str, int] = field(default_factory=dict)
    _alarms: Alarms = field(init=False)
    _made: int = 0

    def __post_init__(self) -> None:
        self._alarms = Alarms(self.site, self.since)

    def take(self, event: Event) -> None:
        """One event, with all due times before it."""
        self._people.learn(event)
        self._learn_organisation(event.facts)
        for ticket in (*event.facts.tickets, *event.facts.named):
            if ticket.id not in self.tickets and ticket.id not in self.known:
                self.tickets[ticket.id] = ticket
                self._alarms.came_into_view(ticket, (s for s in event.settled if s.ticket_id == ticket.id))
        self.last = event.facts
        self.until(event.at)
        if event.facts.mail is None and event.facts.action is None:
            return  # a timer or a due date: the world's own clock has seen to it
        facts = self._own(event.facts)
        if facts.mail is None and facts.action is not None and facts.action.verb != "open" and not facts.tickets:
            self.outcomes[event.name] = "none"
            return
        opened = (event.opened, event.key) if event.opened else self._new_id()
        decision, found = self._decide(facts, *opened)
        self.outcomes[event.name] = _outcome(decision, found.ticket)
        if facts.mail is not None and found.ticket is not None and decision.outcome in _REMEMBERED:
            self._by_message_id[facts.mail.message_id] = found.ticket.id

    def until(self, at: datetime) -> None:
        """Fire everything that is due up to then, in order."""
        while (due := self._alarms.next(at)) is not None:
            moment, ticket_id, name = due
            ticket = self.tickets[ticket_id]
            if name in DATES:
                what = self._alarms.speaks(ticket, name, moment)
                if what is not None:
                    self._decide(self._time(moment, ticket, due=what))
            elif not self._alarms.leaves_now(ticket, name, moment):
                _, found = self._decide(self._time(moment, ticket, timer=name))
                if not found.moved:
                    self._alarms.fired(self.tickets[ticket_id], name, moment)

    def _time(
        self, at: datetime, ticket: TicketFacts, *, timer: str = "", due: Literal["", "due_soon", "overdue"] = ""
    ) -> Facts:
        """The facts about a due time, as `gather.timer_facts` reads them."""
        assert self.last is not None
        ticket = self._ticket(ticket)
        organisation, tier = self._organisations.get(ticket.requester.organisation_id or 0, ("", ""))
        return Facts(
            now=at, policy=self.last.policy, timer=timer, due=due, agents=self._agents(self.last), tickets=(ticket,),
            own_addresses=self.last.own_addresses, organisation=organisation, tier=tier,
        )  # fmt: skip

    def _decide(self, facts: Facts, ticket_id: int = 0, key: str = "") -> tuple[Decision, Supposed]:
        decision = decide(facts, self.site.book())
        found = carried_out(self.site, facts, decision, ticket_id, key, resting=self.rests.at(facts.now))
        if found.ticket is not None:
            before = self.tickets.get(found.ticket.id)
            self.tickets[found.ticket.id] = found.ticket
            self._alarms.changed(before, found.ticket, facts.now)
        for action in decision.actions:
            if isinstance(action, Assign) and action.draw == "round_robin" and action.agent_id is not None:
                self._drawn[action.agent_id] = int(facts.now.timestamp() * 1_000_000)
            elif isinstance(action, BlockSender) and found.ticket is not None:
                self._people.block(found.ticket.requester.address)
            elif isinstance(action, JoinInto) and found.ticket is not None:
                self._join(found.ticket, action.ticket_id)
        self._note(found.plans, found.ticket.key if found.ticket is not None else "")
        return decision, found

    def _join(self, joined: TicketFacts, into_id: int) -> None:
        """What was said on a ticket, and who follows it, is the other's from now on."""
        into = self.tickets.get(into_id)
        if into is None:
            return
        there = {p.address for p in (into.requester, *into.participants)}
        more = tuple(p for p in (joined.requester, *joined.participants) if p.address not in there)
        self.tickets[into_id] = replace(into, participants=into.participants + more)
        for ticket in list(self.tickets.values()):
            if ticket.joined_into == joined.id:
                self.tickets[ticket.id] = replace(ticket, joined_into=into_id)
        self._by_message_id |= {i: into_id for i, t in self._by_message_id.items() if t == joined.id}

    def _new_id(self) -> tuple[int, str]:
        self._made += 1
        return -self._made, f"+{self._made}"

    def _note(self, plans: list[Plan], key: str) -> None:
        self.told.update(Told(key, str(p.notice), p.to.address) for p in plans if not p.suppressed)

    # --- the facts as this world has them ----------------------------------------------------------------------------

    def _own(self, facts: Facts) -> Facts:
        candidates = list(self._candidates(facts))
        if facts.mail is not None:
            named = (facts.mail.in_reply_to, *facts.mail.references)
            found = [(self._by_message_id[i], i) for i in named if i and i in self._by_message_id]
            have = {c.ticket_id for c in candidates}
            candidates += [Candidate(t, "their_message_id", i) for t, i in found if t not in have]
        wanted = dict.fromkeys([*(t.id for t in facts.tickets), *(c.ticket_id for c in candidates)])
        return replace(
            facts,
            candidates=tuple(candidates),
            tickets=tuple(self._ticket(self.tickets[i]) for i in wanted if i in self.tickets),
            named=tuple(self._ticket(self.tickets[t.id]) for t in facts.named if t.id in self.tickets),
            sender=self._people.as_here(facts.sender) if facts.sender is not None else None,
            agents=self._agents(facts),
        )

    def _candidates(self, facts: Facts) -> Iterator[Candidate]:
        """What names a ticket of this world; one that was joined into another means the other."""
        for one in facts.candidates:
            ticket = self.tickets.get(one.ticket_id)
            if ticket is not None:
                joined = ticket.joined_into
                yield one if joined is None or joined not in self.tickets else replace(one, ticket_id=joined)

    def _ticket(self, ticket: TicketFacts) -> TicketFacts:
        as_here = self._people.as_here
        return replace(
            ticket, requester=as_here(ticket.requester), participants=tuple(map(as_here, ticket.participants))
        )

    def _agents(self, facts: Facts) -> tuple[AgentFacts, ...]:
        return tuple(replace(a, last_drawn=self._drawn.get(a.id, a.last_drawn)) for a in facts.agents)

    def _learn_organisation(self, facts: Facts) -> None:
        person = facts.sender or (facts.tickets[0].requester if facts.tickets and facts.mail is None else None)
        if person is not None and person.organisation_id is not None:
            self._organisations[person.organisation_id] = facts.organisation, facts.tier


#: Outcomes of a mail that is remembered by its Message-ID.
_REMEMBERED = frozenset({Outcome.OPENED, Outcome.COMMENTED})


def _outcome(decision: Decision, ticket: TicketFacts | None) -> str:
    on = f" {ticket.key}" if ticket is not None and decision.outcome is not Outcome.OPENED else ""
    return f"{decision.outcome}{f' ({decision.reason})' if decision.reason else ''}{on}"
