"""The parts of a delivery report that were written for machines: status fields, rejections, what came back. Total.

Sources: RFC 3464 §2.1, RFC 3464 §2.3 (delivery status), RFC 8098 §3.2.6 and RFC 5429 §2.1.2 (what the recipient's
filter rejects comes back as a disposition notification), RFC 6522 §3, RFC 6533 §3.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mailgate.mail.addresses import normalise
from mailgate.mail.content import decoded, text_of
from mailgate.mail.dsn_reason import STATUS
from mailgate.mail.headers import decode_words, message_ids
from mailgate.mail.tree import Part, header_lines

MOST_TEXT = 64 * 1024
MOST_RECIPIENTS = 100
REPORT_TYPES = ("message/delivery-status", "message/global-delivery-status")
RETURNED_TYPES = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_RETURNED_ID = re.compile(r"^[ \t>]*message-id:\s{0,4}<([^<>\s]{1,900})>", re.I | re.M)
_ORIGINAL_ID = re.compile(r"^original-message-id:\s{0,4}<([^<>\s]{1,900})>", re.I | re.M)
_STATUS_FIELDS = re.compile(r"^[ \t>]{0,8}(?:final|original)-recipient[ \t]{0,4}:", re.I | re.M)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a report says in its fields about one recipient; "" for what it does not say."""

    address: str
    status: str
    action: str
    diagnostic: str


def stated(root: Part, notice: str) -> list[Stated]:
    """Everything said in fields: delivery-status parts, else the same fields within the text, else a rejection."""
    found = [one for part in root.walk() if part.content_type in REPORT_TYPES for one in _groups(decoded(part))]
    if not found and _STATUS_FIELDS.search(notice):
        found = _groups(notice.encode("utf-8", "replace"))
    found = found or _rejected(root) or _posted(root, notice)
    return found[:MOST_RECIPIENTS]


def _groups(data: bytes) -> list[Stated]:
    """The per-recipient groups (RFC 3464 §2.3)."""
    found = []
    for block in data[:MOST_TEXT].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")[:200]:
        pairs, _, _ = header_lines(block.strip(b"\n") + b"\n", 50)
        fields: dict[str, str] = {}
        for name, value in pairs:
            fields.setdefault(name.strip("> \t").lower(), decode_words(value))
        final = _after_type(fields.get("final-recipient", ""))
        original = _after_type(fields.get("original-recipient", ""))
        action = fields.get("action", "").strip().partition(" ")[0].strip(";,()").lower()
        if not final and not original and not action:
            continue
        status = STATUS.search(fields.get("status", ""))
        diagnostic = _after_type(fields.get("diagnostic-code", "")) or fields.get("x-display-name", "")
        found.append(Stated(_whom(final, original), status.group(1) or "" if status else "", action, diagnostic))
    return found


def _whom(final: str, original: str) -> str:
    """The address that the sender wrote to, where the report names it (RFC 3464 §2.3.1): only that one do we know."""
    return original if plain_address(original) and "." in original.rpartition("@")[2] else final or original


def _after_type(value: str) -> str:
    """`rfc822; ana@x.test` → `ana@x.test`; a value without a type as it stands."""
    kind, semicolon, rest = value.partition(";")
    return (rest if semicolon and " " not in kind.strip() else value).strip(" \t<>\"'")


def plain_address(text: str) -> str:
    """The first address in a text, normalised; "" for none."""
    match = ADDRESS.search(text)
    return normalise(match.group().strip(".")) if match else ""


def _rejected(root: Part) -> list[Stated]:
    """A filter that refuses writes a disposition notification, `deleted` by itself; a person's says something else."""
    for part in root.walk():
        if part.content_type != "message/disposition-notification":
            continue
        pairs, _, _ = header_lines(decoded(part)[:MOST_TEXT].replace(b"\r\n", b"\n") + b"\n", 50)
        fields = {name.lower(): value for name, value in pairs}
        how = fields.get("disposition", "").lower()
        if "automatic-action" in how and how.rpartition(";")[2].strip().startswith("deleted"):
            final = _after_type(fields.get("final-recipient", ""))
            return [Stated(_whom(final, _after_type(fields.get("original-recipient", ""))), "", "failed", "")]
    return []


def _posted(root: Part, notice: str) -> list[Stated]:
    """A relay service that sends its report as a JSON object (Amazon SES over SNS, and what copies it)."""
    text = notice.lstrip()
    if not text.startswith('{"') or "bouncedRecipients" not in text:
        return []
    try:
        posted, _ = json.JSONDecoder(strict=False).raw_decode(text)  # a relay may fold it
        listed = posted["bounce"]["bouncedRecipients"]
        temporary = posted["bounce"].get("bounceType") == "Transient"
        return [
            Stated(
                str(one.get("emailAddress", "")),
                str(one.get("status", "")),
                "delayed" if one.get("action") == "delayed" else "failed",
                _after_type(str(one.get("diagnosticCode", "")))
                or ("4.0.0 transient" if temporary else "5.0.0 permanent"),
            )
            for one in listed[:MOST_RECIPIENTS]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def returned_id(root: Part) -> str | None:
    """The Message-ID of the mail that came back: from its returned header, else what the report answers to."""
    for part in root.walk():
        if part.content_type in RETURNED_TYPES:
            match = _RETURNED_ID.search(decoded(part)[:MOST_TEXT].decode("utf-8", "replace"))
            if match:
                return match.group(1)
    for part in root.walk():
        if part.content_type == "message/disposition-notification" or part.content_type in REPORT_TYPES:
            match = _ORIGINAL_ID.search(decoded(part)[:MOST_TEXT].decode("utf-8", "replace"))
            if match:
                return match.group(1)
    for part in root.walk():
        if part.content_type == "text/plain" and not part.children:
            match = _RETURNED_ID.search(text_of(part, MOST_TEXT))
            if match:
                return match.group(1)
    answered = message_ids(root.get("in-reply-to") or root.get("references"))
    return answered[-1] if answered else None


def has_returned(root: Part) -> bool:
    """Whether a mail that came back is in it."""
    return any(part.content_type in RETURNED_TYPES for part in root.walk() if part is not root)
