"""Queries on access links and one-use links; only digests are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, bindparam, delete, select, update

from store import fast
from store.query import Command, Query
from store.tables import ACCESS_LINK, CONTACT, ONE_USE


def _newest(person: Column[Any]) -> Query:
    c = ACCESS_LINK.c
    of_person = select(ACCESS_LINK).where(c.ticket_id == bindparam("ticket_id"), person == bindparam("person_id"))
    return Query(of_person.where(c.revoked_at.is_(None)).order_by(c.id.desc()).limit(1))


_EXTEND = Command(
    update(ACCESS_LINK)
    .where(ACCESS_LINK.c.ticket_id == bindparam("ticket"), ACCESS_LINK.c.revoked_at.is_(None))
    .where(ACCESS_LINK.c.expires_at > bindparam("now"), ACCESS_LINK.c.expires_at < bindparam("until"))
    .values(expires_at=bindparam("until"))
)
_NEWEST_OF_CONTACT = _newest(ACCESS_LINK.c.contact_id)
_NEWEST_OF_AGENT = _newest(ACCESS_LINK.c.agent_id)


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert access links."""
    fast.add(connection, ACCESS_LINK, rows)


def newest(
    connection: Connection, ticket_id: int, *, contact_id: int | None = None, agent_id: int | None = None
) -> Row[Any] | None:
    """The newest link of a contact (or an agent) to a ticket that was not revoked."""
    if agent_id is not None:
        return _NEWEST_OF_AGENT.first(connection, ticket_id=ticket_id, person_id=agent_id)
    return _NEWEST_OF_CONTACT.first(connection, ticket_id=ticket_id, person_id=contact_id)


def by_digest(connection: Connection, digest: str) -> Row[Any] | None:
    """The link with that digest, whatever its state."""
    return connection.execute(select(ACCESS_LINK).where(ACCESS_LINK.c.digest == digest)).first()


def by_id(connection: Connection, link_id: int) -> Row[Any] | None:
    """One link."""
    return connection.execute(select(ACCESS_LINK).where(ACCESS_LINK.c.id == link_id)).first()


def extend(connection: Connection, ticket_id: int, now: datetime, expires_at: datetime) -> None:
    """The ticket was active: its links that still open live on until then."""
    _EXTEND.later(connection, ticket=ticket_id, now=now, until=expires_at)


def revoke(connection: Connection, ticket_id: int, now: datetime) -> int:
    """Revoke every link of a ticket; how many."""
    c = ACCESS_LINK.c
    return connection.execute(
        update(ACCESS_LINK).where(c.ticket_id == ticket_id, c.revoked_at.is_(None)).values(revoked_at=now)
    ).rowcount


def revoke_of(connection: Connection, ticket_id: int, contact_id: int, now: datetime) -> int:
    """Revoke the links of one contact to a ticket; how many."""
    c = ACCESS_LINK.c
    own = update(ACCESS_LINK).where(c.ticket_id == ticket_id, c.contact_id == contact_id, c.revoked_at.is_(None))
    return connection.execute(own.values(revoked_at=now)).rowcount


def add_one_use(connection: Connection, row: dict[str, Any]) -> None:
    """Insert a one-use link."""
    fast.add(connection, ONE_USE, [row])


def one_use(connection: Connection, digest: str) -> Row[Any] | None:
    """The one-use link with that digest."""
    return connection.execute(select(ONE_USE).where(ONE_USE.c.digest == digest)).first()


def of_contact(connection: Connection, contact_id: int, purpose: str) -> list[Row[Any]]:
    """The one-use links of a contact for one purpose, the newest first, whatever their state."""
    c = ONE_USE.c
    wanted = select(ONE_USE).where(c.contact_id == contact_id, c.purpose == purpose).order_by(c.id.desc()).limit(50)
    return list(connection.execute(wanted))


def change_one_use(connection: Connection, one_use_id: int, **values: Any) -> None:
    """Change columns of a one-use link."""
    connection.execute(update(ONE_USE).where(ONE_USE.c.id == one_use_id).values(**values))


def spend(connection: Connection, one_use_id: int, now: datetime) -> bool:
    """Use it up; False when it was used already (two clicks at once: one of them wins)."""
    return (
        connection.execute(
            update(ONE_USE).where(ONE_USE.c.id == one_use_id, ONE_USE.c.used_at.is_(None)).values(used_at=now)
        ).rowcount
        == 1
    )


def spend_all(
    connection: Connection, purposes: Sequence[str], now: datetime, *, contact_id: int | None = None,
    agent_id: int | None = None,
) -> int:  # fmt: skip
    """Use up every open one-use link of a person for these purposes; how many."""
    c = ONE_USE.c
    person = c.agent_id == agent_id if agent_id is not None else c.contact_id == contact_id
    spent = update(ONE_USE).where(person, c.purpose.in_(list(purposes)), c.used_at.is_(None))
    return connection.execute(spent.values(used_at=now)).rowcount


def forget_one_use(connection: Connection, before: datetime) -> int:
    """Delete one-use links that expired before an instant; how many."""
    return connection.execute(delete(ONE_USE).where(ONE_USE.c.expires_at < before)).rowcount


def joining(connection: Connection, now: datetime, limit: int = 1000) -> list[Row[Any]]:
    """Open invitations into an organisation: contact_id, name, address, detail, expires_at; the newest first."""
    c = ONE_USE.c
    query = (
        select(c.contact_id, c.detail, c.expires_at, CONTACT.c.name, CONTACT.c.address)
        .select_from(ONE_USE.join(CONTACT, CONTACT.c.id == c.contact_id))
        .where(c.purpose == "invite", c.detail != "", c.used_at.is_(None), c.expires_at > now)
        .where(CONTACT.c.organisation_id.is_(None))
        .order_by(c.id.desc())
        .limit(limit)
    )
    return list(connection.execute(query))
