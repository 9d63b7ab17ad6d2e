"""Taking one person out of every table. What is left is who answered when, under a name that says nothing.

Of a ticket that the person asked for only the row stays, emptied, since its number is in the past of others (figures,
follow-ups); what the person said on others' tickets is emptied; what others wrote there themselves stays theirs,
without the person's addresses. Every table is named here or in `LEFT`: a new one must choose (tests/unit/keeping).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, String, Table, and_, cast, delete, func, select, update
from sqlalchemy import Text as SqlText
from sqlmodel import AutoString, SQLModel

from store import mentions
from store.tables import (
    ACCESS_LINK,
    ATTACHMENT,
    COMMENT,
    CONTACT,
    CONTACT_ADDRESS,
    EVENT,
    HAPPENING,
    JOURNAL,
    MESSAGE_REFERENCE,
    ONE_USE,
    OUTBOX,
    PARTICIPANT,
    RAW_MAIL,
    SEEN,
    SESSION,
    SUPPRESSION,
    TICKET,
    TICKET_ADDRESS,
    TIMER,
    WEBHOOK,
    is_sqlite,
)
from store.vocabulary import Notice, OutboxState, Outcome, Role

#: Tables that hold nothing of a customer, or nothing but numbers.
LEFT = frozenset(
    {
        *("organisation", "branch", "agent", "blob", "ticket_branch", "imap_cursor", "lease", "counter"),
        *("article", "article_version", "article_file", "erased", "audit"),
    }
)
NOBODY = "erased.invalid"
_PART = 400
Large = Callable[[str], bytes | None]
Marks = Callable[[str], str]  # SHA-256 of a mail → what stands in its place
#: They name tickets and people of others; a digest of acknowledgements only its own receiver's.
_DIGESTS = (Notice.AGENT_DIGEST, Notice.HELD_DIGEST, Notice.WEEKLY, Notice.N14)
_UNSENT = (OutboxState.WAITING, OutboxState.SENDING)
#: Columns of programs' words: a person's name is taken out of these, and of no sentence that somebody else wrote.
_RECORDS = {"event": ("data",), "outbox": ("body",), "webhook": ("body",), "journal": ("record",)}


@dataclass(slots=True)
class Found:
    """What there is of one person. fingerprints: of the mails, to keep as keyed hashes. blobs: that rows named.

    naming: decided mails of others in whose bytes an address stands: what they said stays, their bytes go.
    """

    contact_id: int | None = None
    tickets: list[int] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)
    mails: list[int] = field(default_factory=list)
    naming: list[int] = field(default_factory=list)
    outgoing: list[int] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    blobs: set[str] = field(default_factory=set)

    @property
    def nothing(self) -> bool:
        return self.contact_id is None and not self.mails and not self.comments


def find(connection: Connection, contact_id: int | None, addresses: Sequence[str], large: Large) -> Found:
    """Everything of a person: by the contact, and by the addresses (lower case). large: the bytes of a mail's blob."""
    found = Found(contact_id)
    c, j = COMMENT.c, JOURNAL.c
    if contact_id is not None:
        found.tickets = _ids(connection, TICKET.c.id, [TICKET.c.requester_id == contact_id])
    theirs: list[ColumnElement[bool]] = [func.lower(c.author_address).in_(addresses)]
    theirs += [c.contact_id == contact_id] if contact_id is not None else []
    found.comments = _ids(connection, c.id, [*theirs, *_in(c.ticket_id, found.tickets)])
    named = _ids(connection, c.journal_id, [and_(one, c.journal_id.is_not(None)) for one in _in(c.id, found.comments)])
    mails = set(_ids(connection, j.id, [
        func.lower(j.author).in_(addresses), func.lower(j.mail_from).in_(addresses), *_in(j.ticket_id, found.tickets),
        *_in(j.id, named),
    ]))  # fmt: skip
    reports, naming = _naming(connection, addresses, large)
    mails |= set(reports)
    mails |= set(_ids(connection, j.id, _in(j.duplicate_of, sorted(mails))))
    found.mails, found.naming = sorted(mails), sorted(set(naming) - mails)
    theirs_too = set(found.mails)
    for part in _parts([*found.mails, *found.naming]):
        for row in connection.execute(select(j.id, j.fingerprint, j.raw_sha256, j.raw_blob).where(j.id.in_(part))):
            found.fingerprints += [row.fingerprint] if row.fingerprint and row.id in theirs_too else []
            found.blobs |= {row.raw_sha256} if row.raw_blob else set()
    for part in _parts(found.comments):
        files = select(ATTACHMENT.c.sha256).where(ATTACHMENT.c.comment_id.in_(part))
        found.blobs |= set(connection.execute(files).scalars())
    found.outgoing = _to_them(connection, found, addresses)
    large_ones = [OUTBOX.c.notice.in_(_DIGESTS), *_in(OUTBOX.c.id, found.outgoing)]
    for one in large_ones:  # rendered once, and too large for the row
        made = select(OUTBOX.c.rendered_sha256).where(one, OUTBOX.c.rendered_sha256.is_not(None))
        found.blobs |= set(connection.execute(made.where(OUTBOX.c.rendered.is_(None))).scalars())
    return found


def _to_them(connection: Connection, found: Found, addresses: Sequence[str]) -> list[int]:
    """Outgoing mails to the person, and to others about what goes."""
    o = OUTBOX.c
    any_of: list[ColumnElement[bool]] = [func.lower(o.recipient).in_(addresses)]
    if found.contact_id is not None:
        any_of.append(and_(o.person_id == found.contact_id, o.recipient_role == Role.CUSTOMER))
    any_of += _in(o.ticket_id, found.tickets) + _in(o.comment_id, found.comments) + _in(o.journal_id, found.mails)
    return _ids(connection, o.id, any_of)


def _naming(connection: Connection, addresses: Sequence[str], large: Large) -> tuple[list[int], list[int]]:
    """Mails in whose bytes an address stands: (delivery reports, others that are decided)."""
    j = JOURNAL.c
    query = (
        select(j.id, j.outcome, j.raw_sha256, j.raw_blob, RAW_MAIL.c.raw)
        .select_from(JOURNAL.outerjoin(RAW_MAIL, RAW_MAIL.c.journal_id == j.id))
        .where(j.outcome.not_in((str(Outcome.PENDING), str(Outcome.HELD))))
        .execution_options(yield_per=20)
    )
    wanted = [(address.encode(), mentions.of_address(address)) for address in addresses]
    reports: list[int] = []
    others: list[int] = []
    for row in connection.execute(query):
        raw = (large(row.raw_sha256) if row.raw_blob else row.raw) or b""
        if any(one in raw.lower() and pattern.search(raw.decode("utf-8", "replace")) for one, pattern in wanted):
            (reports if row.outcome == Outcome.DSN else others).append(row.id)
    return reports, others


def erase(
    connection: Connection, found: Found, addresses: Sequence[str], name: str, now: datetime, closed: str,
    marks: dict[str, str],
) -> None:  # fmt: skip
    """Take it out, within the caller's transaction.

    closed: the status that the tickets get; "" leaves it. marks: SHA-256 of each mail → what stands in its place.
    """
    if is_sqlite(connection):
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    _outgoing(connection, found, addresses)
    empty_mails(connection, found.mails, now, marks)
    drop_bytes(connection, found.naming)
    _said(connection, found, addresses)
    _tickets(connection, found.tickets, now, closed)
    _person(connection, found, addresses)
    _mentions(connection, addresses, name)


def empty_tickets(connection: Connection, tickets: Sequence[int], now: datetime, marks: Marks) -> None:
    """Take the words, files and mails out of tickets, whoever's they are; number, people, status and dates stay."""
    found = Found(tickets=list(tickets))
    found.comments = _ids(connection, COMMENT.c.id, _in(COMMENT.c.ticket_id, tickets))
    found.mails = _ids(connection, JOURNAL.c.id, _in(JOURNAL.c.ticket_id, tickets))
    for table, ids, column in (
        (OUTBOX, found.tickets, OUTBOX.c.ticket_id), (WEBHOOK, found.tickets, WEBHOOK.c.ticket_id),
        (HAPPENING, found.tickets, HAPPENING.c.ticket_id),
    ):  # fmt: skip
        _delete(connection, table, column, ids)
    known = [row for part in _parts(found.mails) for row in connection.execute(
        select(JOURNAL.c.raw_sha256).where(JOURNAL.c.id.in_(part))).scalars()]  # fmt: skip
    empty_mails(connection, found.mails, now, {sha256: marks(sha256) for sha256 in known})
    _said(connection, found, ())
    _tickets(connection, tickets, now, "")


def _outgoing(connection: Connection, found: Found, addresses: Sequence[str]) -> None:
    o = OUTBOX.c
    _delete(connection, OUTBOX, o.id, found.outgoing)
    # Digests name tickets and people. One that has not left is written anew by the next sweep.
    connection.execute(delete(OUTBOX).where(o.notice.in_(_DIGESTS), o.state.in_(_UNSENT)))
    connection.execute(
        update(OUTBOX).where(o.notice.in_(_DIGESTS)).values(body="{}", rendered=None, rendered_sha256=None)
    )
    _delete(connection, WEBHOOK, WEBHOOK.c.ticket_id, found.tickets)
    _delete(connection, HAPPENING, HAPPENING.c.ticket_id, found.tickets)
    for table, column in ((HAPPENING, HAPPENING.c.record), (WEBHOOK, WEBHOOK.c.body)):
        _delete(connection, table, table.c.id, _naming_rows(connection, table, column, addresses))


def empty_mails(connection: Connection, mails: Sequence[int], now: datetime, marks: dict[str, str]) -> None:
    """The rows stay, so that every UID stays accounted for; what the mails said and whose they were does not."""
    if is_sqlite(connection):
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    j = JOURNAL.c
    empty: dict[str, Any] = {
        "mail_from": "", "rcpt_tos": [], "peer": "", "helo": "", "auth_user": "", "subject": "", "author": None,
        "message_id": None, "fingerprint": None, "record": None, "raw_blob": False, "lease_owner": None,
        "lease_until": None, "detail": "erased",
    }  # fmt: skip
    waiting = (str(Outcome.PENDING), str(Outcome.HELD))
    for part in _parts(mails):
        connection.execute(delete(RAW_MAIL).where(RAW_MAIL.c.journal_id.in_(part)))
        connection.execute(delete(SEEN).where(SEEN.c.journal_id.in_(part)))
        known = connection.execute(select(j.id, j.raw_sha256).where(j.id.in_(part))).all()
        connection.execute(update(JOURNAL).where(j.id.in_(part)).values(**empty))
        ended = update(JOURNAL).where(j.id.in_(part), j.outcome.in_(waiting))
        connection.execute(ended.values(outcome=str(Outcome.REJECTED), reason="", settled_at=now))
        for row in known:
            connection.execute(update(JOURNAL).where(j.id == row.id).values(raw_sha256=marks[row.raw_sha256]))


def drop_bytes(connection: Connection, mails: Sequence[int]) -> None:
    """Let the bytes of decided mails go; what became of them stays."""
    for part in _parts(mails):
        connection.execute(delete(RAW_MAIL).where(RAW_MAIL.c.journal_id.in_(part)))
        connection.execute(update(JOURNAL).where(JOURNAL.c.id.in_(part)).values(raw_blob=False))


def _said(connection: Connection, found: Found, addresses: Sequence[str]) -> None:
    c = COMMENT.c
    for part in _parts(found.comments):
        ids = connection.execute(select(c.message_id).where(c.id.in_(part), c.message_id.is_not(None))).scalars()
        for own in _parts(list(ids)):
            connection.execute(delete(MESSAGE_REFERENCE).where(MESSAGE_REFERENCE.c.message_id.in_(own)))
        connection.execute(delete(ATTACHMENT).where(ATTACHMENT.c.comment_id.in_(part)))
        connection.execute(delete(ONE_USE).where(ONE_USE.c.comment_id.in_(part)))
        connection.execute(update(COMMENT).where(c.id.in_(part)).values(
            text="", reply="", elided="", html=None, message_id=None, in_reply_to=None, raw_sha256=None,
        ))  # fmt: skip
        theirs = update(COMMENT).where(c.id.in_(part), c.role == Role.CUSTOMER)
        connection.execute(theirs.values(author_name="", author_address=""))
    connection.execute(update(EVENT).where(func.lower(EVENT.c.actor).in_(addresses)).values(actor=""))


def _tickets(connection: Connection, tickets: Sequence[int], now: datetime, closed: str) -> None:
    t = TICKET.c
    status = {"status": closed, "category": "closed"} if closed else {}
    for part in _parts(tickets):
        for table in (MESSAGE_REFERENCE, TICKET_ADDRESS, TIMER, PARTICIPANT):
            connection.execute(delete(table).where(table.c.ticket_id.in_(part)))
        links = delete(ACCESS_LINK).where(ACCESS_LINK.c.ticket_id.in_(part), ACCESS_LINK.c.agent_id.is_(None))
        connection.execute(links)
        connection.execute(update(EVENT).where(EVENT.c.ticket_id.in_(part)).values(data={}))
        connection.execute(update(TICKET).where(t.id.in_(part)).values(
            subject="", fields={}, tags=[], claims="", reply_to="", due_at=None, due_soon_for=None, overdue_for=None,
            closed_at=func.coalesce(t.closed_at, now), **status,
        ))  # fmt: skip


def _person(connection: Connection, found: Found, addresses: Sequence[str]) -> None:
    connection.execute(delete(SUPPRESSION).where(func.lower(SUPPRESSION.c.address).in_(addresses)))
    connection.execute(delete(TICKET_ADDRESS).where(func.lower(TICKET_ADDRESS.c.address).in_(addresses)))
    _delete(connection, ONE_USE, ONE_USE.c.journal_id, found.mails)
    contact = found.contact_id
    if contact is None:
        return
    for table in (CONTACT_ADDRESS, SESSION, ONE_USE, ACCESS_LINK, PARTICIPANT):
        connection.execute(delete(table).where(table.c.contact_id == contact))
    if not found.tickets and not found.comments:
        connection.execute(delete(CONTACT).where(CONTACT.c.id == contact))
        return
    kept = {"id", "created_at", "address", "role"}
    values: dict[str, Any] = {}
    for column in CONTACT.columns:
        if column.name not in kept:
            values[column.name] = None if column.nullable else {} if isinstance(column.type, JSON) else ""
    values |= {"active": False, "address": f"{contact:x}@{NOBODY}"}
    connection.execute(update(CONTACT).where(CONTACT.c.id == contact).values(**values))


def _mentions(connection: Connection, addresses: Sequence[str], name: str) -> None:
    """The addresses wherever a column of text still holds them; the name in what programs wrote."""
    for part in _parts(_naming_rows(connection, JOURNAL, JOURNAL.c.record, addresses)):
        connection.execute(update(JOURNAL).where(JOURNAL.c.id.in_(part)).values(record=None))
    for table in SQLModel.metadata.sorted_tables:
        if table.name in LEFT:
            continue
        for column in table.columns:
            if column.primary_key or not _is_text(column):
                continue
            for address in addresses:
                _replace(connection, table, column, address, mentions.of_address(address), f"erased@{NOBODY}")
            if len(name) >= 6 and " " in name and column.name in _RECORDS.get(table.name, ()):
                _replace(connection, table, column, name, mentions.of_name(name), "-")


def _naming_rows(connection: Connection, table: Table, column: Any, addresses: Sequence[str]) -> list[int]:
    """The ids of the rows whose text names one of the addresses."""
    found: set[int] = set()
    for address in addresses:
        pattern = mentions.of_address(address)
        rows = connection.execute(select(table.c.id, column.label("text_")).where(_holds(column, address)))
        found.update(row.id for row in rows if pattern.search(row.text_))
    return sorted(found)


def _replace(
    connection: Connection, table: Table, column: Any, wanted: str, pattern: re.Pattern[str], other: str
) -> None:
    keys = list(table.primary_key.columns)
    found = connection.execute(select(*keys, column.label("value_")).where(_holds(column, wanted))).all()
    for row in found:
        is_json = not isinstance(row.value_, str)
        text = json.dumps(row.value_, ensure_ascii=False) if is_json else row.value_
        changed = pattern.sub(other, text)
        if changed == text:
            continue
        where = [key == value for key, value in zip(keys, row, strict=False)]
        value = json.loads(changed) if is_json else changed
        connection.execute(update(table).where(*where).values({column.name: value}))


def _is_text(column: Any) -> bool:
    return isinstance(column.type, (String, JSON, AutoString))


def _holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column's text holds this, in whatever case."""
    held: ColumnElement[bool] = func.lower(cast(column, SqlText)).contains(text.lower(), autoescape=True)
    return held


def _delete(connection: Connection, table: Table, column: Any, ids: Sequence[int]) -> None:
    for part in _parts(ids):
        connection.execute(delete(table).where(column.in_(part)))


def _in(column: Any, ids: Sequence[int]) -> list[ColumnElement[bool]]:
    return [column.in_(part) for part in _parts(ids)]


def _ids(connection: Connection, column: Any, any_of: Sequence[ColumnElement[bool]]) -> list[int]:
    found: set[int] = set()
    for one in any_of:
        found.update(connection.execute(select(column).where(one)).scalars())
    return sorted(found)


def _parts(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[start : start + _PART] for start in range(0, len(values), _PART)]
