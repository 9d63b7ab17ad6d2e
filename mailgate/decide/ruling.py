"""Asks the rule book and turns its wishes into actions. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from mailgate.companyfiles import Department, PeopleFile, TopicsFile
from mailgate.decide.decision import (
    Action,
    AddComment,
    AddParticipant,
    Assign,
    AuthorFinding,
    CallWebhook,
    Forward,
    OpenTicket,
    Remark,
    Reply,
    RuleNotice,
    RuleOutcome,
    SetDue,
    SetField,
    SetStatus,
)
from mailgate.decide.facts import AgentFacts, Facts, TicketFacts
from mailgate.people.visibility import Scopes
from mailgate.rules import actions as wishes
from mailgate.rules.book import RuleBook
from mailgate.rules.conditions import RuleFacts
from mailgate.rules.engine import RuleResult, run
from mailgate.tickets.workflow import Workflow
from mailgate.yamltypes import text_in
from store.vocabulary import Channel, CommentKind, Role

_KINDS = {"auto_reply": "automatic", "bulk": "list"}


Labels = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Names:
    """What the company calls things: key → label per language. canned: answers that agents send by name."""

    departments: Labels = field(default_factory=dict)
    topics: Labels = field(default_factory=dict)
    canned: Labels = field(default_factory=dict)
    timezone: str = "UTC"


class WorkClock(Protocol):
    """The company's working time, as functions of the instants they are given."""

    def is_open(self, at: datetime) -> bool:
        """Whether the company works at that instant."""

    def local(self, at: datetime) -> datetime:
        """The instant as the company's wall clock shows it."""

    def due(self, at: datetime, amount: str) -> datetime:
        """When `4h` of working time, `1bd`, or the working time of the day `2026-12-20` is over; aware UTC."""

    def after_pause(self, due: datetime, since: datetime, until: datetime) -> datetime:
        """A due date once a pause is over."""

    def horizon(self, at: datetime) -> datetime:
        """Up to which due date one is near at that instant."""

    def promised(self, at: datetime, *, priority: str, topic: str, department: str) -> datetime | None:
        """When such a ticket, opened then, must be looked at; None where nothing is promised."""


class AlwaysOpen:
    """Working time of a company that never closes, in UTC; hours are hours, days are days."""

    def is_open(self, at: datetime) -> bool:
        """Yes."""
        return True

    def local(self, at: datetime) -> datetime:
        """The same instant."""
        return at.astimezone(UTC)

    def due(self, at: datetime, amount: str) -> datetime:
        """Plain time later."""
        total = timedelta()
        for number, unit in re.findall(r"(\d+)(m|h|bd|d)", amount if "-" not in amount else ""):
            total += int(number) * {"m": timedelta(minutes=1), "h": timedelta(hours=1)}.get(unit, timedelta(days=1))
        return at + total if "-" not in amount else datetime.fromisoformat(amount).replace(hour=23, tzinfo=UTC)

    def after_pause(self, due: datetime, since: datetime, until: datetime) -> datetime:
        """Later by the pause."""
        return due + (until - since)

    def horizon(self, at: datetime) -> datetime:
        """Two hours on."""
        return at + timedelta(hours=2)

    def promised(self, at: datetime, *, priority: str, topic: str, department: str) -> datetime | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Book:
    """The rules, the workflow, the names and the topics in force: one version for the whole of one decision.

    digest: which version this is, for the record.
    """

    rules: RuleBook
    workflow: Workflow
    names: Names = field(default_factory=Names)
    clock: WorkClock = field(default_factory=AlwaysOpen)
    digest: str = ""
    topics: TopicsFile = field(default_factory=TopicsFile)
    people: PeopleFile = field(default_factory=PeopleFile)
    departments: Mapping[str, Department] = field(default_factory=dict)

    @property
    def scopes(self) -> Scopes:
        """How far each role of a customer's people sees."""
        said = self.people.visibility
        roles = {"light": said.light, "master": said.master, "manager": said.manager, "sub_admin": said.sub_admin}
        return Scopes(roles, said.default, said.managers_own == "private")


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules asked for. hold, reject: the reason given, "" for neither. requester: the rule that wants it
    taken from Reply-To."""

    outcomes: tuple[RuleOutcome, ...] = ()
    actions: tuple[Action, ...] = ()
    hold: str = ""
    reject: str = ""
    requester: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a status_changed rule may know besides: the status before, and how many actions are left to ask for.

    actions_left None: as many as one mail may ask for.
    """

    old_status: str = ""
    actions_left: int | None = None


def rule(
    book: Book,
    when: str,
    facts: Facts,
    author: AuthorFinding,
    ticket: TicketFacts | None,
    opening: OpenTicket | None = None,
    moved: Moved = Moved(),
) -> Ruling:
    """Run the rules for `when`. ticket: the one that is there; opening: the one about to be."""
    workflow = book.workflow
    seen = _rule_facts(facts, author, ticket, opening, book, moved)
    results = run(
        book.rules,
        when,
        seen,
        can_set=lambda status, target: workflow.can_set(status or workflow.initial, target, "rule"),
        categories={key: str(state.category) for key, state in workflow.states.items()},
        max_actions=facts.policy.rule_actions if moved.actions_left is None else moved.actions_left,
    )
    language = (ticket.requester.language or ticket.language) if ticket else opening.language if opening else ""
    turner = _Turner(book, facts, seen.department, language or facts.policy.locale)
    for result in results:
        turner.take(result, when)
    return turner.ruling()


class _Turner:
    """Turns what rules wish for into actions, one result after another."""

    def __init__(self, book: Book, facts: Facts, department: str, language: str) -> None:
        self._book = book
        self._facts = facts
        self._department = department
        self._language = language
        self._outcomes: list[RuleOutcome] = []
        self._actions: list[Action] = []
        self._told = {"hold": "", "reject": "", "requester": ""}

    def ruling(self) -> Ruling:
        """All of it."""
        return Ruling(tuple(self._outcomes), tuple(self._actions), **self._told)

    def take(self, result: RuleResult, when: str) -> None:
        """One rule's result."""
        said = tuple(f"{a.kind} {', '.join(a.values)}" for a in result.actions)
        error = result.error or ""
        self._outcomes.append(
            RuleOutcome(result.name, when, result.matched, result.failed_condition or "", said, error)
        )
        if error:
            self._actions.append(_skipped(result.name, error))
        for wish in result.actions:
            if wish.kind in self._told:
                value = result.name if wish.kind == "requester" else wish.value
                self._told[wish.kind] = self._told[wish.kind] or value
            else:
                self._actions += self._of(wish, result.name)

    def _of(self, wish: wishes.Action, rule_name: str) -> list[Action]:
        if wish.kind == "participant":
            return [AddParticipant(address, "", f"rule {rule_name}") for address in wish.values]
        return [self._action(wish, rule_name)]

    def _action(self, wish: wishes.Action, rule_name: str) -> Action:
        by = f"rule {rule_name}"
        if wish.kind == "set_status":
            return SetStatus(wish.value, by, Role.SYSTEM)
        if wish.kind == "agent":
            return self._assign(wish.value, rule_name)
        if wish.kind == "due":
            return self._due(wish.value, rule_name)
        if wish.kind == "note":
            return AddComment(
                CommentKind.NOTE, Role.SYSTEM, Channel.MAIL, rule_name, "", True, wish.value, None, whole=True
            )
        if wish.kind == "reply":
            return Reply(wish.value, text_in(dict(self._book.names.canned.get(wish.value, {})), self._language), by)
        if wish.kind == "notify":
            return RuleNotice(", ".join(wish.values), by)
        if wish.kind == "forward":
            return Forward(wish.values, by)
        if wish.kind == "webhook":
            return CallWebhook(wish.value, by)
        if wish.kind == "department":
            self._department = wish.value
        return SetField(wish.kind, wish.values, by)

    def _assign(self, name: str, rule_name: str) -> Action:
        by = f"rule {rule_name}"
        if name == "nobody":
            return Assign(None, by)
        if name in wishes.DRAWN:
            drawn = draw(name, self._facts.agents, self._department)
            if drawn is None:
                return _skipped(rule_name, f"there is no agent in {self._department}")
            return Assign(drawn.id, by, draw=name)
        wanted = name.casefold()
        agent = next((a for a in self._facts.agents if wanted in (a.address, a.name.casefold())), None)
        return Assign(agent.id, by) if agent is not None else _skipped(rule_name, f"there is no agent {name}")

    def _due(self, amount: str, rule_name: str) -> Action:
        if amount == "none":
            return SetDue(None, "", f"rule {rule_name}")
        try:
            return SetDue(self._book.clock.due(self._facts.now, amount), "", f"rule {rule_name}")
        except Exception as error:  # a calendar without so much working time must not stop the mail
            return _skipped(rule_name, f"no due date: {error}")


def draw(how: str, agents: tuple[AgentFacts, ...], department: str) -> AgentFacts | None:
    """The agent whose turn it is in a department; None where it has none. Ties go by address."""
    there = [a for a in agents if department in a.departments]
    if how == "least_loaded":
        return min(there, key=lambda a: (a.open_tickets, a.address), default=None)
    return min(there, key=lambda a: (a.last_drawn, a.address), default=None)


def _skipped(rule_name: str, why: str) -> Remark:
    return Remark("rule_skipped", {"rule": rule_name, "why": why})


def _rule_facts(
    facts: Facts,
    author: AuthorFinding,
    ticket: TicketFacts | None,
    opening: OpenTicket | None,
    book: Book,
    moved: Moved,
) -> RuleFacts:
    mail, action, workflow = facts.mail, facts.action, book.workflow
    status = ticket.status if ticket else opening.status if opening else ""
    agent_id = ticket.agent_id if ticket else opening.agent_id if opening else None
    subject = mail.subject if mail else action.subject if action else ""
    filed = tuple(one.name for one in action.filed.files) if action and action.filed else ()
    return RuleFacts(
        sender=author.address,
        sender_domain=author.address.rpartition("@")[2],
        recipients=mail.rcpt_tos if mail else (),
        subject=subject or (ticket.subject if ticket else ""),
        body=mail.reply if mail else action.text if action else "",
        headers=mail.headers if mail else (),
        status=status,
        category=str(workflow.category(status)) if status in workflow.states else "",
        department=ticket.department if ticket else opening.department if opening else mail.department if mail else "",
        topic=ticket.topic if ticket else opening.topic if opening else "",
        agent=next((a.address for a in facts.agents if a.id == agent_id), ""),
        language=((mail.language if mail else "") or (ticket.language if ticket else "")) or "",
        kind=_KINDS.get(mail.kind, mail.kind) if mail else "human",
        fine_kind=mail.fine_kind if mail else "human",
        verified=author.verified,
        attachment_names=mail.attachment_names if mail else filed,
        organisation=facts.organisation,
        tags=ticket.tags if ticket else (),
        priority=ticket.priority if ticket else opening.priority if opening else "",
        tier=facts.tier,
        spf=mail.auth.spf if mail else "none",
        dkim=mail.auth.dkim if mail else "none",
        dmarc=mail.auth.dmarc if mail else "none",
        old_status=moved.old_status,
        timer=facts.timer,
        rating=str(action.rating) if action and action.rating is not None else "",
        fields=ticket.fields if ticket else (),
        at=book.clock.local(facts.now),
        open_now=book.clock.is_open(facts.now),
    )
