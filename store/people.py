"""Queries on contacts, agents and organisations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from store import fast
from store.tables import AGENT, CONTACT, ORGANISATION, PARTICIPANT


def contact_by_address(connection: Connection, address: str) -> Row[Any] | None:
    """The contact with exactly this (normalised) address."""
    return connection.execute(select(CONTACT).where(CONTACT.c.address == address)).first()


def contact(connection: Connection, contact_id: int) -> Row[Any] | None:
    """One contact."""
    return connection.execute(select(CONTACT).where(CONTACT.c.id == contact_id)).first()


def contact_for(
    connection: Connection, new_id: int, address: str, name: str, language: str | None, now: datetime
) -> Row[Any]:
    """The contact of this address, made if there is none (safe when two make it at once)."""
    found = contact_by_address(connection, address)
    if found is not None:
        return found
    row = {
        "id": new_id,
        "name": name,
        "address": address,
        "language": language,
        "organisation_id": organisation_of(connection, address),
        "role": "light",
        "active": True,
        "created_at": now,
        "verified_at": None,
    }
    fast.insert(connection, CONTACT, [row], or_nothing=True)
    made = contact_by_address(connection, address)
    if made is None:
        raise LookupError(f"contact {new_id} vanished while it was made")
    return made


def change_contact(connection: Connection, contact_id: int, **values: Any) -> None:
    """Change columns of a contact."""
    connection.execute(update(CONTACT).where(CONTACT.c.id == contact_id).values(**values))


def organisation_of(connection: Connection, address: str) -> int | None:
    """The organisation that has the address's domain, if any."""
    domain = address.rpartition("@")[2]
    for row in connection.execute(select(ORGANISATION.c.id, ORGANISATION.c.domains)):
        if domain in row.domains:
            found: int = row.id
            return found
    return None


def contacts(connection: Connection, limit: int = 200) -> list[Row[Any]]:
    """Contacts with their organisation's name, by address."""
    query = (
        select(CONTACT, ORGANISATION.c.name.label("organisation"))
        .select_from(CONTACT.outerjoin(ORGANISATION, ORGANISATION.c.id == CONTACT.c.organisation_id))
        .order_by(CONTACT.c.address)
        .limit(limit)
    )
    return list(connection.execute(query))


def agents(connection: Connection, *, active_only: bool = True) -> list[Row[Any]]:
    """Agents by address."""
    query = select(AGENT).order_by(AGENT.c.address)
    return list(connection.execute(query.where(AGENT.c.active) if active_only else query))


def agent_by_address(connection: Connection, address: str) -> Row[Any] | None:
    """The active agent with exactly this (normalised) address."""
    return connection.execute(select(AGENT).where(AGENT.c.address == address, AGENT.c.active)).first()


def agent(connection: Connection, agent_id: int) -> Row[Any] | None:
    """One agent, active or not."""
    return connection.execute(select(AGENT).where(AGENT.c.id == agent_id)).first()


_FOLLOWED = ("name", "role", "departments", "language")


def agents_differ(connection: Connection, wanted: Sequence[dict[str, Any]]) -> bool:
    """Whether `put_agents` would change anything."""
    active = {row.address: row for row in agents(connection)}
    if active.keys() != {row["address"] for row in wanted}:
        return True
    return any(getattr(active[row["address"]], k) != row[k] for row in wanted for k in _FOLLOWED)


def put_agents(connection: Connection, wanted: Sequence[dict[str, Any]]) -> None:
    """Make the agents' rows follow the configuration: add, change, and set inactive who is not named any more."""
    known = {row.address: row for row in connection.execute(select(AGENT))}
    named = {row["address"] for row in wanted}
    for row in wanted:
        old = known.get(row["address"])
        if old is None:
            fast.insert(connection, AGENT, [row], or_nothing=True)
            continue
        values = {k: row[k] for k in _FOLLOWED} | {"active": True}
        if any(getattr(old, k) != v for k, v in values.items()):
            connection.execute(update(AGENT).where(AGENT.c.id == old.id).values(**values))
    gone = [row.id for address, row in known.items() if row.active and address not in named]
    if gone:
        connection.execute(update(AGENT).where(AGENT.c.id.in_(gone)).values(active=False))


def add_organisation(connection: Connection, row: dict[str, Any]) -> None:
    """Insert an organisation."""
    fast.insert(connection, ORGANISATION, [row])


def organisations(connection: Connection) -> list[Row[Any]]:
    """Organisations by name."""
    return list(connection.execute(select(ORGANISATION).order_by(ORGANISATION.c.name)))


def stop_telling(connection: Connection, ticket_id: int, contact_id: int) -> bool:
    """Mute a ticket for one who follows it; False where he was not told anyway."""
    p = PARTICIPANT.c
    muted = update(PARTICIPANT).where(p.ticket_id == ticket_id, p.contact_id == contact_id, p.told)
    return connection.execute(muted.values(told=False)).rowcount == 1


def add_participant(connection: Connection, ticket_id: int, contact_id: int, now: datetime) -> bool:
    """Let a contact follow a ticket; whether it is new."""
    row = {"ticket_id": ticket_id, "contact_id": contact_id, "contributes": True, "told": True, "added_at": now}
    return fast.insert(connection, PARTICIPANT, [row], or_nothing=True) == 1
