"""Steps 5 to 11 of the line: a read mail becomes what it becomes, in one transaction.

Up to 64 mails share a transaction. When one fails, all of it is rolled back and each mail goes alone: the one that
fails is counted and tried again with back-off; after the third try (`limits.tries`) it is held with its reason. A
database that is busy or away counts for nobody.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mailgate import log
from mailgate.decide.decide import decide
from mailgate.decide.decision import BlockSender, Decision, Share
from mailgate.decide.facts import Facts
from mailgate.flows.batch import Batch
from mailgate.flows.effects import Changed, Effects, Said
from mailgate.flows.erasing import erased_among, refuse_again
from mailgate.flows.gather import mail_facts
from mailgate.flows.reading import Reading, ReadJob
from mailgate.flows.record import to_json
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from mailgate.flows.workers import TooCostly
from mailgate.mail.headers import one_line
from mailgate.notify.plan import Plan
from store import claims, journal, tickets
from store.bucket import BucketAway
from store.errors import LostLease, StoreError
from store.journal import ClaimedMail
from store.tables import JOURNAL
from store.vocabulary import HeldReason, Outcome

_LOG = log.get("receive")

BATCH_MAILS = 64
BATCH_BYTES = 32 * 1024 * 1024
LEASE = timedelta(minutes=2)
#: When a mail is read again whose files could not be stored, or whose bytes could not be fetched.
_AWAY = timedelta(seconds=10)
#: No disk, no descriptor, no memory: what a person or time mends, and what no mail is at fault for.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_MOST_FOUND_BY = 600
#: What changes the row of a contact that mails behind it may be of.
_CHANGES_PEOPLE = (BlockSender, Share)
_BACKOFF, LONGEST_PAUSE = (timedelta(seconds=2), timedelta(seconds=20)), timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Settled:
    """How one mail ended in this round. outcome None: it will be tried again."""

    journal_id: int
    outcome: Outcome | None
    key: str = ""
    notices: int = 0


def claim(site: Site, owner: str, limit: int = BATCH_MAILS, in_hand: Collection[int] = ()) -> list[ClaimedMail]:
    """Claim the oldest mails that wait, under a lease of `owner`. in_hand: those that the caller is still reading.

    Reading a queue of heavy mails may take longer than the lease, and a clock may jump: neither begins them anew.
    """

    def work(connection: Connection) -> list[ClaimedMail]:
        now = site.clock()
        return journal.claim(connection, owner, now, LEASE, limit, BATCH_BYTES, alive=site.peers.alive, in_hand=in_hand)

    return site.writer.call(work)


def prolong(site: Site, owners: Collection[str]) -> None:
    """Keep what these owners have claimed: mails that take long to read are not to be claimed again meanwhile."""
    site.writer.call(lambda connection: claims.prolong(connection, JOURNAL, sorted(owners), site.clock() + LEASE))


def job_of(site: Site, mail: ClaimedMail) -> ReadJob:
    """What a worker needs to read a mail."""
    own = next((found[0] for a in mail.rcpt_tos if (found := site.support_address(a)) is not None), None)
    return ReadJob(
        mail.raw,
        mail.raw_sha256,
        mail.size_bytes,
        mail.road,
        mail.peer,
        mail.helo,
        mail.mail_from,
        own.list_id if own else "",
    )


def process(site: Site, owner: str, mails: Sequence[tuple[ClaimedMail, Reading | Exception]]) -> list[Settled]:
    """Decide and carry out a batch of claimed mails, in the order of their arrival, in one transaction.

    When one of them fails nothing of that transaction is kept, and each mail gets a transaction of its own, so that the
    one that fails is counted alone. An exception instead of a reading is a failed try of that mail. Raises StoreError
    when the database cannot commit: nothing has happened then, and the leases run out.
    """
    site = site.pinned()
    ordered = sorted(mails, key=lambda item: item[0].id)
    if len(ordered) > 1 and not any(isinstance(reading, Exception) for _, reading in ordered):
        try:
            return site.writer.call(lambda connection: _batch(connection, site, owner, ordered))
        except StoreError as error:
            if not isinstance(error, LostLease):
                raise
        except Exception as error:  # which mail it was shows when each goes alone
            _LOG.warning("batch failed, going on one by one", mails=len(ordered), error=type(error).__name__)
    return [_alone(site, owner, mail, reading) for mail, reading in ordered]


def _batch(
    connection: Connection, site: Site, owner: str, mails: Sequence[tuple[ClaimedMail, Reading | Exception]]
) -> list[Settled]:
    read = [(mail, reading) for mail, reading in mails if not isinstance(reading, Exception)]
    batch = Batch()
    batch.read(connection, read)
    batch.erased = erased_among(connection, site.mint, [reading.message.fingerprint for _, reading in read])
    return [_one(connection, site, owner, mail, reading, batch) for mail, reading in read]


def _alone(site: Site, owner: str, mail: ClaimedMail, reading: Reading | Exception) -> Settled:
    """One mail in a transaction of its own; a failure is counted in another."""
    error: Exception
    if isinstance(reading, Exception):
        error = reading
    else:
        read = reading
        try:
            return site.writer.call(lambda connection: _one(connection, site, owner, mail, read, Batch()))
        except LostLease:
            return _taken_over(mail)
        except StoreError:
            raise
        except Exception as failure:  # one mail's fault must not stop the others, whatever it is
            _LOG.exception("mail failed", journal_id=mail.id, attempts=mail.attempts + 1)
            error = failure
    try:
        return site.writer.call(lambda connection: _failed(connection, site, owner, mail, error))
    except LostLease:
        return _taken_over(mail)


def _taken_over(mail: ClaimedMail) -> Settled:
    _LOG.warning("mail taken over by another node", journal_id=mail.id)
    return Settled(mail.id, None)


def _one(connection: Connection, site: Site, owner: str, mail: ClaimedMail, reading: Reading, batch: Batch) -> Settled:
    message = reading.message
    erased = batch.erased
    if erased is None:
        erased = erased_among(connection, site.mint, [message.fingerprint])
    if message.fingerprint in erased:
        return _came_again(connection, site, owner, mail, reading)
    bare = message.message_id is None and message.date is None
    first = mail.id
    if mail.id not in batch.new:
        again = bool(mail.origin.get("renumbered"))
        first = journal.first_with(connection, message.fingerprint, mail.id, mail.received_at, bare, again)
    if first != mail.id:
        journal.settle(
            connection, mail.id, owner, site.clock(), outcome=str(Outcome.DUPLICATE), duplicate_of=first,
            fingerprint=message.fingerprint, message_id=message.message_id, author=_address(mail, reading),
            subject=message.subject, detail="the same mail came before",
        )  # fmt: skip
        return Settled(mail.id, Outcome.DUPLICATE)
    facts = mail_facts(connection, site, mail, reading, batch)
    note = tickets.note_of_mail(connection, mail.id) if facts.confirmed else None
    return settle(connection, site, owner, mail, reading, facts, batch, note)


def _came_again(connection: Connection, site: Site, owner: str, mail: ClaimedMail, reading: Reading) -> Settled:
    """A mail that was erased, out of a mailbox that is read anew: a duplicate of what is no more."""
    journal.settle(connection, mail.id, owner, site.clock(), outcome=str(Outcome.DUPLICATE))
    refuse_again(connection, site.mint, mail.id, [one.sha256 for one in reading.message.attachments], site.clock())
    return Settled(mail.id, Outcome.DUPLICATE)


def settle(
    connection: Connection, site: Site, owner: str, mail: ClaimedMail, reading: Reading, facts: Facts, batch: Batch,
    existing_comment_id: int | None = None,
) -> Settled:  # fmt: skip
    """Decide about one mail whose facts are known, carry it out, tell, and write its outcome.

    existing_comment_id: the note that the mail was kept as until its agent confirmed it.
    """
    decision = decide(facts, site.book())
    assert facts.mail is not None
    said = Said(
        journal_id=mail.id,
        raw_sha256=mail.raw_sha256,
        message_id=facts.mail.message_id,
        message=reading.message,
        existing_comment_id=existing_comment_id,
    )
    changed = Effects(connection, site, facts, decision, said).carry_out()
    plans = Telling(connection, site, facts, decision, changed, said).tell()
    _settle(connection, site, owner, mail, reading, facts, decision, changed, plans)
    batch.forget(reading, people_too=any(isinstance(one, _CHANGES_PEOPLE) for one in decision.actions))
    key = changed.ticket["key"] if changed.ticket else ""
    return Settled(mail.id, decision.outcome, key, sum(1 for p in plans if not p.suppressed))


def _settle(
    connection: Connection, site: Site, owner: str, mail: ClaimedMail, reading: Reading, facts: Facts,
    decision: Decision, changed: Changed, plans: list[Plan],
) -> None:  # fmt: skip
    journal.settle(
        connection,
        mail.id,
        owner,
        site.clock(),
        outcome=str(decision.outcome),
        reason=str(decision.reason),
        detail=decision.why,
        ticket_id=changed.ticket["id"] if changed.ticket else None,
        fingerprint=reading.message.fingerprint,
        message_id=facts.mail.message_id if facts.mail else None,
        author=_address(mail, reading),
        subject=reading.message.subject,
        record=to_json(facts, decision, plans, changed, site.book().digest),
    )


def _address(mail: ClaimedMail, reading: Reading) -> str:
    """Whom a row of the journal is found by; of an envelope's sender as much as an index holds, whatever is in it."""
    author = reading.message.author or reading.message.from_
    return author.address if author else mail.mail_from[:_MOST_FOUND_BY]


def _failed(connection: Connection, site: Site, owner: str, mail: ClaimedMail, error: Exception) -> Settled:
    """Count a failed try; after the last of its tries, or when it cost all that one mail may cost, it is held.

    That a bucket is away, or the machine has no room, is no fault of a mail.
    """
    if isinstance(error, BucketAway) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
        journal.failed(connection, mail.id, owner, mail.attempts, site.clock() + _AWAY, str(error)[:500])
        _LOG.warning("mail put off", journal_id=mail.id, why=str(error))
        return Settled(mail.id, None)
    attempts = mail.attempts + 1
    detail = one_line(f"{type(error).__name__}: {error}")[:500]
    costly = isinstance(error, TooCostly)
    if attempts >= site.tries or costly:
        reason = HeldReason.LIMIT if costly else HeldReason.POISON
        journal.settle(
            connection, mail.id, owner, site.clock(), outcome=str(Outcome.HELD), reason=str(reason),
            detail=detail, attempts=attempts,
        )  # fmt: skip
        _LOG.error("mail held", journal_id=mail.id, reason=str(reason), error=type(error).__name__)
        return Settled(mail.id, Outcome.HELD)
    next_attempt_at: datetime = site.clock() + pause(attempts)
    journal.failed(connection, mail.id, owner, attempts, next_attempt_at, detail)
    return Settled(mail.id, None)


def pause(attempts: int) -> timedelta:
    """How long a mail of ours that failed waits for its next try. attempts: failed tries so far, >= 1."""
    if attempts <= len(_BACKOFF):
        return _BACKOFF[attempts - 1]
    return min(_BACKOFF[-1] * (1 << min(attempts - len(_BACKOFF), 10)), LONGEST_PAUSE)
