"""One SMTP conversation with a relay, from greeting to QUIT, on smtplib with its reading of replies replaced.

smtplib waits for each piece of a reply anew and takes replies of any length; here a reply has one deadline and a size,
and what is no reply at all ends the session. Leftover bytes after STARTTLS or before a command are a relay that speaks
out of turn (or someone in between): the session ends rather than reading an answer that was not given to us.
Everything that goes wrong before a mail is under way is `SessionFailed`; a later try helps.
Sources: RFC 5321 §4.2, RFC 5321 §4.5.3.2, RFC 3207 §4.2, RFC 4954 §4, RFC 1870 §4, RFC 2920 §3.1.
"""

from __future__ import annotations

import select
import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from mailgate.authn.oauth import TokenSource, TokenUnavailable, xoauth2_string
from mailgate.notify.wire import Reply, reply_of

_LINE_BYTES = 8 * 1024
_REPLY_BYTES = 64 * 1024
_GOODBYE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """The relay and how to speak with it. password, token: one of them, or neither for a relay that knows us.

    tls: none, starttls (required, never skipped) or tls (from the first byte). ca_file: "" for the system's.
    Seconds: connect_seconds to the end of the greeting, command_seconds for each reply, data_seconds for the body with
    the reply to the final dot, idle_seconds how long a session may rest. Where others wait, stuck_seconds is how long a
    transaction may take before it counts as stuck, stuck_after_data_seconds the same once its body is under way.
    """

    host: str
    port: int
    tls: Literal["none", "starttls", "tls"] = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    token: TokenSource | None = field(default=None, repr=False)
    hostname: str = "localhost"
    verify: bool = True
    ca_file: str = ""
    connect_seconds: float = 30.0
    command_seconds: float = 60.0
    data_seconds: float = 600.0
    idle_seconds: float = 30.0
    stuck_seconds: float = 10.0
    stuck_after_data_seconds: float = 60.0
    max_connections: int = 5
    mails_per_connection: int = 100


class SessionFailed(Exception):
    """The conversation cannot begin or go on. code: of the relay's reply, 0 without one. The text is one sentence."""

    def __init__(self, text: str, code: int = 0, enhanced: str = "4.4.2") -> None:
        super().__init__(text)
        self.code = code
        self.enhanced = enhanced


class _Smtp(smtplib.SMTP):
    """smtplib's client with replies read under one deadline, the socket's timeout, and a bound."""

    unread: bytes = b""

    def getreply(self) -> tuple[int, bytes]:
        sock = self.sock
        if sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        seconds = sock.gettimeout()
        deadline = time.monotonic() + (seconds if seconds is not None else 60.0)
        texts: list[bytes] = []
        read_bytes = 0
        while True:
            line = self._line(deadline)
            read_bytes += len(line)
            if not (line[:3].isdigit() and line[3:4] in (b"", b" ", b"-")) or read_bytes > _REPLY_BYTES:
                self._give_up("what came is not an SMTP reply")
            texts.append(line[4:].strip())
            if line[3:4] != b"-":
                break
        sock.settimeout(seconds)
        return int(line[:3]), b"\n".join(texts)

    def _line(self, deadline: float) -> bytes:
        """One line without its end. Closes and raises when it does not come in time, is too long or never ends."""
        while b"\n" not in self.unread:
            if len(self.unread) > _LINE_BYTES:
                self._give_up("a line of the reply is too long")
            remaining = deadline - time.monotonic()
            try:
                if remaining <= 0 or self.sock is None:
                    raise TimeoutError
                self.sock.settimeout(remaining)
                piece = self.sock.recv(4096)
            except TimeoutError:
                self._give_up("no reply in time")
            except OSError as error:
                self._give_up(f"the connection broke ({type(error).__name__})")
            if not piece:
                self._give_up("the relay closed the connection")
            self.unread += piece
        line, _, self.unread = self.unread.partition(b"\n")
        return line.rstrip(b"\r")

    def _give_up(self, why: str) -> NoReturn:
        self.close()
        raise smtplib.SMTPServerDisconnected(why)


class _SmtpTls(_Smtp, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Session:
    """A conversation past its greeting, TLS and AUTH. Used by one thread at a time."""

    def __init__(self, smtp: _Smtp) -> None:
        self._smtp = smtp
        #: Whether the relay has answered the MAIL of the transaction under way.
        self.past_mail = False
        #: Whether the body of that transaction is under way, or its outcome is waited for.
        self.handing_over = False

    def offers(self, extension: str) -> bool:
        """Whether the relay named this extension in its last EHLO reply."""
        return self._smtp.has_extn(extension)

    def size_limit(self) -> int | None:
        """Bytes the relay takes (RFC 1870 §4): None when it says nothing of SIZE, 0 when it sets no limit."""
        if not self.offers("size"):
            return None
        value = self._smtp.esmtp_features.get("size", "").strip()
        return int(value) if value.isdecimal() else 0

    def ask(self, verb: str, arguments: str, seconds: float) -> Reply:
        """One command, one reply. Raises SessionFailed when none comes within `seconds`."""
        try:
            if self._smtp.unread:
                raise smtplib.SMTPServerDisconnected("the relay spoke out of turn")
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(seconds)
            self._smtp.command_encoding = "utf-8"
            return reply_of(*self._smtp.docmd(verb, arguments))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SessionFailed(f"at {verb}: {error}") from None

    def tell(self, commands: Sequence[str], seconds: float) -> None:
        """Several commands in one go (RFC 2920); `answer` then gives their replies, one after the other.

        For a relay that offers PIPELINING only. Raises SessionFailed when they cannot be sent.
        """
        text = "\r\n".join(commands)
        try:
            if self._smtp.unread:
                raise smtplib.SMTPServerDisconnected("the relay spoke out of turn")
            if text.count("\r") != len(commands) - 1 or text.count("\n") != len(commands) - 1:
                raise ValueError("a line end inside a command")
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(seconds)
            self._smtp.send(f"{text}\r\n".encode())
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SessionFailed(f"at {commands[0][:4]}: {error}") from None

    def answer(self, verb: str) -> Reply:
        """The reply to the next of the commands that were told. Raises SessionFailed as `ask`."""
        try:
            return reply_of(*self._smtp.getreply())
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SessionFailed(f"at {verb}: {error}") from None

    def hand_over(self, stuffed: bytes, seconds: float) -> Reply:
        """The body after 354, and the reply to its final dot.

        Raises SessionFailed when the outcome is not known: the mail may have been taken.
        """
        try:
            if self._smtp.unread:
                raise smtplib.SMTPServerDisconnected("the relay spoke out of turn")
            self.handing_over = True
            end = time.monotonic() + seconds
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(seconds)
            self._smtp.send(stuffed)
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(max(1.0, end - time.monotonic()))
            return reply_of(*self._smtp.getreply())
        except (smtplib.SMTPException, OSError) as error:
            raise SessionFailed(f"after DATA: {error}; whether the relay took the mail is not known") from None
        finally:
            self.handing_over = False

    def reset(self) -> bool:
        """Forget the transaction (RSET); whether the session can be used again."""
        self.past_mail = False
        try:
            return self.ask("RSET", "", _GOODBYE_SECONDS * 5).code == 250
        except SessionFailed:
            return False

    def is_silent(self) -> bool:
        """Whether the relay has said nothing since, not even goodbye: a session that rested is still good."""
        if self._smtp.unread or self._smtp.sock is None:
            return False
        try:
            readable, _, _ = select.select([self._smtp.sock], [], [], 0)
        except (OSError, ValueError):
            return False
        return not readable

    def quit(self) -> None:
        """Say goodbye and close."""
        with suppress(SessionFailed):
            self.ask("QUIT", "", _GOODBYE_SECONDS)
        self.abandon()

    def abandon(self) -> None:
        """Close without a word."""
        self._smtp.close()

    def cut(self) -> None:
        """End the connection under another thread, which then finds it broken; closing alone would not wake it."""
        sock = self._smtp.sock
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def tls_context(settings: RelaySettings) -> ssl.SSLContext | None:
    """How to check the relay's certificate; on loopback, or when told so, it is not checked. None without TLS.

    Raises OSError when `ca_file` cannot be read.
    """
    if settings.tls == "none":
        return None
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if not settings.verify or settings.host in ("127.0.0.1", "::1", "localhost"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def open_session(settings: RelaySettings, context: ssl.SSLContext | None) -> Session:
    """Connect, greet, secure and authenticate. Raises SessionFailed, always worth a later try."""
    smtp = _connect(settings, context)
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(settings.command_seconds)
        _ehlo(smtp)
        if settings.tls == "starttls":
            _secure(smtp, settings, context)
        if settings.user:
            _authenticate(smtp, settings)
    except BaseException:
        smtp.close()
        raise
    return Session(smtp)


def _connect(settings: RelaySettings, context: ssl.SSLContext | None) -> _Smtp:
    where = f"{settings.host}:{settings.port}"
    host, port, name, seconds = settings.host, settings.port, settings.hostname, settings.connect_seconds
    try:
        if settings.tls == "tls":
            return _SmtpTls(host, port, local_hostname=name, timeout=seconds, context=context)
        return _Smtp(host, port, local_hostname=name, timeout=seconds)
    except smtplib.SMTPConnectError as error:
        raise _refused("greeting", error.smtp_code, error.smtp_error) from None
    except ssl.SSLError as error:
        raise SessionFailed(f"TLS with {where} failed: {_tls_reason(error)}", 0, "4.7.5") from None
    except smtplib.SMTPException as error:
        raise SessionFailed(f"at the greeting of {where}: {error}", 0, "4.4.2") from None
    except (OSError, UnicodeError) as error:
        raise SessionFailed(f"cannot reach {where}: {_os_reason(error)}", 0, "4.4.1") from None


def _ehlo(smtp: _Smtp) -> None:
    try:
        code, text = smtp.ehlo()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise SessionFailed(f"at EHLO: {error}") from None
    if code != 250:
        raise _refused("EHLO", code, text)


def _secure(smtp: _Smtp, settings: RelaySettings, context: ssl.SSLContext | None) -> None:
    """STARTTLS or nothing: a relay that suddenly offers none is a relay that someone stands in front of."""
    if not smtp.has_extn("starttls"):
        raise SessionFailed("the relay does not offer STARTTLS, and nothing is sent in the clear", 0, "4.7.4")
    try:
        code, text = smtp.starttls(context=context)
    except ssl.SSLError as error:
        raise SessionFailed(f"TLS with {settings.host} failed: {_tls_reason(error)}", 0, "4.7.5") from None
    except smtplib.SMTPResponseException as error:
        raise _refused("STARTTLS", error.smtp_code, error.smtp_error) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise SessionFailed(f"at STARTTLS: {error}") from None
    if code != 220:
        raise _refused("STARTTLS", code, text)
    if smtp.unread:
        raise SessionFailed("the relay spoke out of turn after STARTTLS", 0, "4.7.5")
    _ehlo(smtp)


def _authenticate(smtp: _Smtp, settings: RelaySettings) -> None:
    try:
        if settings.token is not None:
            first = xoauth2_string(settings.user, settings.token.token())
            # A refusal comes as a 334 with its reason, to be answered with an empty line (RFC 7628 §3.2.3).
            smtp.auth("XOAUTH2", lambda challenge=None: first if challenge is None else "")
        else:
            smtp.login(settings.user, settings.password)
    except smtplib.SMTPAuthenticationError as error:
        if settings.token is not None:
            settings.token.forget()
        raise _refused("AUTH", error.smtp_code, error.smtp_error) from None
    except TokenUnavailable as error:
        raise SessionFailed(f"at AUTH: {error}", 0, "4.7.0") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise SessionFailed(f"at AUTH: {error}", 0, "4.7.0") from None


def _refused(stage: str, code: int, text: bytes | str) -> SessionFailed:
    """The relay said no to us, not to the mail: its code is shown, its class (4 or 5) is not believed."""
    reply = reply_of(code, text if isinstance(text, bytes) else text.encode())
    return SessionFailed(f"at {stage}: {code} {reply.text}".rstrip(), code, reply.enhanced or "4.3.5")


def _tls_reason(error: ssl.SSLError) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error.reason or "no TLS")


def _os_reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
