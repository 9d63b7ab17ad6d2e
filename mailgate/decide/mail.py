"""What a mail becomes: held, rejected, a note, a comment, a ticket. Pure."""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.agentmail import agent_mail
from mailgate.decide.answering import heeded
from mailgate.decide.author import who
from mailgate.decide.button import ordered, pressed
from mailgate.decide.common import NOWHERE, chosen_ticket, decision_of, held, is_support, status_after
from mailgate.decide.copies import copies
from mailgate.decide.decision import AddComment, AuthorFinding, Decision, Remark, ReturnedMail, ThreadChoice
from mailgate.decide.facts import Facts, MailFacts
from mailgate.decide.files import refusal
from mailgate.decide.filing import vouched
from mailgate.decide.followup import after_closing
from mailgate.decide.formmail import answer_form
from mailgate.decide.opening import open_ticket
from mailgate.decide.replyto import from_reply_to
from mailgate.decide.ruling import Book, Ruling, rule
from mailgate.decide.state import after
from mailgate.decide.thanking import kept, stays
from mailgate.decide.thread import choose
from store.vocabulary import Channel, CommentKind, HeldReason, Outcome, Role


def by_mail(facts: Facts, mail: MailFacts, book: Book) -> Decision:
    author = who(facts)
    stopped = _not_for_a_ticket(facts, mail, author, book)
    if stopped is not None:
        return stopped
    thread = choose(facts, author, book.scopes)
    if (mail.kind == "auto_reply" or not mail.counts) and not (thread.kind == "new" and _may_be_news(mail)):
        return _automatic(facts, mail, author, thread)
    thread, thanks = stays(facts, author, thread, book)
    thread, refused = after_closing(facts, author, thread, book)
    over = _over_limits(facts, author, thread)
    if over is not None:
        return over
    received = rule(book, "message_received", facts, author, facts.ticket(thread.ticket_id or 0))
    if (received.hold or received.reject) and not facts.released:
        outcome, reason = (Outcome.HELD, HeldReason.RULE) if received.hold else (Outcome.REJECTED, "rule")
        why = received.hold or received.reject
        return decision_of(facts, outcome, reason, why, thread, author, rules=received.outcomes)
    if refused:
        return decision_of(
            facts, Outcome.REJECTED, "follow_up", refused, thread, author, rules=received.outcomes
        )  # fmt: skip
    done = pressed(facts, mail, author, book)
    if done is not None:
        return done
    if author.role is Role.AGENT:
        facts, mail = ordered(facts, mail)
        return agent_mail(facts, mail, author, thread, received, book)
    if thread.kind == "existing":
        return _customer_comment(facts, mail, author, thread, received, book, thanks)
    if received.requester:
        author, received = from_reply_to(facts, mail, author, received)
    return open_ticket(facts, mail, author, thread, received, book)


def _not_for_a_ticket(facts: Facts, mail: MailFacts, author: AuthorFinding, book: Book) -> Decision | None:
    if mail.kind == "dsn" and (facts.released or not mail.over_limit):
        return _returned(facts, mail, author, book)
    if not author.address:  # not even a person can let it pass: a ticket has a requester
        return held(facts, author, HeldReason.AMBIGUOUS, "there is no From address, so nobody to answer")
    if facts.released:
        return None
    if mail.over_limit:
        return held(facts, author, HeldReason.LIMIT, f"over a limit: {mail.over_limit}")
    if mail.kind == "loop":
        return held(facts, author, HeldReason.LOOP, mail.kind_reason or "one of our own mails came back as a sender")
    if is_support(facts, author.address) and not mail.auth_user:
        return held(facts, author, HeldReason.LOOP, "From is one of our own addresses")
    if mail.author is None:
        return held(facts, author, HeldReason.AMBIGUOUS, "From is not one field with one address")
    if facts.sender is not None and not facts.sender.active:
        return held(facts, author, HeldReason.UNKNOWN_SENDER, "the sender is a contact who was switched off")
    return None


def _returned(facts: Facts, mail: MailFacts, author: AuthorFinding, book: Book) -> Decision:
    """A delivery report: it counts only when it brings back a Message-ID or an address that we made.

    About an agent's copy it is written down and told to nobody: told by mail, it would come back for ever.
    """
    ticket = None
    if mail.bounce_identity is not None:
        number = mail.bounce_identity.ticket_number
        ticket = next((t for t in facts.tickets if t.number == number), None)
    if ticket is None:
        return decision_of(facts, Outcome.DSN, "", "a delivery report about none of our mails", NOWHERE, author)
    bounce = mail.bounce
    thread = ThreadChoice("existing", ticket.id, ticket.key, "our_message_id", "the report returns a mail of ours")
    why = f"a delivery report about {ticket.key}"
    if mail.bounce_identity is not None and mail.bounce_identity.role is not Role.CUSTOMER:
        lost = Remark("agents_copy_returned", {"diagnostic": ((bounce.diagnostic if bounce else None) or "")[:500]})
        return decision_of(facts, Outcome.DSN, "", why, thread, author, actions=(lost,))
    action = _came_back(mail)
    ruling = rule(book, "bounce", facts, author, ticket) if action.action == "failed" else Ruling()
    return decision_of(
        facts, Outcome.DSN, "", why, thread, author, rules=ruling.outcomes, actions=(action, *ruling.actions)
    )


def _came_back(mail: MailFacts) -> ReturnedMail:
    """What the report says of the person we wrote to: his address where it is named, else the first that failed.

    A mail of ours has one recipient; another address in its report is the one that his mail goes on to.
    """
    bounce, ours = mail.bounce, mail.returned
    said = bounce.recipients if bounce else ()
    own = next((r for r in said if ours is not None and r.address.lower() == ours.recipient.lower()), None)
    first = (
        (bounce.recipient, bounce.status, bounce.action, bounce.diagnostic, bounce.reason) if bounce else (None,) * 5
    )
    told = (own.address, own.status, own.action, own.diagnostic, own.reason) if own is not None else first
    return ReturnedMail(
        told[0] or "", told[1] or "", told[2] or "failed", (told[3] or "")[:500], told[4] or "",
        outbox_id=ours.outbox_id if ours else None, again=ours.returned if ours else False,
    )  # fmt: skip


def _may_be_news(mail: MailFacts) -> bool:
    """A ticket, without any automatic answer: a machine wrote of its own accord (a monitor, a shop), or nothing but
    words of the subject speaks for a machine, and people write those too (`Férias do mês não calculam`)."""
    if mail.fine_kind in ("receipt", "calendar", "feedback"):
        return False
    told = mail.kind in ("list", "bulk") or "auto-generated" in mail.kind_reason.lower()
    return told or mail.kind_reason.startswith("Subject:")


def _automatic(facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice) -> Decision:
    """An out-of-office or the like: never an answer, an interaction or a command; a note where it belongs."""
    why = f"automatic mail: {mail.kind_reason}"
    if thread.kind != "existing":
        return decision_of(facts, Outcome.AUTOMATIC, "", why, replace(thread, kind="none"), author, automatic=True)
    seen = Remark("automatic", {"reason": mail.kind_reason, "kind": mail.fine_kind})
    if mail.fine_kind == "receipt" or not mail.reply.strip():
        return decision_of(facts, Outcome.AUTOMATIC, "", why, thread, author, actions=(seen,), automatic=True)
    note = AddComment(
        CommentKind.NOTE, Role.SYSTEM, Channel.MAIL, author.name, author.address, author.verified, mail.reply,
        author.person_id,
    )  # fmt: skip
    return decision_of(facts, Outcome.AUTOMATIC, "", why, thread, author, actions=(note, seen), automatic=True)


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
                return held(facts, author, HeldReason.LIMIT, why, thread)
    return _loop(facts, author, thread)


def _loop(facts: Facts, author: AuthorFinding, thread: ThreadChoice) -> Decision | None:
    """A program that answers our mails with the same words ever again; a person lets it pass, or nobody."""
    done = "said on this ticket" if thread.kind == "existing" else "acknowledged"
    for bound, count in zip(facts.policy.repeats, facts.counters.repeats, strict=False):
        if count >= bound.count:
            why = f"the same words were {done} {count} times within {bound.seconds / 60:.0f} minutes"
            return held(facts, author, HeldReason.LOOP, why, thread)
    return None


def _customer_comment(
    facts: Facts, mail: MailFacts, author: AuthorFinding, thread: ThreadChoice, received: Ruling, book: Book,
    thanks: str,
) -> Decision:  # fmt: skip
    ticket = chosen_ticket(facts, thread)
    comment = AddComment(
        CommentKind.COMMENT, Role.CUSTOMER, Channel.MAIL, author.name, author.address, author.verified, mail.reply,
        author.person_id,
    )  # fmt: skip
    ruling = rule(book, "customer_commented", facts, author, after(ticket, received.actions, facts, book))
    moved = status_after(facts, author, ticket, ruling, "customer.reply", book)
    refused = refusal(facts, book, ticket.topic, (*received.actions, *moved))
    copied = copies(facts, mail, author, book, ticket)
    moved = answer_form(facts, mail, author, ticket, book, moved, refused)
    moved = kept(moved, thanks) if thanks else moved
    is_requester = author.address == ticket.requester.address
    to = heeded(facts, mail, author, ticket.reply_to) if is_requester else ()
    actions = (comment, *to, *vouched(author, ticket), *copied, *refused, *received.actions, *moved)
    return decision_of(
        facts, Outcome.COMMENTED, "", thread.why, thread, author,
        rules=received.outcomes + ruling.outcomes, actions=actions, automatic=not mail.may_answer,
    )  # fmt: skip
