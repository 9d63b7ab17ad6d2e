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
    Resume,
    SetStatus,
    ThreadChoice,
)
from mailgate.decide.facts import Facts, Forwarded, MailFacts
from mailgate.decide.intent import listed
from mailgate.decide.intent import read as read_intent
from mailgate.decide.moving import situation
from mailgate.decide.obey import obey, outsider
from mailgate.decide.opening import open_ticket
from mailgate.decide.ruling import Book, Ruling
from store.vocabulary import Channel, CommentKind, HeldReason, Outcome, Role


def agent_mail(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, received: Ruling, book: Book
) -> Decision:
    workflow, status = book.workflow, book.workflow.initial
    ticket = chosen_ticket(facts, thread) if thread.kind == "existing" else None
    if ticket is not None:
        status = ticket.status
    now = situation(facts, author, ticket) if ticket is not None else None
    language = (facts.agent.language if facts.agent else None) or facts.policy.locale
    intent = read_intent(
        mail.reply,
        workflow.find_status,
        lambda target: workflow.can_set(status, target, "agent", now),
        listed(workflow.labels(language).values(), language),
        lambda trigger: workflow.target(status, trigger, now),
    )
    if thread.kind != "existing":
        return _agent_opens(facts, mail, author, thread, intent, received, book)
    if not author.verified:
        return _kept_as_note(facts, mail, author, thread, intent, received, "unproven")
    if not _by_agents_copy(facts, thread):
        return _kept_as_note(facts, mail, author, thread, intent, received, "way")
    intent = replace(intent, kind="note") if facts.noted else intent
    obeyed = obey(facts, intent, chosen_ticket(facts, thread), book)
    problem = intent.problem or obeyed.problem
    if problem:
        return _refused(facts, mail, author, thread, replace(intent, problem=problem), received, language, book)
    if intent.kind == "answer" and intent.text.strip() and not (facts.confirmed or facts.released):
        doubt = _doubt(facts, author, thread, intent, received)
        if doubt is not None:
            return doubt
    if intent.kind == "note" and not intent.text.strip() and facts.waiting is not None:
        obeyed.actions.append(Resume(facts.waiting, "noted", "agent"))
    return agent_answers(facts, author, thread, intent, received, book, obeyed)


def _refused(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, intent: Intent, received: Ruling,
    language: str, book: Book,
) -> Decision:  # fmt: skip
    """All or nothing: nothing is sent, the text stays as a note, and the agent gets the list at once."""
    known = listed(book.workflow.labels(language).values(), language)
    refuse = RefuseCommand(acting_agent(facts), intent.problem, known)
    note = agents_comment(CommentKind.NOTE, facts, author, mail.reply)
    only_help = intent.problem.startswith("help:") and not intent.text.strip()
    return decision_of(
        facts, Outcome.COMMAND, "", f"a command that cannot be done ({intent.problem}): nothing was sent", thread,
        author, intent=replace(intent, commands=known), rules=received.outcomes,
        actions=(refuse,) if only_help else (note, refuse),
    )  # fmt: skip


def _doubt(
    facts: Facts, author: AuthorFinding, thread: ThreadChoice, intent: Intent, received: Ruling
) -> Decision | None:
    """An answer that is held until its agent says so: it quotes our notice, or he had not seen the newest."""
    if facts.leaked:
        ask = AskAgent(acting_agent(facts), "ambiguous", facts.leaked, link=True)
        return decision_of(
            facts, Outcome.HELD, HeldReason.AMBIGUOUS, f"the answer still holds {facts.leaked}", thread, author,
            intent=intent, rules=received.outcomes, actions=(ask,),
        )  # fmt: skip
    if facts.news:
        ask = AskAgent(acting_agent(facts), "collision", "", link=True)
        return decision_of(
            facts, Outcome.HELD, HeldReason.COLLISION, "the ticket changed since the notice that is answered", thread,
            author, intent=intent, rules=received.outcomes, actions=(ask,),
        )  # fmt: skip
    return None


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
    customer = name = ""
    passed_on: Forwarded | None = None
    if author.verified and not intent.problem:
        named_ = intent.of("requester")
        customer = outsider(facts, named_.argument) if named_ else ""
        if any(o.verb != "requester" for o in intent.orders) or (named_ and not customer):
            wrong = named_ or intent.orders[0]
            intent = replace(intent, problem=f"{'address' if named_ else 'no_ticket'}:{wrong.written}")
        if facts.forwarded is not None and not _is_ours(facts, facts.forwarded.author.address):
            passed_on = facts.forwarded
        others = [a for a in (*mail.to, *mail.cc) if not _is_ours(facts, a.address)]
        if not customer and passed_on is not None:
            customer, name = passed_on.author.address, passed_on.author.name
        elif not customer and len({a.address for a in others}) == 1:
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
        subject=(passed_on.subject if passed_on else "") or opening.subject,
    )  # fmt: skip
    said = _said_for(facts, author, intent, passed_on)
    kept = (a for a in decision.actions if not (intent.status and isinstance(a, SetStatus)))
    actions = tuple(
        one for a in kept for one in ((opened,) if a is opening else said if _is_said(a) else (a,))
    )  # fmt: skip
    return replace(decision, intent=intent, actions=actions, why=f"opened by {author.name} for {customer}")


def _said_for(
    facts: Facts, author: AuthorFinding, intent: Intent, passed_on: Forwarded | None
) -> tuple[AddComment, ...]:
    """What the new ticket begins with: the agent's words; or the customer's that he passes on, and his as a note."""
    if passed_on is None:
        return (agents_comment(CommentKind.COMMENT, facts, author, intent.text),)
    theirs = AddComment(
        CommentKind.COMMENT, Role.CUSTOMER, Channel.MAIL, passed_on.author.name, passed_on.author.address,
        author.verified, passed_on.text, None, whole=True,
    )  # fmt: skip
    if not passed_on.intro.strip():
        return (theirs,)
    return (theirs, agents_comment(CommentKind.NOTE, facts, author, passed_on.intro))


def _is_ours(facts: Facts, address: str) -> bool:
    return is_support(facts, address) or any(a.address == address for a in facts.agents)


def _is_said(action: Action) -> bool:
    """Whether this is what the mail said, and not a note that a rule adds."""
    return isinstance(action, AddComment) and action.role is Role.CUSTOMER
