"""A ticket as it stands after actions: what rules further down see, and what a replay goes on with. Pure.

`flows.effects` does the same to the rows; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mailgate.decide.decision import (
    Action,
    AddComment,
    AddParticipant,
    Assign,
    BlockSender,
    JoinInto,
    OpenTicket,
    SetDue,
    SetField,
    SetReplyTo,
    SetRequester,
    SetStatus,
    Share,
    StopTelling,
    Vouch,
)
from mailgate.decide.facts import ContactFacts, Facts, TicketFacts
from mailgate.decide.ruling import Book
from store.vocabulary import Category, CommentKind, Role


def opened(opening: OpenTicket, facts: Facts, book: Book, ticket_id: int = 0, key: str = "") -> TicketFacts:
    """The ticket that is about to be, before anything else is done to it."""
    sender = facts.sender
    if sender is None or sender.address != opening.requester_address:
        sender = ContactFacts(0, opening.requester_name, opening.requester_address, None)
    digits = key.rpartition("-")[2]
    return TicketFacts(
        id=ticket_id,
        number=int(digits) if digits.isdigit() else 0,
        key=key,
        subject=opening.subject,
        status=opening.status,
        category=category_of(opening.status, book),
        department=opening.department,
        topic=opening.topic,
        priority=opening.priority,
        tags=(),
        version=1,
        language=sender.language or opening.language,
        address=opening.address,
        verified=opening.verified,
        requester=sender,
        agent_id=opening.agent_id,
        participants=(),
        addresses=(),
        created_at=facts.now,
        due_at=_promised(opening.priority, opening.topic, opening.department, facts, book),
        status_since=facts.now,
        last_customer_at=facts.now,
        last_agent_at=None,
        fields=opening.fields,
        organisation_id=sender.organisation_id,
        network=sender.network,
        branch_id=sender.branch_id,
        visibility=opening.visibility,
    )


def after(ticket: TicketFacts, actions: tuple[Action, ...], facts: Facts, book: Book) -> TicketFacts:
    """The ticket once these actions are done; those that change nothing on it are passed over."""
    is_new, due_is_set, version = ticket.created_at == facts.now, False, ticket.version
    for action in actions:
        if isinstance(action, SetStatus):
            ticket = _status(ticket, action, facts, book)
        elif isinstance(action, SetField):
            ticket = _field(ticket, action)
            if is_new and not due_is_set and action.name in ("priority", "topic", "department"):
                due_at = _promised(ticket.priority, ticket.topic, ticket.department, facts, book)
                ticket = replace(ticket, due_at=due_at)
        elif isinstance(action, Assign):
            ticket = replace(ticket, agent_id=action.agent_id)
        elif isinstance(action, SetDue):
            at = action.at if action.at is not None or not action.amount else book.clock.due(facts.now, action.amount)
            ticket, due_is_set = replace(ticket, due_at=at), True
        elif isinstance(action, AddComment) and action.kind is CommentKind.COMMENT:
            ticket = _said(ticket, action, facts)
        elif isinstance(action, AddParticipant):
            ticket = _followed(ticket, action)
        elif isinstance(action, StopTelling):
            ticket = _rung(ticket, action.contact_id, on=False)
        elif isinstance(action, JoinInto):
            ticket, end = replace(ticket, joined_into=action.ticket_id), ending(book)
            ticket = _status(ticket, SetStatus(end, action.by, Role.AGENT), facts, book) if end else ticket
        elif isinstance(action, BlockSender):
            ticket = replace(ticket, requester=replace(ticket.requester, active=False))
        elif isinstance(action, SetRequester):
            ticket = replace(ticket, requester=ContactFacts(0, action.name or action.address, action.address, None))
        elif isinstance(action, Vouch):
            ticket = replace(ticket, verified=True)
        elif isinstance(action, SetReplyTo):
            ticket = replace(ticket, reply_to=action.address)
        elif isinstance(action, Share):
            others = [b for b in action.branch_ids if b != ticket.branch_id]
            shared = tuple(sorted({*ticket.shared, *others}))
            ticket = replace(ticket, shared=shared, visibility=action.visibility or ticket.visibility)
    return ticket if ticket.version == version else replace(ticket, version=version + 1)  # one change, one version


def _followed(ticket: TicketFacts, action: AddParticipant) -> TicketFacts:
    known = {p.address for p in ticket.participants}
    if action.address in known and action.renew:
        people = tuple(
            replace(p, contributes=action.contributes) if p.address == action.address else p
            for p in ticket.participants
        )
        return replace(ticket, participants=people)
    if action.address in known or action.address == ticket.requester.address:
        return ticket
    new = ContactFacts(0, action.name or action.address, action.address, None, contributes=action.contributes)
    return replace(ticket, participants=(*ticket.participants, new))


def ending(book: Book) -> str:
    """The status in which a ticket is put an end to: closed, or solved; "" where there is neither."""
    kinds = (Category.CLOSED, Category.SOLVED)
    return next((key for kind in kinds for key, s in book.workflow.states.items() if s.category is kind), "")


def _rung(ticket: TicketFacts, contact_id: int, *, on: bool) -> TicketFacts:
    """Somebody's bell switched."""
    followers = tuple(replace(p, told=on) if p.id == contact_id else p for p in ticket.participants)
    is_requester = ticket.requester.id == contact_id
    return replace(ticket, participants=followers, requester_told=on if is_requester else ticket.requester_told)


def category_of(status: str, book: Book) -> str:
    """What a status means; one that is no longer in the file counts as open."""
    states = book.workflow.states
    return str(states[status].category) if status in states else str(Category.OPEN)


def _status(ticket: TicketFacts, action: SetStatus, facts: Facts, book: Book) -> TicketFacts:
    if action.status not in book.workflow.states or (action.status == ticket.status and not action.again):
        return ticket
    if ticket.due_at is not None and book.workflow.pauses(ticket.status):
        ticket = replace(ticket, due_at=book.clock.after_pause(ticket.due_at, ticket.status_since, facts.now))
    version = ticket.version + 1 if action.role is Role.AGENT else ticket.version
    category = category_of(action.status, book)
    return replace(ticket, status=action.status, category=category, status_since=facts.now, version=version)


def _field(ticket: TicketFacts, action: SetField) -> TicketFacts:
    if action.name == "tags":
        return replace(ticket, tags=tuple(dict.fromkeys((*ticket.tags, *action.values))))
    if action.name == "fields":
        return replace(ticket, fields=tuple((dict(ticket.fields) | pairs(action.values)).items()))
    if action.name == "department":
        return replace(ticket, department=action.values[0])
    if action.name == "topic":
        return replace(ticket, topic=action.values[0])
    return replace(ticket, priority=action.values[0])


def pairs(values: tuple[str, ...]) -> dict[str, str]:
    """`key=value` words as a mapping."""
    return {key: value for key, _, value in (one.partition("=") for one in values)}


def _said(ticket: TicketFacts, action: AddComment, facts: Facts) -> TicketFacts:
    if action.role is Role.CUSTOMER:
        if action.verified and action.person_id is not None:
            ticket = _rung(ticket, action.person_id, on=True)
        return replace(ticket, version=ticket.version + 1, last_customer_at=facts.now)
    if action.role is Role.AGENT:
        return replace(ticket, version=ticket.version + 1, last_agent_at=facts.now)
    return replace(ticket, version=ticket.version + 1)


def _promised(priority: str, topic: str, department: str, facts: Facts, book: Book) -> datetime | None:
    return book.clock.promised(facts.now, priority=priority, topic=topic, department=department)
