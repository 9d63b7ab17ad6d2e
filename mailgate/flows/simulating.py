"""A decision carried out on values instead of rows: the ticket afterwards, and who would be told. Nothing is written.

For `rules replay` and `explain --what-if`. Who is told is planned by the same code as ever (`telling`, `notify.plan`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import Connection

from mailgate.decide.decision import (
    Action,
    AddComment,
    AddParticipant,
    AskAgent,
    AskData,
    AskRating,
    BlockSender,
    Decision,
    Forward,
    JoinInto,
    OpenTicket,
    RefuseCommand,
    RefuseFiles,
    Reply,
    Report,
    ReturnedMail,
    RuleNotice,
    SetDue,
    SetRequester,
    SetStatus,
    Share,
    Tell,
)
from mailgate.decide.facts import ContactFacts, Facts, TicketFacts
from mailgate.decide.state import after, opened
from mailgate.flows.duetimes import next_check
from mailgate.flows.effects import MOST_ADDRESSES, Changed, Said
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from mailgate.notify.plan import Plan
from store.vocabulary import CommentKind, Role

#: Ids of comments that are never written.
_COMMENT = 1


@dataclass(frozen=True, slots=True)
class Supposed:
    """What a decision would come to. ticket: None, there is none."""

    ticket: TicketFacts | None
    plans: list[Plan]
    moved: bool  # the ticket has another status


def carried_out(
    site: Site, facts: Facts, decision: Decision, ticket_id: int = 0, key: str = "", *,
    resting: Mapping[str, Any] = MappingProxyType({}),
) -> Supposed:  # fmt: skip
    """The ticket as it would stand, and the notices.

    ticket_id, key: of one that is opened. resting: addresses that get no notices now.
    """
    book = site.book()
    opening = next((a for a in decision.actions if isinstance(a, OpenTicket)), None)
    before = opened(opening, facts, book, ticket_id, key) if opening else facts.ticket(decision.ticket_id or 0)
    now: TicketFacts | None = None
    added: list[ContactFacts] = []
    if before is not None:
        actions = tuple(a for a in decision.actions if not _one_of_us(site, a))
        actions += _mailboxes(site, facts, before, actions)
        now = _heard(site, facts, decision, after(before, actions, facts, book))
        now = _looked_at_again(site, facts, decision, before, now, opening is not None)
        quiet = {a.address for a in actions if isinstance(a, AddParticipant) and not a.tell}
        known = {(p.address, p.contributes) for p in before.participants}
        added = [p for p in now.participants if (p.address, p.contributes) not in known and p.address not in quiet]
    changed = _changed(facts, decision, before, now, opening is not None)
    changed.added = added
    nobody = cast(Connection, None)  # planning asks the database for nothing
    plans = Telling(nobody, site, facts, decision, changed, Said()).supposed_plans(resting)
    return Supposed(now, plans, changed.status_by is not None)


def _one_of_us(site: Site, action: Action) -> bool:
    return isinstance(action, AddParticipant) and site.is_ours(action.address)


def _mailboxes(site: Site, facts: Facts, before: TicketFacts, actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """The mailboxes of the branches that the ticket is shared with from now on: they follow it."""
    wanted = {b for a in actions if isinstance(a, Share) for b in a.branch_ids} - {before.branch_id, *before.shared}
    named = [b for b in facts.branches if b.id in wanted and b.address and not site.is_ours(b.address)]
    return tuple(AddParticipant(b.address, b.name, "branch") for b in named)


def _heard(site: Site, facts: Facts, decision: Decision, ticket: TicketFacts) -> TicketFacts:
    """With the addresses that may comment from now on: in To and Cc of a proven mail, or whom it is forwarded to."""
    mail = facts.mail
    more: list[str] = []
    for action in decision.actions:
        if isinstance(action, AddComment) and action.kind is CommentKind.COMMENT and action.verified and mail:
            agents = {a.address for a in facts.agents}
            named = [a.address for a in (*mail.to, *mail.cc) if a.address not in agents]
            more += [a for a in named if not site.is_ours(a) and action.role is not Role.SYSTEM][:MOST_ADDRESSES]
        elif isinstance(action, Forward):
            more += [a for a in action.addresses if not site.is_ours(a)]
    return replace(ticket, addresses=tuple(dict.fromkeys((*ticket.addresses, *more)))) if more else ticket


def _looked_at_again(
    site: Site, facts: Facts, decision: Decision, before: TicketFacts, now: TicketFacts, is_new: bool
) -> TicketFacts:
    """An answer moves the due date on, where the company says when it looks again and nobody named a date."""
    answers = [a for a in decision.actions if isinstance(a, AddComment) and a.kind is CommentKind.COMMENT]
    if is_new or not answers or answers[-1].role is not Role.AGENT or _dated(site, facts, decision, before):
        return now
    ticket = {name: getattr(now, name) for name in ("status", "priority", "topic", "department", "due_at")}
    return replace(now, due_at=next_check(site, ticket, facts.now).get("due_at", now.due_at))


def _dated(site: Site, facts: Facts, decision: Decision, before: TicketFacts) -> bool:
    """Whether a due date was set that was another one before."""
    for place, action in enumerate(decision.actions):
        if isinstance(action, SetDue):
            was, is_ = (after(before, decision.actions[:n], facts, site.book()).due_at for n in (place, place + 1))
            if was != is_:
                return True
    return False


def _changed(
    facts: Facts, decision: Decision, before: TicketFacts | None, now: TicketFacts | None, is_new: bool
) -> Changed:
    changed = Changed(ticket=_row(facts, now) if now is not None else None, opened=is_new)
    changed.old_status = before.status if before is not None else ""
    status = changed.old_status
    for action in decision.actions:
        if isinstance(action, SetStatus) and action.status != status:
            status, changed.status_by, changed.status_why = action.status, action.role, action.by
        elif isinstance(action, AddComment):
            changed.comment_id = _COMMENT
            if action.kind is CommentKind.COMMENT:
                changed.public_comment_id, changed.comment_role = _COMMENT, action.role
                if action.role is Role.CUSTOMER and action.verified:
                    changed.rang = action.person_id
        else:
            _note(changed, action)
    return changed


def _note(changed: Changed, action: Any) -> None:
    if isinstance(action, AskAgent):
        changed.asked = action
    elif isinstance(action, RefuseCommand):
        changed.refused = action
    elif isinstance(action, ReturnedMail):
        changed.returned = action
    elif isinstance(action, RefuseFiles):
        changed.refused_files = action
    elif isinstance(action, AskData):
        changed.data = action
    elif isinstance(action, RuleNotice):
        changed.rule_notices.append(action)
    elif isinstance(action, Tell):
        changed.asked_to_tell.append(action)
    elif isinstance(action, AskRating):
        changed.asks_rating = True
    elif isinstance(action, Report):
        changed.report = action
    elif isinstance(action, (JoinInto, BlockSender)):
        changed.silent = True
    elif isinstance(action, SetRequester):
        changed.new_requester = True
    elif isinstance(action, Reply):
        changed.replies.append(_COMMENT)
    elif isinstance(action, Forward):
        changed.forwards += action.addresses


def _row(facts: Facts, ticket: TicketFacts) -> dict[str, Any]:
    """What planning reads of a ticket's row."""
    agent = next((a for a in facts.agents if a.id == ticket.agent_id), None)
    requester = ticket.requester
    return {
        "id": ticket.id,
        "key": ticket.key,
        "status": ticket.status,
        "category": ticket.category,
        "department": ticket.department,
        "language": ticket.language,
        "agent_id": ticket.agent_id,
        "agent_name": agent.name if agent else None,
        "agent_address": agent.address if agent else None,
        "requester_id": requester.id,
        "requester_name": requester.name,
        "requester_address": requester.address,
        "requester_language": requester.language,
        "requester_active": requester.active,
    }
