"""Which tickets a customer's person may see, out of the database: pages and commands ask here. Reads only.

Whether he may is decided by `people.visibility`, as for mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.facts import ContactFacts
from mailgate.decide.thread import viewer
from mailgate.flows.peoplework import contact_facts
from mailgate.flows.site import Site
from mailgate.people.roles import permissions
from mailgate.people.visibility import Matter, may_see
from store import people, tickets

#: So many candidates are looked at for one list.
_MOST = 5000


def visible_tickets(
    connection: Connection, site: Site, contact_id: int, *, statuses: Sequence[str] = (), limit: int = 200
) -> list[Row[Any]]:
    """The tickets that a contact may see, the last changed first; none for one who was switched off."""
    row = people.contact(connection, contact_id)
    if row is None or not row.active:
        return []
    person = contact_facts(connection, row)
    organisations = people.colleagues(connection, person.organisation_id)
    rows = tickets.of_people(connection, contact_id, organisations, _MOST, statuses)
    return [one for one, (sees, _) in zip(rows, _seen(connection, site, person, rows), strict=True) if sees][:limit]


def may_see_ticket(connection: Connection, site: Site, contact_id: int, ticket: Row[Any]) -> tuple[bool, str]:
    """Whether a contact may see this ticket, with the reason. ticket: as `store.tickets` reads it with its people."""
    row = people.contact(connection, contact_id)
    if row is None or not row.active:
        return False, "is a contact who was switched off"
    return _seen(connection, site, contact_facts(connection, row), [ticket])[0]


def only_follows(connection: Connection, ticket_id: int, contact_id: int) -> bool:
    """Whether a contact follows this ticket to read it, and writes nothing; its requester always may."""
    ticket = next(iter(tickets.by_ids(connection, [ticket_id])), None)
    follows = next((p for p in tickets.participants(connection, [ticket_id]) if p.contact_id == contact_id), None)
    own = ticket is not None and ticket.requester_id == contact_id
    return follows is not None and not follows.contributes and not own


def may_answer(connection: Connection, site: Site, ticket_id: int, contact_id: int) -> bool:
    """Whether a contact may write in this ticket for what he is: on it, or one who sees it and may answer."""
    ticket = next(iter(tickets.by_ids(connection, [ticket_id])), None)
    row = people.contact(connection, contact_id)
    if ticket is None or row is None:
        return False
    on_it = {ticket.requester_id, *(p.contact_id for p in tickets.participants(connection, [ticket_id]))}
    if contact_id in on_it:
        return True
    return "answer" in permissions(row.role, row.may) and may_see_ticket(connection, site, contact_id, ticket)[0]


def _seen(connection: Connection, site: Site, person: ContactFacts, rows: list[Row[Any]]) -> list[tuple[bool, str]]:
    ids = [row.id for row in rows]
    shared, follows = tickets.shared_branches(connection, ids), tickets.participants(connection, ids)
    branches: dict[int, set[int]] = {}
    followers: dict[int, set[int]] = {}
    for ticket_id, branch_id in shared:
        branches.setdefault(ticket_id, set()).add(branch_id)
    for one in follows:
        followers.setdefault(one.ticket_id, set()).add(one.contact_id)
    scopes = site.book().scopes
    return [
        may_see(
            viewer(person),
            Matter(
                row.requester_id, row.requester_role, row.organisation_id, row.network or "", row.branch_id,
                row.visibility, frozenset(branches.get(row.id, ())), frozenset(followers.get(row.id, ())),
            ),
            scopes,
        )
        for row in rows
    ]  # fmt: skip
