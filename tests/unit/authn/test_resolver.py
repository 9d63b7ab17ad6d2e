"""DNS for authentication, against a real server on loopback: answers, doubts, what is kept and for how long."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSServer

from mailgate.authn.resolver import Bounded, DictResolver, DnsTemporaryError, SystemResolver, parse_nameserver

ZONE = """
example.test. 300 IN TXT "v=spf1 " "-all"
example.test. 300 IN MX 10 mx.example.test.
silent.test. 300 IN MX 0 .
mx.example.test. 300 IN A 192.0.2.1
mx.example.test. 300 IN AAAA 2001:db8::1
www.example.test. 300 IN CNAME mx.example.test.
1.2.0.192.in-addr.arpa. 300 IN PTR mx.example.test.
brief.example.test. 0 IN TXT "now"
"""


class _Stub(BaseResolver):  # type: ignore[misc]
    def __init__(self) -> None:
        self.records = RR.fromZone(ZONE)
        self.asked: list[str] = []

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        name, kind = str(request.q.qname).lower(), QTYPE[request.q.qtype]
        self.asked.append(f"{kind} {name}")
        reply = request.reply()
        if name.startswith("broken."):
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        for record in self.records:
            if str(record.rname).lower() == name and QTYPE[record.rtype] in (kind, "CNAME"):
                reply.add_answer(record)
                if QTYPE[record.rtype] == "CNAME":
                    for target in self.records:
                        if target.rname == record.rdata.label and QTYPE[target.rtype] == kind:
                            reply.add_answer(target)
        if not reply.rr:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


@dataclass
class Dns:
    address: str
    asked: list[str] = field(default_factory=list)
    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def resolver(self, cache_size: int = 100) -> SystemResolver:
        return SystemResolver(self.address, timeout=5.0, cache_size=cache_size, monotonic=self.monotonic)


@pytest.fixture
def dns() -> Iterator[Dns]:
    stub = _Stub()
    server = DNSServer(stub, address="127.0.0.1", port=0, logger=_Silent())
    server.start_thread()
    host, port = server.server.server_address[:2]
    yield Dns(f"{host}:{port}", stub.asked)
    server.stop()
    server.server.server_close()


class _Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_: None


def test_answers_as_plain_values(dns: Dns) -> None:
    resolver = dns.resolver()
    assert resolver.txt("Example.Test.") == [b"v=spf1 -all"]
    assert resolver.mx("example.test") == [(10, "mx.example.test")]
    assert resolver.mx("silent.test") == [(0, "")]
    assert resolver.a("mx.example.test") == ["192.0.2.1"]
    assert resolver.a("www.example.test") == ["192.0.2.1"], "through CNAME"
    assert resolver.aaaa("mx.example.test") == ["2001:db8::1"]
    assert resolver.ptr("1.2.0.192.in-addr.arpa") == ["mx.example.test"]


def test_nothing_there_is_an_empty_list_and_silence_an_error(dns: Dns) -> None:
    resolver = dns.resolver()
    assert resolver.txt("absent.example.test") == []
    assert resolver.txt("a..b") == []
    assert resolver.txt("x" * 64 + ".test") == []
    with pytest.raises(DnsTemporaryError) as caught:
        resolver.txt("broken.example.test")
    assert caught.value.retryable


def test_answers_are_kept_for_their_ttl_and_failures_briefly(dns: Dns) -> None:
    resolver = dns.resolver()
    for _ in range(3):
        resolver.txt("example.test")
        with pytest.raises(DnsTemporaryError):
            resolver.txt("broken.example.test")
    assert dns.asked.count("TXT example.test.") == 1
    failures = dns.asked.count("TXT broken.example.test.")
    dns.seconds += 299
    resolver.txt("example.test")
    assert dns.asked.count("TXT example.test.") == 1
    dns.seconds += 2
    resolver.txt("example.test")
    assert dns.asked.count("TXT example.test.") == 2
    with pytest.raises(DnsTemporaryError):
        resolver.txt("broken.example.test")
    assert dns.asked.count("TXT broken.example.test.") > failures


def test_the_cache_is_bounded_and_drops_what_was_not_used(dns: Dns) -> None:
    resolver = dns.resolver(cache_size=2)
    for name in ("example.test", "a.test", "example.test", "b.test", "example.test", "a.test"):
        resolver.txt(name)
    assert [dns.asked.count(f"TXT {n}.") for n in ("example.test", "a.test", "b.test")] == [1, 2, 1]


def test_a_resolver_travels_to_another_process(dns: Dns) -> None:
    there = pickle.loads(pickle.dumps(SystemResolver(dns.address)))
    assert there.txt("example.test") == [b"v=spf1 -all"]


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1:5355", ("127.0.0.1", 5355)),
        ("9.9.9.9", ("9.9.9.9", 53)),
        ("[::1]:54", ("::1", 54)),
        ("::1", ("::1", 53)),
    ],
)
def test_nameservers_are_read(text: str, server: tuple[str, int]) -> None:
    assert parse_nameserver(text) == server


@pytest.mark.parametrize("text", ["dns.test", "1.2.3.4:99999", "1.2.3.4:x", "::1]", "1.2.3.4:"])
def test_what_is_no_nameserver_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a DNS server"):
        SystemResolver(text)


def test_one_mail_may_ask_only_so_much() -> None:
    instants = iter(range(0, 100, 10))
    bounded = Bounded(DictResolver({}), lookups=3, seconds=50.0, monotonic=lambda: next(instants))
    assert (bounded.txt("a.test"), bounded.a("b.test"), bounded.aaaa("c.test")) == ([], [], [])
    with pytest.raises(DnsTemporaryError, match="more DNS look-ups"):
        bounded.mx("d.test")
    waits = iter([0.0, 30.0, 40.0, 60.0])
    slow = Bounded(DictResolver({}), lookups=3, seconds=50.0, monotonic=lambda: next(waits))
    assert (slow.ptr("e.test"), slow.ptr("f.test")) == (
        [],
        [],
    )  # 30 and 20 seconds of waiting; what lay between is free
    with pytest.raises(DnsTemporaryError, match="longer"):
        slow.ptr("g.test")
