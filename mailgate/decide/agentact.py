"""What an agent does on a page or at a terminal: the intent of a mail, with a form in place of its lines. Pure.

The orders are obeyed by the same functions as those of mails (`obey`), all of them or none. On a page the text is read
for commands too: an agent who begins with `#nota`, as in his mail client, must not be published. At a terminal the text
is what it is, since scripts pass on what others wrote.
"""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.common import Obeyed, agent_answers, chosen_ticket, decision_of
from mailgate.decide.decision import AuthorFinding, Decision, Intent, Order, ThreadChoice
from mailgate.decide.facts import ActionFacts, Facts, TicketFacts
from mailgate.decide.intent import listed
from mailgate.decide.intent import read as read_intent
from mailgate.decide.moving import situation
from mailgate.decide.obey import obey
from mailgate.decide.orders import TRIGGERS
from mailgate.decide.ruling import Book, Ruling
from mailgate.tickets.guards import Situation
from store.vocabulary import Channel, Outcome

#: The proof of one who merely holds a link, which can be passed on.
LINK = "link"


def by_agent(
    facts: Facts, action: ActionFacts, author: AuthorFinding, thread: ThreadChoice, book: Book
) -> Decision:  # fmt: skip
    """An answer, a note, orders; or nothing at all, with `Intent.problem` saying why.

    Besides the problems of a mail: `sign_in` (a link alone writes notes only), `news` (others came first).
    """
    ticket = chosen_ticket(facts, thread)
    intent = _intent(facts, action, author, ticket, book)
    obeyed = Obeyed() if intent.problem else obey(facts, intent, ticket, book)
    problem = intent.problem or obeyed.problem or _refusal(facts, action, intent, obeyed)
    if problem:
        why = f"this cannot be done: {problem.partition(':')[2] or problem.rstrip(':')}"
        intent = replace(intent, problem=problem)
        return decision_of(facts, Outcome.COMMAND, "cancelled", why, thread, author, intent=intent)
    return agent_answers(facts, author, thread, intent, Ruling(), book, obeyed)


def _refusal(facts: Facts, action: ActionFacts, intent: Intent, obeyed: Obeyed) -> str:
    if action.proof == LINK and (intent.kind != "note" or intent.orders or intent.status):
        return "sign_in:"
    answers = intent.kind == "answer" and bool(intent.text.strip() or obeyed.extra_text or action.attached)
    return "news:" if answers and facts.news else ""


def _intent(facts: Facts, action: ActionFacts, author: AuthorFinding, ticket: TicketFacts, book: Book) -> Intent:
    """What the form and the text ask for together."""
    workflow, now = book.workflow, situation(facts, author, ticket)
    language = (facts.agent.language if facts.agent else None) or facts.policy.locale
    read = Intent("answer", action.text)
    if action.channel is Channel.PORTAL:
        read = read_intent(
            action.text,
            workflow.find_status,
            lambda target: workflow.can_set(ticket.status, target, "agent", now),
            listed(workflow.labels(language).values(), language),
            lambda trigger: workflow.target(ticket.status, trigger, now),
        )
    if read.problem:
        return read
    orders, wanted, problem = _form(facts, action, ticket, book, now)
    statuses = dict.fromkeys(one for one in (*wanted, read.status) if one)
    if len(statuses) > 1:
        problem = problem or f"two:#{workflow.label(list(statuses)[-1], language)}"
    return replace(
        read, kind="note" if action.verb == "note" else read.kind, status=next(iter(statuses), ""), problem=problem,
        orders=(*orders, *read.orders), commands=(*(one.written for one in action.orders), *read.commands),
    )  # fmt: skip


def _form(
    facts: Facts, action: ActionFacts, ticket: TicketFacts, book: Book, now: Situation
) -> tuple[list[Order], list[str], str]:
    """The orders, the statuses that are asked for, and the first problem."""
    workflow = book.workflow
    orders: list[Order] = []
    wanted = [action.status] if action.status else []
    if action.status and not workflow.can_set(ticket.status, action.status, "agent", now):
        return [], [], f"impossible:#{workflow.label(action.status, facts.policy.locale)}"
    for one in action.orders:
        if one.verb not in TRIGGERS:
            orders.append(one)
            continue
        target = workflow.target(ticket.status, TRIGGERS[one.verb], now)
        if target is None:
            return [], [], f"impossible:{one.written}"
        wanted.append(target)
    given = next((a.address for a in facts.agents if action.verb == "assign" and a.id == action.agent_id), "")
    if given:
        orders.append(Order("assign", given, given))
    return orders, wanted, ""
