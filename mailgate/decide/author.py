"""Who wrote a mail, and how far that is proven (`contract`, "Who is believed"). Pure."""

from __future__ import annotations

from mailgate.decide.decision import AuthorFinding
from mailgate.decide.facts import Candidate, Facts, MailFacts
from store.vocabulary import Role


def who(facts: Facts) -> AuthorFinding:
    """The author with the proof. An agent without proof is named as one, unverified; a stranger is a customer."""
    if facts.action is not None:
        action = facts.action
        why = "signed in" if action.verified else "anybody may have typed the address"
        return AuthorFinding(
            action.role, action.person_id or None, action.name, action.address, action.verified, action.proof, why
        )
    if facts.mail is None:
        return AuthorFinding(Role.SYSTEM, None, "mailgate", "", True, "", "a due time")
    mail = facts.mail
    address = mail.author.address if mail.author else mail.mail_from
    name = (mail.author.name if mail.author else "") or address.partition("@")[0]
    if facts.agent is not None:
        proof, why = _proof(facts, mail)
        return AuthorFinding(Role.AGENT, facts.agent.id, facts.agent.name, facts.agent.address, bool(proof), proof, why)
    proof, why = _proof(facts, mail)
    via = ""
    identities = _customers_identities(facts)
    if any(facts.sender is not None and c.identity.person_id == facts.sender.id for c in identities if c.identity):
        if not proof:
            proof, why = "reply_identity", "the reply address was made for this person"
    elif identities:
        via = _holder_name(facts, identities[0])
    person_id = facts.sender.id if facts.sender else None
    name = (facts.sender.name if facts.sender else "") or name
    if facts.sender is not None and address in facts.sender.addresses:  # one person, by whichever address
        address = facts.sender.address
    return AuthorFinding(Role.CUSTOMER, person_id, name, address, bool(proof), proof, why, via)


def _customers_identities(facts: Facts) -> list[Candidate]:
    """The reply addresses of customers' copies that the mail was sent to."""
    named = (c for c in facts.candidates if c.how == "reply_identity")
    return [c for c in named if c.identity is not None and c.identity.role is Role.CUSTOMER]


def _proof(facts: Facts, mail: MailFacts) -> tuple[str, str]:
    if mail.author is None:
        return "", "From is not one field with one address"
    if mail.auth_user and mail.auth_user == mail.author.address:
        return "auth", "signed in on the submission port"
    if facts.confirmed:
        return "confirmed", "confirmed by the link that was sent to the stored address"
    if mail.auth.aligned:
        if mail.auth.trusted:
            return "trusted", f"{mail.auth.trusted} says: {mail.auth.reason}"
        return "aligned", mail.auth.reason
    return "", mail.auth.reason or "neither SPF nor DKIM proves the domain of From"


def _holder_name(facts: Facts, candidate: Candidate) -> str:
    ticket = facts.ticket(candidate.ticket_id)
    if ticket is None or candidate.identity is None:
        return ""
    people = (ticket.requester, *ticket.participants)
    return next((p.name or p.address for p in people if p.id == candidate.identity.person_id), "")
