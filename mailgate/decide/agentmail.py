"""What an agent's mail becomes: an answer, a note, a command, a ticket in a customer's name. Pure."""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.common import (
    acting_agent,
    agent_answers,
    agents_comment,
    chosen_ticket,
    decision_of,
    is_support,
)
from mailgate.decide.decision import (
    Action,
    AddComment,
    AskAgent,
    AuthorFinding,
    Decision,
    Intent,
    OpenTicket,
    RefuseCommand,
    SetStatus,
    ThreadChoice,
)
from mailgate.decide.facts import Facts, MailFacts
from mailgate.decide.intent import read as read_intent
from mailgate.decide.opening import open_ticket
from mailgate.decide.ruling import Book, Ruling
from store.vocabulary import CommentKind, HeldReason, Outcome, Role


def agent_mail(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, received: Ruling, book: Book
) -> Decision:
    workflow, status = book.workflow, book.workflow.initial
    if thread.kind == "existing":
        status = chosen_ticket(facts, thread).status
    language = (facts.agent.language if facts.agent else None) or facts.policy.locale
    intent = read_intent(
        mail.reply,
        workflow.find_status,
        lambda target: workflow.can_set(status, target, "agent"),
        tuple(workflow.labels(language).values()),
    )
    if thread.kind != "existing":
        return _agent_opens(facts, mail, author, thread, intent, received, book)
    if not author.verified:
        return _kept_as_note(facts, mail, author, thread, intent, received, "unproven")
    if not _by_agents_copy(facts, thread):
        return _kept_as_note(facts, mail, author, thread, intent, received, "way")
    if intent.problem:
        refuse = RefuseCommand(acting_agent(facts), intent.problem, intent.commands)
        note = agents_comment(CommentKind.NOTE, facts, author, mail.reply)
        return decision_of(
            facts, Outcome.COMMAND, "", f"a command that cannot be done ({intent.problem}): nothing was sent",
            thread, author, intent=intent, rules=received.outcomes, actions=(note, refuse),
        )  # fmt: skip
    if facts.leaked and intent.kind == "answer" and not (facts.confirmed or facts.released):
        ask = AskAgent(acting_agent(facts), "ambiguous", facts.leaked, link=True)
        return decision_of(
            facts, Outcome.HELD, HeldReason.AMBIGUOUS, f"the answer still holds {facts.leaked}", thread, author,
            intent=intent, rules=received.outcomes, actions=(ask,),
        )  # fmt: skip
    return agent_answers(facts, author, thread, intent, received, book)


def _by_agents_copy(facts: Facts, thread: ThreadChoice) -> bool:
    """Whether the mail came to the reply address of an agent's copy about that ticket (or his answer was confirmed)."""
    return facts.confirmed or any(
        c.ticket_id == thread.ticket_id and c.identity is not None and c.identity.role is Role.AGENT
        for c in facts.candidates
        if c.how == "reply_identity"
    )


def _kept_as_note(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, intent: Intent, received: Ruling,
    why: str,
) -> Decision:  # fmt: skip
    """Nothing is sent and no command done: the text stays inside, and the agent may send it by a link of one use."""
    link = not intent.problem and intent.kind == "answer"
    note = agents_comment(CommentKind.NOTE, facts, author, mail.reply)
    if intent.kind == "note" and author.verified:
        actions: tuple[Action, ...] = (note,)
    else:
        actions = (note, AskAgent(acting_agent(facts), why, "", link=link))
    said = "the agent is not proven" if why == "unproven" else "it did not come to the agent's reply address"
    return decision_of(
        facts, Outcome.COMMENTED, "", f"kept as a note: {said}", thread, author, intent=intent,
        rules=received.outcomes, actions=actions,
    )  # fmt: skip


def _agent_opens(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, intent: Intent, received: Ruling,
    book: Book,
) -> Decision:  # fmt: skip
    """An agent's mail about no ticket: with proof, one in the name of the customer he names; else a plain ticket."""
    customer = ""
    name = ""
    if author.verified:
        customer = intent.customer
        others = [a for a in (*mail.to, *mail.cc) if not _is_ours(facts, a.address)]
        if not customer and len({a.address for a in others}) == 1:
            customer, name = others[0].address, others[0].name
    if author.verified and intent.problem:
        refuse = RefuseCommand(acting_agent(facts), intent.problem, intent.commands)
        return decision_of(
            facts, Outcome.COMMAND, "", "a command about no ticket", replace(thread, kind="none"), author,
            intent=intent, rules=received.outcomes, actions=(refuse,),
        )  # fmt: skip
    decision = open_ticket(facts, mail, author, thread, received, book)
    if not customer or decision.outcome is not Outcome.OPENED:
        return replace(decision, intent=intent)
    opening = next(a for a in decision.actions if isinstance(a, OpenTicket))
    opened = replace(
        opening, requester_address=customer, requester_name=name or customer.partition("@")[0],
        agent_id=acting_agent(facts), status=intent.status or opening.status,
    )  # fmt: skip
    said = agents_comment(CommentKind.COMMENT, facts, author, intent.text)
    kept = (a for a in decision.actions if not (intent.status and isinstance(a, SetStatus)))
    actions = tuple(opened if a is opening else said if _is_said(a) else a for a in kept)
    return replace(decision, intent=intent, actions=actions, why=f"opened by {author.name} for {customer}")


def _is_ours(facts: Facts, address: str) -> bool:
    return is_support(facts, address) or any(a.address == address for a in facts.agents)


def _is_said(action: Action) -> bool:
    """Whether this is what the mail said, and not a note that a rule adds."""
    return isinstance(action, AddComment) and action.role is Role.CUSTOMER
