"""What all sessions of one listener share: the settings, who is connected, and the commits under way.

One event loop owns it; nothing here is for other threads. Source: RFC 5321 §4.5.3.2, RFC 5321 §3.8 (421).
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from mailgate import log
from mailgate.clock import Clock
from mailgate.errors import TRY_LATER, MailgateError, SmtpReply
from mailgate.ingest.flood import SenderCount
from mailgate.ingest.gate import GateRules
from mailgate.ingest.smtp_data import InFlight
from mailgate.mail.envelope import Received
from mailgate.mail.limits import MIB, MailLimits
from mailgate.yamltypes import Rate
from store.vocabulary import Road

#: Makes a mail durable and returns its short id; raises MailgateError (its reply is sent) or anything (451 4.3.0).
Accept = Callable[[Received], Awaitable[str]]
#: Whether a mail of so many octets (0 = not said) would be taken now: None, or the reply (disk full, back-pressure).
Ready = Callable[[int], SmtpReply | None]

TOO_MANY_CONNECTIONS = SmtpReply(421, "4.7.0", "Too many connections, please try again later")
CLOSING = SmtpReply(421, "4.3.2", "Service is going down, please try again later")

_LOG = log.get("smtp")
_MOST_REFUSALS_LOGGED = 10.0
#: In a full house this part of the idle time (5 s of a minute) is enough.
_SPARED = 12


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """Bounds of one listener, each an item of docs/settings.md under `limits:`; None = off. Seconds, octets, counts.

    sender_rates: mails of one envelope sender, beyond which they are put off.
    """

    message_bytes: int | None = 25 * MIB
    connections: int | None = 100
    connections_per_ip: int | None = 20
    mails_per_connection: int | None = 100
    recipients: int | None = 100
    errors: int | None = 10
    unknown_commands: int | None = 5
    idle_commands: int | None = 100
    idle_seconds: float | None = 60.0
    data_gap_seconds: float | None = 180.0
    transaction_seconds: float | None = 900.0
    data_rate_bytes: int | None = 128
    data_rate_seconds: float = 60.0
    accept_seconds: float = 120.0
    in_flight_bytes: int | None = 256 * MIB
    sender_rates: tuple[Rate, ...] = ()

    def gate_rules(self, is_ours: Callable[[str], bool], hostname: str, mail: MailLimits | None = None) -> GateRules:
        """The rules of the door that go with these bounds."""
        return GateRules(
            is_ours=is_ours,
            limits=mail if mail is not None else MailLimits(),
            message_bytes=self.message_bytes,
            recipients=self.recipients,
            hostnames=frozenset({hostname.lower()}),
        )


#: For the site's own MTA (LMTP): it queues for many people, and is neither a stranger nor in a hurry.
LMTP_LIMITS = SmtpLimits(
    connections_per_ip=None, mails_per_connection=None, errors=None, idle_commands=None, idle_seconds=300.0
)

Authenticator = Callable[[str, str], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class AuthPolicy:
    """How agents prove who they are. authenticate: (login, password) to the agent's address, or None."""

    authenticate: Authenticator
    require_tls: bool = True
    failures: int | None = 10
    within_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """One listener. listen: `host:port`, `[v6]:port`, `unix:/path`.  trusted_peers: CIDRs without the per-IP bound."""

    listen: str
    hostname: str
    road: Road = Road.SMTP
    limits: SmtpLimits = field(default_factory=SmtpLimits)
    tls_context: ssl.SSLContext | None = None
    implicit_tls: bool = False
    proxy_protocol: bool = False
    auth: AuthPolicy | None = None
    trusted_peers: tuple[str, ...] = ()


class Guest(Protocol):
    """A session, as the reception sees it."""

    def leave(self) -> None:
        """Go at once if idle, else after the command under way."""

    def cut(self) -> None:
        """Go now."""

    def silent_since(self) -> float | None:
        """Since when nothing was asked, by the loop's clock; None in the middle of a mail or of a command."""

    def make_room(self) -> None:
        """Go at once, with a word: somebody else wants the place."""


class Reception:
    """Who is in, how many from where, and which commits have not ended. `rules` may be exchanged while it runs."""

    def __init__(
        self, config: SmtpConfig, rules: GateRules, accept: Accept, clock: Clock, ready: Ready, in_flight: InFlight
    ) -> None:
        self.config = config
        self.limits = config.limits
        self.rules = rules
        self.accept = accept
        self.clock = clock
        self.ready = ready
        self.in_flight = in_flight
        self.failures = FailureCount()
        self.senders = SenderCount(config.limits.sender_rates)
        self.guests: set[Guest] = set()
        self.commits: set[asyncio.Future[str]] = set()
        self.draining = False
        self._changed = asyncio.Event()
        self._per_ip: Counter[str] = Counter()
        self._trusted = tuple(ipaddress.ip_network(cidr, strict=False) for cidr in config.trusted_peers)
        self._refusals_logged_at = -_MOST_REFUSALS_LOGGED
        self._refusals = 0

    def enter(self, guest: Guest, now: float) -> SmtpReply | None:
        """Count a connection in; the reply if there is no room.

        A crowd that only stands there must not keep the others out: when the house is full, who has been silent for
        longest makes room, unless everybody has just come or is in the middle of a mail.
        """
        if self.draining:
            return CLOSING
        limit = self.limits.connections
        if limit is not None and len(self.guests) >= limit:
            idle = self._most_silent(now)
            if idle is None:
                return TOO_MANY_CONNECTIONS
            idle.make_room()
        self.guests.add(guest)
        return None

    def _most_silent(self, now: float) -> Guest | None:
        patience = (self.limits.idle_seconds or _SPARED * 60) / _SPARED
        silent = [(since, id(g), g) for g in self.guests if (since := g.silent_since()) is not None]
        since, _, guest = min(silent, default=(now, 0, None))
        return guest if now - since >= patience else None

    def sit(self, peer: str) -> SmtpReply | None:
        """Count a connection for its peer's address (behind a proxy: the one it names); the reply if too many."""
        limit = self.limits.connections_per_ip
        if limit is not None and peer and self._per_ip[peer_key(peer)] >= limit and not self.trusts(peer):
            return TOO_MANY_CONNECTIONS
        if peer:
            self._per_ip[peer_key(peer)] += 1
        return None

    def stand_up(self, peer: str) -> None:
        """Count a connection out for its peer's address."""
        key = peer_key(peer)
        self._per_ip[key] -= 1
        if self._per_ip[key] <= 0:
            del self._per_ip[key]

    def gone(self, guest: Guest) -> None:
        """Count a connection out."""
        self.guests.discard(guest)
        self._changed.set()

    async def empty(self) -> None:
        """Wait until nobody is connected and no commit is under way."""
        while self.guests or self.commits:
            self._changed.clear()
            await self._changed.wait()

    def trusts(self, peer: str) -> bool:
        """Whether the peer is one of the configured relays."""
        if not self._trusted:
            return False
        address = ipaddress.ip_address(peer)
        return any(address in network for network in self._trusted)

    def note_refusal(self, peer: str, reply: SmtpReply, now: float) -> None:
        """Log a refused connection, at most one line in ten seconds: a flood must not become a flood of lines."""
        self._refusals += 1
        if now - self._refusals_logged_at >= _MOST_REFUSALS_LOGGED:
            _LOG.warning("connections refused", peer=peer, reply=str(reply), count=self._refusals)
            self._refusals_logged_at, self._refusals = now, 0

    def commit(self, received: Received, done: Callable[[], None]) -> asyncio.Future[SmtpReply]:
        """Start to make a mail durable, and the reply to come. Nothing that happens to the connection stops the commit.

        done: called when the mail need not be in memory any more.  The reply may be given up (cancelled, or set to
        something else by a session that cannot wait longer): the commit then ends on its own.
        """
        try:
            commit = asyncio.ensure_future(self.accept(received))
        except BaseException:
            done()
            raise
        verdict: asyncio.Future[SmtpReply] = commit.get_loop().create_future()

        def end(commit: asyncio.Future[str]) -> None:
            self.commits.discard(commit)
            self._changed.set()
            done()
            reply = _outcome(commit)
            if not verdict.done():
                verdict.set_result(reply)

        self.commits.add(commit)
        commit.add_done_callback(end)
        return verdict


def _outcome(commit: asyncio.Future[str]) -> SmtpReply:
    """What to say to a commit that has ended. The cause of a failure goes to the log, never to the peer."""
    if commit.cancelled():
        return TRY_LATER
    error = commit.exception()
    if error is None:
        return SmtpReply(250, "2.0.0", f"Ok: queued as {commit.result()}")
    if isinstance(error, MailgateError):
        _LOG.warning("mail not accepted", reply=str(error.reply), reason=str(error))
        return error.reply if not error.reply.accepted else TRY_LATER
    _LOG.error("mail not accepted", exc_info=error)
    return TRY_LATER


class FailureCount:
    """Failed logins per peer. Times are monotonic seconds, passed in."""

    _MOST_PEERS = 10_000

    def __init__(self) -> None:
        self._failures: dict[str, list[float]] = {}

    def add(self, peer: str, now: float) -> None:
        """One more failure."""
        if len(self._failures) >= self._MOST_PEERS:
            self._failures.pop(next(iter(self._failures)))
        self._failures.setdefault(peer_key(peer), []).append(now)

    def is_over(self, peer: str, now: float, policy: AuthPolicy) -> bool:
        """Whether the peer has used up its tries; forgets those older than the policy's time."""
        key = peer_key(peer)
        recent = [at for at in self._failures.get(key, ()) if now - at < policy.within_seconds]
        if recent:
            self._failures[key] = recent
        else:
            self._failures.pop(key, None)
        return policy.failures is not None and len(recent) >= policy.failures


@lru_cache(maxsize=4096)
def peer_key(peer: str) -> str:
    """What counts as one peer: an IPv4 address, or the /64 of an IPv6 address (one customer has it whole)."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
