"""Signing in: by password, or by a link of one use that goes to the stored address; and the way to a new password.

Whoever has no password, and every agent, comes in by the link: it proves the address as a mail does. A link names a row
that expires, looking at it changes nothing, and it is spent in the transaction of what it does. Who asked for a link is
told the same whether one went or not: the caller writes his answer before he calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from mailgate.flows import sessions
from mailgate.flows.letters import letter
from mailgate.flows.sessions import Came, Person
from mailgate.flows.site import Site
from mailgate.links.tokens import digest
from mailgate.mail.addresses import normalise
from mailgate.notify import plan
from mailgate.people import passwords
from mailgate.yamltypes import Rate
from store import links, outbox, people
from store.vocabulary import Notice, Role

ENTER, RESET, INVITE, ADDRESS = "enter", "reset", "invite", "address"
#: What every link of these may do ends when the password changes. An invitation sets a password too; and whoever had
#: the account for a while has perhaps asked for an address of his own.
_ENDED_BY_PASSWORD = (ENTER, RESET, INVITE, ADDRESS)
_LONGEST_ADDRESS = 320


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link of one use is about. state: open | spent | expired."""

    state: str
    name: str
    address: str
    language: str | None


def by_password(site: Site, address: str, password: str, came: Came) -> str | None:
    """Sign a contact in: the token of the new session, None where address and password do not belong together.

    Takes as long for an address that nobody has, for a person without a password, and for one who was switched off.
    """
    with site.writer.database.read() as connection:
        contact = people.contact_typed(connection, _address(address))
    kept = contact.password if contact is not None and contact.active else None
    if not passwords.matches(password, kept) or contact is None:
        return None
    return sessions.start(site, Person(contact=contact), came)


def ask_to_enter(site: Site, address: str, rates: Sequence[Rate]) -> bool:
    """Mail a link that signs in (LOGIN) to the person of an address, agent or contact; whether one went."""
    return site.writer.call(lambda connection: _mail_link(connection, site, address, ENTER, rates))


def ask_to_reset(site: Site, address: str, rates: Sequence[Rate]) -> bool:
    """Mail a link for a new password (N3); to an agent, who has none, one that signs in. Whether one went."""
    return site.writer.call(lambda connection: _mail_link(connection, site, address, RESET, rates))


def _mail_link(connection: Connection, site: Site, address: str, purpose: str, rates: Sequence[Rate]) -> bool:
    person = _person(connection, site, address)
    row = person.row
    if row is None:
        return False
    if person.agent is not None:
        purpose = ENTER
    notice = Notice.LOGIN if purpose == ENTER else Notice.N3
    now = site.clock()
    if any(outbox.count_sent(connection, [notice], now - r.per, row.address) >= r.count for r in rates):
        return False
    lives = site.lifetimes.enter if purpose == ENTER else site.lifetimes.reset
    told = one_use(connection, site, purpose, person, now, lives)
    role = Role.AGENT if person.agent is not None else Role.CUSTOMER
    language = row.language if row.language in site.policy.languages else site.policy.locale
    to = plan.Person(row.id, _known_name(person), row.address, language, role)
    outbox.enqueue(connection, [letter(site, notice, to, told, now)])
    return True


def _known_name(person: Person) -> str:
    """The name of somebody who has been here; else it may be words that a stranger wrote before the address."""
    contact = person.contact
    known = contact is None or contact.password is not None or contact.verified_at is not None
    return str(person.row.name) if known and person.row is not None else ""


def one_use(
    connection: Connection, site: Site, purpose: str, person: Person, now: datetime, lives: timedelta, detail: str = ""
) -> dict[str, Any]:
    """Write a link of one use, for a while; what its letter has to say of it. Older ones of that kind still open."""
    row_id = site.ids.new()
    until = now + lives
    row = {
        "id": row_id, "digest": digest(site.mint.access_token(row_id, purpose)), "purpose": purpose, "detail": detail,
        "contact_id": None, "agent_id": None, **person.named, "created_at": now, "expires_at": until,
    }  # fmt: skip
    links.add_one_use(connection, row)
    return {"once_id": row_id, "once": purpose, "once_until": until.isoformat()}


def opened(connection: Connection, site: Site, token: str, purpose: str) -> Opened | None:
    """What a link is about; None for one that is not ours, or whose person was switched off. Reads only."""
    found = _link(connection, site, token, purpose)
    if found is None:
        return None
    row, person = found
    state = "spent" if row.used_at is not None else "expired" if row.expires_at <= site.clock() else "open"
    whose = person.row
    return Opened(state, whose.name, whose.address, whose.language) if whose is not None else None


def enter(site: Site, token: str, came: Came) -> str | None:
    """Sign in by a link, and spend it: the token of the session; None for a link that is not open.

    A contact's address is proven by it.
    """

    def work(connection: Connection) -> str | None:
        person = spend(connection, site, token, ENTER)
        if person is None:
            return None
        if person.contact is not None and person.contact.verified_at is None:
            people.change_contact(connection, person.contact.id, verified_at=site.clock())
        return sessions.begin(connection, site, person, came)

    return site.writer.call(work)


def reset(site: Site, token: str, password_hash: str, came: Came) -> str | None:
    """Keep a new password, end every session and every other link of the person, and sign in; None: not open."""

    def work(connection: Connection) -> str | None:
        person = spend(connection, site, token, RESET)
        if person is None or person.contact is None:
            return None
        set_password(connection, site, person, password_hash)
        people.change_contact(connection, person.contact.id, verified_at=site.clock())
        return sessions.begin(connection, site, person, came)

    return site.writer.call(work)


def set_password(connection: Connection, site: Site, person: Person, password_hash: str, but: int = 0) -> None:
    """Keep a contact's new password, in the caller's transaction; all sessions end, but one, and links that sign in."""
    now = site.clock()
    if person.contact is None:
        return
    people.change_contact(connection, person.contact.id, password=password_hash)
    sessions.end_of(connection, person, now, but=but)
    links.spend_all(connection, _ENDED_BY_PASSWORD, now, **person.named)


def spend(connection: Connection, site: Site, token: str, purpose: str) -> Person | None:
    """The person of a link that was open until now; None for any other."""
    found = _link(connection, site, token, purpose)
    if found is None:
        return None
    row, person = found
    now = site.clock()
    if row.used_at is not None or row.expires_at <= now or not links.spend(connection, row.id, now):
        return None
    return person


def detail(connection: Connection, site: Site, token: str, purpose: str) -> str:
    """What an open link is about besides its person; "" for a link that is not open. Reads only."""
    found = _link(connection, site, token, purpose)
    if found is None or found[0].used_at is not None or found[0].expires_at <= site.clock():
        return ""
    about: str = found[0].detail
    return about


def _link(connection: Connection, site: Site, token: str, purpose: str) -> tuple[Any, Person] | None:
    if site.mint.read_access_token(token, purpose) is None:
        return None
    row = links.one_use(connection, digest(token))
    if row is None or row.purpose != purpose:
        return None
    person = sessions.person_of(connection, row.contact_id, row.agent_id)
    return (row, person) if person is not None else None


def _person(connection: Connection, site: Site, address: str) -> Person:
    """Whose address it is: an agent's, else a contact's; nobody's where they were switched off, or it is our own."""
    wanted = _address(address)
    if not wanted or site.is_ours(wanted):
        return Person()
    agent = next((a for a in people.agents(connection) if a.address.lower() == wanted.lower()), None)
    if agent is not None:
        return Person(agent=agent)
    contact = people.contact_typed(connection, wanted)
    return Person(contact=contact if contact is not None and contact.active else None)


def _address(typed: str) -> str:
    return normalise(typed.strip()) if "@" in typed and len(typed) <= _LONGEST_ADDRESS else ""
