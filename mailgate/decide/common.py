"""What every kind of event ends in: comments, statuses, an agent's answer, the Decision itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mailgate.decide.decision import (
    Action,
    AddComment,
    Assign,
    AuthorFinding,
    Decision,
    Intent,
    Report,
    RuleOutcome,
    SetStatus,
    ThreadChoice,
)
from mailgate.decide.facts import ActionFacts, Facts, TicketFacts
from mailgate.decide.moving import situation
from mailgate.decide.ruling import Book, Ruling, rule
from mailgate.decide.state import after
from store.vocabulary import Channel, CommentKind, HeldReason, Outcome, Role


@dataclass(slots=True)
class Obeyed:
    """What an agent's orders come to. problem: as `Intent.problem`. extra_text: a canned answer. why: he asked why."""

    actions: list[Action] = field(default_factory=list)
    problem: str = ""
    extra_text: str = ""
    why: bool = False


NOWHERE = ThreadChoice("none", None, "", "", "")


def status_after(
    facts: Facts, author: AuthorFinding, ticket: TicketFacts, ruling: Ruling, trigger: str, book: Book,
    explicit: str = "",
) -> tuple[Action, ...]:  # fmt: skip
    """What a comment does to the status: an explicit one beats a rule's, a rule's beats the workflow's own."""
    if explicit:
        others = tuple(a for a in ruling.actions if not isinstance(a, SetStatus))
        return (SetStatus(explicit, str(author.role), author.role), *others)
    if any(isinstance(a, SetStatus) for a in ruling.actions):
        return ruling.actions
    transition = book.workflow.transition(ticket.status, trigger, situation(facts, author, ticket))
    if transition is not None and transition.to is not None:
        return (SetStatus(transition.to, f"transition {trigger}", Role.SYSTEM), *ruling.actions)
    return ruling.actions


def is_support(facts: Facts, address: str) -> bool:
    """Whether this is one of our support addresses, with or without a part after its plus."""
    local, _, domain = address.rpartition("@")
    plain = f"{local.partition('+')[0]}@{domain}".lower()
    return any(plain == own.lower() for own in facts.own_addresses)


def agent_answers(
    facts: Facts, author: AuthorFinding, thread: ThreadChoice, intent: Intent, received: Ruling, book: Book,
    obeyed: Obeyed | None = None,
) -> Decision:  # fmt: skip
    """An agent's answer, note or orders on a ticket. The status he names beats the one that his answer would bring."""
    ticket = chosen_ticket(facts, thread)
    obeyed = obeyed or Obeyed()
    text = f"{intent.text.rstrip()}\n\n{obeyed.extra_text}".strip("\n") if obeyed.extra_text else intent.text
    actions: list[Action] = []
    outcomes = received.outcomes
    brought = facts.mail.attachment_names if facts.mail is not None else facts.action and facts.action.attached
    says_something = bool(text.strip()) or bool(brought)
    public = says_something and intent.kind != "note"
    if says_something:
        kind = CommentKind.COMMENT if public else CommentKind.NOTE
        actions.append(agents_comment(kind, facts, author, text))
    actions += obeyed.actions
    assigned = any(isinstance(one, Assign) for one in obeyed.actions)
    if public and ticket.agent_id is None and not assigned:
        actions.append(Assign(acting_agent(facts), "first answer"))
    explicit = intent.status or next((a.status for a in obeyed.actions if isinstance(a, SetStatus)), "")
    if public:
        ruling = rule(book, "agent_commented", facts, author, after(ticket, received.actions, facts, book))
        outcomes += ruling.outcomes
        actions += status_after(facts, author, ticket, ruling, "agent.reply", book, explicit)
    elif intent.status:
        actions.append(SetStatus(intent.status, "agent", Role.AGENT))
    if facts.agent is not None and facts.mail is not None and not public:
        actions += _reports(facts.agent.id, intent, obeyed)
    outcome = Outcome.COMMENTED if says_something else Outcome.COMMAND
    return decision_of(
        facts, outcome, "", thread.why, thread, author, intent=intent, rules=outcomes,
        actions=(*received.actions, *actions),
    )  # fmt: skip


def _reports(agent_id: int, intent: Intent, obeyed: Obeyed) -> list[Action]:
    """What the agent is told of his own orders when no answer that he sees goes out with them."""
    if obeyed.why:
        return [Report(agent_id, "why", intent.commands)]
    return [Report(agent_id, "done", intent.commands)] if intent.orders or intent.status else []


def said(kind: CommentKind, action: ActionFacts, author: AuthorFinding) -> AddComment:
    return AddComment(
        kind, action.role, action.channel, author.name, author.address, author.verified, action.text,
        author.person_id, whole=True,
    )  # fmt: skip


def agents_comment(kind: CommentKind, facts: Facts, author: AuthorFinding, text: str) -> AddComment:
    channel = facts.action.channel if facts.action else Channel.MAIL
    return AddComment(
        kind, Role.AGENT, channel, author.name, author.address, author.verified, text, author.person_id, whole=True
    )


def acting_agent(facts: Facts) -> int:
    if facts.agent is not None:
        return facts.agent.id
    assert facts.action is not None
    return facts.action.person_id


def chosen_ticket(facts: Facts, thread: ThreadChoice) -> TicketFacts:
    ticket = facts.ticket(thread.ticket_id or 0)
    assert ticket is not None, "a chosen ticket is among the facts"
    return ticket


def held(facts: Facts, author: AuthorFinding, reason: HeldReason, why: str, thread: ThreadChoice = NOWHERE) -> Decision:
    return decision_of(facts, Outcome.HELD, reason, why, replace(thread, kind="none"), author)


def decision_of(
    facts: Facts,
    outcome: Outcome,
    reason: HeldReason | str,
    why: str,
    thread: ThreadChoice,
    author: AuthorFinding,
    *,
    intent: Intent | None = None,
    rules: tuple[RuleOutcome, ...] = (),
    actions: tuple[Action, ...] = (),
    automatic: bool = False,
) -> Decision:
    return Decision(outcome, reason, why, thread, author, intent, rules, actions, automatic, facts.now)
