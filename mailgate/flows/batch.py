"""What the mails of one transaction ask for alike, asked for once (docs/decisions/0010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.facts import AgentFacts
from mailgate.flows.reading import Reading
from store import journal, people, tickets
from store.journal import ClaimedMail


@dataclass(slots=True)
class Batch:
    """What is the same for all mails of one transaction, read once."""

    agents: tuple[AgentFacts, ...] | None = None
    organisations: dict[int, tuple[str, str]] = field(default_factory=dict)
    contacts: dict[str, Row[Any] | None] = field(default_factory=dict)
    by_message_id: dict[str, tuple[int, bool] | None] = field(default_factory=dict)
    erased: frozenset[str] | None = None  # fingerprints of mails that were erased; None: not asked yet
    new: frozenset[int] = frozenset()  # journal ids of mails that came for the first time

    def read(self, connection: Connection, mails: Sequence[tuple[ClaimedMail, Reading]]) -> None:
        """Ask once for all mails what each would ask for first."""
        self.new = journal.first_of_all(
            connection, [(mail.id, reading.message.fingerprint, mail.received_at) for mail, reading in mails]
        )
        addresses = {author_address(mail, reading) for mail, reading in mails} - {""}
        self.contacts = dict.fromkeys(addresses)
        self.contacts |= people.contacts_by_addresses(connection, sorted(addresses))
        ids = {i for _, reading in mails for i in (*named_ids(reading), reading.message.message_id) if i}
        self.by_message_id = dict.fromkeys(ids)
        self.by_message_id |= tickets.ids_by_message_ids(connection, sorted(ids))

    def forget(self, reading: Reading, *, people_too: bool = False) -> None:
        """What this mail may have written is read anew by those behind it: contacts there were not, and its ids.

        people_too: contacts were changed.
        """
        self.contacts = {a: row for a, row in self.contacts.items() if row is not None and not people_too}
        for message_id in (reading.message.message_id, reading.message.in_reply_to):
            self.by_message_id.pop(message_id or "", None)

    def contact(self, connection: Connection, address: str) -> Row[Any] | None:
        """The contact of an address."""
        if address not in self.contacts:
            return people.contact_by_address(connection, address)
        return self.contacts[address]

    def ids_by_message_ids(self, connection: Connection, ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """As `tickets.ids_by_message_ids`."""
        found = {i: self.by_message_id[i] for i in ids if i in self.by_message_id}
        found |= tickets.ids_by_message_ids(connection, [i for i in ids if i not in found])
        return {i: known for i, known in found.items() if known is not None}


def named_ids(reading: Reading) -> list[str]:
    """Message-IDs of the mails that this one says it answers, the nearest first."""
    message = reading.message
    named = [i for i in (message.in_reply_to, *reversed(message.references)) if i and "@" in i and len(i) >= 5]
    return list(dict.fromkeys(named))


def author_address(mail: ClaimedMail, reading: Reading) -> str:
    """The address of who wrote a mail, as far as it says."""
    return reading.message.author.address if reading.message.author else mail.mail_from
