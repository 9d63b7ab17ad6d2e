"""The wire of one session: connection, clocks, the loop over commands, replies, STARTTLS.

This is aiosmtpd's protocol with its dangerous defaults replaced: every exception is 451 4.3.0 and stays in the log (it
was a permanent 500 with the text of the exception), errors are counted, a peer that closes its half still gets its
replies, replies have enhanced codes. Sources: RFC 5321 §4.2, RFC 2034, RFC 2920, RFC 3207.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import defaultdict
from collections.abc import Hashable
from functools import cache, lru_cache
from typing import Any, AnyStr, cast

from aiosmtpd.proxy_protocol import get_proxy
from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as Transaction

from mailgate import log
from mailgate.errors import TRY_LATER, SmtpReply
from mailgate.ingest.reception import CLOSING, TOO_MANY_CONNECTIONS, Reception
from mailgate.ingest.watchdog import Watchdog

_LOG = log.get("smtp")

TIMED_OUT = SmtpReply(421, "4.4.2", "Timed out, closing connection")
TOO_MANY_ERRORS = SmtpReply(421, "4.7.0", "Too many errors, closing connection")
UNKNOWN_COMMAND = SmtpReply(500, "5.5.2", "Command not recognized")
BAD_SYNTAX = SmtpReply(500, "5.5.2", "Bad syntax")
COMMAND_TOO_LONG = SmtpReply(500, "5.5.6", "Command line too long")
NOT_IMPLEMENTED = SmtpReply(502, "5.5.1", "Not implemented")

_COMMAND_OCTETS = 2048
_AUTH_OCTETS = 12288  # RFC 4954 §4
_CLOSE_SECONDS = 5.0
_HANDSHAKE_SECONDS = 30.0
_PROXY_SECONDS = 5.0
_TURNS = 32  # commands after which the others get a turn, however many a peer has pipelined
_IDLE_COMMANDS = frozenset({"NOOP", "RSET", "VRFY", "HELP", "HELO", "EHLO", "LHLO"})
_GREETINGS = frozenset({"HELO", "EHLO", "LHLO"})

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HAS_ENHANCED = re.compile(r"\d{3}[ -]\d\.\d+\.\d+ ")
#: RFC 2034 §4: enhanced codes for the replies that aiosmtpd words without one.
_ENHANCED = {
    "221": "2.0.0",
    "250": "2.0.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "552": "5.3.4",
    "555": "5.5.4",
}


class Wire(SMTP):
    """One connection, from the greeting to its end; `SmtpSession` says what the commands do."""

    #: aiosmtpd's limit on a line is also how much its stream buffers before it stops reading from the peer.
    line_length_limit = 65536
    protocol_word = "ESMTP"

    envelope: Transaction
    session: Session
    transport: asyncio.Transport | None
    _paused: bool  # FlowControlMixin's: the peer does not read

    def __init__(self, reception: Reception, hooks: object, loop: asyncio.AbstractEventLoop) -> None:
        config = reception.config
        self.reception = reception
        self.limits = reception.limits
        self.command_size_limits = defaultdict(lambda: _COMMAND_OCTETS)  # aiosmtpd shares one over all connections
        self._busy = True
        self._over = False
        self._inside = False
        self._seat: str | None = None
        self._command = ""
        self._errors = self._unknown = self._idle_commands = self._turns = 0
        self._transaction_ends: float | None = None
        self._proxied: Any = None
        self._clock = loop.time
        self._silent_since = loop.time()
        self._watchdog = Watchdog(loop, self._late)
        super().__init__(
            hooks,
            data_size_limit=self.limits.message_bytes,
            enable_SMTPUTF8=True,
            hostname=config.hostname,
            ident=self.protocol_word,
            tls_context=None if config.implicit_tls else config.tls_context,
            auth_exclude_mechanism=() if config.auth else ("LOGIN", "PLAIN"),
            proxy_protocol_timeout=_PROXY_SECONDS if config.proxy_protocol else None,
            loop=loop,
        )

    def __dir__(self) -> list[str]:
        """The names aiosmtpd's constructor looks for (`smtp_…`, `auth_…`); the whole list costs 0.2 ms a connection."""
        return _hook_names(cast(Hashable, type(self)))

    # --- connection -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's are none by descent
        peer = _host_of(transport.get_extra_info("peername"))
        refusal = self._take_place(peer)
        if refusal is not None:
            self.transport = transport
            self.reception.note_refusal(peer, refusal, self._clock())
            transport.write(_line(refusal))
            self._hang_up()
            return
        self._inside = True
        super().connection_made(transport)
        if transport.get_extra_info("sslcontext") is not None:
            self._mark_encrypted(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._watchdog.stop()
        self._over = True
        if not self._inside:
            self.transport = None
            return
        self._inside = False
        self.reception.gone(self)
        self._stand_up()
        super().connection_lost(error)

    def _take_place(self, peer: str) -> SmtpReply | None:
        """A seat among its peer's, then a place in the house; the reply where there is none.

        In this order and before anything is awaited: hundreds of one peer that come at once must not fill the house
        even for the instant until most of them are sent away. Behind a proxy the peer is known later.
        """
        refusal = None if self._proxy_timeout is not None else self._sit(peer)
        if refusal is None:
            refusal = self.reception.enter(self, self._clock())
            if refusal is not None:
                self._stand_up()
        return refusal

    def _sit(self, peer: str) -> SmtpReply | None:
        refusal = self.reception.sit(peer)
        if refusal is None:
            self._seat = peer or None
        return refusal

    def _stand_up(self) -> None:
        if self._seat is not None:
            self.reception.stand_up(self._seat)
            self._seat = None

    def eof_received(self) -> bool | None:
        """A peer that has sent all (`QUIT` included) and closed its half still gets its replies."""
        if not self._inside:
            return False
        return asyncio.StreamReaderProtocol.eof_received(self)

    def leave(self) -> None:
        """Go at once if idle, else after the command under way (DATA is finished). Source: RFC 5321 §3.8."""
        if not self._busy:
            self._say_goodbye(CLOSING)

    def cut(self) -> None:
        """Go now."""
        self._over = True
        if self.transport is not None:
            self.transport.abort()

    def silent_since(self) -> float | None:
        """Since when it asks nothing; None within a command, within a mail, and for one that is going."""
        in_mail = self._inside and self.envelope is not None and self.envelope.mail_from
        return None if self._busy or self._over or in_mail else self._silent_since

    def make_room(self) -> None:
        """Go, since others wait outside."""
        self._say_goodbye(TOO_MANY_CONNECTIONS)

    def _say_goodbye(self, reply: SmtpReply) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(_line(reply))
        self._hang_up()

    def _hang_up(self) -> None:
        """Close; a peer that does not read what is left is cut off soon after."""
        self._over = True
        if self.transport is not None:
            self._watchdog.by(self._clock() + _CLOSE_SECONDS)
            self.transport.close()

    def _late(self) -> None:
        if self._over:
            self.cut()
        else:
            self._say_goodbye(TIMED_OUT)

    def _reset_timeout(self, duration: float | None = None) -> None:
        """aiosmtpd's clock, kept by the watchdog; `_timeout_handle` is what its `connection_lost` cancels."""
        self._timeout_handle = self._watchdog  # type: ignore[assignment]
        self.await_by(duration or self.limits.idle_seconds)

    def await_by(self, seconds: float | None) -> None:
        """Expect the peer within so many seconds, and before the end of the transaction."""
        ends = None if seconds is None else self._clock() + seconds
        if self._transaction_ends is not None and (ends is None or ends > self._transaction_ends):
            ends = self._transaction_ends
        self._watchdog.by(ends)

    def _create_session(self) -> Session:
        session = Session(self.loop)
        session.proxy_data = self._proxied
        return session

    @property
    def peer(self) -> str:
        """The client's IP address, behind a proxy the one the proxy names; "" on a unix socket."""
        if self._proxied is not None and self._proxied.src_addr is not None:
            return str(self._proxied.src_addr)
        return _host_of(self.session.peer)

    # --- the loop over commands -------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        try:
            if await self._is_welcome():
                await self.push(f"220 {self.hostname} {self.protocol_word}")
                while not self._over:
                    await self._next_command()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer has gone
        except Exception:
            _LOG.exception("session failed", peer=self.peer)
        finally:
            self._hang_up()

    async def _is_welcome(self) -> bool:
        if self._proxy_timeout is not None:
            self._reset_timeout(self._proxy_timeout)
            proxied = await get_proxy(self._reader)
            if not proxied.valid:
                _LOG.warning("bad PROXY header", peer=self.peer, error=proxied.error)
                return False
            self._proxied = self.session.proxy_data = proxied
            refusal = self._sit(self.peer)
            if refusal is not None:
                self.reception.note_refusal(self.peer, refusal, self._clock())
                self._say_goodbye(refusal)
                return False
        if self.reception.draining:
            self._say_goodbye(CLOSING)
        return not self._over

    async def _next_command(self) -> None:
        self._busy = False
        self._silent_since = self._clock()
        self.await_by(self.limits.idle_seconds)
        line = await self._read_line()
        self._busy = True
        try:
            if line is None:
                await self.reply(COMMAND_TOO_LONG)
            else:
                await self._obey(line)
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception:
            _LOG.exception("command failed", peer=self.peer, command=self._command)
            self._set_rset_state()  # type: ignore[no-untyped-call]
            await self.reply(TRY_LATER)
        await self._check_patience()
        self._turns += 1
        if self._turns % _TURNS == 0:
            await asyncio.sleep(0)

    async def _read_line(self) -> bytes | None:
        """The next line without its end; None for one beyond all bounds, which has been read away."""
        try:
            line: bytes = await self._reader.readuntil()
        except asyncio.LimitOverrunError as error:
            skip = error.consumed
            while True:
                await self._reader.readexactly(skip)
                try:
                    await self._reader.readuntil()
                except asyncio.LimitOverrunError as more:
                    skip = more.consumed
                else:
                    return None
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    async def _obey(self, line: bytes) -> None:
        word, _, rest = line.partition(b" ")
        self._command = command = word.decode("ascii", "replace").upper()
        if len(line) > (_AUTH_OCTETS if command == "AUTH" else _COMMAND_OCTETS):
            await self.reply(COMMAND_TOO_LONG)
            return
        try:
            argument = rest.strip().decode() or None
        except UnicodeDecodeError:
            argument = "\0"
        if _CONTROL.search(line) or argument == "\0":
            await self.reply(BAD_SYNTAX)
            return
        method = self._smtp_methods.get(command)
        if method is None:
            self._unknown += 1
            await self.reply(UNKNOWN_COMMAND)
            return
        if command in _IDLE_COMMANDS:
            self._idle_commands += 1
        await method(argument)

    async def _check_patience(self) -> None:
        """End a session that errs or idles too much, or that was asked to leave while it was busy."""
        limits = self.limits
        if self._over:
            return
        if self.reception.draining:
            self._say_goodbye(CLOSING)
        elif (
            is_beyond(self._errors, limits.errors)
            or is_beyond(self._unknown, limits.unknown_commands)
            or is_beyond(self._idle_commands, limits.idle_commands)
        ):
            self._say_goodbye(TOO_MANY_ERRORS)

    async def push(self, status: AnyStr) -> None:
        """Send what aiosmtpd says, with an enhanced code where one is due."""
        text = status if isinstance(status, str) else status.decode()
        await self.send(_complete(text) if self._command not in _GREETINGS else text)

    async def reply(self, reply: SmtpReply) -> None:
        """Send one reply of ours."""
        await self.send(str(reply))

    async def send(self, text: str) -> None:
        """Send one reply (several lines if it has line ends inside); wait only for a peer that does not read."""
        if text[0] == "5":
            self._errors += 1
        self._writer.write(text.encode() + b"\r\n")
        if self._paused or self._over:
            await self._writer.drain()

    # --- TLS --------------------------------------------------------------------------------------------------------

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """RFC 3207 §4.2: what was said before is forgotten, plain-text octets after the command are dropped."""
        context = self.tls_context
        if arg:
            await self.push("501 5.5.4 Syntax: STARTTLS")
        elif context is None or self._tls_protocol is not None:
            await self.reply(NOT_IMPLEMENTED)
        else:
            await self.push("220 2.0.0 Ready to start TLS")
            await self._encrypt(context)

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        plain = self.transport
        assert plain is not None
        self._reader._buffer.clear()  # type: ignore[attr-defined]
        try:
            encrypted = await self.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except (OSError, ssl.SSLError) as error:
            raise ConnectionResetError("TLS handshake failed") from error
        if encrypted is None:
            raise ConnectionResetError("peer left during the TLS handshake")
        self.transport = encrypted
        self._reader._transport = encrypted  # type: ignore[attr-defined]
        self._writer._transport = encrypted  # type: ignore[attr-defined]
        self._transport = encrypted  # what asyncio's own StreamWriter.start_tls does, under a name of each version
        self._over_ssl = True
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self.session = self._create_session()
        self.session.peer = encrypted.get_extra_info("peername")
        self._mark_encrypted(encrypted)

    def _mark_encrypted(self, transport: asyncio.Transport) -> None:
        """aiosmtpd asks `_tls_protocol` whether there is TLS; it knows none that is there from the first octet."""
        self._tls_protocol = transport  # type: ignore[assignment]
        self.session.ssl = {"cipher": transport.get_extra_info("cipher")}


@lru_cache(maxsize=256)
def _complete(text: str) -> str:
    """A reply with its enhanced code; those that have one, and those of several lines, stay as they are."""
    enhanced = _ENHANCED.get(text[:3])
    if enhanced is None or text[3:4] != " " or _HAS_ENHANCED.match(text):
        return text
    return f"{text[:3]} {enhanced} {text[4:]}"


def is_beyond(count: int, limit: int | None) -> bool:
    """Whether a bound is reached; None = no bound."""
    return limit is not None and count >= limit


def _host_of(peer: object) -> str:
    """The IP address in a socket's peer name, without zone, an IPv4 address as such; a unix socket has none."""
    if not isinstance(peer, tuple) or not peer:
        return ""
    return str(peer[0]).partition("%")[0].removeprefix("::ffff:")


def _line(reply: SmtpReply) -> bytes:
    return f"{reply}\r\n".encode()


@cache
def _hook_names(kind: Hashable) -> list[str]:
    """The command and AUTH methods of a kind of session."""
    return [name for name in dir(kind) if name.startswith(("smtp_", "auth_"))]
