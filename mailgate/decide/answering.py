"""Where our answers to a customer go: to the address that wrote, or to the one in Reply-To (threats I9). Pure.

Reply-To is a wish that anybody can write. It is followed for a proven author only, and only within his own house: an
address of his domain, or one of a contact of his organisation. A domain at which everybody may have an address is
nobody's house. The newest proven mail of the requester decides for the ticket.
"""

from __future__ import annotations

from mailgate.authn.domains import org_domain
from mailgate.decide.common import is_support
from mailgate.decide.decision import Action, AuthorFinding, Remark, SetReplyTo
from mailgate.decide.facts import Facts, MailFacts
from mailgate.mail.phrases import words
from store.vocabulary import Role

#: Where anybody may have an address.
_EVERYBODYS = words("""
    gmail.com googlemail.com outlook.com outlook.com.br hotmail.com hotmail.com.br live.com msn.com
    yahoo.com yahoo.com.br
    ymail.com icloud.com me.com mac.com aol.com gmx.com gmx.net gmx.de web.de mail.com mail.ru yandex.com yandex.ru
    proton.me protonmail.com zoho.com fastmail.com uol.com.br bol.com.br terra.com.br ig.com.br globo.com globomail.com
    r7.com oi.com.br zipmail.com.br hotmail.es yahoo.es hotmail.fr qq.com 163.com
""")


def answers_to(facts: Facts, mail: MailFacts, author: AuthorFinding) -> tuple[str, str]:
    """The address in Reply-To, and why our mail does not go there; ("", "") where it asks for nothing else."""
    named = {one.address for one in mail.reply_to if one.address}
    sender = facts.sender
    own = {author.address, *((sender.address, *sender.addresses) if sender is not None else ())}
    own |= {mail.author.address} if mail.author is not None else set()
    if author.role is not Role.CUSTOMER or not named or named <= own:
        return "", ""
    if len(named) > 1:
        return ", ".join(sorted(named)[:5]), "more than one address"
    (address,) = named
    if is_support(facts, address) or any(a.address == address for a in facts.agents):
        return address, "one of our own addresses"
    if not author.verified:
        return address, "the author is not proven"
    if _same_house(address, author.address) or _colleague(facts, address):
        return address, ""
    return address, "another organisation"


def heeded(facts: Facts, mail: MailFacts, author: AuthorFinding, before: str) -> tuple[Action, ...]:
    """What the requester's mail does to where answers go. before: where they go now, "" for his own address."""
    address, problem = answers_to(facts, mail, author)
    ignored = (Remark("reply_to_ignored", {"address": address, "why": problem}),) if problem else ()
    wanted = "" if problem else address
    if not author.verified or wanted == before:
        return ignored
    return (SetReplyTo(wanted), *ignored)


def _same_house(address: str, author: str) -> bool:
    theirs, his = (org_domain(one.rpartition("@")[2]) for one in (address, author))
    return theirs == his and his not in _EVERYBODYS


def _colleague(facts: Facts, address: str) -> bool:
    sender, other = facts.sender, facts.reply_contact
    if sender is None or other is None or sender.organisation_id is None or not other.active:
        return False
    return other.address == address and other.organisation_id == sender.organisation_id
