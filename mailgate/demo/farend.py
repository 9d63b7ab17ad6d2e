"""The world around the gateway, as small as it can be: a relay that keeps every mail, a name server with one zone."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiosmtpd.smtp import SMTP

from mailgate import log
from mailgate.demo.mailbox import Mailbox

_LOG = log.get("demo")
_TXT_OCTETS = 255


class Keeper:
    """aiosmtpd's handler: whatever comes is kept. The socket is on loopback and only the gateway knows it."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:
        mail_from = "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)
        try:
            self._mailbox.keep(mail_from, envelope.rcpt_tos, envelope.original_content)
        except OSError as error:
            _LOG.error("mail not kept", error=str(error))
            return "451 4.3.0 The disk does not take it, try later"
        return "250 2.0.0 Kept"


def make_relay(mailbox: Mailbox, loop: asyncio.AbstractEventLoop) -> SMTP:
    """The protocol of one connection to the relay."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    return SMTP(
        Keeper(mailbox),
        hostname="relay.example.test",
        enable_SMTPUTF8=True,
        data_size_limit=64 * 1024 * 1024,
        loop=loop,
    )


class NameServer(asyncio.DatagramProtocol):
    """Answers out of a dict: name (lower case, no trailing dot) → type → texts. Other names do not exist (RFC 1035)."""

    def __init__(self, zone: dict[str, dict[str, list[str]]]) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        if self._transport is not None and len(query.question) == 1:
            self._transport.sendto(self._answer(query).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        question = query.question[0]
        records = self._zone.get(question.name.to_text(omit_final_dot=True).lower())
        if records is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer
        kind = dns.rdatatype.to_text(question.rdtype)
        texts = [_quoted(text) if kind == "TXT" else text for text in records.get(kind, [])]
        if texts:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, texts))
        return answer


def _quoted(text: str) -> str:
    """A text as strings of at most 255 octets (RFC 1035 §3.3.14)."""
    pieces = [text[start : start + _TXT_OCTETS] for start in range(0, len(text), _TXT_OCTETS)]
    return " ".join(f'"{piece}"' for piece in pieces)
