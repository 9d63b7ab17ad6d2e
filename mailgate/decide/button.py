"""What a mail to the address of a button becomes: its verb, done for the person it was made for. Pure.

A scanner that follows every link sends no mail, and an automatic answer never gets here. A customer's button needs no
further proof: the address itself was made for that person and that one thing. An agent's is a command like any other,
with the proof that commands need.
"""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.action import rates
from mailgate.decide.common import decision_of
from mailgate.decide.decision import (
    Action,
    AddComment,
    AuthorFinding,
    Decision,
    Remark,
    SetStatus,
    StopTelling,
    ThreadChoice,
)
from mailgate.decide.facts import ActionFacts, ContactFacts, Facts, MailFacts, TicketFacts
from mailgate.decide.moving import situation
from mailgate.decide.ruling import Book
from store.vocabulary import Category, Channel, CommentKind, Outcome, Role

#: An agent's buttons as the commands that they are.
_COMMANDS = {"take": "#assumir", "ask_info": "#pedir-info"}


def ordered(facts: Facts, mail: MailFacts) -> tuple[Facts, MailFacts]:
    """An agent's mail to one of his buttons, as if he had written its command; any other mail as it is."""
    button = facts.button
    if button is None or button.role is not Role.AGENT or button.verb not in _COMMANDS:
        return facts, mail
    mail = replace(mail, reply=f"{_COMMANDS[button.verb]}\n\n{mail.reply}".strip())
    return replace(facts, mail=mail), mail


def pressed(facts: Facts, mail: MailFacts, author: AuthorFinding, book: Book) -> Decision | None:
    """What a customer's button does; None where it does no more than an answer would (`not_solved`, or no button)."""
    button = facts.button
    ticket = next((t for t in facts.tickets if button is not None and t.number == button.ticket_number), None)
    if button is None or ticket is None or button.role is not Role.CUSTOMER:
        return None
    people = (ticket.requester, *ticket.participants)
    person = next((p for p in people if p.id == button.person_id and p.active), None)
    if person is None:
        return None
    thread = ThreadChoice("existing", ticket.id, ticket.key, "button", "the address of a button was made for it")
    author = _as(person, author)
    if button.verb.startswith("rate_"):
        action = ActionFacts(
            "rate", Role.CUSTOMER, Channel.MAIL, person.id, person.name, person.address, "button", mail.reply.strip(),
            rating=int(button.verb.removeprefix("rate_")),
        )  # fmt: skip
        return rates(replace(facts, action=action, tickets=(ticket,)), action, author, thread, book)
    if button.verb == "stop":
        stopped = (StopTelling(person.id, "button"),)
        return decision_of(facts, Outcome.COMMAND, "", thread.why, thread, author, actions=stopped)
    if button.verb == "solved":
        return _solved(facts, mail, author, ticket, thread, book)
    return None


def _solved(
    facts: Facts, mail: MailFacts, author: AuthorFinding, ticket: TicketFacts, thread: ThreadChoice, book: Book
) -> Decision:
    """The customer says that it is done: closed where the workflow lets him, else written down for the agent."""
    actions: list[Action] = []
    if mail.reply.strip():
        actions.append(
            AddComment(
                CommentKind.COMMENT, Role.CUSTOMER, Channel.MAIL, author.name, author.address, True, mail.reply.strip(),
                author.person_id, whole=True,
            )
        )  # fmt: skip
    way = book.workflow.transition(ticket.status, "customer.finalize", situation(facts, author, ticket))
    if ticket.category == Category.CLOSED or way is None or way.to is None:
        actions.append(Remark("said_solved", {"by": author.address}))
    else:
        actions.append(SetStatus(way.to, "transition customer.finalize", Role.CUSTOMER))
    outcome = Outcome.COMMENTED if mail.reply.strip() else Outcome.COMMAND
    return decision_of(facts, outcome, "", thread.why, thread, author, actions=tuple(actions))


def _as(person: ContactFacts, author: AuthorFinding) -> AuthorFinding:
    """The person a button was made for; whoever sent the mail stays named where it was somebody else."""
    via = "" if author.address == person.address else author.address
    why = "the address of the button was made for this person"
    return AuthorFinding(Role.CUSTOMER, person.id, person.name, person.address, True, "button", why, via)
