"""Who follows and who sees a ticket, changed by a customer on its page (R092, R102).

Colleagues are added by `flows.changing`.

What may be changed is asked here, in the transaction that changes it; then it goes the line of every action, so that
the history says so and whoever is added is told (N15). Only who signed in may: a link can be passed on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decision import Order
from mailgate.decide.facts import ActionFacts, ContactFacts
from mailgate.flows.customer import Done, Refused, act
from mailgate.flows.peoplework import contact_facts
from mailgate.flows.seeing import may_see_ticket
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise
from mailgate.people.roles import LEADING, permissions
from mailgate.people.visibility import Standing, may_comment
from mailgate.tickets.guards import Situation
from store import links, people, tickets
from store.vocabulary import Category, Channel, Role

_Wish = Callable[[Connection, ContactFacts, Row[Any]], Order]


def may_share(site: Site, person: ContactFacts) -> bool:
    """Whether a person may share tickets with branches: everybody of the organisation, or who was permitted."""
    if person.organisation_id is None or person.role == "third_party":
        return False
    needs = site.book().people.visibility.sharing_needs_permission
    return not needs or "share" in permissions(person.role, person.may)


def may_hide(person: ContactFacts, ticket: Row[Any]) -> bool:
    """Whether a person may say if other managers see a ticket: one who leads, about his own."""
    return person.role in LEADING and person.id == ticket.requester_id


def leave(site: Site, ticket_id: int, contact_id: int) -> Done:
    """Follow a ticket no more; whose it is cannot. Raises Refused (not_there)."""

    def wish(connection: Connection, person: ContactFacts, ticket: Row[Any]) -> Order:
        there = {one.contact_id for one in tickets.participants(connection, [ticket.id])}
        if person.id == ticket.requester_id or person.id not in there:
            raise Refused("this person is no participant", "not_there:")
        return Order("leave", "", "")

    return _change(site, ticket_id, contact_id, wish)


def share(site: Site, ticket_id: int, contact_id: int, address: str) -> Done:
    """Share the ticket with the branch that has this e-mail. Raises Refused (permission, branch, already)."""

    def wish(connection: Connection, person: ContactFacts, ticket: Row[Any]) -> Order:
        if not may_share(site, person):
            raise Refused("this person was not given the permission to share", "permission:")
        wanted = normalise(address.strip())
        organisations = people.colleagues(connection, person.organisation_id)
        rows = people.branches(connection, organisations) if wanted else []
        branch = next((row for row in rows if row.active and row.address and normalise(row.address) == wanted), None)
        if branch is None:
            raise Refused("no branch has this e-mail", "branch:")
        shared = {branch_id for _, branch_id in tickets.shared_branches(connection, [ticket.id])}
        if branch.id in shared or branch.id == ticket.branch_id:
            raise Refused("this branch sees the ticket", "already:")
        return Order("branch", str(branch.id), wanted)

    return _change(site, ticket_id, contact_id, wish)


def set_visibility(site: Site, ticket_id: int, contact_id: int, word: str) -> Done:
    """A manager's own ticket becomes private or public to the other managers. Raises Refused (permission)."""

    def wish(connection: Connection, person: ContactFacts, ticket: Row[Any]) -> Order:
        if word not in ("private", "public") or not may_hide(person, ticket):
            raise Refused("only who leads may hide his own ticket", "permission:")
        return Order("visibility", word, word)

    return _change(site, ticket_id, contact_id, wish)


def revoke_links(site: Site, ticket_id: int, contact_id: int) -> int:
    """The links to this ticket in a person's mails open nothing any more; how many there were."""

    def work(connection: Connection) -> int:
        now = site.clock()
        contact = people.contact(connection, contact_id)
        found = links.revoke_of(connection, ticket_id, contact_id, now)
        if found and contact is not None:
            event = {
                "id": site.ids.new(), "ticket_id": ticket_id, "at": now, "kind": "links_revoked",
                "role": str(Role.CUSTOMER), "actor": contact.address, "data": {}, "journal_id": None,
            }  # fmt: skip
            tickets.add_event(connection, [event])
        return found

    return site.writer.call(work)


def _change(site: Site, ticket_id: int, contact_id: int, wish: _Wish) -> Done:
    """Only whoever sees the ticket changes anything about it; to all others it is not there."""

    def work(connection: Connection) -> Done:
        contact = people.contact(connection, contact_id)
        ticket = next(iter(tickets.by_ids(connection, [ticket_id], lock=True)), None)
        if contact is None or not contact.active or ticket is None:
            raise Refused("the person or the ticket is gone", "gone:")
        if not may_see_ticket(connection, site, contact.id, ticket)[0] or contact.role == "third_party":
            raise Refused("this person may not change who follows the ticket", "permission:")
        order = wish(connection, contact_facts(connection, contact), ticket)
        action = ActionFacts(
            "change", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, "portal",
            orders=(order,),
        )  # fmt: skip
        return act(connection, site, action, ticket.id, contact.id)

    return site.writer.call(work)


# --- what may be changed, for the page that offers it ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a customer's person may do on a ticket. rings: his bell. visibility: of a leader's own ticket, else ""."""

    writes: bool = False
    finalizes: bool = False
    rings: bool = False
    adds: bool = False
    leaves: bool = False
    shares: bool = False
    visibility: str = ""


def abilities(connection: Connection, site: Site, contact: Row[Any], ticket: Row[Any]) -> Abilities:
    """The same rights that decide when it is done, read for showing. Reads only."""
    person = contact_facts(connection, contact)
    there = tickets.participants(connection, [ticket.id])
    follows = next((one for one in there if one.contact_id == contact.id), None)
    own = ticket.requester_id == contact.id
    sees, _ = may_see_ticket(connection, site, contact.id, ticket)
    may = permissions(person.role, person.may)
    standing = Standing(
        own, follows is not None, False, False, sees, "answer" in may,
        follows is not None and not follows.contributes,
    )  # fmt: skip
    writes, _ = may_comment(standing, verified=True, proof_needed=True)
    inside = sees and person.organisation_id is not None and person.role != "third_party"
    hides = may_hide(person, ticket)
    word = ticket.visibility or ("private" if site.book().scopes.managers_private else "public")
    return Abilities(
        writes=writes,
        finalizes=writes and _may_finalize(site, contact, ticket),
        rings=follows.told if follows is not None else own,
        adds=inside and writes,
        leaves=not own and follows is not None,
        shares=inside and may_share(site, person),
        visibility=("private" if word == "private" else "public") if hides else "",
    )


def _may_finalize(site: Site, contact: Row[Any], ticket: Row[Any]) -> bool:
    now = Situation(
        ticket.topic, ticket.department, ticket.priority, tuple(ticket.tags), ticket.agent_id is not None, True,
        frozenset({"system", "requester" if contact.id == ticket.requester_id else "others"}),
    )  # fmt: skip
    way = site.book().workflow.transition(ticket.status, "customer.finalize", now)
    return ticket.category != Category.CLOSED and way is not None and way.to is not None
