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
    connection: Connection, site: Site, address: str, ticket_id: int | None, mail: ClaimedMail, written_to: str,
    unproven: bool,
) -> Counters:  # fmt: skip
    """Only what a limit that is on will look at. ticket_id: the one that is commented on, None for a new one.

    written_to: the address that an acknowledgement goes to; the author may have another one. unproven: the author.
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
        acks=acks_to(connection, policy.acks, now, written_to)
        if unproven
        else counted(policy.acks, lambda since: outbox.count_sent(connection, acks, since, written_to)),
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
    sent = acks_to(connection, site.policy.acks, mail.received_at, reply_to[0].address)
    return replace(counters, reply_acks=sent)


def acks_to(connection: Connection, bounds: tuple[Bound, ...], now: datetime, address: str) -> tuple[int, ...]:
    """How many acknowledgements went to an address within each bound, however it was spelt.

    Whoever bombs a mailbox by forged mails writes its address in another way each time.
    """
    if not bounds:
        return ()
    since = [now - timedelta(seconds=bound.seconds) for bound in bounds]
    sent = outbox.sent_to_mailbox(connection, min(since), address)
    return tuple(sum(at > one for at in sent) for one in since)
