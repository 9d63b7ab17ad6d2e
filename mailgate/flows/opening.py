"""A customer opens a ticket with the form of a page: the same line as his mail, with what he chose.

Two ways in: a member who signed in, and a guest who only typed an address. Nobody believes a guest: his ticket is
unproven until whoever reads that address's mail answers, or says on the page of the link that it was he; what is
typed gives no right to anything that the owner of the address has, and takes none from him.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from mailgate.decide.facts import ActionFacts, Filed, Follower
from mailgate.decide.files import facts_of
from mailgate.errors import NotAllowed
from mailgate.flows.customer import Done, act, only_once
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise
from mailgate.mail.message import Attachment
from store import people, tickets
from store.vocabulary import Channel, Role

#: So many people can be named to follow a new ticket.
MOST_FOLLOWERS = 5


class OwnAddress(NotAllowed):
    """A guest typed an address of ours, or an agent's."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody filed. followers: address and whether he also writes. fields: answers by key, as they are kept."""

    subject: str
    text: str
    department: str
    topic: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    visibility: str = ""
    branch_ids: tuple[int, ...] = ()
    followers: tuple[tuple[str, bool], ...] = ()
    phone: str = ""
    language: str | None = None


def open_as_member(
    site: Site, contact_id: int, wanted: Wanted, files: Sequence[Attachment] = (), once: str = ""
) -> Done:
    """A contact who signed in opens a ticket. The files' blobs are stored already.

    Raises NotAllowed for a contact who may not, TooMany beyond the limit of new tickets.
    """

    def work(connection: Connection) -> Done:
        only_once(connection, site, once)
        contact = people.contact(connection, contact_id)
        if contact is None or not contact.active:
            raise NotAllowed("the contact is no longer one of ours")
        if wanted.phone and wanted.phone != contact.phone:
            people.change_contact(connection, contact.id, phone=wanted.phone)
        followers = [
            (one, contributes)
            for address, contributes in wanted.followers[:MOST_FOLLOWERS]
            if (one := colleague(connection, site, contact.organisation_id, address)) is not None
        ]
        filed = Filed(
            fields=wanted.fields, visibility=wanted.visibility, branch_ids=wanted.branch_ids,
            followers=tuple(Follower(one.address, one.name, contributes) for one, contributes in followers),
            files=facts_of(files), language=wanted.language, address=_address(site, wanted.department),
        )  # fmt: skip
        action = ActionFacts(
            "open", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, "portal", wanted.text,
            subject=wanted.subject, department=wanted.department, topic=wanted.topic, filed=filed,
        )  # fmt: skip
        return act(connection, site, action, None, contact.id, tuple(files))

    return site.writer.call(work)


def open_as_guest(
    site: Site, address: str, name: str, wanted: Wanted, files: Sequence[Attachment] = (), once: str = ""
) -> Done:
    """Somebody who signed in nowhere opens a ticket in the name of an address that he typed.

    Raises OwnAddress for one of ours; NotAllowed where the company takes no guests, and for a contact who was switched
    off; TooMany beyond the limit of new tickets.
    """

    def work(connection: Connection) -> Done:
        only_once(connection, site, once)
        typed = normalise(address)
        if site.is_ours(typed) or people.agent_by_address(connection, typed) is not None:
            raise OwnAddress("this is an address of ours")
        # People type their address with capitals; only where it is nobody's as it stands is it another's without.
        contact = people.contact_by_address(connection, typed) or people.contact_by_address(connection, typed.lower())
        filed = Filed(
            fields=wanted.fields, files=facts_of(files), language=wanted.language,
            address=_address(site, wanted.department),
        )  # fmt: skip
        action = ActionFacts(
            "open", Role.CUSTOMER, Channel.PORTAL, contact.id if contact is not None else 0, name,
            contact.address if contact is not None else typed, "", wanted.text, subject=wanted.subject, verified=False,
            department=wanted.department, topic=wanted.topic, filed=filed,
        )  # fmt: skip
        return act(connection, site, action, None, contact.id if contact is not None else None, tuple(files))

    return site.writer.call(work)


def vouch(site: Site, ticket_id: int, contact_id: int) -> bool:
    """The requester, by the link that was mailed to him, says that it was he who opened it; whether that is new.

    Raises NotAllowed for anybody else.
    """

    def work(connection: Connection) -> bool:
        ticket = next(iter(tickets.by_ids(connection, [ticket_id], lock=True)), None)
        contact = people.contact(connection, contact_id)
        if ticket is None or contact is None or not contact.active or ticket.requester_id != contact.id:
            raise NotAllowed("only the requester can say so")
        if ticket.verified:
            return False
        action = ActionFacts(
            "vouch", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, "portal"
        )
        act(connection, site, action, ticket_id, contact.id)
        if contact.verified_at is None:
            people.change_contact(connection, contact.id, verified_at=site.clock())
        return True

    return site.writer.call(work)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the requester's own organisation. name: "" for one who never wrote."""

    address: str
    name: str = ""


def colleague(connection: Connection, site: Site, organisation_id: int | None, address: str) -> Colleague | None:
    """The person of an address, if it is one of the organisation: a contact of it, or a new address of its domain.

    The same None for an address of somebody else, of ours, and of a contact who was switched off. Reads only.
    """
    wanted = normalise(address.strip())
    if organisation_id is None or "@" not in wanted or site.is_ours(wanted):
        return None
    found = people.contact_by_address(connection, wanted)
    if found is not None:
        is_one = found.organisation_id == organisation_id and found.active
        return Colleague(found.address, found.name) if is_one else None
    if people.agent_by_address(connection, wanted) is not None:
        return None
    return Colleague(wanted) if people.organisation_of(connection, wanted) == organisation_id else None


def _address(site: Site, department: str) -> str:
    """The support address of a department, else the company's first."""
    own = next((one for one in site.addresses if one.department == department), site.addresses[0])
    return own.address
