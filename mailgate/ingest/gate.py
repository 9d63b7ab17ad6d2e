"""What the gateway answers at the door: pure functions from a mail, its envelope and the rules to one SMTP reply.

No parser, no DNS, no database, no clock: bounded scans of bytes only, so that nothing a peer sends can cost more than
its own length. What is not ours is refused here and nowhere else, before we are responsible for it; a mail that was
accepted is never bounced afterwards. Sources: RFC 5321 §3.6.2, RFC 5321 §4.5.3.1, RFC 5321 §6.3, RFC 3463.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mailgate.errors import SmtpReply
from mailgate.mail.envelope import Received
from mailgate.mail.limits import MIB, MailLimits
from store.vocabulary import Road

OK = SmtpReply(250, "2.0.0", "Ok")
SENDER_OK = SmtpReply(250, "2.1.0", "Ok")
RECIPIENT_OK = SmtpReply(250, "2.1.5", "Ok")
NO_SUCH_RECIPIENT = SmtpReply(550, "5.1.1", "No such recipient here")
TOO_MANY_RECIPIENTS = SmtpReply(452, "4.5.3", "Too many recipients")
NO_RECIPIENTS = SmtpReply(554, "5.5.1", "No valid recipients")
TOO_BIG = SmtpReply(552, "5.3.4", "Message is too big")
TOO_MANY_HOPS = SmtpReply(554, "5.4.6", "Too many hops, mail loop")
HEADER_TOO_BIG = SmtpReply(554, "5.6.0", "Header block is too big")
LINE_TOO_LONG = SmtpReply(554, "5.6.0", "Line is too long")

#: Roads whose envelope always names recipients; a folder or a pipe may have none.
_WITH_ENVELOPE = frozenset({Road.SMTP, Road.SUBMISSION, Road.LMTP})

_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_NOT_A_FIELD = re.compile(rb"(?m)^[^ \t:\r\n][^:\r\n]*\r?\n")
_RECEIVED = re.compile(rb"(?mi)^received[ \t]*:")


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the door knows.

    is_ours: whether mail for an address is ours to take; total and quick, it is asked at every RCPT.
    message_bytes, recipients: None = no bound.  hostnames: our own names, lower case, for a bare `<postmaster>`.
    """

    is_ours: Callable[[str], bool]
    limits: MailLimits = field(default_factory=MailLimits)
    message_bytes: int | None = 25 * MIB
    recipients: int | None = 100
    hostnames: frozenset[str] = frozenset()


def check_recipient(address: str, accepted: int, rules: GateRules) -> SmtpReply:
    """The reply to RCPT: 250, 550 5.1.1 for what is not ours, 452 4.5.3 beyond the bound.

    address: without angle brackets.  accepted: recipients this transaction already has.
    Source: RFC 5321 §4.5.3.1.8, RFC 5321 §4.5.3.1.10 (452, so that a sender splits its list), RFC 5321 §4.5.1.
    """
    if rules.recipients is not None and accepted >= rules.recipients:
        return TOO_MANY_RECIPIENTS
    if rules.is_ours(address):
        return RECIPIENT_OK
    if address.lower() == "postmaster" and any(rules.is_ours(f"postmaster@{name}") for name in rules.hostnames):
        return RECIPIENT_OK
    return NO_SUCH_RECIPIENT


def check_size(size: int, rules: GateRules) -> SmtpReply:
    """250, or 552 5.3.4 for more octets than we take (RFC 1870 §6.1; dots that were doubled do not count)."""
    return TOO_BIG if rules.message_bytes is not None and size > rules.message_bytes else OK


def check_content(raw: bytes, rules: GateRules) -> SmtpReply:
    """The reply to the bytes alone: size, line length, size of the header block, hops. All other defects pass.

    A malformed mail is not a reason to refuse: it is accepted and, if nobody can read it, held for a person.
    """
    reply = check_size(len(raw), rules)
    if not reply.accepted:
        return reply
    if has_line_beyond(raw, rules.limits.line_bytes):
        return LINE_TOO_LONG
    end = header_end(raw, rules.limits.header_block_bytes)
    if end is None:
        return HEADER_TOO_BIG
    if count_hops(raw[:end]) > rules.limits.received:
        return TOO_MANY_HOPS
    return OK


def decide(received: Received, rules: GateRules) -> SmtpReply:
    """The reply to a whole mail, whatever its road: envelope, addresses, then `check_content`."""
    recipients = received.envelope.rcpt_tos
    if not recipients and received.road in _WITH_ENVELOPE:
        return NO_RECIPIENTS
    for accepted, address in enumerate(recipients):
        reply = check_recipient(address, accepted, rules)
        if not reply.accepted:
            return reply
    return check_content(received.raw, rules)


def has_line_beyond(raw: bytes, limit: int) -> bool:
    """Whether a line, its CRLF not counted, is longer than `limit` octets. It leaps: one look per `limit` octets.

    Source: RFC 5321 §4.5.3.1.6 asks for 1,000; real mail has 5 kB and more (HTML on one line), so we take 64 KiB.
    """
    at, reach = 0, limit + 1  # the CR
    while len(raw) - at > reach:
        newline = raw.rfind(b"\n", at, at + reach + 1)
        if newline < 0:
            return True
        at = newline + 1
    return False


def header_end(raw: bytes, limit: int) -> int | None:
    """Where the header block ends: at the first empty line, else the first line that is no field; None beyond `limit`.

    Mail without any field, or without the empty line, is all body: it is not refused for a "header" of 300 KiB.
    Source: RFC 5322 §2.1.
    """
    block = raw[: limit + 2]
    blank = _BLANK_LINE.search(block)
    if blank is not None:
        return blank.start()
    if len(raw) <= limit:
        return len(raw)
    stray = _NOT_A_FIELD.search(block, 0, limit)
    return stray.start() if stray is not None else None


def count_hops(header: bytes) -> int:
    """How many Received fields a header block has (RFC 5321 §6.3)."""
    return len(_RECEIVED.findall(header))
