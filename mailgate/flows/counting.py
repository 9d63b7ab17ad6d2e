"""What limits are held against: so many mails, tickets, comments and acknowledgements of late. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mailgate.decide.facts import Bound, Counters
from mailgate.flows.site import Site
from mailgate.mail.message import Address
from store import journal, outbox, tickets
from store.journal import ClaimedMail
from store.vocabulary import Notice, Outcome


def of_author(
    connection: Connection, site: Site, address: str, ticket_id: int | None, mail: ClaimedMail, written_to: str
) -> Counters:
    """Only what a limit that is on will look at. ticket_id: the one that is commented on, None for a new one.

    written_to: the address that an acknowledgement goes to; the author may have another one.
    """
    policy, now = site.policy, mail.received_at

    def counted(bounds: tuple[Bound, ...], count: Callable[[datetime], int]) -> tuple[int, ...]:
        return tuple(count(now - timedelta(seconds=bound.seconds)) for bound in bounds)

    mails = counted(policy.mails, lambda since: journal.count_by_author(connection, address, since))
    if ticket_id is not None:
        comments = counted(policy.comments, lambda since: tickets.count_comments(connection, ticket_id, since))
        return Counters(mails=mails, comments=comments)
    acks = [Notice.N1]
    return Counters(
        mails=mails,
        tickets=counted(
            policy.tickets, lambda since: journal.count_by_author(connection, address, since, Outcome.OPENED)
        ),
        acks=counted(policy.acks, lambda since: outbox.count_sent(connection, acks, since, written_to)),
        verified_acks=counted(
            policy.verified_acks, lambda since: outbox.count_sent(connection, acks, since, written_to)
        ),
        total_acks=counted(policy.total_acks, lambda since: outbox.count_sent(connection, acks, since)),
    )


def with_reply_to(
    connection: Connection, site: Site, reply_to: tuple[Address, ...], counters: Counters, mail: ClaimedMail
) -> Counters:
    """With what went to the address in Reply-To, where a rule may take it for the requester's: the caps hold for it."""
    if len(reply_to) != 1 or not site.book().rules.takes_reply_to():
        return counters
    sent = tuple(
        outbox.count_sent(connection, [Notice.N1], mail.received_at - timedelta(seconds=b.seconds), reply_to[0].address)
        for b in site.policy.acks
    )
    return replace(counters, reply_acks=sent)
