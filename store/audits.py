"""What an audit asks: which mails of the mailboxes have a row, and which outgoing mails have no end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select

from store.tables import AUDIT, IMAP_CURSOR, JOURNAL, OUTBOX
from store.vocabulary import OutboxState, Outcome, Road

Place = tuple[str, str, int, int]  # account, folder, UIDVALIDITY, UID
_UNSENT = (OutboxState.WAITING, OutboxState.SENDING)


def places(connection: Connection, since: datetime) -> set[Place]:
    """Where the mails lay that came out of mailboxes since then."""
    j = JOURNAL.c
    rows = connection.execute(select(j.origin).where(j.road == str(Road.IMAP), j.received_at >= since)).scalars()
    return {(str(o.get("account")), str(o.get("folder")), o.get("uidvalidity", 0), o.get("uid", 0)) for o in rows}


def known(connection: Connection, marks: Sequence[str]) -> set[str]:
    """Those of the digests (of bytes, or fingerprints) that a row has."""
    j = JOURNAL.c
    found: set[str] = set()
    for row in connection.execute(
        select(j.raw_sha256, j.fingerprint).where(or_(j.raw_sha256.in_(marks), j.fingerprint.in_(marks)))
    ):
        found |= {row.raw_sha256, row.fingerprint or ""}
    return found & set(marks)


def is_known(connection: Connection, account: str, sha256: str, received_at: datetime) -> bool:
    """Whether a row has these very bytes out of that mailbox, of that instant."""
    j = JOURNAL.c
    query = select(j.origin).where(j.raw_sha256 == sha256, j.received_at == received_at, j.road == str(Road.IMAP))
    return any(origin.get("account") == account for origin in connection.execute(query).scalars())


def cursors(connection: Connection) -> list[Row[Any]]:
    """How far each folder was read."""
    return list(connection.execute(select(IMAP_CURSOR)))


def oldest(connection: Connection) -> datetime | None:
    """When the first mail came; None for an empty journal."""
    return connection.execute(select(func.min(JOURNAL.c.received_at))).scalar()


def undecided(connection: Connection, before: datetime) -> int:
    """Mails that came before an instant and are still not decided."""
    j = JOURNAL.c
    query = select(func.count()).where(j.outcome == str(Outcome.PENDING), j.received_at < before)
    return int(connection.execute(query).scalar_one())


def outbox(connection: Connection, since: datetime, late: datetime) -> dict[str, int]:
    """Outgoing mails written since then, by state; `late`: those that wait since before `late`, whenever written."""
    o = OUTBOX.c
    rows = connection.execute(select(o.state, func.count()).where(o.created_at >= since).group_by(o.state))
    found = {str(state): int(count) for state, count in rows}
    waiting = select(func.count()).where(o.state.in_(_UNSENT), o.created_at < late)
    return found | {"late": int(connection.execute(waiting).scalar_one())}


def unsent(connection: Connection, since: datetime, late: datetime, limit: int = 200) -> list[Row[Any]]:
    """Outgoing mails that were given up since then, and those that wait since before `late`; the oldest first."""
    o = OUTBOX.c
    given_up = (o.state == str(OutboxState.FAILED)) & (o.created_at >= since)
    waits = o.state.in_(_UNSENT) & (o.created_at < late)
    query = select(o.id, o.notice, o.state, o.created_at).where(or_(given_up, waits))
    query = query.order_by(o.created_at, o.id).limit(limit)
    return list(connection.execute(query))


def put(connection: Connection, row: dict[str, Any]) -> None:
    """Keep what an audit found; those of more than a year ago are forgotten."""
    connection.execute(AUDIT.delete().where(AUDIT.c.at < row["at"] - timedelta(days=400)))
    connection.execute(insert(AUDIT).values(**row))


def newest(connection: Connection) -> Row[Any] | None:
    """The last audit; None where there never was one."""
    return connection.execute(select(AUDIT).order_by(AUDIT.c.at.desc()).limit(1)).first()
