"""Queries on contacts, agents and organisations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update

from store import fast
from store.query import Query
from store.tables import AGENT, BRANCH, CONTACT, CONTACT_ADDRESS, ORGANISATION, PARTICIPANT

_BY_ADDRESS = Query(select(CONTACT).where(CONTACT.c.address == bindparam("address")))
_BY_OTHER_ADDRESS = Query(
    select(CONTACT)
    .select_from(CONTACT.join(CONTACT_ADDRESS, CONTACT_ADDRESS.c.contact_id == CONTACT.c.id))
    .where(CONTACT_ADDRESS.c.address == bindparam("address"))
)
_FOLDED = func.lower(CONTACT.c.address) == func.lower(bindparam("address"))
_BY_FOLDED = Query(select(CONTACT).where(_FOLDED).order_by(CONTACT.c.id).limit(2))
_BY_ADDRESSES = Query(select(CONTACT).where(CONTACT.c.address.in_(bindparam("addresses", expanding=True))))
_BY_OTHER_ADDRESSES = Query(
    select(CONTACT, CONTACT_ADDRESS.c.address.label("written_from"))
    .select_from(CONTACT.join(CONTACT_ADDRESS, CONTACT_ADDRESS.c.contact_id == CONTACT.c.id))
    .where(CONTACT_ADDRESS.c.address.in_(bindparam("addresses", expanding=True)))
)
_UNPROVEN = Query(
    select(CONTACT.c.id).where(
        CONTACT.c.id.in_(bindparam("contact_ids", expanding=True)),
        CONTACT.c.verified_at.is_(None),
        CONTACT.c.password.is_(None),
    )
)
_DOMAINS = Query(select(ORGANISATION.c.id, ORGANISATION.c.domains))
_AGENTS = Query(select(AGENT).order_by(AGENT.c.address))
_ACTIVE_AGENTS = Query(select(AGENT).where(AGENT.c.active).order_by(AGENT.c.address))


def contact_by_address(connection: Connection, address: str) -> Row[Any] | None:
    """The contact with exactly this (normalised) address, be it the main one or another."""
    return _BY_ADDRESS.first(connection, address=address) or _BY_OTHER_ADDRESS.first(connection, address=address)


def contact_typed(connection: Connection, address: str) -> Row[Any] | None:
    """The contact of an address as a person typed it: exactly, or in other capitals where only one has it so.

    Telephones begin what is typed with a capital letter. Both are looked for in any case, which takes as long.
    """
    exact = contact_by_address(connection, address)
    folded = _BY_FOLDED.all(connection, address=address)
    return exact if exact is not None else folded[0] if len(folded) == 1 else None


def more_addresses(connection: Connection, contact_id: int) -> tuple[str, ...]:
    """The addresses of a contact besides the main one."""
    c = CONTACT_ADDRESS.c
    return tuple(connection.execute(select(c.address).where(c.contact_id == contact_id).order_by(c.address)).scalars())


def put_addresses(connection: Connection, contact_id: int, addresses: Sequence[str], now: datetime) -> None:
    """Make these the addresses of a contact besides the main one."""
    old = more_addresses(connection, contact_id)
    gone = [a for a in old if a not in addresses]
    if gone:
        connection.execute(delete(CONTACT_ADDRESS).where(CONTACT_ADDRESS.c.address.in_(gone)))
    rows = [{"address": a, "contact_id": contact_id, "added_at": now} for a in addresses if a not in old]
    if rows:
        fast.insert(connection, CONTACT_ADDRESS, rows)


def contacts_by_addresses(connection: Connection, addresses: Sequence[str]) -> dict[str, Row[Any]]:
    """As `contact_by_address` for many: who there is, by address."""
    found = {row.address: row for row in _BY_ADDRESSES.all(connection, addresses=list(addresses))}
    left = [address for address in addresses if address not in found]
    others = _BY_OTHER_ADDRESSES.all(connection, addresses=left)
    return found | {row.written_from: row for row in others}


def unproven(connection: Connection, contact_ids: Collection[int]) -> set[int]:
    """Those of whom nothing has proven yet that the address is theirs: no link of it was opened, nobody signed in."""
    if not contact_ids:
        return set()
    return {row.id for row in _UNPROVEN.all(connection, contact_ids=sorted(contact_ids))}


def contact(connection: Connection, contact_id: int) -> Row[Any] | None:
    """One contact."""
    return connection.execute(select(CONTACT).where(CONTACT.c.id == contact_id)).first()


def contact_for(
    connection: Connection, new_id: int, address: str, name: str, language: str | None, now: datetime,
    role: str = "light",
) -> Row[Any]:  # fmt: skip
    """The contact of this address, made if there is none (safe when two make it at once). role: of a new one."""
    found = contact_by_address(connection, address)
    if found is not None:
        return found
    row = {
        "id": new_id,
        "name": name,
        "address": address,
        "language": language,
        "organisation_id": organisation_of(connection, address),
        "role": role,
        "active": True,
        "created_at": now,
        "verified_at": None,
    }
    fast.add(connection, CONTACT, [row], or_nothing=True)
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
    for row in _DOMAINS.all(connection):
        if domain in row.domains:
            found: int = row.id
            return found
    return None


def contacts(connection: Connection, limit: int = 200) -> list[Row[Any]]:
    """Contacts with the names of their organisation and branch, by address."""
    joined = CONTACT.outerjoin(ORGANISATION, ORGANISATION.c.id == CONTACT.c.organisation_id)
    query = (
        select(CONTACT, ORGANISATION.c.name.label("organisation"), BRANCH.c.name.label("branch"))
        .select_from(joined.outerjoin(BRANCH, BRANCH.c.id == CONTACT.c.branch_id))
        .order_by(CONTACT.c.address)
        .limit(limit)
    )
    return list(connection.execute(query))


def of_organisation(
    connection: Connection, organisation_id: int, wanted: str = "", limit: int = 50, offset: int = 0
) -> list[Row[Any]]:
    """Contacts of an organisation with the name of their branch, by name. wanted: a part of name or address."""
    c = CONTACT.c
    query = select(CONTACT, BRANCH.c.name.label("branch")).select_from(
        CONTACT.outerjoin(BRANCH, BRANCH.c.id == c.branch_id)
    )
    query = query.where(c.organisation_id == organisation_id)
    if wanted:
        query = query.where(
            or_(c.name.icontains(wanted, autoescape=True), c.address.icontains(wanted, autoescape=True))
        )
    return list(connection.execute(query.order_by(func.lower(c.name), c.id).limit(limit).offset(offset)))


def count_of_organisation(connection: Connection, organisation_id: int) -> int:
    """So many contacts an organisation has."""
    query = select(func.count()).select_from(CONTACT).where(CONTACT.c.organisation_id == organisation_id)
    return connection.execute(query).scalar_one()


def heads_of_branches(connection: Connection, organisation_id: int) -> dict[int | None, int]:
    """So many active contacts each branch of an organisation has; None: those of no branch."""
    c = CONTACT.c
    query = select(c.branch_id, func.count().label("heads")).where(c.organisation_id == organisation_id, c.active)
    return {row.branch_id: row.heads for row in connection.execute(query.group_by(c.branch_id))}


def agents(connection: Connection, *, active_only: bool = True) -> list[Row[Any]]:
    """Agents by address."""
    return (_ACTIVE_AGENTS if active_only else _AGENTS).all(connection)


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


def organisation(connection: Connection, organisation_id: int | None) -> Row[Any] | None:
    """One organisation; None for no id."""
    if organisation_id is None:
        return None
    return connection.execute(select(ORGANISATION).where(ORGANISATION.c.id == organisation_id)).first()


def stop_telling(connection: Connection, ticket_id: int, contact_id: int) -> bool:
    """Mute a ticket for one who follows it; False where he was not told anyway."""
    p = PARTICIPANT.c
    muted = update(PARTICIPANT).where(p.ticket_id == ticket_id, p.contact_id == contact_id, p.told)
    return connection.execute(muted.values(told=False)).rowcount == 1


def change_organisation(connection: Connection, organisation_id: int, **values: Any) -> None:
    """Change columns of an organisation."""
    connection.execute(update(ORGANISATION).where(ORGANISATION.c.id == organisation_id).values(**values))


def join_organisation(connection: Connection, organisation_id: int, domains: Sequence[str]) -> int:
    """Contacts of these domains that belong to nobody become the organisation's; how many."""
    if not domains:
        return 0
    c = CONTACT.c
    query = select(c.id, c.address).where(c.organisation_id.is_(None))
    ids = [row.id for row in connection.execute(query) if row.address.rpartition("@")[2] in domains]
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        connection.execute(update(CONTACT).where(c.id.in_(part)).values(organisation_id=organisation_id))
    return len(ids)


def network_of(connection: Connection, organisation_id: int | None) -> str:
    """The network of an organisation, "" for none."""
    if organisation_id is None:
        return ""
    found = connection.execute(select(ORGANISATION.c.network).where(ORGANISATION.c.id == organisation_id)).scalar()
    return found or ""


def colleagues(connection: Connection, organisation_id: int | None) -> list[int]:
    """The ids of the organisation and of all in its network."""
    if organisation_id is None:
        return []
    network = network_of(connection, organisation_id).casefold()
    if not network:
        return [organisation_id]
    return [o.id for o in organisations(connection) if o.id == organisation_id or o.network.casefold() == network]


def branches(connection: Connection, organisation_ids: Sequence[int] | None = None) -> list[Row[Any]]:
    """Branches (of all organisations, or of these) with the organisation's name, by both names."""
    query = select(BRANCH, ORGANISATION.c.name.label("organisation")).select_from(
        BRANCH.join(ORGANISATION, ORGANISATION.c.id == BRANCH.c.organisation_id)
    )
    if organisation_ids is not None:
        query = query.where(BRANCH.c.organisation_id.in_(organisation_ids))
    return list(connection.execute(query.order_by(ORGANISATION.c.name, BRANCH.c.name)))


def branch(connection: Connection, branch_id: int) -> Row[Any] | None:
    """A branch with the organisation's name."""
    query = select(BRANCH, ORGANISATION.c.name.label("organisation")).select_from(
        BRANCH.join(ORGANISATION, ORGANISATION.c.id == BRANCH.c.organisation_id)
    )
    return connection.execute(query.where(BRANCH.c.id == branch_id)).first()


def add_branch(connection: Connection, row: dict[str, Any]) -> None:
    """Insert a branch."""
    fast.insert(connection, BRANCH, [row])


def change_branch(connection: Connection, branch_id: int, **values: Any) -> None:
    """Change columns of a branch."""
    connection.execute(update(BRANCH).where(BRANCH.c.id == branch_id).values(**values))


def add_participant(
    connection: Connection, ticket_id: int, contact_id: int, now: datetime, *, contributes: bool = True,
    told: bool = True,
) -> bool:  # fmt: skip
    """Let a contact follow a ticket; whether it is new. contributes: writes too. told: the bell."""
    row = {"ticket_id": ticket_id, "contact_id": contact_id, "contributes": contributes, "told": told, "added_at": now}
    return fast.insert(connection, PARTICIPANT, [row], or_nothing=True) == 1


def remove_participant(connection: Connection, ticket_id: int, contact_id: int) -> bool:
    """Let a contact follow a ticket no more; whether he did."""
    c = PARTICIPANT.c
    gone = delete(PARTICIPANT).where(c.ticket_id == ticket_id, c.contact_id == contact_id)
    return connection.execute(gone).rowcount == 1


def change_participant(connection: Connection, ticket_id: int, contact_id: int, **values: Any) -> bool:
    """Change how a contact follows a ticket; whether he does."""
    c = PARTICIPANT.c
    wanted = update(PARTICIPANT).where(c.ticket_id == ticket_id, c.contact_id == contact_id).values(**values)
    return connection.execute(wanted).rowcount == 1


def members(connection: Connection, organisation_id: int | None, limit: int = 200) -> list[Row[Any]]:
    """(id, name, address) of the active contacts of an organisation, by name."""
    if organisation_id is None:
        return []
    c = CONTACT.c
    query = select(c.id, c.name, c.address).where(c.organisation_id == organisation_id, c.active.is_(True))
    return list(connection.execute(query.order_by(c.name, c.address).limit(limit)))
