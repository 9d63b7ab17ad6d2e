"""What a customer's administrator does about the people of his organisation: add, change, switch off, invite again.

Rights are read in the transaction of the change, not from the page: `contacts` is needed, nobody grants what he has
not, nobody changes himself out of the room, and nothing is done about people of other organisations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.errors import DataError, NotAllowed
from mailgate.flows.inviting import Joining, invite_within
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise, parse_address
from mailgate.people.roles import PERMISSIONS, ROLES, may_grant, permissions
from mailgate.people.visibility import sees_as_far
from mailgate.yamltypes import Rate
from store import links, people, sessions

_LOG = log.get("contacts")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a contact is to be. may: None = as the role may."""

    name: str
    role: str
    may: tuple[str, ...] | None
    branch_id: int | None
    active: bool = True


class Refused(NotAllowed):
    """A sentence is not enough: `why` is the key of the page's text."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def add(site: Site, admin_id: int, address: str, wanted: Wanted, rates: Sequence[Rate] = ()) -> int:
    """Add a person to the administrator's organisation and mail an invitation (N16, N17); the contact's id.

    Raises Refused: address | ours | taken | there | grant | branch. Whose address is in a domain of the organisation
    belongs to it at once. Everybody else belongs to it by accepting: else an administrator could name strangers, and
    read what they write to us before they know of it. rates: of invitations to one address; TooMany beyond them.
    """

    def work(connection: Connection) -> int:
        admin = _admin(connection, admin_id)
        found = _address(address)
        if site.is_ours(found) or people.agent_by_address(connection, found) is not None:
            raise Refused("ours")
        _check(connection, site, admin, wanted, None)
        old = people.contact_by_address(connection, found)
        owner = old.organisation_id if old is not None else None
        if owner is not None and owner == admin.organisation_id:
            raise Refused("there")
        known_by = people.organisation_of(connection, found)
        other_name = old is not None and (old.address != found or not old.active)
        if owner is not None or other_name or known_by not in (None, admin.organisation_id):
            raise Refused("taken")
        name = wanted.name or found.partition("@")[0]
        made = old or people.contact_for(connection, site.ids.new(), found, name, None, site.clock(), wanted.role)
        columns = {"organisation_id": admin.organisation_id, **_columns(wanted)}
        if known_by is not None:
            people.change_contact(connection, made.id, **columns)
            invite_within(connection, site, found, admin.name, rates=rates)
        else:
            columns.pop("name", None)
            invite_within(connection, site, found, admin.name, Joining(**columns), rates)
        _LOG.info("contact added", by=admin.id, contact_id=made.id, role=wanted.role, at_once=known_by is not None)
        new_id: int = made.id
        return new_id

    return site.writer.call(work)


def change(site: Site, admin_id: int, contact_id: int, wanted: Wanted) -> None:
    """Change a person of the administrator's organisation. Who is switched off is signed out everywhere.

    Raises Refused: self | grant | branch, and DataError for a person who is not of the organisation.
    """

    def work(connection: Connection) -> None:
        admin = _admin(connection, admin_id)
        old = member_of(connection, admin, contact_id)
        _check(connection, site, admin, wanted, old)
        if old.id == admin.id and (wanted.role, wanted.active) != (admin.role, True):
            raise Refused("self")
        if old.id == admin.id and permissions(wanted.role, wanted.may) != permissions(admin.role, admin.may):
            raise Refused("self")
        people.change_contact(connection, old.id, active=wanted.active, **_columns(wanted))
        if not wanted.active:
            sessions.end_all(connection, site.clock(), contact_id=old.id)
        _LOG.info("contact changed", by=admin.id, contact_id=old.id, role=wanted.role, active=wanted.active)

    site.writer.call(work)


def invite_again(site: Site, admin_id: int, contact_id: int, rates: Sequence[Rate] = ()) -> None:
    """Mail another invitation. Raises DataError for a person who is not of the organisation, Refused("off"), TooMany
    beyond the rates of invitations to one address."""

    def work(connection: Connection) -> None:
        admin = _admin(connection, admin_id)
        old = member_of(connection, admin, contact_id)
        if not old.active:
            raise Refused("off")
        invite_within(connection, site, old.address, admin.name, rates=rates)

    site.writer.call(work)


def awaited(connection: Connection, site: Site, organisation_id: int) -> list[Row[Any]]:
    """People from outside who were invited into the organisation and have not accepted yet, each once."""
    rows = links.joining(connection, site.clock())
    found = [row for row in rows if json.loads(row.detail)["organisation_id"] == organisation_id]
    return list({row.contact_id: row for row in reversed(found)}.values())[:50]


def member_of(connection: Connection, admin: Row[Any], contact_id: int) -> Row[Any]:
    """A contact of the same organisation. Raises DataError for every other, known or not."""
    found = people.contact(connection, contact_id)
    if found is None or found.organisation_id is None or found.organisation_id != admin.organisation_id:
        raise DataError("there is no such person here")
    return found


def _admin(connection: Connection, admin_id: int) -> Row[Any]:
    found = people.contact(connection, admin_id)
    allowed = found is not None and found.active and "contacts" in permissions(found.role, found.may)
    if found is None or not allowed or found.organisation_id is None:
        raise NotAllowed("may not administer contacts")
    return found


def _organisation(connection: Connection, admin: Row[Any]) -> Row[Any]:
    found = people.organisation(connection, admin.organisation_id)
    if found is None:
        raise DataError("there is no such organisation")
    return found


def _check(connection: Connection, site: Site, admin: Row[Any], wanted: Wanted, old: Row[Any] | None) -> None:
    own = permissions(admin.role, admin.may)
    known = wanted.role in ROLES and all(p in PERMISSIONS for p in wanted.may or ())
    if not known or not may_grant(own, wanted.role, wanted.may):
        raise Refused("grant")
    is_new = old is None or old.role != wanted.role
    if is_new and not sees_as_far(admin.role, wanted.role, site.book().scopes):
        raise Refused("grant")
    if old is not None and old.id != admin.id and not may_grant(own, old.role, old.may):
        raise Refused("grant")
    branches = {row.id for row in people.branches(connection, [admin.organisation_id]) if row.active}
    if wanted.branch_id is not None and wanted.branch_id not in branches:
        raise Refused("branch")


def _columns(wanted: Wanted) -> dict[str, Any]:
    may = None if wanted.may is None else [p for p in PERMISSIONS if p in wanted.may]
    values: dict[str, Any] = {"role": wanted.role, "may": may, "branch_id": wanted.branch_id}
    return values | ({"name": wanted.name} if wanted.name else {})


def _address(text: str) -> str:
    found = parse_address(text.strip())
    if found is None or not found.domain or " " in found.address or len(found.address) > 254:
        raise Refused("address")
    return normalise(found.address)
