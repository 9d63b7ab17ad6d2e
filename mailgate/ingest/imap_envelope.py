"""A mail out of a folder as `Received`: IMAP has no envelope, so one is made by a bounded look at the header bytes.

Pure. No parser runs here; the journal takes the bytes first (a mail that breaks a parser must be safe before that).
"""

from __future__ import annotations

import re
from datetime import datetime

from mailgate.mail.envelope import Envelope, Received
from mailgate.mail.limits import MailLimits
from store.vocabulary import Road

_SCAN_BYTES = MailLimits().header_block_bytes
_FIELD_BYTES = 2000
_ANGLE = re.compile(rb"<([^<>\s]{0,320})>")
_BARE = re.compile(rb"[^\s<>()\[\],;:\"]{1,128}@[^\s<>()\[\],;:\"@]{1,255}")
_QUOTED_OR_COMMENT = re.compile(rb'"[^"]{0,1000}"|\([^()]{0,1000}\)')


def received_from_folder(raw: bytes, rcpt: str, received_at: datetime, origin: dict[str, str | int]) -> Received:
    """The mail as the journal takes it. rcpt: the account's own address. received_at: aware UTC.

    mail_from: what the MTA wrote into the topmost Return-Path (RFC 5321 §4.4), "" when that is the null sender; without
    one, the author's address: a missing Return-Path does not make a mail a DSN. "" only when neither can be found.
    """
    return Received(Envelope(mail_from(raw), (rcpt,)), raw, Road.IMAP, received_at, origin)


def mail_from(raw: bytes) -> str:
    """The envelope sender as far as the header tells; see `received_from_folder`."""
    path = _field(raw, b"return-path")
    if path is not None:
        angle = _ANGLE.search(path)
        found = _text(angle.group(1)) if angle else _first_address(path)
        if angle or found:
            return found
    return _first_address(_field(raw, b"from") or b"")


def _first_address(body: bytes) -> str:
    plain = _QUOTED_OR_COMMENT.sub(b" ", body)
    angle = _ANGLE.search(plain)
    if angle and b"@" in angle.group(1):
        return _text(angle.group(1))
    bare = _BARE.search(plain)
    return _text(bare.group()) if bare else ""


def _text(address: bytes) -> str:
    return address.decode("utf-8", "replace")


def _field(raw: bytes, name: bytes) -> bytes | None:
    """The body of the topmost field of this name, unfolded and bounded; None when there is none."""
    block = raw[:_SCAN_BYTES]
    at = 0
    while at < len(block):
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        line = block[at:end].rstrip(b"\r")
        if not line:
            return None
        head, colon, rest = line.partition(b":")
        if colon and head.rstrip(b" \t").lower() == name:
            return _unfolded(block, end + 1, rest)
        at = end + 1
    return None


def _unfolded(block: bytes, at: int, first: bytes) -> bytes:
    body = first
    while len(body) < _FIELD_BYTES and block[at : at + 1] in (b" ", b"\t"):
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        body += b" " + block[at:end].strip()
        at = end + 1
    return body[:_FIELD_BYTES]
