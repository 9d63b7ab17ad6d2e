"""What a change of status brings along: the acts of the transition it goes by, and what an assignment moves. Pure.

Everything that decides asks for a status; here each is matched with the workflow's transition, so that a rule's wish,
an agent's command and an answer's own effect bring the same acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailgate.decide.decision import (
    Action,
    AddComment,
    AskRating,
    Assign,
    AuthorFinding,
    Decision,
    OpenTicket,
    Remark,
    RuleNotice,
    SetField,
    SetStatus,
    Tell,
)
from mailgate.decide.facts import Facts, TicketFacts
from mailgate.decide.ruling import Book
from mailgate.tickets.acts import AUTHOR, OURS, Act
from mailgate.tickets.guards import Situation
from mailgate.tickets.workflow import Actor, Workflow
from store.vocabulary import Channel, CommentKind, Role

_ACTORS: dict[Role, Actor] = {Role.AGENT: "agent", Role.CUSTOMER: "customer", Role.SYSTEM: "rule"}


def situation(facts: Facts, author: AuthorFinding, ticket: TicketFacts | OpenTicket | None) -> Situation:
    """What guards look at: the ticket as it is, or as it is about to be opened, and who acts."""
    if ticket is None:
        return Situation(by=frozenset({"system"}))
    by = {"system"}
    if author.role is Role.AGENT:
        agent = next((a for a in facts.agents if a.id == author.person_id), None)
        by = {"agent", agent.role if agent else "agent"}
        if author.person_id is not None and author.person_id == ticket.agent_id:
            by.add("assignee")
    elif author.role is Role.CUSTOMER:
        requester = ticket.requester.address if isinstance(ticket, TicketFacts) else ticket.requester_address
        by = {"requester" if author.address == requester else "others"}
    return Situation(
        topic=ticket.topic,
        department=ticket.department,
        priority=ticket.priority,
        tags=ticket.tags if isinstance(ticket, TicketFacts) else (),
        assigned=ticket.agent_id is not None,
        verified=author.verified,
        by=frozenset(by),
    )


def started(decision: Decision, facts: Facts, book: Book) -> Decision:
    """The decision with what taking the ticket does to its status."""
    about = _about(decision, facts)
    if about is None or not any(isinstance(a, (Assign, OpenTicket)) for a in decision.actions):
        return decision
    now = situation(facts, decision.author, about)
    return replace(decision, actions=_assigned(decision.actions, about, now, book.workflow))


def with_acts(decision: Decision, facts: Facts, book: Book) -> Decision:
    """The decision with what its changes of status bring along; a timer's own move has its acts already."""
    about = _about(decision, facts)
    if about is None or not any(isinstance(a, SetStatus) for a in decision.actions):
        return decision
    now, actions = situation(facts, decision.author, about), decision.actions
    trigger = {Role.CUSTOMER: "customer.reply", Role.AGENT: "", Role.SYSTEM: ""}[decision.author.role]
    return replace(decision, actions=_along(actions, about.status, now, trigger, facts, decision.author, book.workflow))


def _about(decision: Decision, facts: Facts) -> TicketFacts | OpenTicket | None:
    opening = next((a for a in decision.actions if isinstance(a, OpenTicket)), None)
    return opening or facts.ticket(decision.ticket_id or 0)


def _assigned(
    actions: Sequence[Action], about: TicketFacts | OpenTicket, now: Situation, workflow: Workflow
) -> tuple[Action, ...]:
    """Who takes a ticket starts on it, where the workflow says so and nothing else sets a status."""
    given: Action | None = next((a for a in actions if isinstance(a, Assign)), None)
    if given is None and isinstance(about, OpenTicket) and about.agent_id is not None:
        given = next((a for a in actions if isinstance(a, AddComment)), None)
    elif isinstance(given, Assign) and given.agent_id == about.agent_id:
        given = None
    if given is None or any(isinstance(a, SetStatus) for a in actions):
        return tuple(actions)
    transition = workflow.transition(about.status, "agent.assign", now)
    if transition is None or transition.to is None:
        return tuple(actions)
    place = actions.index(given) + 1
    started = SetStatus(transition.to, "transition agent.assign", Role.SYSTEM)
    return (*actions[:place], started, *actions[place:])


def _along(
    actions: Sequence[Action], status: str, now: Situation, trigger: str, facts: Facts, author: AuthorFinding,
    workflow: Workflow,
) -> tuple[Action, ...]:  # fmt: skip
    found: list[Action] = []
    came = ""  # into this status, in this very change
    for action in actions:
        if not isinstance(action, SetStatus) or action.by.startswith("timer "):
            found.append(action)
            status = action.status if isinstance(action, SetStatus) else status
            continue
        asked = action.by.removeprefix("transition ") if action.by.startswith("transition ") else trigger
        way = workflow.way(status, action.status, _ACTORS[action.role], now, asked)
        if way is None and status in workflow.states and action.status != status:
            why = f"the workflow has no way from {status} to {action.status} here"
            found.append(Remark("not_moved", {"why": why, "by": action.by.partition(" ")[0]}))
            continue
        if action.status == came:
            continue
        if action.status == status:  # a person asks again, or answers again: its time starts anew
            if way is None or action.by.startswith("rule "):
                continue
            action = replace(action, again=True)
        found.append(action)
        found += acts_of(way.do, action.by, facts, author) if way is not None else ()
        status = came = action.status
    return tuple(found)


def acts_of(do: Sequence[Act], by: str, facts: Facts, author: AuthorFinding) -> tuple[Action, ...]:
    """The acts of a transition as actions; one that cannot be done leaves a remark on the ticket."""
    return tuple(_act(one, by, facts, author) for one in do)


def _act(act: Act, by: str, facts: Facts, author: AuthorFinding) -> Action:
    if act.kind == "notify":
        return RuleNotice(act.value, by) if act.value in OURS else Tell(act.value, by)
    if act.kind == "notify_whatsapp":
        return Tell(act.value, by, "whatsapp")
    if act.kind == "survey":
        return AskRating(by)
    if act.kind == "note":
        return AddComment(CommentKind.NOTE, Role.SYSTEM, Channel.MAIL, by, "", True, act.value, None, whole=True)
    if act.kind == "tag":
        return SetField("tags", (act.value,), by)
    wanted = act.value.casefold()
    if act.value == AUTHOR:
        agent_id = author.person_id if author.role is Role.AGENT else None
    else:
        agent_id = next((a.id for a in facts.agents if wanted in (a.address.casefold(), a.name.casefold())), None)
    if agent_id is None:
        return Remark("act_skipped", {"act": f"assign {act.value}", "by": by, "why": "there is no such agent"})
    return Assign(agent_id, by)
