"""Forms by mail: what a topic asks for, what a mail answers, and what that does to the status. Pure.

A ticket that lacks required data waits for its customer (`system.data_missing`), who is asked for just that; once it is
complete it comes back (`system.data_complete`). He is asked again only when an answer brought some of it: whoever has
nothing more to say comes through to an agent, who sees what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailgate.decide.decision import Action, AskData, AuthorFinding, OpenTicket, RefuseFiles, SetField, SetStatus
from mailgate.decide.facts import Facts, MailFacts, TicketFacts
from mailgate.decide.files import PICTURE_BYTES
from mailgate.decide.formclock import not_yet
from mailgate.decide.moving import situation
from mailgate.decide.ruling import Book
from mailgate.tickets import fillin
from store.vocabulary import Channel, Role

_BY = "form"


@dataclass(frozen=True, slots=True)
class _Form:
    """answers: what was known and what the mail brings. new: what it brings. before, left: required and missing."""

    answers: dict[str, str]
    new: dict[str, str]
    before: tuple[str, ...]
    left: tuple[str, ...]


def opening_form(
    facts: Facts, mail: MailFacts, author: AuthorFinding, opening: OpenTicket, ticket: TicketFacts, book: Book,
    actions: tuple[Action, ...],
) -> tuple[Action, ...]:  # fmt: skip
    """What the form adds to the actions of an opening. ticket: as it stands after them."""
    if author.role is not Role.CUSTOMER or opening.channel is not Channel.MAIL:
        return ()
    form = _read(facts, mail, ticket, book, actions)
    if form is None:
        return ()
    filled = _filled(form)
    ruled = any(isinstance(a, SetStatus) for a in actions)
    target = book.workflow.target(ticket.status, "system.data_missing", situation(facts, author, ticket))
    if not form.left or ruled or target is None or not mail.may_answer:
        return filled
    waits = SetStatus(target, "transition system.data_missing", Role.SYSTEM)
    return (*filled, waits, *not_yet(actions), AskData(form.left, again=False))


def answer_form(
    facts: Facts, mail: MailFacts, author: AuthorFinding, ticket: TicketFacts, book: Book, moved: tuple[Action, ...],
    refused: tuple[RefuseFiles, ...],
) -> tuple[Action, ...]:  # fmt: skip
    """What a customer's answer does to the status (`moved`), with what it fills in."""
    form = _read(facts, mail, ticket, book, refused)
    if form is None or not form.before:
        return moved
    filled, now = _filled(form), situation(facts, author, ticket)
    waits = book.workflow.target(book.workflow.initial, "system.data_missing", now)
    if form.left:
        if not form.new or not author.verified or not mail.may_answer or ticket.status != waits:
            return (*filled, *moved)
        others = tuple(a for a in moved if not isinstance(a, SetStatus))
        return (*filled, *others, AskData(form.left, again=True))
    back = book.workflow.target(ticket.status, "system.data_complete", now)
    if back is None or any(isinstance(a, SetStatus) for a in moved):
        return (*filled, *moved)
    return (*filled, SetStatus(back, "transition system.data_complete", Role.SYSTEM), *moved)


def _read(facts: Facts, mail: MailFacts, ticket: TicketFacts, book: Book, actions: tuple[Action, ...]) -> _Form | None:
    topic = book.topics.topics.get(ticket.topic)
    fields = fillin.fields_of(topic) if topic is not None else ()
    if not fields:
        return None
    known = dict(ticket.fields)
    before = fillin.missing(fields, known)
    today = book.clock.local(facts.now).date()
    new = fillin.read(fields, mail.reply, today, quoted=mail.filled, answers=known)
    if ticket.created_at == facts.now:
        new = fillin.told([one for one in fields if one.key not in new], mail.reply) | new
    name = _file(mail, actions)
    if name:
        new |= {one.key: name for one in fields if one.kind == "file" and not known.get(one.key)}
    answers = known | new
    left = fillin.missing(fields, answers)
    return _Form(answers, new, tuple(f.key for f in before), tuple(f.key for f in left))


def _filled(form: _Form) -> tuple[Action, ...]:
    return (SetField("fields", tuple(f"{key}={value}" for key, value in form.new.items()), _BY),) if form.new else ()


def _file(mail: MailFacts, actions: tuple[Action, ...]) -> str:
    """The name of a file that counts as the attachment: none that was not taken, no small picture of a signature.

    In a mail that says nothing else any picture is what was asked for.
    """
    refused = {one.number for a in actions if isinstance(a, RefuseFiles) for one in a.files}
    only_pictures = not mail.reply.strip()
    for number, file in enumerate(mail.files):
        if number not in refused and (not file.inline or only_pictures or file.size >= PICTURE_BYTES):
            return file.name or file.found
    return ""
