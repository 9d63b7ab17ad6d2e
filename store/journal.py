"""Queries on the journal: what was accepted, what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select, update

from store import fast
from store.claims import claim as claim_rows
from store.errors import LostLease
from store.query import Query
from store.tables import JOURNAL, RAW_MAIL, SEEN
from store.vocabulary import HeldReason, Outcome

#: How long the same bytes are the same mail.
SAME_MAIL_FOR = timedelta(days=30)
#: ... when nothing in the mail makes it unique (neither Message-ID nor Date).
SAME_BARE_MAIL_FOR = timedelta(hours=1)


_SEEN_FIRST = Query(select(SEEN.c.journal_id, SEEN.c.received_at).where(SEEN.c.fingerprint == bindparam("fingerprint")))
_BY_AUTHOR = (
    select(func.count().label("mails"))
    .select_from(JOURNAL)
    .where(JOURNAL.c.author == bindparam("author"), JOURNAL.c.received_at > bindparam("since"))
)
_COUNT_BY_AUTHOR = Query(_BY_AUTHOR)
_COUNT_BY_AUTHOR_OUTCOME = Query(_BY_AUTHOR.where(JOURNAL.c.outcome == bindparam("outcome")))


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A journal row under our lease. raw is None when the bytes are the blob `raw_sha256`."""

    id: int
    received_at: datetime
    road: str
    origin: dict[str, Any]
    mail_from: str
    rcpt_tos: tuple[str, ...]
    peer: str
    helo: str
    auth_user: str
    size_bytes: int
    raw_sha256: str
    attempts: int
    resumed: str
    raw: bytes | None


def add(connection: Connection, rows: Sequence[dict[str, Any]], raws: Sequence[dict[str, Any]]) -> None:
    """Insert accepted mails: journal rows, and the raw bytes of those that are not blobs."""
    fast.add(connection, JOURNAL, rows)
    fast.add(connection, RAW_MAIL, raws)


def claim(
    connection: Connection, owner: str, now: datetime, lease: timedelta, limit: int, max_bytes: int,
    *, alive: Collection[str] = (), in_hand: Collection[int] = (),
) -> list[ClaimedMail]:  # fmt: skip
    """Claim the oldest undecided mails that are due: at most `limit`, and about `max_bytes` of raw bytes.

    alive, in_hand: as in `claims.claim`.
    """
    due = and_(JOURNAL.c.outcome == Outcome.PENDING, JOURNAL.c.next_attempt_at <= now)
    ids = claim_rows(
        connection, JOURNAL, due, [JOURNAL.c.id], owner, now, now + lease, limit, alive=alive, in_hand=in_hand
    )
    if not ids:
        return []
    mails = load(connection, ids, max_bytes)
    loaded = {mail.id for mail in mails}
    left = [row_id for row_id in ids if row_id not in loaded]
    if left:
        give_back(connection, left, owner)
    return mails


def load(connection: Connection, ids: Sequence[int], max_bytes: int = 64 * 1024 * 1024) -> list[ClaimedMail]:
    """The named rows with their bytes, oldest first; beyond `max_bytes` the rest is left for another round."""
    c = JOURNAL.c
    rows = connection.execute(
        select(
            c.id, c.received_at, c.road, c.origin, c.mail_from, c.rcpt_tos, c.peer, c.helo, c.auth_user,
            c.size_bytes, c.raw_sha256, c.attempts, c.resumed, RAW_MAIL.c.raw,
        )
        .select_from(JOURNAL.outerjoin(RAW_MAIL, RAW_MAIL.c.journal_id == c.id))
        .where(c.id.in_(ids))
        .order_by(c.id)
    )  # fmt: skip
    mails: list[ClaimedMail] = []
    total = 0
    for row in rows:
        total += len(row.raw) if row.raw is not None else 0
        if mails and total > max_bytes:
            break
        values = list(row)
        values[5] = tuple(values[5])
        mails.append(ClaimedMail(*values))
    return mails


def give_back(connection: Connection, ids: Sequence[int], owner: str) -> None:
    """End the lease on rows that were claimed and not worked on."""
    connection.execute(
        update(JOURNAL)
        .where(JOURNAL.c.id.in_(ids), JOURNAL.c.lease_owner == owner, JOURNAL.c.outcome == Outcome.PENDING)
        .values(lease_owner=None, lease_until=None)
    )


def settle(connection: Connection, journal_id: int, owner: str, now: datetime, **values: Any) -> None:
    """Write the outcome of a mail. Raises LostLease when it was pending and under another's lease."""
    held_by_us = {"lease_owner": owner, "outcome": str(Outcome.PENDING)}
    changes = {"settled_at": now, "lease_owner": None, "lease_until": None, **values}

    def counted(rows: int) -> None:
        if rows != 1:
            raise LostLease(f"journal {journal_id} was taken over while {owner} held it")

    fast.change(connection, JOURNAL, changes, {"id": journal_id, **held_by_us}, counted)


def drop(connection: Connection, journal_id: int, now: datetime, **values: Any) -> bool:
    """A person rejects a mail that is held; False for one that is not, or no more. values: reason, detail."""
    c = JOURNAL.c
    ended = update(JOURNAL).where(c.id == journal_id, c.outcome == Outcome.HELD)
    changes = {"outcome": str(Outcome.REJECTED), "settled_at": now, "lease_owner": None, "lease_until": None}
    return connection.execute(ended.values(**changes, **values)).rowcount == 1


def resume(connection: Connection, journal_id: int, now: datetime, how: str, *, held: bool = False) -> bool:
    """Let a mail go through the line again: how is "" (as it is), "confirmed", "noted" or "released".

    held: only if it is held now: one that somebody else let go meanwhile, and that was decided, would be decided twice.
    False: no such mail.
    """
    c = JOURNAL.c
    waits = [c.outcome == Outcome.HELD] if held else []
    done = connection.execute(
        update(JOURNAL)
        .where(c.id == journal_id, *waits)
        .values(
            outcome=str(Outcome.PENDING),
            resumed=how,
            attempts=0,
            next_attempt_at=now,
            lease_owner=None,
            lease_until=None,
        )
    )
    return done.rowcount == 1


def held(connection: Connection, limit: int = 200) -> list[Row[Any]]:
    """Mails that wait for a person, oldest first."""
    query = select(JOURNAL).where(JOURNAL.c.outcome == Outcome.HELD).order_by(JOURNAL.c.id).limit(limit)
    return list(connection.execute(query))


def held_answer(connection: Connection, author: str, ticket_id: int) -> int | None:
    """The newest held answer of an agent on a ticket, which waits for his own word."""
    c = JOURNAL.c
    query = select(c.id).where(
        c.author == author, c.ticket_id == ticket_id, c.outcome == Outcome.HELD,
        c.reason.in_((HeldReason.COLLISION, HeldReason.AMBIGUOUS)),
    )  # fmt: skip
    return connection.execute(query.order_by(c.id.desc()).limit(1)).scalar()


def by_id(connection: Connection, journal_id: int) -> Row[Any] | None:
    """One mail of the journal."""
    return connection.execute(select(JOURNAL).where(JOURNAL.c.id == journal_id)).first()


def by_message_id(connection: Connection, message_id: str) -> list[Row[Any]]:
    """The mails with that Message-ID, oldest first."""
    return list(connection.execute(select(JOURNAL).where(JOURNAL.c.message_id == message_id).order_by(JOURNAL.c.id)))


def of_ticket(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """The mails that became part of a ticket, oldest first."""
    return list(connection.execute(select(JOURNAL).where(JOURNAL.c.ticket_id == ticket_id).order_by(JOURNAL.c.id)))


def without_ticket(connection: Connection, after: int, limit: int = 500) -> list[Row[Any]]:
    """Mails that belong to no ticket, by id, a page after `after`."""
    query = select(JOURNAL).where(JOURNAL.c.ticket_id.is_(None), JOURNAL.c.id > after).order_by(JOURNAL.c.id)
    return list(connection.execute(query.limit(limit)))


def failed(
    connection: Connection, journal_id: int, owner: str, attempts: int, next_attempt_at: datetime, detail: str
) -> None:
    """Count a failed try and set when the next may be made."""
    connection.execute(
        update(JOURNAL)
        .where(JOURNAL.c.id == journal_id, JOURNAL.c.lease_owner == owner)
        .values(
            attempts=attempts,
            next_attempt_at=next_attempt_at,
            detail=detail,
            lease_owner=None,
            lease_until=None,
        )
    )


def first_of_all(connection: Connection, mails: Sequence[tuple[int, str, datetime]]) -> frozenset[int]:
    """Of (journal id, fingerprint, received_at) the ids whose fingerprint nobody has had: each is remembered as first.

    The others may be duplicates, and `first_with` tells of what. One statement for a whole batch.
    """
    rows = [{"fingerprint": mark, "journal_id": row_id, "received_at": at} for row_id, mark, at in mails]
    return frozenset(fast.new_of(connection, SEEN, rows, "journal_id"))


def first_with(
    connection: Connection,
    fingerprint: str,
    journal_id: int,
    received_at: datetime,
    bare: bool,
    renumbered: bool = False,
) -> int:
    """The id of the first journal row with this fingerprint in the window: `journal_id` itself when it is new.

    bare: the mail has neither Message-ID nor Date. renumbered: it lay in a mailbox whose UIDs changed, moved to another
    server perhaps that dates it today: unless it is bare there is no window. Two workers that ask at once get the same
    answer.
    """
    row = {"fingerprint": fingerprint, "journal_id": journal_id, "received_at": received_at}
    if fast.insert(connection, SEEN, [row], or_nothing=True) == 1:
        return journal_id
    first = _SEEN_FIRST.first(connection, fingerprint=fingerprint)
    assert first is not None, "what could not be inserted is there"
    window = SAME_BARE_MAIL_FOR if bare else timedelta.max if renumbered else SAME_MAIL_FOR
    if first.journal_id != journal_id and received_at - first.received_at > window:
        connection.execute(
            update(SEEN).where(SEEN.c.fingerprint == fingerprint).values(journal_id=journal_id, received_at=received_at)
        )
        return journal_id
    result: int = first.journal_id
    return result


def count_by_author(connection: Connection, author: str, since: datetime, outcome: Outcome | None = None) -> int:
    """How many mails of this author were received since then, of one outcome or of any."""
    if outcome is None:
        found = _COUNT_BY_AUTHOR.all(connection, author=author, since=since)
    else:
        found = _COUNT_BY_AUTHOR_OUTCOME.all(connection, author=author, since=since, outcome=outcome)
    return int(found[0][0])


def count_held_by_rate(connection: Connection, since: datetime) -> int:
    """How many mails received since then wait because there were too many of a sender or on a ticket."""
    c = JOURNAL.c
    query = select(func.count()).where(
        c.outcome == Outcome.HELD, c.reason == HeldReason.LIMIT, c.received_at >= since, c.detail.like("more than %")
    )
    return connection.execute(query).scalar() or 0


def count_octets(connection: Connection, since: datetime, lowest: int) -> int:
    """How many octets of mail were made durable since then. lowest: no row of that time has a smaller id."""
    query = select(func.coalesce(func.sum(JOURNAL.c.size_bytes), 0)).where(
        JOURNAL.c.id >= lowest, JOURNAL.c.received_at >= since
    )
    return int(connection.execute(query).scalar() or 0)


def raw_bytes(connection: Connection, journal_id: int) -> bytes | None:
    """The bytes as received, or None when they are a blob (or gone by retention)."""
    return connection.execute(select(RAW_MAIL.c.raw).where(RAW_MAIL.c.journal_id == journal_id)).scalar()


def counts(connection: Connection) -> dict[str, int]:
    """How many rows there are of each outcome."""
    rows = connection.execute(select(JOURNAL.c.outcome, func.count()).group_by(JOURNAL.c.outcome))
    return {row[0]: row[1] for row in rows}


def oldest_pending(connection: Connection) -> datetime | None:
    """When the oldest undecided mail came; None when nothing waits."""
    return connection.execute(
        select(func.min(JOURNAL.c.received_at)).where(JOURNAL.c.outcome == Outcome.PENDING)
    ).scalar()


def newest(connection: Connection) -> datetime | None:
    """When the newest mail came; None for an empty journal."""
    return connection.execute(select(func.max(JOURNAL.c.received_at))).scalar()
