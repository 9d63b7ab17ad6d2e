"""What `mailgate explain` looks up: the record that a mail left behind, or the one that a file would leave.

For a file the whole line is gone through, in a transaction that is always rolled back: what is said can therefore not
differ from what would happen. Nothing is kept, neither rows nor blobs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decide import decide
from mailgate.decide.facts import Facts
from mailgate.errors import DataError
from mailgate.flows.batch import Batch
from mailgate.flows.effects import Effects, Said
from mailgate.flows.gather import mail_facts
from mailgate.flows.reading import Reading
from mailgate.flows.record import to_json
from mailgate.flows.replaying import recalled
from mailgate.flows.site import Site
from mailgate.flows.supposing import suppose
from mailgate.flows.telling import Telling
from mailgate.mail.envelope import Received
from mailgate.mail.limits import MailLimits
from mailgate.notify.explained import Explained
from store import happenings, journal, outbox, tickets
from store.journal import ClaimedMail
from store.vocabulary import Outcome


def stored(connection: Connection, name: str) -> list[Explained]:
    """What is named: a ticket's key (all that happened to it), a Message-ID, or the id of a journal row.

    A Message-ID of ours leads to the mail that made us write it. Empty when there is none.
    """
    ticket = tickets.by_key(connection, name)
    if ticket is not None:
        return of_ticket(connection, ticket.id, ticket.key)
    message_id = name.strip().strip("<>")
    rows = journal.by_message_id(connection, message_id)
    if not rows:
        ours = outbox.by_message_id(connection, message_id)
        journal_id = ours.journal_id if ours is not None else _journal_id(name)
        row = journal.by_id(connection, journal_id) if journal_id else None
        rows = [row] if row is not None else []
    return [_stored(connection, row) for row in rows]


def of_ticket(connection: Connection, ticket_id: int, key: str) -> list[Explained]:
    """All that happened to a ticket, oldest first."""
    found = [_stored(connection, row) for row in journal.of_ticket(connection, ticket_id)]
    found += [_happened(row, key) for row in happenings.of_ticket(connection, ticket_id)]
    return sorted(found, key=lambda one: one.received_at)


def what_if(
    connection: Connection, site: Site, found: list[Explained], changes: Mapping[str, str], limits: MailLimits
) -> list[Explained]:
    """The same mails with something changed. Raises DataError for what cannot be supposed, or of which no facts are."""
    answers = []
    for one in found:
        row = journal.by_id(connection, one.journal_id) if one.journal_id else None
        facts = recalled(connection, site, row, limits) if row is not None else one.facts
        if facts is None:
            continue
        facts, decision, plans, changed = suppose(connection, site, facts, changes)
        record = json.loads(to_json(facts, decision, plans, changed, site.book().digest))
        said = ", ".join(f"{name}={value}" for name, value in changes.items())
        answers.append(
            replace(
                one,
                outcome=str(decision.outcome),
                reason=str(decision.reason),
                detail=decision.why,
                key=decision.thread.key if decision.ticket_id else "",
                record=record,
                supposed=said,
            )
        )
    if not answers:
        raise DataError("there is no mail here whose facts were kept; --what-if needs one")
    return answers


def _happened(row: Row[Any], key: str) -> Explained:
    record = json.loads(row.record)
    decision = record["decision"]
    return Explained(
        row.id, row.at, "", "", "", "", decision["outcome"], decision["reason"], decision["why"], key, None, record,
        trigger=row.trigger,
    )  # fmt: skip


def _journal_id(name: str) -> int | None:
    try:
        found = int(name, 16)
    except ValueError:
        return None
    return found if 0 < found < 1 << 63 else None


def _stored(connection: Connection, row: Row[Any]) -> Explained:
    ticket = next(iter(tickets.by_ids(connection, [row.ticket_id] if row.ticket_id else [])), None)
    return Explained(
        journal_id=row.id,
        received_at=row.received_at,
        road=row.road,
        mail_from=row.mail_from,
        subject=row.subject,
        message_id=row.message_id or "",
        outcome=row.outcome,
        reason=row.reason,
        detail=row.detail,
        key=ticket.key if ticket is not None else "",
        duplicate_of=row.duplicate_of,
        record=json.loads(row.record) if row.record else None,
    )


class _Undone(Exception):
    """Carries the answer out of the transaction that must not be kept."""

    def __init__(self, explained: Explained) -> None:
        super().__init__("rolled back on purpose")
        self.explained = explained


def would_be(site: Site, received: Received, reading: Reading) -> Explained:
    """What would become of this mail now. Raises what the store raises."""
    mail = ClaimedMail(
        id=site.ids.new(),
        received_at=received.received_at,
        road=str(received.road),
        origin={},
        mail_from=received.envelope.mail_from,
        rcpt_tos=tuple(received.envelope.rcpt_tos),
        peer=received.envelope.peer,
        helo=received.envelope.helo,
        auth_user=received.envelope.auth_user,
        size_bytes=len(received.raw),
        raw_sha256=hashlib.sha256(received.raw).hexdigest(),
        attempts=0,
        resumed="",
        raw=None,
    )

    def work(connection: Connection) -> None:
        raise _Undone(_decided(connection, site, mail, reading))

    try:
        site.writer.call(work)
    except _Undone as undone:
        return undone.explained
    raise AssertionError("the work always raises")


def _decided(connection: Connection, site: Site, mail: ClaimedMail, reading: Reading) -> Explained:
    message = reading.message
    bare = message.message_id is None and message.date is None
    again = bool(mail.origin.get("renumbered"))
    first = journal.first_with(connection, message.fingerprint, mail.id, mail.received_at, bare, again)
    if first != mail.id:
        return _answer(mail, reading, str(Outcome.DUPLICATE), "", "the same mail came before", "", first, None)
    facts = mail_facts(connection, site, mail, reading, Batch())
    decision = decide(facts, site.book())
    assert facts.mail is not None
    # The mail has no row of its own, and what the ticket says about it needs none: everything is undone.
    said = Said(raw_sha256=mail.raw_sha256, message_id=facts.mail.message_id, message=reading.message)
    changed = Effects(connection, site, facts, decision, said).carry_out()
    plans = Telling(connection, site, facts, decision, changed, said).tell()
    record = json.loads(to_json(facts, decision, plans, changed, site.book().digest))
    key = changed.ticket["key"] if changed.ticket else ""
    return _answer(mail, reading, str(decision.outcome), str(decision.reason), decision.why, key, None, record, facts)


def _answer(
    mail: ClaimedMail, reading: Reading, outcome: str, reason: str, detail: str, key: str, duplicate_of: int | None,
    record: dict[str, Any] | None, facts: Facts | None = None,
) -> Explained:  # fmt: skip
    message = reading.message
    return Explained(
        0, mail.received_at, mail.road, mail.mail_from, message.subject, message.message_id or "", outcome, reason,
        detail, key, duplicate_of, record, facts=facts,
    )  # fmt: skip
