"""What a person changes about himself: data, choices, number, address, password. Each in one transaction.

A number is the person's once the code that was sent to it came back, an address once the link that was mailed to it was
used; until then the old one stays. The old address is told.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Connection, Row

from mailgate.flows import signing
from mailgate.flows.letters import letter
from mailgate.flows.sessions import Person
from mailgate.flows.site import Site
from mailgate.flows.telephone import WHATSAPP
from mailgate.mail.addresses import normalise, parse_address
from mailgate.notify import plan
from mailgate.people import preferences
from mailgate.yamltypes import Rate
from store import links, outbox, people
from store.vocabulary import Notice, OutboxState, Role

ADDRESS, NUMBER = signing.ADDRESS, "number"
CODE_LIVES = timedelta(minutes=10)
_TRIES = 5


def save(site: Site, contact_id: int, *, name: str, language: str, timezone: str, phone: str) -> None:
    """Keep a contact's own data; an empty name keeps the old one, what is no language or time zone is none."""
    values: dict[str, Any] = {
        "language": language if language in site.policy.languages else None,
        "timezone": timezone if timezone in available_timezones() else "",
        "phone": phone[:40],
    }
    if name:
        values["name"] = name[:120]
    site.writer.call(lambda connection: people.change_contact(connection, contact_id, **values))


def save_choices(site: Site, contact_id: int, mail: str, whatsapp: Collection[str], digests: bool) -> None:
    """Keep what a contact wants told."""

    def work(connection: Connection) -> None:
        row = people.contact(connection, contact_id)
        if row is not None:
            stored = preferences.with_notices(row.preferences, mail, whatsapp, digests)
            people.change_contact(connection, contact_id, preferences=stored)

    site.writer.call(work)


def start(site: Site, contact_id: int) -> None:
    """The first steps were seen, and the address is the person's, who signed in by it."""

    def work(connection: Connection) -> None:
        row = people.contact(connection, contact_id)
        if row is not None and not preferences.read(row.preferences).started:
            people.change_contact(connection, contact_id, preferences=preferences.as_started(row.preferences))

    site.writer.call(work)


def change_password(site: Site, person: Person, password_hash: str, session_id: int) -> None:
    """Keep a new password: every other session ends, and the person is told by mail."""

    def work(connection: Connection) -> None:
        signing.set_password(connection, site, person, password_hash, but=session_id)
        if person.contact is not None:
            _tell(connection, site, person.contact, "password_changed", "")

    site.writer.call(work)


# --- the number -------------------------------------------------------------------------------------------------------


def ask_number(site: Site, contact_id: int, number: str, rates: Sequence[Rate]) -> str:
    """Send a code to a number (E.164): sent | many; saved where no provider is set up to send it, unproven.

    A code that was sent before no longer counts. rates: of one person, and of one number, whoever asks.
    """

    def work(connection: Connection) -> str:
        contact, now = people.contact(connection, contact_id), site.clock()
        if contact is None:
            return "many"
        if WHATSAPP not in site.channels:
            if number != contact.whatsapp:
                people.change_contact(connection, contact_id, whatsapp=number, whatsapp_verified_at=None)
            return "saved"
        if _too_often(connection, contact_id, NUMBER, number, now, rates):
            return "many"
        links.spend_all(connection, [NUMBER], now, contact_id=contact_id)
        person = Person(contact=contact)
        detail = json.dumps({"number": number, "tries": 0})
        made = signing.one_use(connection, site, NUMBER, person, now, CODE_LIVES, detail)
        outbox.enqueue(connection, [_message(site, contact, number, made["once_id"])])
        return "sent"

    return site.writer.call(work)


def waiting_number(connection: Connection, site: Site, contact_id: int) -> str:
    """The number that waits for its code; "" for none. Reads only."""
    row = _open_code(connection, site, contact_id)
    return str(json.loads(row.detail)["number"]) if row is not None else ""


def prove_number(site: Site, contact_id: int, typed: str) -> bool:
    """Whether the code is the one that was sent: the number is the person's then. A few tries, and a new one is due."""

    def work(connection: Connection) -> bool:
        row, now = _open_code(connection, site, contact_id), site.clock()
        if row is None:
            return False
        about = json.loads(row.detail)
        right = hmac.compare_digest(site.mint.code(row.id, NUMBER).encode(), typed.encode("utf-8", "replace"))
        if right and links.spend(connection, row.id, now):
            people.change_contact(connection, contact_id, whatsapp=about["number"], whatsapp_verified_at=now)
            return True
        if about["tries"] + 1 >= _TRIES:
            links.spend(connection, row.id, now)
        links.change_one_use(connection, row.id, detail=json.dumps({**about, "tries": about["tries"] + 1}))
        return False

    return site.writer.call(work)


def remove_number(site: Site, contact_id: int) -> None:
    """Nothing goes to the number any more; a code that is out no longer counts."""

    def work(connection: Connection) -> None:
        people.change_contact(connection, contact_id, whatsapp="", whatsapp_verified_at=None)
        links.spend_all(connection, [NUMBER], site.clock(), contact_id=contact_id)

    site.writer.call(work)


def _open_code(connection: Connection, site: Site, contact_id: int) -> Row[Any] | None:
    now = site.clock()
    found = links.of_contact(connection, contact_id, NUMBER)
    return next((row for row in found if row.used_at is None and row.expires_at > now), None)


def _message(site: Site, contact: Row[Any], number: str, code_id: int) -> dict[str, Any]:
    """The outbox row of a code. The code itself stands nowhere: it is made anew from the row's id."""
    now, row_id = site.clock(), site.ids.new()
    body = {
        "language": _language(site, contact), "recipient_name": contact.name,
        "from_address": site.addresses[0].address, "from_name": site.company.name, "code_id": code_id,
    }  # fmt: skip
    return {
        "id": row_id, "ticket_id": None, "notice": str(Notice.N18), "recipient": number,
        "recipient_role": str(Role.CUSTOMER), "person_id": contact.id, "verified": True, "envelope_from": "",
        "message_id": f"{row_id:x}.{WHATSAPP}@{site.host}", "created_at": now, "body": json.dumps(body),
        "comment_id": None, "journal_id": None, "state": str(OutboxState.WAITING), "next_attempt_at": now,
        "channel": WHATSAPP,
    }  # fmt: skip


# --- the address ------------------------------------------------------------------------------------------------------


def ask_address(site: Site, contact_id: int, wanted: str, rates: Sequence[Rate]) -> bool:
    """Mail a link to a new address (N18), and a word to the old one; whether it went.

    It does not go to an address that somebody else has, or that is ours: the caller shows the same text. rates: of one
    person, and of one address, whoever asks.
    """

    def work(connection: Connection) -> bool:
        contact, now = people.contact(connection, contact_id), site.clock()
        found = parse_address(wanted.strip())
        address = normalise(found.address) if found is not None else ""
        if contact is None or not address or not _is_free(connection, site, address, contact_id):
            return False
        if _too_often(connection, contact_id, ADDRESS, address, now, rates):
            return False
        links.spend_all(connection, [ADDRESS], now, contact_id=contact_id)
        told = signing.one_use(connection, site, ADDRESS, Person(contact=contact), now, site.lifetimes.reset, address)
        to = plan.Person(contact.id, contact.name, address, _language(site, contact), Role.CUSTOMER)
        outbox.enqueue(connection, [letter(site, Notice.N18, to, told, now)])
        _tell(connection, site, contact, "address_asked", address)
        return True

    return site.writer.call(work)


def take_address(site: Site, token: str) -> bool:
    """By the link that was mailed to it, an address becomes the person's; links to the old one end. False: not open."""

    def work(connection: Connection) -> bool:
        address = asked_address(connection, site, token)
        person = signing.spend(connection, site, token, ADDRESS) if address else None
        if person is None or person.contact is None:
            return False
        contact, now = person.contact, site.clock()
        if not _is_free(connection, site, address, contact.id):
            return False
        people.put_addresses(
            connection, contact.id, [a for a in people.more_addresses(connection, contact.id) if a != address], now
        )
        people.change_contact(connection, contact.id, address=address, verified_at=now)
        links.spend_all(connection, [signing.ENTER, signing.RESET], now, contact_id=contact.id)
        _tell(connection, site, contact, "address_changed", address)
        return True

    return site.writer.call(work)


def asked_address(connection: Connection, site: Site, token: str) -> str:
    """The address that a link is about; "" for a link that is not open. Reads only."""
    return signing.detail(connection, site, token, ADDRESS)


def _too_often(
    connection: Connection, contact_id: int, purpose: str, to: str, now: datetime, rates: Sequence[Rate]
) -> bool:
    """Whether the person asked too often, or too much went there: many accounts together must not plague a stranger."""
    asked = links.of_contact(connection, contact_id, purpose)
    return any(
        sum(row.created_at > now - rate.per for row in asked) >= rate.count
        or outbox.count_sent(connection, [Notice.N18], now - rate.per, to) >= rate.count
        for rate in rates
    )


def _is_free(connection: Connection, site: Site, address: str, contact_id: int) -> bool:
    if site.is_ours(address) or people.agent_by_address(connection, address) is not None:
        return False
    other = people.contact_by_address(connection, address)
    return other is None or (other.id == contact_id and other.address != address)


def _tell(connection: Connection, site: Site, contact: Row[Any], event: str, detail: str) -> None:
    """A word about the account to the address that it has now."""
    to = plan.Person(contact.id, contact.name, contact.address, _language(site, contact), Role.CUSTOMER)
    told = {"event": event, "problem": detail}
    outbox.enqueue(connection, [letter(site, Notice.ACCOUNT, to, told, site.clock())])


def _language(site: Site, contact: Row[Any]) -> str:
    language: str = contact.language if contact.language in site.policy.languages else site.policy.locale
    return language
