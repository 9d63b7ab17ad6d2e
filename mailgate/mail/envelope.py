"""How a mail arrived: the envelope (RFC 5321 §2.3.1) and the bytes, as one value for all four roads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from store.vocabulary import Road


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP said. mail_from: "" is the null sender. rcpt_tos: as given, no angle brackets.

    peer: IP address of the client, "" when there is none. auth_user: the agent's address after AUTH, else "".
    """

    mail_from: str
    rcpt_tos: tuple[str, ...]
    peer: str = ""
    helo: str = ""
    auth_user: str = ""
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as it came by one road. raw: dots taken out, before any header field is added. received_at: aware UTC.

    origin: where exactly, e.g. {"account": "suporte", "folder": "INBOX", "uidvalidity": 1, "uid": 42}.
    """

    envelope: Envelope
    raw: bytes
    road: Road
    received_at: datetime
    origin: dict[str, str | int] = field(default_factory=dict)
