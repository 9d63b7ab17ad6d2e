"""How often a sender's new ticket says what we have acknowledged before, word for word: the mark of a loop (S10).

A program that answers every mail of ours with a new matter of its own has no header to be known by; it says the same
each time, and only after an answer. A person who sends several tickets (R037) says something else in each, or does not
wait. Another ticket system gives each of its answers a number and a link of its own: in what reads like an
acknowledgement, words with a digit are not compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection

from mailgate.decide.facts import Bound
from mailgate.flows.site import Site
from mailgate.mail.screen import acknowledges
from mailgate.mail.subject import without_keys
from store import repeats
from store.journal import ClaimedMail

#: Characters that no short answer has.
_LONG_ENOUGH = 25


def repeated(
    connection: Connection, site: Site, author: str, subject: str, text: str, mail: ClaimedMail, opened: Iterable[int]
) -> tuple[int, ...]:
    """For each bound of `limits.repeats_per_sender`: how many tickets of the same words were acknowledged before.

    opened: how many tickets the author opened lately, one for each bound of `tickets_per_sender`; where that limit is
    off, this one is.
    """
    policy = site.policy
    if not policy.repeats or not policy.tickets or not author:
        return ()
    at_most = max(opened, default=0)
    if at_most < min(bound.count for bound in policy.repeats) and _covers(policy.tickets, policy.repeats):
        return tuple(0 for _ in policy.repeats)
    said = _words(site, subject, text)
    longest = max(bound.seconds for bound in policy.repeats)
    rows = repeats.answered(connection, author, mail.received_at - timedelta(seconds=longest), mail.received_at)
    same = [row.received_at for row in rows if _words(site, row.subject, row.reply) == said]
    return tuple(
        sum(at > mail.received_at - timedelta(seconds=bound.seconds) for at in same) for bound in policy.repeats
    )


def repeated_on(
    connection: Connection, site: Site, ticket_id: int, author: str, text: str, mail: ClaimedMail
) -> tuple[int, ...]:
    """For each bound of `limits.repeats_per_sender`: how often the author has said the same on this ticket by mail.

    Two absence notices without a header, of two people of one ticket, would else tell each other of themselves for
    ever. Short words are not counted: people say `ok` and `sim` more than once.
    """
    policy = site.policy
    said = _words(site, "", text)
    if not policy.repeats or not author or len(said[1]) < _LONG_ENOUGH:
        return ()
    longest = max(bound.seconds for bound in policy.repeats)
    rows = repeats.said(connection, ticket_id, author, mail.received_at - timedelta(seconds=longest))
    same = [row.created_at for row in rows if _words(site, "", row.reply) == said]
    return tuple(
        sum(at > mail.received_at - timedelta(seconds=bound.seconds) for at in same) for bound in policy.repeats
    )


def _covers(counted: tuple[Bound, ...], wanted: tuple[Bound, ...]) -> bool:
    return max(bound.seconds for bound in counted) >= max(bound.seconds for bound in wanted)


def _words(site: Site, subject: str, text: str) -> tuple[str, ...]:
    """Subject and text as they are compared: no prefix, no key of ours, no case, no white space."""
    bare = without_keys(subject, site.policy.key_prefix)
    said = (bare.casefold().strip(), " ".join(text[: repeats.LOOKS_AT].casefold().split()))
    return tuple(map(_without_numbers, said)) if acknowledges(bare, text[: repeats.LOOKS_AT]) else said


def _without_numbers(text: str) -> str:
    """The words that have no digit and are no link."""
    return " ".join(word for word in text.split() if "://" not in word and not any(c.isdigit() for c in word))
