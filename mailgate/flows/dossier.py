"""All data of one contact as files (LGPD, Lei 13.709/2018, art. 18, II and V): one JSON and the files it names.

What others wrote on the contact's own tickets is in it, since it was written to the contact; internal notes are not.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from sqlalchemy import Connection, Row, Table, func, or_, select

from mailgate.flows.erasing import whose
from store.blobs import Blobs
from store.tables import (
    ACCESS_LINK,
    ATTACHMENT,
    COMMENT,
    CONTACT,
    EVENT,
    JOURNAL,
    OUTBOX,
    PARTICIPANT,
    RAW_MAIL,
    SESSION,
    SUPPRESSION,
    TICKET,
)
from store.vocabulary import CommentKind, Role

_SECRET = frozenset({"password", "digest", "rendered", "body", "lease_owner", "lease_until", "record"})
_STAMP = (1980, 1, 1, 0, 0, 0)


def write(connection: Connection, blobs: Blobs, address: str, out: IO[bytes], now: datetime) -> dict[str, int] | None:
    """Write the zip; how much of each kind is in it, or None where nothing is kept of the address.

    connection: one consistent view.
    """
    contact, _, addresses = whose(connection, address)
    data = _data(connection, contact, addresses)
    if contact is None and not data["mails"]:
        return None
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(connection, blobs, data):
            archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)
        text = json.dumps(
            {"exported_at": now, "addresses": addresses, **data}, ensure_ascii=False, indent=1, default=str
        )
        archive.writestr(zipfile.ZipInfo("contact.json", _STAMP), text, zipfile.ZIP_DEFLATED)
    return {name: len(rows) for name, rows in data.items()}


def _data(connection: Connection, contact: int | None, addresses: list[str]) -> dict[str, list[dict[str, Any]]]:
    j, o, c, t = JOURNAL.c, OUTBOX.c, COMMENT.c, TICKET.c
    found: dict[str, list[dict[str, Any]]] = {}

    def of(name: str, table: Table, *where: Any) -> list[dict[str, Any]]:
        rows = connection.execute(select(table).where(*where).order_by(*table.primary_key.columns))
        found[name] = [_shown(row) for row in rows]
        return found[name]

    own = [row["id"] for row in of("tickets", TICKET, t.requester_id == contact)] if contact is not None else []
    said = or_(
        func.lower(c.author_address).in_(addresses), c.contact_id == (contact or 0),
        c.ticket_id.in_(own) & (c.kind == CommentKind.COMMENT),
    )  # fmt: skip
    for row in of("comments", COMMENT, said):
        if row["role"] == Role.AGENT:  # as it was sent: beneath it he quotes what he was told, notes among it
            row |= {"text": row["reply"], "elided": "", "html": None}
    comments = [row["id"] for row in found["comments"]]
    of("files", ATTACHMENT, ATTACHMENT.c.comment_id.in_(comments))
    of("mails", JOURNAL, or_(func.lower(j.author).in_(addresses), func.lower(j.mail_from).in_(addresses)))
    of("mails_to_them", OUTBOX, func.lower(o.recipient).in_(addresses), o.recipient_role == Role.CUSTOMER)
    of("delivery", SUPPRESSION, func.lower(SUPPRESSION.c.address).in_(addresses))
    of("did", EVENT, func.lower(EVENT.c.actor).in_(addresses))
    if contact is not None:
        of("contact", CONTACT, CONTACT.c.id == contact)
        of("follows", PARTICIPANT, PARTICIPANT.c.contact_id == contact)
        of("sessions", SESSION, SESSION.c.contact_id == contact)
        of("links", ACCESS_LINK, ACCESS_LINK.c.contact_id == contact)
    return found


def _files(connection: Connection, blobs: Blobs, data: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, bytes]]:
    """The attachments under `files/`, the mails as they were received under `mails/`; each row says its name."""
    for row in data["files"]:
        row["file"] = f"files/{row['id']:x}-{_safe(row['filename'])}"
        content = _blob(blobs, row["sha256"])
        if content is not None:
            yield row["file"], content
    for row in data["mails"]:
        query = select(RAW_MAIL.c.raw).where(RAW_MAIL.c.journal_id == row["id"])
        raw = _blob(blobs, row["raw_sha256"]) if row["raw_blob"] else connection.execute(query).scalar()
        row["file"] = f"mails/{row['id']:x}.eml" if raw is not None else None
        if raw is not None:
            yield row["file"], raw


def _blob(blobs: Blobs, sha256: str) -> bytes | None:
    try:
        return blobs.get(sha256)
    except FileNotFoundError:
        return None


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in _SECRET}


def _safe(name: str) -> str:
    """A file's name that stays a name wherever it is unpacked."""
    kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in name).strip(" .")
    return kept[-100:] or "file"
