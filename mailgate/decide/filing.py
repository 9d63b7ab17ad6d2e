"""A customer opens a ticket with the form of a page: the same as his mail would, with what he chose. Pure.

What the form asks for was answered before it could be sent, so nothing is asked again; what he may not choose is left
out, whatever a forged form says.
"""

from __future__ import annotations

from mailgate.decide.common import decision_of, said
from mailgate.decide.decision import (
    Action,
    AddParticipant,
    AuthorFinding,
    Decision,
    OpenTicket,
    Share,
    ThreadChoice,
    Vouch,
)
from mailgate.decide.facts import ActionFacts, ContactFacts, Facts, Filed, TicketFacts
from mailgate.decide.ruling import Book, rule
from mailgate.decide.state import opened
from mailgate.people.choices import choices
from mailgate.people.roles import permissions
from store.vocabulary import CommentKind, Outcome, Role

#: The reason of a refusal because of `limits.tickets_per_sender`: a later try helps.
LIMIT = "limit"
_BY = "requester"


def file_ticket(facts: Facts, action: ActionFacts, author: AuthorFinding, filed: Filed, book: Book) -> Decision:
    """The opening, or why there is none: the company takes no strangers, the contact may not, or too many today."""
    thread = ThreadChoice("new", None, "", action.channel, f"opened on the {action.channel}")
    reason, why = _refused(facts, author)
    if why:
        return decision_of(facts, Outcome.REJECTED, reason, why, thread, author)
    sender = facts.sender if author.verified else None
    topic = book.topics.topics.get(action.topic)
    language = (facts.sender.language if facts.sender else None) or filed.language or facts.policy.locale
    department = action.department or facts.department
    opening = OpenTicket(
        requester_address=author.address, requester_name=author.name, subject=action.subject,
        status=book.workflow.initial, department=department, topic=action.topic if topic else facts.topic,
        priority=topic.priority if topic else "normal", language=language, address=filed.address,
        verified=author.verified, channel=action.channel, visibility=_visibility(facts, sender, filed, book),
        fields=filed.fields,
    )  # fmt: skip
    ruling = rule(book, "ticket_opened", facts, author, opened(opening, facts, book))
    comment = said(CommentKind.COMMENT, action, author)
    actions = (opening, comment, *_company(facts, sender, filed, opening.visibility), *ruling.actions)
    return decision_of(facts, Outcome.OPENED, "", thread.why, thread, author, rules=ruling.outcomes, actions=actions)


def _refused(facts: Facts, author: AuthorFinding) -> tuple[str, str]:
    """The reason and the sentence of a refusal; ("", "") for none."""
    sender, policy = facts.sender, facts.policy
    if not author.verified and policy.guests != "yes":
        return "unknown_sender", "the sender is not a known contact"
    if sender is not None and not sender.active:
        return "unknown_sender", "the sender is a contact who was switched off"
    if sender is not None and author.verified and "open" not in permissions(sender.role, sender.may):
        return "rule", "the contact may not open tickets"
    for bound, count in zip(policy.tickets, facts.counters.tickets, strict=False):
        if count >= bound.count:
            return LIMIT, f"more than {bound.count} new tickets of this sender within {bound.seconds / 60:.0f} minutes"
    return "", ""


def _visibility(facts: Facts, sender: ContactFacts | None, filed: Filed, book: Book) -> str:
    """The word that the requester chose, if it is his to choose."""
    if sender is None:
        return ""
    offered = choices(
        book.people.visibility, sender.role, is_member=sender.organisation_id is not None,
        has_branches=any(one.id != sender.branch_id for one in facts.branches),
    )  # fmt: skip
    if filed.visibility == "branches" and not _branches(facts, sender, filed):
        return ""
    return filed.visibility if filed.visibility in offered else ""


def _branches(facts: Facts, sender: ContactFacts, filed: Filed) -> tuple[int, ...]:
    known = {one.id for one in facts.branches} - {sender.branch_id}
    return tuple(one for one in dict.fromkeys(filed.branch_ids) if one in known)


def _company(facts: Facts, sender: ContactFacts | None, filed: Filed, visibility: str) -> tuple[Action, ...]:
    """Who sees and follows it besides. An unproven requester gives nobody a right."""
    if sender is None:
        return ()
    shared = (Share("", _branches(facts, sender, filed), _BY),) if visibility == "branches" else ()
    added = (AddParticipant(p.address, p.name, _BY, contributes=p.contributes) for p in filed.followers)
    return (*shared, *added)


def vouched(author: AuthorFinding, ticket: TicketFacts, *, words: bool = False) -> tuple[Vouch, ...]:
    """What a proven requester's answer, or his word, makes of a ticket that was opened without proof."""
    is_his = author.role is Role.CUSTOMER and author.address == ticket.requester.address
    return (Vouch(author.proof, words),) if author.verified and is_his and not ticket.verified else ()
