"""Calendar invitations: what they ask and what they are about, for one line on the ticket. Total, linear, bounded.

Nothing is added to a calendar and no attendee is believed. Sources: RFC 5545 §3.1 (folding), §3.3.11 (TEXT), RFC 5546
§1.4 (METHOD).
"""

from __future__ import annotations

import re

from mailgate.mail.headers import one_line

_LOOKS_AT = 64 * 1024
_FOLD = re.compile(r"\n[ \t]")
_METHOD = re.compile(r"^METHOD[^:\n]{0,200}:[ \t]{0,9}([A-Za-z-]{1,30})", re.M | re.I)
_SUMMARY = re.compile(r"^SUMMARY[^:\n]{0,200}:([^\n]{1,2000})", re.M | re.I)
_ESCAPED = re.compile(r"\\([nN,;\\])")
_KINDS = {"REQUEST": "invitation", "PUBLISH": "invitation", "ADD": "invitation", "CANCEL": "invitation_cancelled",
          "REPLY": "invitation_answered", "COUNTER": "invitation_answered", "DECLINECOUNTER": "invitation_answered",
          "REFRESH": "invitation_answered"}  # fmt: skip
#: The file name of a nameless one, by kind.
NAMES = {"invitation": "invite.ics", "invitation_cancelled": "cancelled.ics", "invitation_answered": "reply.ics"}


def read(text: str, method: str = "") -> tuple[str, str] | None:
    """(kind, summary on one line) of a calendar object; None when it is none. method: of the Content-Type."""
    text = text[:_LOOKS_AT].replace("\r\n", "\n")
    if "BEGIN:VCALENDAR" not in text[:2000].upper():
        return None
    text = _FOLD.sub("", text)
    found = _METHOD.search(text)
    kind = _KINDS.get((method or (found[1] if found else "")).strip().upper(), "invitation")
    event = re.search(r"^BEGIN:V(?:EVENT|TODO)[ \t]*$", text, re.M | re.I)
    summary = _SUMMARY.search(text, event.end()) if event else None
    said = _ESCAPED.sub(lambda m: " " if m[1] in "nN" else m[1], summary[1]) if summary else ""
    return kind, "".join(c for c in one_line(said) if c.isprintable()).strip()[:200]
