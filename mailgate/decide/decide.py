"""From facts to a decision with its reasons. Pure: no session, no clock, no network.

One function for all that can happen to a ticket: a mail, a person on a page or at a terminal, a due time. What is
decided is a list of actions in order; `flows.effects` carries them out and `notify.plan` says who is told.
"""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.author import who
from mailgate.decide.decision import (
    Action,
    AddComment,
    AskAgent,
    Assign,
    AuthorFinding,
    Decision,
    Intent,
    OpenTicket,
    RefuseCommand,
    Remark,
    ReturnedMail,
    RuleOutcome,
    SetStatus,
    ThreadChoice,
)
from mailgate.decide.facts import ActionFacts, Facts, MailFacts, TicketFacts
from mailgate.decide.intent import read as read_intent
from mailgate.decide.ruling import Book, Ruling, rule
from mailgate.decide.thread import choose
from store.vocabulary import Channel, CommentKind, HeldReason, Outcome, Role

_NOWHERE = ThreadChoice("none", None, "", "", "")


def decide(facts: Facts, book: Book) -> Decision:
    """What becomes of a mail, of a person's action, or of a due time. Total for any facts."""
    if facts.mail is not None:
        return _mail(facts, facts.mail, book)
    if facts.action is not None:
        return _action(facts, facts.action, book)
    return _timer(facts, book)


# --- a mail ----------------------------------------------------------------------------------------------------------


def _mail(facts: Facts, mail: MailFacts, book: Book) -> Decision:
    author = who(facts)
    stopped = _not_for_a_ticket(facts, mail, author)
    if stopped is not None:
        return stopped
    thread = choose(facts, author)
    if mail.kind == "auto_reply" and not (thread.kind == "new" and _may_be_news(mail)):
        return _automatic(facts, mail, author, thread)
    held = _over_limits(facts, author, thread)
    if held is not None:
        return held
    received = rule(book, "message_received", facts, author, facts.ticket(thread.ticket_id or 0))
    if (received.hold or received.reject) and not facts.released:
        outcome, reason = (Outcome.HELD, HeldReason.RULE) if received.hold else (Outcome.REJECTED, "rule")
        why = received.hold or received.reject
        return _decision(facts, outcome, reason, why, thread, author, rules=received.outcomes)
    if author.role is Role.AGENT:
        return _agent_mail(facts, mail, author, thread, received, book)
    if thread.kind == "existing":
        return _customer_comment(facts, mail, author, thread, received, book)
    return _open(facts, mail, author, thread, received, book)


def _not_for_a_ticket(facts: Facts, mail: MailFacts, author: AuthorFinding) -> Decision | None:
    if mail.kind == "dsn" and (facts.released or not mail.over_limit):
        return _returned(facts, mail, author)
    if not author.address:  # not even a person can let it pass: a ticket has a requester
        return _held(facts, author, HeldReason.AMBIGUOUS, "there is no From address, so nobody to answer")
    if facts.released:
        return None
    if mail.over_limit:
        return _held(facts, author, HeldReason.LIMIT, f"over a limit: {mail.over_limit}")
    if mail.kind == "loop":
        return _held(facts, author, HeldReason.LOOP, mail.kind_reason or "one of our own mails came back as a sender")
    if _is_support(facts, author.address) and not mail.auth_user:
        return _held(facts, author, HeldReason.LOOP, "From is one of our own addresses")
    if mail.author is None:
        return _held(facts, author, HeldReason.AMBIGUOUS, "From is not one field with one address")
    if facts.sender is not None and not facts.sender.active:
        return _held(facts, author, HeldReason.UNKNOWN_SENDER, "the sender is a contact who was switched off")
    return None


def _returned(facts: Facts, mail: MailFacts, author: AuthorFinding) -> Decision:
    """A delivery report: it counts only when it brings back a Message-ID or an address that we made.

    About an agent's copy it is written down and told to nobody: told by mail, it would come back for ever.
    """
    ticket = None
    if mail.bounce_identity is not None:
        number = mail.bounce_identity.ticket_number
        ticket = next((t for t in facts.tickets if t.number == number), None)
    if ticket is None:
        return _decision(facts, Outcome.DSN, "", "a delivery report about none of our mails", _NOWHERE, author)
    bounce = mail.bounce
    thread = ThreadChoice("existing", ticket.id, ticket.key, "our_message_id", "the report returns a mail of ours")
    why = f"a delivery report about {ticket.key}"
    if mail.bounce_identity is not None and mail.bounce_identity.role is not Role.CUSTOMER:
        lost = Remark("agents_copy_returned", {"diagnostic": ((bounce.diagnostic if bounce else None) or "")[:500]})
        return _decision(facts, Outcome.DSN, "", why, thread, author, actions=(lost,))
    action = ReturnedMail(
        (bounce.recipient if bounce else None) or "",
        (bounce.status if bounce else None) or "",
        (bounce.action if bounce else None) or "failed",
        ((bounce.diagnostic if bounce else None) or "")[:500],
    )
    return _decision(facts, Outcome.DSN, "", why, thread, author, actions=(action,))


def _may_be_news(mail: MailFacts) -> bool:
    """A ticket, without any automatic answer: a machine wrote of its own accord (a monitor, a shop), or nothing but
    words of the subject speaks for a machine, and people write those too (`Férias do mês não calculam`)."""
    return "auto-generated" in mail.kind_reason.lower() or mail.kind_reason.startswith("Subject:")


def _automatic(facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice) -> Decision:
    """An out-of-office or the like: never an answer, an interaction or a command; a note where it belongs."""
    why = f"automatic mail: {mail.kind_reason}"
    if thread.kind != "existing":
        return _decision(facts, Outcome.AUTOMATIC, "", why, replace(thread, kind="none"), author, automatic=True)
    note = AddComment(
        CommentKind.NOTE, Role.SYSTEM, Channel.MAIL, author.name, author.address, author.verified, mail.reply,
        author.person_id,
    )  # fmt: skip
    actions: tuple[Action, ...] = (note, Remark("automatic", {"reason": mail.kind_reason}))
    return _decision(facts, Outcome.AUTOMATIC, "", why, thread, author, actions=actions, automatic=True)


def _over_limits(facts: Facts, author: AuthorFinding, thread: ThreadChoice) -> Decision | None:
    if facts.released or (author.role is Role.AGENT and author.verified):
        return None
    policy, counted = facts.policy, facts.counters
    checks = (
        (policy.mails, counted.mails, "mails of this sender"),
        (policy.comments if thread.kind == "existing" else (), counted.comments, "comments on this ticket"),
        (policy.tickets if thread.kind != "existing" else (), counted.tickets, "new tickets of this sender"),
    )
    for bounds, counts, what in checks:
        for bound, count in zip(bounds, counts, strict=False):
            if count >= bound.count:
                why = f"more than {bound.count} {what} within {bound.seconds / 60:.0f} minutes"
                return _held(facts, author, HeldReason.LIMIT, why, thread)
    return None


def _customer_comment(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, received: Ruling, book: Book
) -> Decision:
    ticket = _ticket(facts, thread)
    comment = AddComment(
        CommentKind.COMMENT, Role.CUSTOMER, Channel.MAIL, author.name, author.address, author.verified, mail.reply,
        author.person_id,
    )  # fmt: skip
    ruling = rule(book, "customer_commented", facts, author, ticket)
    actions = (comment, *received.actions, *_status_after(ticket, ruling, "customer.reply", Role.CUSTOMER, book))
    return _decision(
        facts, Outcome.COMMENTED, "", thread.why, thread, author,
        rules=received.outcomes + ruling.outcomes, actions=actions, automatic=not mail.may_answer,
    )  # fmt: skip


def _status_after(
    ticket: TicketFacts, ruling: Ruling, trigger: str, role: Role, book: Book, explicit: str = ""
) -> tuple[Action, ...]:
    """What a comment does to the status: an explicit one beats a rule's, a rule's beats the workflow's own."""
    if explicit:
        others = tuple(a for a in ruling.actions if not isinstance(a, SetStatus))
        return (SetStatus(explicit, "agent", role), *others)
    if any(isinstance(a, SetStatus) for a in ruling.actions):
        return ruling.actions
    transition = book.workflow.transition(ticket.status, trigger)
    if transition is not None and transition.to is not None:
        return (SetStatus(transition.to, f"transition {trigger}", Role.SYSTEM), *ruling.actions)
    return ruling.actions


def _open(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, received: Ruling, book: Book
) -> Decision:
    policy = facts.policy
    if policy.guests != "yes" and not facts.released and author.role is Role.CUSTOMER and facts.sender is None:
        why = "the sender is not a known contact"
        if policy.guests == "rejected":
            return _decision(facts, Outcome.REJECTED, "unknown_sender", why, thread, author, rules=received.outcomes)
        return _held(facts, author, HeldReason.UNKNOWN_SENDER, why, thread)
    opening = OpenTicket(
        requester_address=author.address,
        requester_name=author.name,
        subject=mail.subject,
        status=book.workflow.initial,
        department=mail.department,
        topic=facts.topic,
        priority="normal",
        language=mail.language or (facts.sender.language if facts.sender else None) or policy.locale,
        address=mail.own_address,
        verified=author.verified,
        channel=Channel.MAIL,
        follow_up_of=thread.ticket_id if thread.kind == "follow_up" else None,
        claims=thread.claims,
    )
    comment = AddComment(
        CommentKind.COMMENT, Role.CUSTOMER, Channel.MAIL, author.name, author.address, author.verified, mail.reply,
        author.person_id if author.role is Role.CUSTOMER else None,  # an agent who asks us is our customer in that
    )  # fmt: skip
    ruling = rule(book, "ticket_opened", facts, author, None, opening)
    actions = (opening, comment, *received.actions, *ruling.actions)
    return _decision(
        facts, Outcome.OPENED, "", thread.why, thread, author,
        rules=received.outcomes + ruling.outcomes, actions=actions, automatic=not mail.may_answer,
    )  # fmt: skip


# --- an agent's mail -------------------------------------------------------------------------------------------------


def _agent_mail(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, received: Ruling, book: Book
) -> Decision:
    workflow, status = book.workflow, book.workflow.initial
    if thread.kind == "existing":
        status = _ticket(facts, thread).status
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
        refuse = RefuseCommand(_agent_id(facts), intent.problem, intent.commands)
        note = _agents_comment(CommentKind.NOTE, facts, author, mail.reply)
        return _decision(
            facts, Outcome.COMMAND, "", f"a command that cannot be done ({intent.problem}): nothing was sent",
            thread, author, intent=intent, rules=received.outcomes, actions=(note, refuse),
        )  # fmt: skip
    if facts.leaked and intent.kind == "answer" and not (facts.confirmed or facts.released):
        ask = AskAgent(_agent_id(facts), "ambiguous", facts.leaked, link=True)
        return _decision(
            facts, Outcome.HELD, HeldReason.AMBIGUOUS, f"the answer still holds {facts.leaked}", thread, author,
            intent=intent, rules=received.outcomes, actions=(ask,),
        )  # fmt: skip
    return _agent_answers(facts, author, thread, intent, received, book)


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
    note = _agents_comment(CommentKind.NOTE, facts, author, mail.reply)
    if intent.kind == "note" and author.verified:
        actions: tuple[Action, ...] = (note,)
    else:
        actions = (note, AskAgent(_agent_id(facts), why, "", link=link))
    said = "the agent is not proven" if why == "unproven" else "it did not come to the agent's reply address"
    return _decision(
        facts, Outcome.COMMENTED, "", f"kept as a note: {said}", thread, author, intent=intent,
        rules=received.outcomes, actions=actions,
    )  # fmt: skip


def _agent_answers(
    facts: Facts, author: AuthorFinding, thread: ThreadChoice, intent: Intent, received: Ruling, book: Book
) -> Decision:
    ticket = _ticket(facts, thread)
    actions: list[Action] = []
    outcomes = received.outcomes
    has_files = facts.mail is not None and bool(facts.mail.attachment_names)
    says_something = bool(intent.text.strip()) or has_files
    if intent.kind == "note":
        if says_something:
            actions.append(_agents_comment(CommentKind.NOTE, facts, author, intent.text))
        if intent.status:
            actions.append(SetStatus(intent.status, "agent", Role.AGENT))
    else:
        if says_something:
            actions.append(_agents_comment(CommentKind.COMMENT, facts, author, intent.text))
        if ticket.agent_id is None and says_something:
            actions.append(Assign(_agent_id(facts), "first answer"))
        if says_something:
            ruling = rule(book, "agent_commented", facts, author, ticket)
            outcomes += ruling.outcomes
            actions += _status_after(ticket, ruling, "agent.reply", Role.AGENT, book, intent.status)
        elif intent.status:
            actions.append(SetStatus(intent.status, "agent", Role.AGENT))
    outcome = Outcome.COMMENTED if says_something else Outcome.COMMAND
    return _decision(
        facts,
        outcome,
        "",
        thread.why,
        thread,
        author,
        intent=intent,
        rules=outcomes,
        actions=(*received.actions, *actions),
    )


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
        refuse = RefuseCommand(_agent_id(facts), intent.problem, intent.commands)
        return _decision(
            facts, Outcome.COMMAND, "", "a command about no ticket", replace(thread, kind="none"), author,
            intent=intent, rules=received.outcomes, actions=(refuse,),
        )  # fmt: skip
    decision = _open(facts, mail, author, thread, received, book)
    if not customer or decision.outcome is not Outcome.OPENED:
        return replace(decision, intent=intent)
    opening = next(a for a in decision.actions if isinstance(a, OpenTicket))
    opened = replace(
        opening, requester_address=customer, requester_name=name or customer.partition("@")[0],
        agent_id=_agent_id(facts), status=intent.status or opening.status,
    )  # fmt: skip
    said = _agents_comment(CommentKind.COMMENT, facts, author, intent.text)
    kept = (a for a in decision.actions if not (intent.status and isinstance(a, SetStatus)))
    actions = tuple(opened if a is opening else said if _is_said(a) else a for a in kept)
    return replace(decision, intent=intent, actions=actions, why=f"opened by {author.name} for {customer}")


def _is_said(action: Action) -> bool:
    """Whether this is what the mail said, and not a note that a rule adds."""
    return isinstance(action, AddComment) and action.role is Role.CUSTOMER


def _is_ours(facts: Facts, address: str) -> bool:
    return _is_support(facts, address) or any(a.address == address for a in facts.agents)


def _is_support(facts: Facts, address: str) -> bool:
    """Whether this is one of our support addresses, with or without a part after its plus."""
    local, _, domain = address.rpartition("@")
    plain = f"{local.partition('+')[0]}@{domain}".lower()
    return any(plain == own.lower() for own in facts.own_addresses)


# --- a person on a page or at a terminal, a due time ----------------------------------------------------------------


def _action(facts: Facts, action: ActionFacts, book: Book) -> Decision:
    author = who(facts)
    if action.verb == "open":
        return _action_opens(facts, action, author, book)
    ticket = facts.tickets[0]
    thread = ThreadChoice("existing", ticket.id, ticket.key, action.channel, f"chosen on the {action.channel}")
    if action.role is Role.CUSTOMER:
        if ticket.category == "closed":
            return _action_follows_up(facts, action, author, ticket, book)
        comment = _said(CommentKind.COMMENT, action, author)
        ruling = rule(book, "customer_commented", facts, author, ticket)
        actions: tuple[Action, ...] = (
            comment, *_status_after(ticket, ruling, "customer.reply", Role.CUSTOMER, book)
        )  # fmt: skip
        return _decision(
            facts, Outcome.COMMENTED, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions
        )
    if action.verb == "assign" and action.agent_id is not None:
        return _decision(
            facts, Outcome.COMMAND, "", thread.why, thread, author, actions=(Assign(action.agent_id, author.name),)
        )
    kind = {"note": "note"}.get(action.verb, "answer")
    intent = Intent(kind, action.text, action.status)
    return _agent_answers(facts, author, thread, intent, Ruling(), book)


def _action_opens(facts: Facts, action: ActionFacts, author: AuthorFinding, book: Book) -> Decision:
    requester = facts.sender
    assert requester is not None
    opening = OpenTicket(
        requester_address=requester.address, requester_name=requester.name, subject=action.subject,
        status=action.status or book.workflow.initial, department=facts.department, topic=facts.topic,
        priority="normal", language=requester.language or facts.policy.locale, address="",
        verified=True, channel=action.channel, agent_id=action.agent_id,
    )  # fmt: skip
    ruling = rule(book, "ticket_opened", facts, author, None, opening)
    thread = ThreadChoice("new", None, "", action.channel, f"opened on the {action.channel}")
    actions = (opening, _said(CommentKind.COMMENT, action, author), *ruling.actions)
    return _decision(facts, Outcome.OPENED, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions)


def _action_follows_up(
    facts: Facts, action: ActionFacts, author: AuthorFinding, ticket: TicketFacts, book: Book
) -> Decision:
    opening = OpenTicket(
        requester_address=author.address, requester_name=author.name, subject=ticket.subject,
        status=book.workflow.initial, department=ticket.department, topic=ticket.topic, priority=ticket.priority,
        language=ticket.language, address=ticket.address, verified=author.verified, channel=action.channel,
        follow_up_of=ticket.id,
    )  # fmt: skip
    thread = ThreadChoice("follow_up", ticket.id, ticket.key, action.channel, f"{ticket.key} is closed")
    ruling = rule(book, "ticket_opened", facts, author, None, opening)
    actions = (opening, _said(CommentKind.COMMENT, action, author), *ruling.actions)
    return _decision(facts, Outcome.OPENED, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions)


def _timer(facts: Facts, book: Book) -> Decision:
    author = who(facts)
    ticket = facts.tickets[0]
    thread = ThreadChoice("existing", ticket.id, ticket.key, "timer", f"the timer {facts.timer} is due")
    found = next((t for t in book.workflow.timers_for(ticket.status) if t.name == facts.timer), None)
    if found is None:
        why = f"the timer {facts.timer} no longer belongs to status {ticket.status}"
        return _decision(facts, Outcome.COMMAND, "cancelled", why, thread, author)
    actions: tuple[Action, ...] = (Remark("timer", {"name": facts.timer}),)
    if found.to is not None:
        actions = (SetStatus(found.to, f"timer {found.after.text} since {found.after.since}", Role.SYSTEM), *actions)
    ruling = rule(book, "timer", facts, author, ticket)
    return _decision(
        facts, Outcome.COMMAND, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions + ruling.actions
    )


# --- helpers ---------------------------------------------------------------------------------------------------------


def _said(kind: CommentKind, action: ActionFacts, author: AuthorFinding) -> AddComment:
    return AddComment(
        kind, action.role, action.channel, author.name, author.address, author.verified, action.text,
        author.person_id, whole=True,
    )  # fmt: skip


def _agents_comment(kind: CommentKind, facts: Facts, author: AuthorFinding, text: str) -> AddComment:
    channel = facts.action.channel if facts.action else Channel.MAIL
    return AddComment(
        kind, Role.AGENT, channel, author.name, author.address, author.verified, text, author.person_id, whole=True
    )


def _agent_id(facts: Facts) -> int:
    if facts.agent is not None:
        return facts.agent.id
    assert facts.action is not None
    return facts.action.person_id


def _ticket(facts: Facts, thread: ThreadChoice) -> TicketFacts:
    ticket = facts.ticket(thread.ticket_id or 0)
    assert ticket is not None, "a chosen ticket is among the facts"
    return ticket


def _held(
    facts: Facts, author: AuthorFinding, reason: HeldReason, why: str, thread: ThreadChoice = _NOWHERE
) -> Decision:
    return _decision(facts, Outcome.HELD, reason, why, replace(thread, kind="none"), author)


def _decision(
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
