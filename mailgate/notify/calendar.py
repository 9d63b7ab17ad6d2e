"""Deadlines as a calendar file that any calendar opens. Pure: the same deadlines are the same bytes.

Source: RFC 5545 §3.1 (folding), §3.3.11 (text), §3.6.1 (events).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailgate.notify.lines import one_line

_LINE_OCTETS = 75
_LENGTH = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Deadline:
    """One entry. uid: stays the same for the same ticket, so that a later file moves the entry. at: aware UTC."""

    uid: str
    at: datetime
    title: str
    url: str = ""


def calendar(deadlines: Iterable[Deadline], made_at: datetime) -> bytes:
    """A text/calendar file, CRLF. made_at: aware UTC, when the deadlines were looked at."""
    out = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//mailgate//deadlines//EN", "METHOD:PUBLISH"]
    for one in deadlines:
        out += [
            "BEGIN:VEVENT",
            f"UID:{_text(one.uid)}",
            f"DTSTAMP:{_instant(made_at)}",
            f"DTSTART:{_instant(one.at)}",
            f"DTEND:{_instant(one.at + _LENGTH)}",
            f"SUMMARY:{_text(one.title)}",
            "TRANSP:TRANSPARENT",
        ]
        out += [f"URL:{one_line(one.url)}"] if one.url else []
        out.append("END:VEVENT")
    out.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in out)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(words: str) -> str:
    return one_line(words).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _folded(line: str) -> bytes:
    """The line in pieces of at most 75 octets, cut between characters; each further one begins with a space."""
    pieces: list[bytes] = [b""]
    for character in line:
        octets = character.encode()
        if len(pieces[-1]) + len(octets) > _LINE_OCTETS:
            pieces.append(b" ")
        pieces[-1] += octets
    return b"\r\n".join(pieces) + b"\r\n"
