"""Who stands in Cc of a customer's mail follows the ticket. Pure.

Only of a proven mail that a person wrote (a forged one would let anybody aim our mails at anybody), and no more than
`limits.participants_from_mail` for a ticket; never our own addresses, agents, addresses nobody reads, or what came
through a list.
"""

from __future__ import annotations

from mailgate.decide.common import is_support
from mailgate.decide.decision import AddParticipant, AuthorFinding
from mailgate.decide.facts import Facts, MailFacts, TicketFacts
from mailgate.decide.ruling import Book
from mailgate.mail.addresses import is_no_reply
from store.vocabulary import Role

_BY = "Cc"


def copies(
    facts: Facts, mail: MailFacts, author: AuthorFinding, book: Book, ticket: TicketFacts | None
) -> tuple[AddParticipant, ...]:
    """The participants that a mail brings; they have the mail itself, so that nothing is sent to them at once."""
    if not (author.verified and author.role is Role.CUSTOMER and book.people.cc_becomes_participant):
        return ()
    if mail.kind != "human" or not mail.may_answer:
        return ()
    known = {author.address, *(facts.sender.addresses if facts.sender else ())}
    if ticket is not None:
        known |= {p.address for p in (ticket.requester, *ticket.participants)}
    named = {a.address: a.name for a in mail.cc if a.address not in known and _may_follow(facts, a.address)}
    left = facts.policy.participants_from_mail - (len(ticket.participants) if ticket is not None else 0)
    return tuple(AddParticipant(a, name, _BY, tell=False) for a, name in list(named.items())[: max(0, left)])


def _may_follow(facts: Facts, address: str) -> bool:
    ours = is_support(facts, address) or any(a.address == address for a in facts.agents)
    return "@" in address and not ours and not is_no_reply(address)
