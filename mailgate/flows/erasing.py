"""Erasing one contact (LGPD, Lei 13.709/2018, art. 18, VI): the rows in one transaction, then the bytes on the disk.

What was erased stays on the erase list as keyed hashes, so that neither a mailbox that is read again nor a restored
backup brings it back. A stop at any moment leaves either everything or an unfinished entry of the list, which the next
`erase` and the hourly sweep go on with.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, select, text

from mailgate.errors import Busy, Unavailable
from mailgate.links.tokens import Mint
from store import blob_rows, eraselist, erasing, people
from store.blobs import Blobs
from store.engine import Database
from store.erasing import Found
from store.tables import BLOB, CONTACT, JOURNAL, is_sqlite
from store.vocabulary import Outcome

_PURPOSE = {eraselist.ADDRESS: "erased address", eraselist.MAIL: "erased mail"}
_WAIT_SECONDS = 15.0
#: Whose space PostgreSQL keeps until it writes them anew.
_EMPTIED = (
    *("raw_mail", "journal", "comment", "attachment", "outbox", "ticket", "contact", "contact_address", "event"),
    *("happening", "webhook", "session", "access_link", "one_use", "suppression", "message_reference"),
    *("ticket_address", "seen"),
)


@dataclass(frozen=True, slots=True)
class Eraser:
    """What erasing works with. closed: the status that emptied tickets get. record: the erase list as a file."""

    database: Database
    blobs: Blobs
    mint: Mint
    closed: str
    record: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the erase list. digest: an HMAC under our key."""

    digest: str
    kind: str
    at: datetime


def whose(connection: Connection, address: str) -> tuple[int | None, str, list[str]]:
    """(contact, name, all addresses) of an address, normalised; (None, "", [address]) where it is no contact's."""
    row = people.contact_by_address(connection, address) or people.contact_by_address(connection, address.lower())
    if row is None:
        return None, "", [address.lower()]
    own = [row.address, *people.more_addresses(connection, row.id)]
    return row.id, row.name, list(dict.fromkeys(one.lower() for one in (*own, address)))


def find(connection: Connection, blobs: Blobs, contact: int | None, addresses: Sequence[str]) -> Found:
    """Everything that is kept of a person."""

    def large(sha256: str) -> bytes | None:
        try:
            return blobs.get(sha256)
        except FileNotFoundError:
            return None

    return erasing.find(connection, contact, addresses, large)


def erase(eraser: Eraser, address: str, now: datetime) -> Found:
    """Erase whoever has this address. Idempotent. Raises Busy and StoreError (call again), Unavailable (disk)."""
    with eraser.database.read() as connection:
        if blob_rows.is_being_copied(connection, now):
            raise Busy("a backup is under way: erase when it is done")
        contact, name, addresses = whose(connection, address)
        listed = find(connection, eraser.blobs, contact, addresses)
    _record(eraser, [*_marked(eraser.mint, eraselist.ADDRESS, addresses, now),
                     *_marked(eraser.mint, eraselist.MAIL, listed.fingerprints, now)])  # fmt: skip
    with eraser.database.write() as connection:
        found = _rows(connection, eraser, contact, name, addresses, now)
    finish(eraser, now)
    return found


def _rows(
    connection: Connection, eraser: Eraser, contact: int | None, name: str, addresses: list[str], now: datetime
) -> Found:
    found = find(connection, eraser.blobs, contact, addresses)
    if found.nothing:
        return found
    digests = {entry.digest for entry in _marked(eraser.mint, eraselist.ADDRESS, addresses, now)}
    marks = _marks_of(connection, eraser.mint, found.mails)
    erasing.erase(connection, found, addresses, name, now, eraser.closed, marks)
    eraselist.add(connection, digests, eraselist.ADDRESS, now)
    mails = _marked(eraser.mint, eraselist.MAIL, found.fingerprints, now)
    eraselist.add(connection, [entry.digest for entry in mails], eraselist.MAIL, now)
    eraselist.begin(connection, sorted(digests)[0], sorted(found.blobs), now)
    return found


def finish(eraser: Eraser, now: datetime) -> int:
    """Delete from the disk what erased rows named, and overwrite where rows stood; how many entries were left.

    Raises Busy and StoreBusy: the entries stay unfinished, and a later call goes on.
    """
    with eraser.database.read() as connection:
        left = eraselist.unfinished(connection)
    if not left:
        return 0
    blobs = sorted({str(sha256) for row in left for sha256 in row.blobs})
    _delete_blobs(eraser, blobs, now)
    eraser.database.scrub(_EMPTIED)
    with eraser.database.write() as connection:
        eraselist.finish(connection, [row.digest for row in left])
    return len(left)


def _delete_blobs(eraser: Eraser, blobs: Sequence[str], now: datetime) -> None:
    """At a moment when no mail is being read: a reader may have found a blob there and not named it yet."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while blobs:
        with eraser.database.write() as connection:
            if not is_sqlite(connection):
                connection.execute(text("LOCK TABLE journal IN SHARE MODE"))
            j = JOURNAL.c
            read = select(j.id).where(j.outcome == str(Outcome.PENDING), j.lease_until > now).limit(1)
            if connection.execute(read).first() is None:
                for sha256 in blobs:
                    if not blob_rows.is_named(connection, sha256):
                        eraser.blobs.delete(sha256)
                        connection.execute(delete(BLOB).where(BLOB.c.sha256 == sha256))
                return
        if time.monotonic() > deadline:
            raise Busy("mails are being read all the time; what is left is deleted by the next sweep, or run it again")
        time.sleep(0.1)


# --- what must not come back ------------------------------------------------------------------------------------------


def erased_among(connection: Connection, mint: Mint, fingerprints: Sequence[str]) -> frozenset[str]:
    """Those of the fingerprints whose mail was erased."""
    marks = {mark: one for one in fingerprints for mark in mint.marks(_PURPOSE[eraselist.MAIL], one)}
    return frozenset(marks[mark] for mark in eraselist.found(connection, list(marks)))


def refuse_again(connection: Connection, mint: Mint, journal_id: int, blobs: Sequence[str], now: datetime) -> None:
    """Empty the row of a mail that came again after it was erased; its bytes go with the next sweep."""
    found = Found(mails=[journal_id])
    marks = _marks_of(connection, mint, found.mails)
    named = connection.execute(select(JOURNAL.c.raw_sha256).where(JOURNAL.c.id == journal_id, JOURNAL.c.raw_blob))
    blobs = [*blobs, *named.scalars()]
    erasing.empty_mails(connection, found.mails, now, marks)
    eraselist.begin(connection, mint.marks("erased again", str(journal_id))[0], blobs, now, eraselist.BYTES)


def _marked(mint: Mint, kind: str, values: Sequence[str], now: datetime) -> list[Entry]:
    return [Entry(mint.marks(_PURPOSE[kind], value)[0], kind, now) for value in dict.fromkeys(values)]


def _marks_of(connection: Connection, mint: Mint, mails: Sequence[int]) -> dict[str, str]:
    """What stands in the place of each mail's SHA-256."""
    found: dict[str, str] = {}
    for start in range(0, len(mails), 400):
        part = mails[start : start + 400]
        for sha256 in connection.execute(select(JOURNAL.c.raw_sha256).where(JOURNAL.c.id.in_(part))).scalars():
            found[sha256] = mint.marks("erased bytes", sha256)[0]
    return found


# --- the list as a file, and its replay -------------------------------------------------------------------------------


def _record(eraser: Eraser, entries: Sequence[Entry]) -> None:
    """Add to the file, before anything is erased: a backup restored after the disk was lost must find it."""
    if not entries:
        return
    lines = [json.dumps({"digest": e.digest, "kind": e.kind, "at": e.at.isoformat()}) + "\n" for e in entries]
    try:
        fd = os.open(eraser.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, "".join(lines).encode())
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        why = (error.strerror or "").lower()
        raise Unavailable(f"nothing was erased: the erase list {eraser.record} cannot be written: {why}") from error


def read_list(path: Path) -> Iterator[Entry]:
    """The entries of a file; a line that was cut or is none of ours is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            value = json.loads(line)
            yield Entry(str(value["digest"]), str(value["kind"]), datetime.fromisoformat(value["at"]))
        except (ValueError, KeyError, TypeError):
            continue


def replay(eraser: Eraser, entries: Sequence[Entry], now: datetime) -> int:
    """Erase from a restored gateway what was erased after its backup was made; how many people and lone mails.

    Who wrote again after the erasure is somebody new, and stays.
    """
    written = {entry.digest for entry in read_list(eraser.record)}
    _record(eraser, [entry for entry in entries if entry.digest not in written])
    with eraser.database.write() as connection:
        listed = {row.digest: Entry(row.digest, row.kind, row.at) for row in eraselist.all_of(connection)}
        for entry in entries:
            eraselist.add(connection, [entry.digest], entry.kind, entry.at)
            if entry.digest not in listed or listed[entry.digest].at < entry.at:
                listed[entry.digest] = entry
        done = 0
        for row in connection.execute(select(CONTACT.c.id, CONTACT.c.address, CONTACT.c.created_at)).all():
            contact, name, addresses = whose(connection, row.address)
            marks = [mark for one in addresses for mark in eraser.mint.marks(_PURPOSE[eraselist.ADDRESS], one)]
            at = max((listed[mark].at for mark in marks if mark in listed), default=None)
            if at is not None and row.created_at <= at:
                _rows(connection, eraser, contact, name, addresses, now)
                done += 1
        done += _replay_mails(connection, eraser, listed, now)
    finish(eraser, now)
    return done


def _replay_mails(connection: Connection, eraser: Eraser, listed: dict[str, Entry], now: datetime) -> int:
    """Mails of people who never were contacts: held, refused, or not read yet when the backup was made."""
    j, done = JOURNAL.c, 0
    rows = connection.execute(select(j.id, j.author, j.mail_from, j.fingerprint, j.received_at)).all()
    for row in rows:
        theirs = [one.lower() for one in (row.author, row.mail_from) if one]
        marks = [mark for one in theirs for mark in eraser.mint.marks(_PURPOSE[eraselist.ADDRESS], one)]
        late = any(mark in listed and row.received_at <= listed[mark].at for mark in marks)
        same = row.fingerprint and any(
            mark in listed for mark in eraser.mint.marks(_PURPOSE[eraselist.MAIL], row.fingerprint)
        )
        if late or same:
            refuse_again(connection, eraser.mint, row.id, [], now)
            done += 1
    return done
