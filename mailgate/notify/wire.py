"""Bytes and addresses as SMTP wants them on the wire. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailgate.mail.addresses import ascii_domain

_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_ADDRESS = re.compile(r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"|[^\s<>"\x00-\x1f\x7f]+)@[^\s<>@"\x00-\x1f\x7f]+')
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TEXT_CHARS = 500


class NeedsUtf8(ValueError):
    """The address cannot be written without SMTPUTF8, and the relay does not offer it (RFC 6531 §3.5)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a relay: code (RFC 5321 §4.2), enhanced code (RFC 3463, "" for none), text on one line."""

    code: int
    enhanced: str
    text: str


def reply_of(code: int, text: bytes) -> Reply:
    """A reply from its code and its lines without it; every line may repeat the enhanced code (RFC 2034 §4)."""
    lines = text.decode("utf-8", "replace").splitlines()
    found = _ENHANCED.match(lines[0]) if lines else None
    enhanced = found[1] if found else ""
    bare = [_ENHANCED.sub("", line, count=1) if _ENHANCED.match(line) else line for line in lines]
    shown = " ".join(_CONTROL.sub(" ", " ".join(bare)).split())
    return Reply(code, enhanced, shown[:_TEXT_CHARS])


def crlf(raw: bytes) -> bytes:
    """The mail with CRLF line ends only, and one at its end (RFC 5321 §2.3.8: bare CR or LF must not be sent)."""
    lines = raw.count(b"\n")
    right = lines == raw.count(b"\r") == raw.count(b"\r\n")  # three counts cost less than one pattern
    data = raw if right else _BARE.sub(b"\r\n", raw)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def stuff(data: bytes) -> bytes:
    """CRLF data as it follows 354: dots doubled and the final dot added (RFC 5321 §4.5.2)."""
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def is_8bit(data: bytes) -> bool:
    """Whether any byte needs 8BITMIME (RFC 6152 §3)."""
    return not data.isascii()


def envelope_address(address: str, utf8: bool) -> str:
    """An address for MAIL or RCPT. A foreign domain becomes ASCII (RFC 5890 §2.3.2.1); a foreign local part needs
    SMTPUTF8 (utf8: whether the relay offers it).

    Raises NeedsUtf8, or ValueError for what is no address at all or would break the command.
    """
    if len(address) > 320 or not _ADDRESS.fullmatch(address):
        raise ValueError("the address cannot be written in an SMTP command")
    local_part, _, domain = address.rpartition("@")
    if not domain.isascii():
        domain = ascii_domain(domain)
        if not domain.isascii():
            raise ValueError("the domain of the address is not a name")
    if local_part.isascii() or utf8:
        return f"{local_part}@{domain}"
    raise NeedsUtf8("the address needs SMTPUTF8 and the relay does not offer it")
