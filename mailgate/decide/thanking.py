"""A bare thank-you about a solved or closed ticket: kept without effect, where the workflow says so. Pure."""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.decision import Action, AuthorFinding, Remark, SetStatus, ThreadChoice
from mailgate.decide.facts import Facts, TicketFacts
from mailgate.decide.files import brings
from mailgate.decide.ruling import Book
from mailgate.mail.thanks import only_thanks
from store.vocabulary import Category, Role


def thanked(facts: Facts, author: AuthorFinding, ticket: TicketFacts | None, book: Book) -> str:
    """The words of thanks where that is all that a customer says of a ticket that is done; else ""."""
    if not book.workflow.keeps_thanks or author.role is not Role.CUSTOMER or ticket is None:
        return ""
    if ticket.category not in (Category.SOLVED, Category.CLOSED) or ticket.joined_into is not None:
        return ""
    mail, action = facts.mail, facts.action
    if mail is not None and brings(mail):
        return ""
    said = mail.reply if mail is not None else action.text if action is not None else ""
    return only_thanks(said, (author.name, ticket.requester.name, *(a.name for a in facts.agents)))


def stays(facts: Facts, author: AuthorFinding, thread: ThreadChoice, book: Book) -> tuple[ThreadChoice, str]:
    """The thread, and the thanks: a closed ticket is not followed up by a thank-you, it is kept on it."""
    ticket = facts.ticket(thread.ticket_id or 0) if thread.kind in ("existing", "follow_up") else None
    words = thanked(facts, author, ticket, book)
    if not words or thread.kind == "existing":
        return thread, words
    return replace(thread, kind="existing", why=f"{thread.why}, and a thank-you opens nothing"), words


def kept(actions: tuple[Action, ...], words: str) -> tuple[Action, ...]:
    """The actions of an answer without what it would do to the status, and why."""
    left = tuple(one for one in actions if not isinstance(one, SetStatus))
    return (*left, Remark("thanks", {"words": words}))
