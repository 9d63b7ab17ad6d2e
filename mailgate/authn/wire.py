"""A mail as DKIM sees it: header block, body, and the canonical form of the body, all in linear time.

dkimpy does the same by regular expressions that are quadratic on long runs of spaces (a line of 64 KiB of them takes
seconds) and slow on big bodies. What is given to dkimpy here is already canonical, so its own pass changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wire:
    """headers: with the last CRLF, without the empty line. body: after it. Both with CRLF line ends."""

    headers: bytes
    body: bytes

    def names(self) -> bytes:
        """The header block in lower case with a line end in front: `b"\\nfrom:" in names()` finds a field by name."""
        return b"\n" + self.headers.lower()


def split(raw: bytes) -> Wire:
    """Cut a mail at its first empty line. LF alone becomes CRLF, as it would on the wire (RFC 6376 §5.3)."""
    if raw.count(b"\n") != raw.count(b"\r\n"):
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if raw.startswith(b"\r\n"):
        return Wire(b"", raw[2:])
    headers, gap, body = raw.partition(b"\r\n\r\n")
    return Wire(headers + b"\r\n" if gap else headers, body)


def relaxed_body(body: bytes) -> bytes:
    """The body in relaxed form (RFC 6376 §3.4.4)."""
    body = simple_body(body).replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    simple = simple_body(body.replace(b" \r\n", b"\r\n"))
    return b"" if simple == b"\r\n" else simple


def simple_body(body: bytes) -> bytes:
    """The body in simple form: one CRLF at the end, whatever stood there (RFC 6376 §3.4.3)."""
    if not body.endswith(b"\r\n\r\n"):
        return body if body.endswith(b"\r\n") else body + b"\r\n"
    # Not one by one: a mail can be twelve million empty lines. A CR before a CRLF is no line end (`split`).
    begin = len(body.rstrip(b"\r\n"))
    return body[: max(begin, body.rfind(b"\r\r", begin) + 1)] + b"\r\n"
