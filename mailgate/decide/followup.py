"""What a customer's word about a closed ticket becomes: a linked one, the same one opened again, or a refusal. Pure."""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.decision import AuthorFinding, ThreadChoice
from mailgate.decide.facts import Facts
from mailgate.decide.moving import situation
from mailgate.decide.ruling import Book
from mailgate.yamltypes import text_in


def after_closing(facts: Facts, author: AuthorFinding, thread: ThreadChoice, book: Book) -> tuple[ThreadChoice, str]:
    """The thread as the workflow's follow-up policy has it, and the sentence of a refusal ("" when it is taken).

    thread: any; only one that names a closed ticket (`follow_up`) is changed. A ticket counts as closed since it came
    into its status.
    """
    ticket = facts.ticket(thread.ticket_id or 0) if thread.kind == "follow_up" else None
    if ticket is None:
        return thread, ""
    closed_for = facts.now - ticket.status_since
    policy = book.workflow.follow_up(ticket.status, closed_for, situation(facts, author, ticket))
    if policy.kind == "reopen":
        why = f"{thread.why}; closed {closed_for.days} days ago, so it is opened again"
        return replace(thread, kind="existing", why=why), ""
    if policy.kind == "reject" and not facts.released:
        language = (facts.mail.language if facts.mail else None) or ticket.language or facts.policy.locale
        return thread, text_in(policy.sentence, language)
    return thread, ""
