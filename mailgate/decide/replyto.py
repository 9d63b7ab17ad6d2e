"""A form on a web page writes from its own address; whom it speaks for stands in Reply-To. Pure.

Only a rule that names the form's address asks for this. The requester is then unproven: the form's own proof says
nothing about what a stranger typed into it.
"""

from __future__ import annotations

from dataclasses import replace

from mailgate.decide.common import is_support
from mailgate.decide.decision import AuthorFinding, Remark
from mailgate.decide.facts import Facts, MailFacts
from mailgate.decide.ruling import Ruling
from store.vocabulary import Role


def from_reply_to(
    facts: Facts, mail: MailFacts, author: AuthorFinding, received: Ruling
) -> tuple[AuthorFinding, Ruling]:
    """The author and what the rules said, with the requester of Reply-To; as they were where there is none to take."""
    problem = _problem(facts, mail)
    if problem:
        skipped = Remark("rule_skipped", {"rule": received.requester, "why": problem})
        return author, replace(received, actions=(*received.actions, skipped))
    person = mail.reply_to[0]
    why = f"taken from Reply-To by the rule {received.requester}; {author.address} wrote"
    name = person.name or person.address.partition("@")[0]
    return AuthorFinding(Role.CUSTOMER, None, name, person.address, False, "", why), received


def _problem(facts: Facts, mail: MailFacts) -> str:
    if len(mail.reply_to) != 1:
        return "Reply-To is not one address"
    address = mail.reply_to[0].address
    if is_support(facts, address) or any(a.address == address for a in facts.agents):
        return "Reply-To is one of our own addresses"
    return ""
