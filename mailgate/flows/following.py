"""The bell of a ticket, switched by the person it rings for or by an agent: no mail goes, the history says so."""

from __future__ import annotations

from sqlalchemy import Connection

from mailgate.errors import DataError, NotAllowed
from mailgate.flows.seeing import may_see_ticket
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise
from store import people, tickets
from store.vocabulary import Role


def set_bell(site: Site, key: str, address: str, *, on: bool) -> bool:
    """Tell a contact of this ticket's news from now on, or no longer; whether that changed anything.

    Whoever may see a ticket and rings its bell follows it. Raises DataError (no such ticket or contact) and NotAllowed
    (may not see it).
    """

    def work(connection: Connection) -> bool:
        ticket = tickets.by_key(connection, key, lock=True)
        contact = people.contact_by_address(connection, normalise(address))
        if ticket is None or contact is None:
            raise DataError(f"there is no ticket {key}" if ticket is None else f"there is no contact {address}")
        sees, why = may_see_ticket(connection, site, contact.id, ticket)
        if not sees:
            raise NotAllowed(f"{contact.address} {why}")
        now = site.clock()
        follows = next((p for p in tickets.participants(connection, [ticket.id]) if p.contact_id == contact.id), None)
        rings = follows.told if follows is not None else contact.id == ticket.requester_id
        if rings == on:
            return False
        if follows is None:
            people.add_participant(connection, ticket.id, contact.id, now, told=on)
        else:
            people.change_participant(connection, ticket.id, contact.id, told=on)
        event = {
            "id": site.ids.new(), "ticket_id": ticket.id, "at": now, "kind": "bell", "role": str(Role.CUSTOMER),
            "actor": contact.address, "data": {"on": "yes" if on else "no"}, "journal_id": None,
        }  # fmt: skip
        tickets.add_event(connection, [event])
        return True

    return site.writer.call(work)
