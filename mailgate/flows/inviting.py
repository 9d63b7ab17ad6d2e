"""Invitations, first access, the check of an address: a link of one use by mail, spent by a POST; never a password.

The link names a row that expires; looking at it changes nothing, and it is spent in the transaction of what it does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from mailgate.errors import DataError, TooMany
from mailgate.flows import sessions, signing
from mailgate.flows.letters import letter
from mailgate.flows.sessions import Came
from mailgate.flows.site import Site
from mailgate.links.tokens import digest
from mailgate.mail.addresses import normalise
from mailgate.notify.plan import Person
from mailgate.people.roles import permissions
from mailgate.yamltypes import Rate
from store import links, outbox, people
from store.vocabulary import Notice, Role

INVITE, VERIFY = signing.INVITE, "verify"


@dataclass(frozen=True, slots=True)
class Invited:
    """What a link is about. state: open | spent | expired."""

    state: str
    name: str
    address: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Joining:
    """What somebody from outside an organisation's own domains becomes in it, once he accepts: columns of a contact."""

    organisation_id: int
    role: str
    may: list[str] | None
    branch_id: int | None


def invite(site: Site, address: str, inviter: str = "") -> Notice:
    """Mail a link by which a contact sets name and password; the notice that goes. inviter: who invites, if a person.

    Whoever administers the contacts of an organisation gets N16, all others N17. Raises DataError for no such contact.
    """
    return site.writer.call(lambda connection: invite_within(connection, site, address, inviter))


def invite_within(
    connection: Connection, site: Site, address: str, inviter: str = "", joining: Joining | None = None,
    rates: Sequence[Rate] = (),
) -> Notice:  # fmt: skip
    """`invite` as a part of a greater change, in its transaction. joining: what the person becomes by accepting.

    rates: of invitations to one address, whoever invites. Raises TooMany beyond them.
    """
    if _over(connection, normalise(address), rates, site.clock()):
        raise TooMany("this address was invited a moment ago")
    return _write(connection, site, address, INVITE, inviter, joining)


def _over(connection: Connection, address: str, rates: Sequence[Rate], now: datetime) -> bool:
    both = [Notice.N16, Notice.N17]
    return any(outbox.count_sent(connection, both, now - r.per, address) >= r.count for r in rates)


def invite_self(site: Site, contact_id: int, rates: Sequence[Rate]) -> bool:
    """Whoever came by a ticket's link wants an account: the invitation goes to the stored address, not to the browser.

    A link can be passed on; it must not be enough to set a password. False beyond the rate, or where there is one.
    """

    def work(connection: Connection) -> bool:
        contact, now = people.contact(connection, contact_id), site.clock()
        if contact is None or contact.password is not None:
            return False
        if _over(connection, contact.address, rates, now):
            return False
        _write(connection, site, contact.address, INVITE, "")
        return True

    return site.writer.call(work)


def ask_to_verify(site: Site, address: str) -> Notice:
    """Mail a link by which a contact confirms the address (N18). Raises DataError for no such contact."""
    return site.writer.call(lambda connection: _write(connection, site, address, VERIFY, ""))


def _write(
    connection: Connection, site: Site, address: str, purpose: str, inviter: str, joining: Joining | None = None
) -> Notice:
    contact = people.contact_by_address(connection, normalise(address))
    if contact is None or not contact.active:
        raise DataError(f"there is no contact {address}")
    now = site.clock()
    notice = Notice.N18
    if purpose == INVITE:
        notice = Notice.N16 if "contacts" in permissions(contact.role, contact.may) else Notice.N17
    language = contact.language if contact.language in site.policy.languages else site.policy.locale
    belongs = joining.organisation_id if joining is not None else contact.organisation_id
    organisation = people.organisation(connection, belongs)
    row_id = site.ids.new()
    expires_at = now + site.lifetimes.one_use
    row = {
        "id": row_id, "digest": digest(site.mint.access_token(row_id, purpose)), "purpose": purpose,
        "contact_id": contact.id, "created_at": now, "expires_at": expires_at,
        "detail": json.dumps(asdict(joining)) if joining is not None else "",
    }  # fmt: skip
    links.add_one_use(connection, row)
    told = {
        "once_id": row_id, "once": purpose, "once_until": expires_at.isoformat(), "requester_name": inviter,
        "organisation": organisation.name if organisation is not None else "",
    }  # fmt: skip
    to = Person(contact.id, contact.name, contact.address, language, Role.CUSTOMER)
    outbox.enqueue(connection, [letter(site, notice, to, told, now)])
    return notice


def invited(connection: Connection, site: Site, token: str, purpose: str) -> Invited | None:
    """What a link is about; None for one that is not ours. Reads only."""
    if site.mint.read_access_token(token, purpose) is None:
        return None
    row = links.one_use(connection, digest(token))
    contact = people.contact(connection, row.contact_id) if row is not None and row.contact_id else None
    if row is None or contact is None or not contact.active or row.purpose != purpose:
        return None
    state = "spent" if row.used_at is not None else "expired" if row.expires_at <= site.clock() else "open"
    return Invited(state, contact.name, contact.address, contact.language)


def accept(site: Site, token: str, name: str, password_hash: str, came: Came) -> str | None:
    """Take an invitation: name and password are kept, the link is spent, the person signed in; None: it is not open.

    name: "" keeps the one that is known. password_hash: argon2. Returns the token of the session.
    """

    def work(connection: Connection) -> str | None:
        contact_id, now = _spend(connection, site, token, INVITE)
        if contact_id is not None:
            _join(connection, contact_id, token)
        person = sessions.person_of(connection, contact_id, None)
        if contact_id is None or person is None:
            return None
        signing.set_password(connection, site, person, password_hash)
        people.change_contact(connection, contact_id, verified_at=now, **({"name": name} if name else {}))
        return sessions.begin(connection, site, person, came)

    return site.writer.call(work)


def _join(connection: Connection, contact_id: int, token: str) -> None:
    """Let who accepted become what the invitation said, unless he belongs to an organisation by now."""
    row, contact = links.one_use(connection, digest(token)), people.contact(connection, contact_id)
    if row is None or not row.detail or contact is None or contact.organisation_id is not None:
        return
    joining = Joining(**json.loads(row.detail))
    if people.organisation(connection, joining.organisation_id) is not None:
        people.change_contact(connection, contact_id, **asdict(joining))


def verify(site: Site, token: str) -> bool:
    """Write down that the address is the contact's; False for a link that is not open."""

    def work(connection: Connection) -> bool:
        contact_id, now = _spend(connection, site, token, VERIFY)
        if contact_id is not None:
            people.change_contact(connection, contact_id, verified_at=now)
        return contact_id is not None

    return site.writer.call(work)


def _spend(connection: Connection, site: Site, token: str, purpose: str) -> tuple[int | None, datetime]:
    """The contact of a link that was open until now."""
    now = site.clock()
    found = invited(connection, site, token, purpose)
    row = links.one_use(connection, digest(token))
    if found is None or found.state != "open" or row is None or not links.spend(connection, row.id, now):
        return None, now
    contact_id: int = row.contact_id
    return contact_id, now
