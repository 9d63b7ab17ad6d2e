"""Asks the rule book and turns its wishes into actions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailgate.decide.decision import (
    Action,
    AddComment,
    Assign,
    AuthorFinding,
    OpenTicket,
    Remark,
    RuleNotice,
    RuleOutcome,
    SetField,
    SetStatus,
)
from mailgate.decide.facts import Facts, TicketFacts
from mailgate.rules import actions as wishes
from mailgate.rules.book import RuleBook
from mailgate.rules.conditions import RuleFacts
from mailgate.rules.engine import run
from mailgate.tickets.workflow import Workflow
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


@dataclass(frozen=True, slots=True)
class Book:
    """The rules, the workflow and the names in force: one version for the whole of one decision."""

    rules: RuleBook
    workflow: Workflow
    names: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules asked for. hold, reject: the reason given, "" for neither."""

    outcomes: tuple[RuleOutcome, ...] = ()
    actions: tuple[Action, ...] = ()
    hold: str = ""
    reject: str = ""


def rule(
    book: Book,
    when: str,
    facts: Facts,
    author: AuthorFinding,
    ticket: TicketFacts | None,
    opening: OpenTicket | None = None,
) -> Ruling:
    """Run the rules for `when`. ticket: the one that is there; opening: the one about to be."""
    workflow = book.workflow
    results = run(
        book.rules,
        when,
        _rule_facts(facts, author, ticket, opening, workflow),
        can_set=lambda status, target: workflow.can_set(status or workflow.initial, target, "rule"),
        categories={key: str(state.category) for key, state in workflow.states.items()},
    )
    outcomes: list[RuleOutcome] = []
    found: list[Action] = []
    hold = reject = ""
    for result in results:
        said = tuple(f"{a.kind} {', '.join(a.values)}" for a in result.actions)
        outcomes.append(
            RuleOutcome(result.name, when, result.matched, result.failed_condition or "", said, result.error or "")
        )
        for wish in result.actions:
            if wish.kind == "hold":
                hold = hold or wish.value
            elif wish.kind == "reject":
                reject = reject or wish.value
            else:
                found.append(_action(wish, result.name, facts))
    return Ruling(tuple(outcomes), tuple(found), hold, reject)


def _action(wish: wishes.Action, rule_name: str, facts: Facts) -> Action:
    by = f"rule {rule_name}"
    if wish.kind == "set_status":
        return SetStatus(wish.value, by, Role.SYSTEM)
    if wish.kind == "agent":
        agent = next((a for a in facts.agents if wish.value.casefold() in (a.address, a.name.casefold())), None)
        if agent is None:
            return Remark("rule_skipped", {"rule": rule_name, "why": f"there is no agent {wish.value}"})
        return Assign(agent.id, by)
    if wish.kind == "note":
        return AddComment(
            CommentKind.NOTE, Role.SYSTEM, Channel.MAIL, rule_name, "", True, wish.value, None, whole=True
        )
    if wish.kind == "notify":
        return RuleNotice(", ".join(wish.values), by)
    return SetField(wish.kind, wish.values, by)


def _rule_facts(
    facts: Facts, author: AuthorFinding, ticket: TicketFacts | None, opening: OpenTicket | None, workflow: Workflow
) -> RuleFacts:
    mail, action = facts.mail, facts.action
    status = ticket.status if ticket else opening.status if opening else ""
    agent = next((a.address for a in facts.agents if ticket and a.id == ticket.agent_id), "")
    return RuleFacts(
        sender=author.address,
        sender_domain=author.address.rpartition("@")[2],
        recipients=mail.rcpt_tos if mail else (),
        subject=mail.subject if mail else action.subject if action else "",
        body=mail.reply if mail else action.text if action else "",
        headers=mail.headers if mail else (),
        status=status,
        category=str(workflow.category(status)) if status in workflow.states else "",
        department=ticket.department if ticket else opening.department if opening else mail.department if mail else "",
        topic=ticket.topic if ticket else "",
        agent=agent,
        language=(mail.language if mail else "") or "",
        kind=_KINDS.get(mail.kind, mail.kind) if mail else "human",
        verified=author.verified,
        attachment_names=mail.attachment_names if mail else (),
        organisation=facts.organisation,
        tags=ticket.tags if ticket else (),
        priority=ticket.priority if ticket else opening.priority if opening else "",
    )
