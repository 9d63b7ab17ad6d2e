"""A DNS server on loopback whose zone is a dict that tests change, and that can fail in each way a resolver meets.

stub.zone["example.test"] = {"TXT": ["v=spf1 ip4:127.0.0.1 -all"], "MX": ["10 mx.example.test"]}
stub.failing["sel._domainkey.example.test"] = Failure.SERVFAIL        `*` stands for every name
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from enum import Enum
from typing import cast

from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord

from tests.integration.machine import LOOPBACK, free_port

Zone = dict[str, dict[str, list[str]]]
_PLAIN_UDP_BYTES = 512


class Failure(Enum):
    """How a question is failed."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENCE = "silence"
    """No answer at all, as behind a firewall: the resolver's own patience decides."""


class DnsStub:
    """A name server on 127.0.0.1:port, UDP and TCP. Names are lower case without the last dot; unknown: NXDOMAIN."""

    def __init__(self) -> None:
        self.zone: Zone = {}
        self.failing: dict[str, Failure] = {}
        self.asked: list[tuple[str, str]] = []
        self.port = _port_for_both()
        stub = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, connection = cast(tuple[bytes, socket.socket], self.request)
                if reply := stub.answer(data, udp=True):
                    connection.sendto(reply, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = self.rfile.read(2)
                if len(head) == 2 and (reply := stub.answer(self.rfile.read(struct.unpack("!H", head)[0]), udp=False)):
                    self.wfile.write(struct.pack("!H", len(reply)) + reply)

        self._servers: list[socketserver.BaseServer] = [
            socketserver.ThreadingUDPServer((LOOPBACK, self.port), Udp),
            _TcpServer((LOOPBACK, self.port), Tcp),
        ]

    @property
    def address(self) -> str:
        """As `auth.resolver` of the settings wants it."""
        return f"{LOOPBACK}:{self.port}"

    def clear(self) -> None:
        self.zone.clear()
        self.failing.clear()
        self.asked.clear()

    def start(self) -> None:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), name="dns", daemon=True).start()

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def answer(self, data: bytes, udp: bool) -> bytes | None:
        """The reply to one question as bytes; None to keep silent."""
        question = DNSRecord.parse(data)
        name = str(question.q.qname).rstrip(".").lower()
        kind = QTYPE[question.q.qtype]
        self.asked.append((name, kind))
        reply = question.reply(ra=1)
        failure = self.failing.get(name, self.failing.get("*"))
        if failure is Failure.SILENCE:
            return None
        if failure:
            reply.header.rcode = RCODE.SERVFAIL if failure is Failure.SERVFAIL else RCODE.REFUSED
            return bytes(reply.pack())
        self._fill(reply, name, kind)
        packed = bytes(reply.pack())
        if not udp or len(packed) <= _PLAIN_UDP_BYTES:
            return packed
        # RFC 2181 §9: the client asks again by TCP. The question stays in, or resolvers take the reply for a forgery.
        short = question.reply(ra=1)
        short.header.tc = 1
        return bytes(short.pack())

    def _fill(self, reply: DNSRecord, name: str, kind: str) -> None:
        for _ in range(8):  # a chain of aliases, bounded so that a circle ends
            records = self.zone.get(name)
            if records is None:
                if not any(known.endswith(f".{name}") for known in self.zone):
                    reply.header.rcode = RCODE.NXDOMAIN
                return
            for value in records.get(kind, []):
                reply.add_answer(_record(name, kind, value))
            alias = records.get("CNAME", [])
            if kind == "CNAME" or not alias:
                return
            reply.add_answer(_record(name, "CNAME", alias[0]))
            name = alias[0].rstrip(".").lower()


class _TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _record(name: str, kind: str, value: str) -> RR:
    if kind != "TXT":
        return RR.fromZone(f"{name}. 0 IN {kind} {value}")[0]
    # A character-string holds 255 octets, RFC 1035 §3.3; readers put them together again, RFC 7208 §3.3.
    octets = value.encode()
    chunks = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return RR(name, QTYPE.TXT, ttl=0, rdata=TXT(chunks))


def _port_for_both() -> int:
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
