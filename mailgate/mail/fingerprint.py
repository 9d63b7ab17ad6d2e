"""The same mail has the same fingerprint, by whatever road and however often it comes. Bytes only, no parser.

SHA-256 over the header fields without those that change under way, folded lines joined, and the body with CRLF line
ends and without empty lines at its end. Sources: RFC 5321 §4.4 (trace fields), RFC 6376 §3.4.3 (simple bodies).
"""

from __future__ import annotations

import hashlib
import re

_TRACE = frozenset(
    b"received return-path delivered-to authentication-results dkim-signature received-spf envelope-to "
    b"delivery-date domainkey-signature lines status content-length".split()
)
_TRACE_PREFIXES = (b"x-", b"arc-")
_LIKE_AN_ID = re.compile(r"[^\s@<>]+@[^\s<>]+|[^\s@<>]{8,}")
_MOST_HEADER = 1024 * 1024


def fingerprint(raw: bytes) -> str:
    """64 hex digits; the same for LF and CRLF line ends and with or without a final one."""
    digest = hashlib.sha256()
    head, begin = _split(raw)
    digest.update(b"".join(field + b"\r\n" for field in _stable_fields(head)) + b"\r\n")
    digest.update(_canonical(raw, begin))
    return digest.hexdigest()


def _canonical(raw: bytes, begin: int) -> bytes | memoryview:
    """The body with CRLF and no line end at its end; not copied where it is that already, as it is by SMTP."""
    lines = raw.count(b"\n", begin)
    if raw.count(b"\r\n", begin) != lines or raw.count(b"\r", begin) != lines:
        raw = raw[begin:].replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        begin = 0
    end = len(raw)
    if raw.endswith(b"\r\n\r\n"):
        end = len(raw.rstrip(b"\r\n"))  # there are no other CR and LF than in pairs
    elif raw.endswith(b"\r\n"):
        end -= 2
    return memoryview(raw)[begin : max(begin, end)]


def known_as(message_id: str | None, fingerprint: str) -> str:
    """The id that a mail is known by: its own, else one out of its content, always the same; no angle brackets.

    Without an @ an id is old systems' only where it is long enough to be one; a word or a sentence is nobody's.
    """
    if message_id and _LIKE_AN_ID.fullmatch(message_id):
        return message_id
    return f"{fingerprint[:32]}@no-message-id.invalid"


def _split(raw: bytes) -> tuple[bytes, int]:
    """Header block, and where the body begins; bare CR line ends of old systems included."""
    start = 0
    while raw[start : start + 1] in (b"\r", b"\n"):
        start += 1
    most = start + _MOST_HEADER
    end, size = min(most, len(raw)), 0
    for mark in (b"\r\n\r\n", b"\n\n", b"\r\r"):
        at = raw.find(mark, start, min(most, end + len(mark) - 1))  # only before the one that was found
        if at >= 0:
            end, size = at, len(mark)
    return raw[start:end], end + size


def _stable_fields(head: bytes) -> list[bytes]:
    lines = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    fields: list[list[bytes]] = []
    keep = False
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if keep:
                fields[-1].append(line.strip())
            continue
        name, colon, value = line.partition(b":")
        if not colon:  # words where fields should be: without them any two mails that are all words would be the same
            keep = bool(line.strip()) and not line.startswith((b"From ", b">From "))
            if keep:
                fields.append([line.strip()])
            continue
        key = name.strip().lower()
        keep = key not in _TRACE and not key.startswith(_TRACE_PREFIXES)
        if keep:
            fields.append([key + b":" + value.strip()])
    return [b" ".join(field) for field in fields]
