"""DNS as authentication needs it: few record types, answers as plain values, doubt as one error.

No such name and no such record are both the empty list; whatever else goes wrong is DnsTemporaryError, because a
verdict "fail" must never come from a broken name server (RFC 6376 §6.1.2, RFC 7208 §2.6.6, RFC 7489 §6.6.3).
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import dns.exception
import dns.name
import dns.resolver

from mailgate.errors import MailgateError

#: Answers are kept for their TTL, but within these bounds: a TTL of 0 would make every mail pay the network.
SHORTEST_SECONDS = 5.0
LONGEST_SECONDS = 3600.0
#: How long "there is nothing" and "nobody answered" are kept. The latter keeps a dead server from stopping each mail.
NOTHING_SECONDS = 60.0
#: So many time-outs in a row, and no question is asked for so many seconds.
SILENT_AFTER = 3
SILENT_SECONDS = 15.0
FAILED_SECONDS = 5.0

T = TypeVar("T")


class DnsTemporaryError(MailgateError):
    """No answer that can be relied on: timeout, SERVFAIL, refused. A later try may help."""

    retryable = True


class Resolver(Protocol):
    """Answers of DNS. Names without or with trailing dot; each method raises DnsTemporaryError, returns [] for none."""

    def txt(self, name: str) -> list[bytes]:
        """TXT records, the strings of each joined without space (RFC 7208 §3.3)."""

    def mx(self, name: str) -> list[tuple[int, str]]:
        """(preference, host) pairs; the host is "" where no mail is taken (RFC 7505 §3)."""

    def a(self, name: str) -> list[str]:
        """IPv4 addresses."""

    def aaaa(self, name: str) -> list[str]:
        """IPv6 addresses."""

    def ptr(self, name: str) -> list[str]:
        """Host names of an in-addr.arpa or ip6.arpa name."""


def parse_nameserver(text: str) -> tuple[str, int]:
    """`127.0.0.1:5355`, `9.9.9.9`, `[::1]:53` or `::1` as (address, port); the port is 53 when not named.

    Raises ValueError with a sentence for anything that is not an IP address with an optional port.
    """
    host, port = text.strip(), "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ValueError(f"{text!r} is not a DNS server; write it like 9.9.9.9 or 127.0.0.1:5355")
    return host, number


class SystemResolver:
    """DNS by dnspython, with a bounded cache that honours TTLs. Thread-safe; pickles as its settings.

    nameserver: as `parse_nameserver` reads it, "" for the servers of the system. timeout: seconds for one question with
    its retries. cache_size: answers kept, the least recently used goes first. Raises ValueError for a bad nameserver.
    """

    def __init__(
        self,
        nameserver: str = "",
        timeout: float = 2.0,
        cache_size: int = 20_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = (nameserver, timeout, cache_size, monotonic)
        self._dns = _configured(nameserver, timeout)
        self._cache = _Cache(cache_size, monotonic)
        self._monotonic = monotonic
        self._timeouts = 0  # in a row; racing threads may miscount by one, which does no harm
        self._silent_until = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        return SystemResolver, self._settings

    def txt(self, name: str) -> list[bytes]:
        return [b"".join(record.strings) for record in self._ask(name, "TXT")]

    def mx(self, name: str) -> list[tuple[int, str]]:
        return [(record.preference, record.exchange.to_text(True).rstrip(".")) for record in self._ask(name, "MX")]

    def a(self, name: str) -> list[str]:
        return [record.address for record in self._ask(name, "A")]

    def aaaa(self, name: str) -> list[str]:
        return [record.address for record in self._ask(name, "AAAA")]

    def ptr(self, name: str) -> list[str]:
        return [record.target.to_text(True) for record in self._ask(name, "PTR")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        key = (name.lower().rstrip("."), kind)
        known = self._cache.get(key)
        if known is None:
            known = self._look_up(*key)
            self._cache.put(key, known)
        if known.failure:
            raise DnsTemporaryError(known.failure)
        return known.records

    def _look_up(self, name: str, kind: str) -> _Answer:
        try:
            question = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return _Answer([], NOTHING_SECONDS)  # cannot exist, so it does not
        if self._dns is None:
            return _Answer([], FAILED_SECONDS, "The system names no DNS server (/etc/resolv.conf).")
        if self._monotonic() < self._silent_until:
            return _Answer([], FAILED_SECONDS, "DNS does not answer at the moment.")
        try:
            answer = self._dns.resolve(question, kind, search=False)
            self._timeouts = 0
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            self._timeouts = 0
            return _Answer([], NOTHING_SECONDS)
        except dns.exception.Timeout:
            self._timeouts += 1
            if self._timeouts >= SILENT_AFTER:
                # A server that is gone must not cost every mail a time-out: ask again in a while.
                self._silent_until = self._monotonic() + SILENT_SECONDS
            return _Answer([], FAILED_SECONDS, f"DNS gave no answer for {kind} {name} in time.")
        except (dns.exception.DNSException, OSError) as error:
            return _Answer([], FAILED_SECONDS, f"DNS gave no answer for {kind} {name} ({type(error).__name__}).")
        ttl = float(answer.rrset.ttl) if answer.rrset else 0.0
        return _Answer(list(answer), min(max(ttl, SHORTEST_SECONDS), LONGEST_SECONDS))


@dataclass(frozen=True, slots=True)
class _Answer:
    records: list[Any]
    seconds: float
    failure: str = ""


class _Cache:
    """Answers until they expire, the least recently used dropped beyond `size`. Thread-safe."""

    def __init__(self, size: int, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float, _Answer]] = OrderedDict()

    def get(self, key: tuple[str, str]) -> _Answer | None:
        with self._lock:
            expires, answer = self._kept.get(key, (0.0, None))
            if answer is None:
                return None
            if expires <= self._monotonic():
                del self._kept[key]
                return None
            self._kept.move_to_end(key)
            return answer

    def put(self, key: tuple[str, str], answer: _Answer) -> None:
        with self._lock:
            self._kept[key] = (self._monotonic() + answer.seconds, answer)
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def _configured(nameserver: str, timeout: float) -> dns.resolver.Resolver | None:
    try:
        resolver = dns.resolver.Resolver(configure=not nameserver)
    except dns.resolver.NoResolverConfiguration:
        return None
    if nameserver:
        host, resolver.port = parse_nameserver(nameserver)
        resolver.nameservers = [host]
    resolver.timeout = timeout / 2  # one lost datagram still leaves time for a second one
    resolver.lifetime = timeout
    # 1232 octets pass every link unfragmented; a 2048-bit key would not fit the 512 of old DNS (RFC 6891 §6.2.3).
    resolver.use_edns(0, 0, 1232)
    return resolver


@dataclass(frozen=True, slots=True)
class DictResolver:
    """DNS out of a dict, for tests and examples.

    zone: {"example.test": {"TXT": ["v=spf1 -all"], "MX": ["10 mx.example.test"], "A": [...]}}. failing: names (lower
    case, no trailing dot) that raise DnsTemporaryError. asked: every question so far, as "TXT name".
    """

    zone: dict[str, dict[str, list[str]]]
    failing: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def txt(self, name: str) -> list[bytes]:
        return [text.encode() for text in self._ask(name, "TXT")]

    def mx(self, name: str) -> list[tuple[int, str]]:
        pairs = (text.partition(" ") for text in self._ask(name, "MX"))
        return [(int(preference), host.strip().rstrip(".")) for preference, _, host in pairs]

    def a(self, name: str) -> list[str]:
        return self._ask(name, "A")

    def aaaa(self, name: str) -> list[str]:
        return self._ask(name, "AAAA")

    def ptr(self, name: str) -> list[str]:
        return self._ask(name, "PTR")

    def _ask(self, name: str, kind: str) -> list[str]:
        key = name.lower().rstrip(".")
        self.asked.append(f"{kind} {key}")
        if key in self.failing:
            raise DnsTemporaryError(f"DNS gave no answer for {kind} {key}.")
        return list(self.zone.get(key, {}).get(kind, []))


class Bounded:
    """A resolver that stops answering after so many look-ups or seconds of waiting: what one mail may cost.

    Whoever writes the mail chooses the names asked for, so he must not choose how long that takes. Beyond the bound
    every question raises DnsTemporaryError. Only waiting counts, or a busy machine would make proven mail unproven.
    Not thread-safe: one mail, one Bounded.
    """

    def __init__(self, inner: Resolver, lookups: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._inner = inner
        self._left = lookups
        self._monotonic = monotonic
        self._seconds = seconds

    def txt(self, name: str) -> list[bytes]:
        return self._within(self._inner.txt, name)

    def mx(self, name: str) -> list[tuple[int, str]]:
        return self._within(self._inner.mx, name)

    def a(self, name: str) -> list[str]:
        return self._within(self._inner.a, name)

    def aaaa(self, name: str) -> list[str]:
        return self._within(self._inner.aaaa, name)

    def ptr(self, name: str) -> list[str]:
        return self._within(self._inner.ptr, name)

    def _within(self, ask: Callable[[str], list[T]], name: str) -> list[T]:
        self._left -= 1
        if self._left < 0:
            raise DnsTemporaryError("This mail asked for more DNS look-ups than one mail may.")
        if self._seconds <= 0:
            raise DnsTemporaryError("The DNS look-ups of this mail took longer than they may.")
        started = self._monotonic()
        try:
            return ask(name)
        finally:
            self._seconds -= self._monotonic() - started
