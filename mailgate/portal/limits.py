"""What a visitor may cost, as values; `app` fills them from the settings (`limits.portal_*` and the rates)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mailgate.yamltypes import Rate

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PortalLimits:
    """Sizes in bytes; an empty tuple of rates means no limit.

    misses: wrong links, and questions for a link, per address of a peer. fields, parts: of one form. logins: tries to
    sign in, per account and per peer. resets: mails with a link that signs in, or for a password, per address.
    guest_tickets: of one peer without an account. helped: articles and answers before a ticket, of one peer.
    render_seconds: until a page is there; None = as long as it takes.
    """

    body_bytes: int = 30 * _MIB
    url_bytes: int = 8 * 1024
    header_bytes: int = 32 * 1024
    fields: int = 200
    parts: int = 50
    render_seconds: float | None = 5.0
    misses: tuple[Rate, ...] = (Rate(30, timedelta(hours=1)),)
    logins: tuple[Rate, ...] = (Rate(10, timedelta(minutes=15)),)
    resets: tuple[Rate, ...] = (Rate(3, timedelta(hours=1)),)
    requests_per_token: tuple[Rate, ...] = (Rate(60, timedelta(minutes=1)),)
    requests_per_ip: tuple[Rate, ...] = (Rate(300, timedelta(minutes=1)),)
    helped: tuple[Rate, ...] = (Rate(60, timedelta(hours=1)),)
    guest_tickets: tuple[Rate, ...] = (Rate(10, timedelta(hours=1)), Rate(30, timedelta(days=1)))
