"""The pipe road: one mail on standard input, durable before exit 0 (pipe(8), `mailgate ingest`).

An MTA bounces a mail for every exit code but 71 and 75, so anything that may pass is 75. Source: sysexits.h, pipe(8).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from mailgate.errors import DataError, MailgateError
from mailgate.ingest.gate import GateRules, decide
from mailgate.mail.envelope import Envelope, Received
from store.vocabulary import Road

_FROM_LINE = re.compile(rb"\AFrom [^\r\n]*\r?\n")
_RETURN_PATH = re.compile(rb"(?im)^Return-Path:[ \t]*<([^<>\r\n]*)>")


class NoSuchRecipient(MailgateError):
    """The mail is for nobody of ours."""

    exit_code = 67


def received(raw: bytes, mail_from: str | None, rcpt_tos: Sequence[str], default_rcpt: str, now: datetime) -> Received:
    """The mail as it came by the pipe. An mbox line in front is taken off; without --mail-from, Return-Path counts."""
    raw = _FROM_LINE.sub(b"", raw, count=1)
    if mail_from is None:
        found = _RETURN_PATH.search(raw[:65536])
        mail_from = found[1].decode("utf-8", "replace") if found else ""
    sender = mail_from.strip().strip("<>")
    if sender.upper() == "MAILER-DAEMON":
        sender = ""
    return Received(Envelope(sender, tuple(rcpt_tos) or (default_rcpt,)), raw, Road.PIPE, now)


def check(mail: Received, rules: GateRules) -> None:
    """Raises NoSuchRecipient (67) or DataError (65) for what a bounce is right for; returns for the rest."""
    reply = decide(mail, rules)
    if reply.accepted:
        return
    if reply.enhanced.startswith("5.1") or reply.enhanced == "5.7.1":
        raise NoSuchRecipient(reply.text)
    raise DataError(reply.text)
