"""Which bound a mail exceeds, found on the bytes before any parser sees them. Linear; most windows are one memrchr.

Source: RFC 5322 §2.1.1 (line lengths are the sender's duty, not something to rely upon).
"""

from __future__ import annotations

from mailgate.mail.limits import MailLimits
from mailgate.mail.tree import header_end

_ADDRESS_FIELDS = frozenset({"from", "to", "cc", "reply-to"})


def over_raw(raw: bytes, limits: MailLimits) -> str:
    """The name of the first exceeded bound of `MailLimits`, "" for none; sizes of mail, lines and header."""
    if len(raw) > limits.message_bytes:
        return "message_bytes"
    stop, _ = header_end(raw, 0, min(len(raw), limits.header_block_bytes + 2))
    if stop > limits.header_block_bytes:
        return "header_block_bytes"
    if raw.count(b"=?", 0, stop) > 2 * limits.encoded_words:
        return "encoded_words"
    if raw.count(b"\nReceived:", 0, stop) + raw.count(b"\nreceived:", 0, stop) > limits.received:
        return "received"
    return "line_bytes" if _has_long_line(raw, limits.line_bytes) else ""


def _has_long_line(raw: bytes, most: int) -> bool:
    at, end = 0, len(raw)
    while end - at > most:
        last = raw.rfind(b"\n", at, at + most + 1)
        if last < 0:
            return True
        at = last + 1
    return False


def over_header(headers: list[tuple[str, str]], limits: MailLimits) -> str:
    """The same for what is countable once the fields are known."""
    if len(headers) >= limits.header_count:
        return "header_count"
    if any(len(value) > limits.header_bytes for _, value in headers):
        return "header_bytes"
    addresses = sum(value.count("@") for name, value in headers if name.lower() in _ADDRESS_FIELDS)
    if addresses > limits.addresses:
        return "addresses"
    words = sum(value.count("=?") for _, value in headers)
    return "encoded_words" if words > limits.encoded_words else ""
