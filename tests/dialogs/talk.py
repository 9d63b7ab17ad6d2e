"""Talk to a listener of ours over loopback: an `accept` that remembers, a peer that reads replies, a certificate."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailgate.ingest.reception import AuthPolicy, SmtpConfig, SmtpLimits
from mailgate.ingest.servers import Listener
from mailgate.mail.envelope import Received
from store.vocabulary import Road

HOSTNAME = "mx.example.test"
OURS = frozenset({"suporte@example.test", "vendas@example.test", "postmaster@mx.example.test", "josé@example.test"})
PATIENCE = 10.0


class Journal:
    """An `accept` that keeps what it gets. `before`: awaited first, may raise or wait."""

    def __init__(self, before: Callable[[Received], Awaitable[None]] | None = None) -> None:
        self.mails: list[Received] = []
        self.before = before

    async def __call__(self, received: Received) -> str:
        if self.before is not None:
            await self.before(received)
        self.mails.append(received)
        return f"J{len(self.mails)}"


def is_ours(address: str) -> bool:
    return address.lower() in OURS


async def bruno_only(login: str, password: str) -> str | None:
    return "bruno@example.test" if (login, password) == ("bruno@example.test", "secret") else None


@asynccontextmanager
async def listening(
    journal: Journal, *, listen: str = "127.0.0.1:0", drain: float = 2.0, **options: Any
) -> AsyncIterator[Listener]:
    """A listener that runs for the block. options: fields of SmtpConfig; `rules`, `ready`, `in_flight` as they are."""
    limits = options.pop("limits", SmtpLimits())
    parts = {name: options.pop(name) for name in ("ready", "in_flight") if name in options}
    rules = options.pop("rules", None) or limits.gate_rules(is_ours, HOSTNAME)
    listener = Listener(SmtpConfig(listen, HOSTNAME, limits=limits, **options), rules, journal, **parts)
    listener.address = (await listener.start())[0]  # type: ignore[attr-defined]
    try:
        yield listener
    finally:
        await listener.drain(drain)
        assert listener.reception.in_flight.used == 0 or listener.reception.commits


class Peer:
    """The far end. Every wait has a limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, listener: Listener, tls: ssl.SSLContext | None = None) -> Peer:
        address: str = listener.address  # type: ignore[attr-defined]
        if address.startswith("unix:"):
            return cls(*await asyncio.open_unix_connection(address.removeprefix("unix:")))
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port), ssl=tls, limit=1 << 20))

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        async with asyncio.timeout(PATIENCE):
            await self.writer.drain()

    async def line(self) -> str:
        """The next line of a reply; "" when the server has closed."""
        async with asyncio.timeout(PATIENCE):
            try:
                return (await self.reader.readline()).decode().rstrip("\r\n")
            except ConnectionError:
                return ""

    async def reply(self) -> str:
        """The next whole reply, its lines joined by newlines."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "\n".join(lines)

    async def ask(self, command: str) -> str:
        await self.send(command.encode() + b"\r\n")
        return await self.reply()

    async def greet(self, word: str = "EHLO") -> None:
        assert (await self.reply()).startswith("220 ")
        assert (await self.ask(f"{word} client.test")).startswith("250")

    async def envelope(self, rcpt: str = "suporte@example.test") -> None:
        assert (await self.ask("MAIL FROM:<ana@customer.test>")).startswith("250")
        assert (await self.ask(f"RCPT TO:<{rcpt}>")).startswith("250")

    async def data(self, content: bytes) -> str:
        assert (await self.ask("DATA")).startswith("354")
        await self.send(content + b"\r\n.\r\n")
        return await self.reply()

    async def start_tls(self) -> None:
        await self.writer.start_tls(client_context(), server_hostname=HOSTNAME)

    async def is_closed(self) -> bool:
        return await self.line() == ""

    async def close(self) -> None:
        self.writer.close()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, with a limit."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what


@cache
def _certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTNAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOSTNAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def server_context() -> ssl.SSLContext:
    certificate, key = _certificate()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with TemporaryDirectory() as folder:
        both = Path(folder, "both.pem")
        both.write_bytes(certificate + key)
        context.load_cert_chain(both)
    return context


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=_certificate()[0].decode())


def auth_policy(**options: Any) -> AuthPolicy:
    return AuthPolicy(bruno_only, **options)


ROADS = {"smtp": Road.SMTP, "lmtp": Road.LMTP, "submission": Road.SUBMISSION}
