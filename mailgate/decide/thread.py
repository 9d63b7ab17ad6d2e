"""Which ticket a mail belongs to: the evidence in order of strength, and why each loser lost. Pure.

Order: our reply identity, our Message-ID, a Message-ID of theirs that we know, the key in the subject. Evidence names
a ticket; "Who is believed" says whether its author may use it. A stranger who names one gets a ticket of his own.
"""

from __future__ import annotations

from mailgate.decide.decision import AuthorFinding, Loser, ThreadChoice
from mailgate.decide.facts import Candidate, ContactFacts, Facts, TicketFacts
from mailgate.people.roles import permissions
from mailgate.people.visibility import Matter, Scopes, Standing, Viewer, may_comment, may_see
from store.vocabulary import Category, Role

_STRENGTH = ("reply_identity", "our_message_id", "their_message_id", "subject_key")
_HOW = {
    "reply_identity": "the reply address",
    "our_message_id": "our Message-ID",
    "their_message_id": "an earlier Message-ID of the conversation",
    "subject_key": "the key in the subject",
}


def choose(facts: Facts, author: AuthorFinding, scopes: Scopes) -> ThreadChoice:
    """The ticket: an existing one, a follow-up of a closed one, or a new one (with the key it claims)."""
    losers: list[Loser] = []
    claims = ""
    chosen: tuple[Candidate, TicketFacts, str] | None = None
    for candidate in sorted(facts.candidates, key=lambda c: _STRENGTH.index(c.how)):
        ticket = facts.ticket(candidate.ticket_id)
        if ticket is None:
            continue
        if chosen is not None:
            if ticket.id != chosen[1].id:
                losers.append(Loser(ticket.key, candidate.how, f"{_HOW[chosen[0].how]} is stronger evidence"))
            continue
        allowed, why = _allowed(candidate, ticket, author, facts, scopes)
        if allowed:
            chosen = candidate, ticket, why
        else:
            losers.append(Loser(ticket.key, candidate.how, f"the author {why}"))
            claims = claims or ticket.key
    if chosen is None:
        why = "nothing in the mail names a ticket" if not losers else "the author may not comment on what it names"
        return ThreadChoice("new", None, "", "", why, tuple(losers), claims)
    candidate, ticket, why = chosen
    reason = f"{_HOW[candidate.how]} ({candidate.detail}) names {ticket.key}; the author {why}"
    if ticket.category == Category.CLOSED and author.role is not Role.AGENT:
        return ThreadChoice("follow_up", ticket.id, ticket.key, candidate.how, reason + "; it is closed", tuple(losers))
    return ThreadChoice("existing", ticket.id, ticket.key, candidate.how, reason, tuple(losers))


def _allowed(
    candidate: Candidate, ticket: TicketFacts, author: AuthorFinding, facts: Facts, scopes: Scopes
) -> tuple[bool, str]:
    if author.role is Role.AGENT:
        # An agent's unproven mail is kept as a note on the ticket, whatever it asked for; nobody else is told.
        return True, "is an agent" + ("" if author.verified else ", unproven")
    identity, sender = candidate.identity, facts.sender
    if sender is not None and not sender.active:
        return False, "is a contact who was switched off"
    if candidate.how == "reply_identity" and identity is not None and identity.role is not Role.CUSTOMER:
        return False, "is not an agent, and the reply address was made for one"
    standing = _standing(facts, author, ticket, scopes, holds_identity=candidate.how == "reply_identity")
    return may_comment(standing, verified=author.verified, proof_needed=True)


def may_write(facts: Facts, author: AuthorFinding, ticket: TicketFacts, scopes: Scopes) -> tuple[bool, str]:
    """Whether a customer's person may write on a ticket's page, with the reason: as by a mail that names the ticket."""
    standing = _standing(facts, author, ticket, scopes, holds_identity=False)
    return may_comment(standing, verified=author.verified, proof_needed=True)


def _standing(
    facts: Facts, author: AuthorFinding, ticket: TicketFacts, scopes: Scopes, *, holds_identity: bool
) -> Standing:
    sender = facts.sender
    follows = next((p for p in ticket.participants if p.address == author.address), None)
    wrote_as = {author.address, facts.mail.author.address if facts.mail and facts.mail.author else author.address}
    sees, why = may_see(viewer(sender), matter(ticket), scopes) if sender is not None else (False, "")
    return Standing(
        is_requester=author.address == ticket.requester.address,
        is_participant=follows is not None,
        holds_identity=holds_identity,
        wrote_with_it=not wrote_as.isdisjoint(ticket.addresses),
        sees_it=sees,
        may_answer=sender is not None and "answer" in permissions(sender.role, sender.may),
        only_follows=follows is not None and not follows.contributes,
        why=why,
    )


def viewer(contact: ContactFacts) -> Viewer:
    """A contact as visibility looks at him."""
    return Viewer(contact.id, contact.role, contact.organisation_id, contact.network, contact.branch_id)


def matter(ticket: TicketFacts) -> Matter:
    """A ticket as visibility looks at it."""
    requester = ticket.requester
    organisation_id = ticket.organisation_id or requester.organisation_id
    return Matter(
        requester.id, requester.role, organisation_id, ticket.network or requester.network, ticket.branch_id,
        ticket.visibility, frozenset(ticket.shared), frozenset(p.id for p in ticket.participants),
    )  # fmt: skip
