"""What a person on a page or at a terminal does. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mailgate.decide.agentact import by_agent
from mailgate.decide.author import who
from mailgate.decide.common import decision_of, said, status_after
from mailgate.decide.customeract import changes
from mailgate.decide.decision import (
    Action,
    AddParticipant,
    AuthorFinding,
    Decision,
    OpenTicket,
    Remark,
    SetField,
    SetStatus,
    ThreadChoice,
)
from mailgate.decide.facts import ActionFacts, Facts, TicketFacts
from mailgate.decide.filing import file_ticket, vouched
from mailgate.decide.followup import after_closing
from mailgate.decide.moving import situation
from mailgate.decide.ruling import Book, rule
from mailgate.decide.thanking import kept, thanked
from mailgate.decide.thread import may_write
from store.vocabulary import CommentKind, Outcome, Role

#: How long an answer to the survey can be changed, from the first one on.
RATING_CHANGES_FOR = timedelta(days=7)


def by_person(facts: Facts, action: ActionFacts, book: Book) -> Decision:
    author = who(facts)
    if action.verb == "open":
        if action.filed is not None:
            return file_ticket(facts, action, author, action.filed, book)
        return _action_opens(facts, action, author, book)
    ticket = facts.tickets[0]
    thread = ThreadChoice("existing", ticket.id, ticket.key, action.channel, f"chosen on the {action.channel}")
    if action.verb == "rate":
        return rates(facts, action, author, thread, book)
    if action.role is Role.CUSTOMER:
        if action.verb == "participant":
            return _lets_follow(facts, action, author, thread)
        if action.verb == "vouch":
            stands = vouched(author, ticket, words=True)
            return decision_of(facts, Outcome.COMMAND, "", thread.why, thread, author, actions=stands)
        if action.verb == "change":
            return changes(facts, action, author, thread)
        may, why = may_write(facts, author, ticket, book.scopes)
        if not may:
            return decision_of(facts, Outcome.COMMAND, "cancelled", f"{author.address} {why}", thread, author)
        if action.verb == "finalize":
            return _customer_finalizes(facts, action, author, ticket, thread, book)
        thanks = thanked(facts, author, ticket, book)
        if ticket.category == "closed" and not thanks:
            closed = replace(thread, kind="follow_up", why=f"{ticket.key} is closed")
            thread, refused = after_closing(facts, author, closed, book)
            if refused:
                return decision_of(facts, Outcome.REJECTED, "follow_up", refused, thread, author)
            if thread.kind == "follow_up":
                return _action_follows_up(facts, action, author, ticket, thread, book)
        comment = said(CommentKind.COMMENT, action, author)
        ruling = rule(book, "customer_commented", facts, author, ticket)
        moved = status_after(facts, author, ticket, ruling, "customer.reply", book)
        actions: tuple[Action, ...] = (comment, *vouched(author, ticket), *(kept(moved, thanks) if thanks else moved))
        return decision_of(
            facts, Outcome.COMMENTED, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions
        )
    return by_agent(facts, action, author, thread, book)


def _lets_follow(facts: Facts, action: ActionFacts, author: AuthorFinding, thread: ThreadChoice) -> Decision:
    """A customer lets a colleague follow; whom he may name was looked up before."""
    added = tuple(
        AddParticipant(one.argument, "", author.name, contributes=one.verb == "participant") for one in action.orders
    )
    return decision_of(facts, Outcome.COMMAND, "", thread.why, thread, author, actions=added)


def rates(facts: Facts, action: ActionFacts, author: AuthorFinding, thread: ThreadChoice, book: Book) -> Decision:
    """A customer answers the survey, or changes the answer within days: kept in the history; rules say what follows."""
    if facts.rated_at is not None and facts.now - facts.rated_at > RATING_CHANGES_FOR:
        return decision_of(facts, Outcome.COMMAND, "", "the rating can no longer be changed", thread, author)
    waited = (facts.now - facts.asked_at).total_seconds() if facts.asked_at is not None else 0.0
    if facts.rated_at is None and waited > facts.policy.survey_seconds:
        return decision_of(facts, Outcome.COMMAND, "", "the time of the survey is over", thread, author)
    ruling = rule(book, "survey_answered", facts, author, facts.tickets[0])
    answer = Remark("survey", {"rating": str(action.rating), "comment": action.text, "by": author.address})
    return decision_of(
        facts, Outcome.COMMAND, "", thread.why, thread, author, rules=ruling.outcomes,
        actions=(answer, *ruling.actions),
    )  # fmt: skip


def _customer_finalizes(
    facts: Facts, action: ActionFacts, author: AuthorFinding, ticket: TicketFacts, thread: ThreadChoice, book: Book
) -> Decision:
    """The customer says that it is done; his word beats what rules would make of the text with it."""
    transition = book.workflow.transition(ticket.status, "customer.finalize", situation(facts, author, ticket))
    if transition is None or transition.to is None:
        why = f"the workflow lets no customer finalise a ticket in status {ticket.status}"
        return decision_of(facts, Outcome.COMMAND, "cancelled", why, thread, author)
    comment = (said(CommentKind.COMMENT, action, author),) if action.text.strip() else ()
    actions = (*comment, SetStatus(transition.to, "transition customer.finalize", Role.CUSTOMER))
    outcome = Outcome.COMMENTED if comment else Outcome.COMMAND
    return decision_of(facts, outcome, "", thread.why, thread, author, actions=actions)


def _action_opens(facts: Facts, action: ActionFacts, author: AuthorFinding, book: Book) -> Decision:
    requester = facts.sender
    assert requester is not None
    opening = OpenTicket(
        requester_address=requester.address, requester_name=requester.name, subject=action.subject,
        status=action.status or book.workflow.initial, department=action.department or facts.department,
        topic=action.topic or facts.topic, priority=action.priority or "normal",
        language=requester.language or facts.policy.locale, address="",
        verified=True, channel=action.channel, agent_id=action.agent_id,
    )  # fmt: skip
    ruling = rule(book, "ticket_opened", facts, author, None, opening)
    thread = ThreadChoice("new", None, "", action.channel, f"opened on the {action.channel}")
    named = {name for name in ("department", "topic", "priority") if getattr(action, name)}
    ruled = (a for a in ruling.actions if not (isinstance(a, SetField) and a.name in named))
    actions = (opening, said(CommentKind.COMMENT, action, author), *ruled)  # a named field beats a rule's
    return decision_of(facts, Outcome.OPENED, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions)


def _action_follows_up(
    facts: Facts, action: ActionFacts, author: AuthorFinding, ticket: TicketFacts, thread: ThreadChoice, book: Book
) -> Decision:
    opening = OpenTicket(
        requester_address=author.address, requester_name=author.name, subject=ticket.subject,
        status=book.workflow.initial, department=ticket.department, topic=ticket.topic, priority=ticket.priority,
        language=ticket.language, address=ticket.address, verified=author.verified, channel=action.channel,
        follow_up_of=ticket.id,
    )  # fmt: skip
    ruling = rule(book, "ticket_opened", facts, author, None, opening)
    actions = (opening, said(CommentKind.COMMENT, action, author), *ruling.actions)
    return decision_of(facts, Outcome.OPENED, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions)
