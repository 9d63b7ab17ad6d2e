"""A mail opens a ticket, or may not: unknown senders, follow-ups, claims. Pure."""

from __future__ import annotations

from mailgate.decide.answering import heeded
from mailgate.decide.common import decision_of, held
from mailgate.decide.copies import copies
from mailgate.decide.decision import AddComment, AuthorFinding, Decision, OpenTicket, ThreadChoice
from mailgate.decide.facts import Facts, MailFacts
from mailgate.decide.files import refusal
from mailgate.decide.formmail import opening_form
from mailgate.decide.ruling import Book, Ruling, rule
from mailgate.decide.state import after, opened
from mailgate.people.roles import permissions
from store.vocabulary import Channel, CommentKind, HeldReason, Outcome, Role


def open_ticket(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, received: Ruling, book: Book
) -> Decision:
    policy = facts.policy
    if policy.guests != "yes" and not facts.released and author.role is Role.CUSTOMER and facts.sender is None:
        why = "the sender is not a known contact"
        if policy.guests == "rejected":
            return decision_of(facts, Outcome.REJECTED, "unknown_sender", why, thread, author, rules=received.outcomes)
        return held(facts, author, HeldReason.UNKNOWN_SENDER, why, thread)
    known = facts.sender if author.role is Role.CUSTOMER and not facts.released else None
    if known is not None and "open" not in permissions(known.role, known.may):
        return held(facts, author, HeldReason.RULE, "the contact may not open tickets", thread)
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
    # The rules of the opening see what those of the arrival made of it.
    seen = after(opened(opening, facts, book), received.actions, facts, book)
    ruling = rule(book, "ticket_opened", facts, author, seen)
    ruled = (*received.actions, *ruling.actions)
    refused = refusal(facts, book, facts.topic, (opening, *ruled)) if author.role is Role.CUSTOMER else ()
    opened_ = after(seen, ruling.actions, facts, book)
    asked = opening_form(facts, mail, author, opening, opened_, book, (*refused, *ruled))
    to = heeded(facts, mail, author, "")
    actions = (opening, comment, *to, *copies(facts, mail, author, book, None), *refused, *ruled, *asked)
    return decision_of(
        facts, Outcome.OPENED, "", thread.why, thread, author,
        rules=received.outcomes + ruling.outcomes, actions=actions, automatic=not mail.may_answer,
    )  # fmt: skip
