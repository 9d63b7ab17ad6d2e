"""The far end: an SMTP (or LMTP) server in a thread that keeps every mail and has moods that a test sets.

sink.mood = Mood(at_rcpt={"ana@example.org": "550 5.1.1 no such person"})      from now on
sink.next(Mood(at_data="451 4.3.0 later"), Mood(drop_after_data=True))         for the next transactions, one each
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.integration.machine import LOOPBACK, free_port, wait_until


@dataclass(frozen=True, slots=True)
class Mood:
    """How one transaction goes. A reply such as `451 4.3.0 later` refuses at that command; "" accepts.

    at_rcpt: by address, `*` for all others.  drop_*: the connection is cut there without a reply; after DATA the
    mail has been kept, so that the client does not know.  hang_after_data: kept, and never answered.  half_reply: kept,
    and the connection ends in the middle of the 250.  late_seconds: kept, and the 250 comes so much later.
    """

    at_mail: str = ""
    at_rcpt: Mapping[str, str] = field(default_factory=dict)
    at_data: str = ""
    drop_at_mail: bool = False
    drop_after_data: bool = False
    hang_after_data: bool = False
    half_reply: bool = False
    late_seconds: float = 0.0


ACCEPT = Mood()


@dataclass(frozen=True, slots=True)
class Caught:
    """One mail that reached the far end: its envelope, its bytes with dots taken out, and when."""

    mail_from: str
    rcpt_tos: tuple[str, ...]
    raw: bytes
    at: datetime
    user: str | None = None
    encrypted: bool = False

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=default)

    @property
    def message_id(self) -> str:
        """Without angle brackets, as everywhere in the house."""
        return str(self.message["Message-ID"]).strip().strip("<>")

    @property
    def text(self) -> str:
        """The plain text part with LF line ends, "" if there is none."""
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""


class _LongLines:
    """aiosmtpd answers 500 to a line of more than 1001 octets; the far end takes what comes."""

    line_length_limit = 1 << 20


class _SmtpServer(_LongLines, SMTP):
    pass


class _LmtpServer(_LongLines, LMTP):
    pass


class Sink:
    """A far end on 127.0.0.1:port. Stop it and start it again, on the same port, to be away for a while.

    lmtp: speak LMTP instead, one reply per recipient.  login: (user, password) that must be given.
    tls: a server's context; STARTTLS is then offered and asked for.
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        lmtp: bool = False,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port or free_port()
        self.mood = ACCEPT
        self.transactions = 0
        self._mails: list[Caught] = []
        self._next: deque[Mood] = deque()
        self._lmtp = lmtp
        self._login = login
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[asyncio.Transport] = set()

    @property
    def mails(self) -> list[Caught]:
        """What was kept so far, oldest first: a copy."""
        return list(self._mails)

    def to(self, address: str) -> list[Caught]:
        """The mails with `address` in their envelope."""
        return [mail for mail in self._mails if address.lower() in map(str.lower, mail.rcpt_tos)]

    def wait_for(self, count: int = 1, to: str | None = None, limit: float = 20.0) -> list[Caught]:
        """Wait until `count` mails (to that address) are here and return them all. limit: seconds."""

        def here() -> list[Caught]:
            found = self.to(to) if to else self.mails
            return found if len(found) >= count else []

        return wait_until(here, limit, f"{count} mails to {to or 'anybody'}; have {[m.rcpt_tos for m in self.mails]}")

    def next(self, *moods: Mood) -> None:
        """The next transactions take these moods, one each; then `mood` holds again."""
        self._next.extend(moods)

    def peace(self) -> None:
        """Accept everything from now on; what was kept stays."""
        self._next.clear()
        self.mood = ACCEPT

    def clear(self) -> None:
        """Forget mails and moods."""
        self._mails.clear()
        self._next.clear()
        self.mood = ACCEPT

    def start(self) -> None:
        loop = asyncio.new_event_loop()
        started = threading.Event()
        failed: list[BaseException] = []

        def run() -> None:
            asyncio.set_event_loop(loop)
            try:
                server = loop.run_until_complete(loop.create_server(self._protocol, LOOPBACK, self.port))
            except BaseException as error:
                failed.append(error)
                started.set()
                return
            started.set()
            loop.run_forever()
            server.close()
            for connection in list(self._connections):
                connection.abort()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.close()

        self._loop, self._thread = loop, threading.Thread(target=run, name="sink", daemon=True)
        self._thread.start()
        started.wait(10)
        if failed:
            raise failed[0]

    def stop(self) -> None:
        """Close the port and cut every connection; what was kept stays."""
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop = self._thread = None

    def _protocol(self) -> SMTP:
        kind = _LmtpServer if self._lmtp else _SmtpServer
        options: dict[str, Any] = {
            "hostname": "sink.example.test",
            "ident": "sink",
            "enable_SMTPUTF8": True,
            "data_size_limit": None,
            "loop": self._loop,
            "tls_context": self._tls,
            "require_starttls": self._tls is not None,
        }
        if self._login:
            options |= {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": False}
        return kind(_Handler(self), **options)

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login, auth_data=given[0] if given else None)

    def _take_mood(self) -> Mood:
        self.transactions += 1
        return self._next.popleft() if self._next else self.mood

    def _keep(self, session: Session, envelope: Envelope) -> None:
        user = session.auth_data if isinstance(session.auth_data, str) else None
        content = cast(bytes, envelope.original_content)
        # aiosmtpd hands the null sender over as it was written, RFC 5321 §4.5.5.
        mail_from = "" if envelope.mail_from in (None, "<>") else envelope.mail_from
        rcpt_tos = tuple(envelope.rcpt_tos)
        self._mails.append(
            Caught(mail_from, rcpt_tos, content, datetime.now(UTC), user, encrypted=session.ssl is not None)
        )


class _Handler:
    """aiosmtpd's hooks, answering as the sink's mood says. One object a connection."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._mood = ACCEPT

    async def handle_EHLO(
        self, server: SMTP, session: Session, _envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        self._sink._connections.add(cast(asyncio.Transport, server.transport))
        session.host_name = name
        return replies

    async def handle_MAIL(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._mood = self._sink._take_mood()
        if self._mood.drop_at_mail:
            return self._cut(server)
        if self._mood.at_mail:
            return self._mood.at_mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self._mood.at_rcpt.get(address, self._mood.at_rcpt.get("*", ""))
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mood = self._mood
        if mood.at_data:
            return self._for_each(envelope, mood.at_data)
        self._sink._keep(session, envelope)
        if mood.drop_after_data:
            return self._cut(server)
        if mood.half_reply:
            transport = cast(asyncio.Transport, server.transport)
            transport.write(b"250 2.0")
            transport.close()
            return "421 4.3.2 cut"
        if mood.hang_after_data:
            await asyncio.Event().wait()
        if mood.late_seconds:
            await asyncio.sleep(mood.late_seconds)
        return self._for_each(envelope, "250 2.0.0 Kept")

    def _for_each(self, envelope: Envelope, reply: str) -> str:
        """LMTP owes one reply per recipient, RFC 2033 §4.2; aiosmtpd sends one string."""
        return "\r\n".join([reply] * len(envelope.rcpt_tos)) if self._sink._lmtp else reply

    def _cut(self, server: SMTP) -> str:
        cast(asyncio.Transport, server.transport).abort()
        return "421 4.3.2 cut"
