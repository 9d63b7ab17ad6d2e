"""What a change does about people: who follows a ticket, whose it is, which branches see it. In its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decision import AddParticipant, Share
from mailgate.decide.facts import ContactFacts
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise
from store import people, tickets


def contact_facts(connection: Connection, row: Row[Any]) -> ContactFacts:
    """A contact's row as decisions see the person."""
    return ContactFacts(
        row.id, row.name, row.address, row.language, row.organisation_id, row.role, row.active, row.branch_id,
        people.network_of(connection, row.organisation_id), None if row.may is None else tuple(row.may),
        people.more_addresses(connection, row.id),
    )  # fmt: skip


def contact_of(connection: Connection, site: Site, address: str, name: str, now: datetime) -> ContactFacts:
    """The contact of an address, made if there is none."""
    role = site.book().people.default_role
    found = people.contact_for(
        connection, site.ids.new(), normalise(address), name or address, None, now, role=role
    )  # fmt: skip
    return contact_facts(connection, found)


def add_participant(
    connection: Connection, site: Site, ticket: Mapping[str, Any], action: AddParticipant, now: datetime
) -> ContactFacts | None:
    """Let a person follow a ticket, or (`renew`) follow it in another way; None when nothing changes: already there,
    switched off, or one of us."""
    person = contact_of(connection, site, action.address, action.name, now)
    if person.id == ticket["requester_id"] or not person.active or site.is_ours(person.address):
        return None
    new = people.add_participant(connection, ticket["id"], person.id, now, contributes=action.contributes)
    if new or not action.renew:
        return person if new else None
    follows = next(p for p in tickets.participants(connection, [ticket["id"]]) if p.contact_id == person.id)
    if follows.contributes == action.contributes:
        return None
    people.change_participant(connection, ticket["id"], person.id, contributes=action.contributes)
    return person


def share(
    connection: Connection, site: Site, ticket: Mapping[str, Any], action: Share, now: datetime
) -> tuple[list[Row[Any]], list[ContactFacts]]:
    """Share a ticket with branches: those that are new, and the mailboxes of theirs that follow it from now on."""
    every = {row.id: row for row in people.branches(connection)}
    wanted = [every[b] for b in action.branch_ids if b in every and b != ticket["branch_id"]]
    new = [row for row in wanted if tickets.share_with(connection, ticket["id"], row.id)]
    mailboxes: list[ContactFacts] = []
    for row in new:
        if not row.address or site.is_ours(row.address):
            continue
        person = contact_of(connection, site, row.address, row.name, now)
        known = person.branch_id is not None and person.organisation_id is not None
        if not known:
            people.change_contact(connection, person.id, branch_id=row.id, organisation_id=row.organisation_id)
        added = person.active and person.id != ticket["requester_id"]
        if added and people.add_participant(connection, ticket["id"], person.id, now):
            mailboxes.append(person)
    return new, mailboxes
