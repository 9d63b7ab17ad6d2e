"""The wire under imapclient: imaplib's reading replaced by a reader that cannot be held up, filled up or fooled.

imaplib waits for ever by default, believes any literal size and any number of untagged responses, and keeps a buffer
that `poll` does not see. Here each operation (one command and its answer) has a time and a byte budget, a quiet socket
is noticed, and bytes that came before TLS began never count as said inside TLS (RFC 9051 §11.1, CVE-2021-33515).
"""

from __future__ import annotations

import imaplib
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

import imapclient

from mailgate.errors import Unavailable
from mailgate.ingest.imap_account import ImapAccount

_RECV = 64 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_SHORT_LINE_BYTES = 1024 * 1024
MAX_LINES_BYTES = 20 * 1024 * 1024
MAX_LINES = 20_000


class ImapTrouble(Unavailable):
    """The connection is lost or of no use; a later one may be better."""


class LiteralTooLarge(ImapTrouble):
    """The server announced more bytes than any mail may have."""


class Stopping(Unavailable):
    """We were asked to end while waiting for the server."""


class GuardedImap(imaplib.IMAP4):
    """imaplib's protocol engine over a socket that we read ourselves.

    monotonic: seconds. stopping: asked several times a second while the server is waited for.
    """

    def __init__(
        self,
        account: ImapAccount,
        tls: Callable[[], ssl.SSLContext],
        monotonic: Callable[[], float],
        stopping: Callable[[], bool],
    ) -> None:
        self._account = account
        self._tls = tls
        self._monotonic = monotonic
        self._stopping = stopping
        self._buffer = bytearray()
        self._line_limit = MAX_SHORT_LINE_BYTES
        self.begin()
        super().__init__(account.host, account.port)

    # What imaplib calls -----------------------------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connect, with TLS from the first byte where the account says so."""
        limits = self._account.timeouts
        self.host, self.port = host, port
        plain = socket.create_connection((host, port), limits.connect)
        try:
            plain.settimeout(limits.operation)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # imapclient sends a command and its CRLF apart; Nagle would hold the second back for 40 ms.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._wrapped(plain) if self._account.tls == "tls" else plain
        except BaseException:
            plain.close()
            raise

    def readline(self) -> bytes:
        """One line with its CRLF; b"" at the end of the stream."""
        self._lines += 1
        if self._lines > MAX_LINES:
            raise ImapTrouble(f"the server sent more than {MAX_LINES} lines for one command")
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > self._line_limit:
                raise ImapTrouble("the server sent a line without end")
            if not self._fill():
                return self._taken(len(self._buffer))
        self._line_bytes += end + 1
        if end > self._line_limit or self._line_bytes > MAX_LINES_BYTES:
            raise ImapTrouble("the server sent far more than was asked for")
        return self._taken(end + 1)

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes of a literal, fewer never: a server that stops in the middle has sent nothing."""
        limit = self._account.max_literal_bytes
        if size > limit:
            raise LiteralTooLarge(f"the server announced {size} bytes where at most {limit} are taken")
        self._literal_bytes += size
        if self._literal_bytes > 2 * limit:
            raise ImapTrouble("the server sent far more than was asked for")
        self._deadline += size / self._account.timeouts.slowest
        while len(self._buffer) < size:
            if not self._fill():
                raise ImapTrouble("the connection ended in the middle of a mail")
        return self._taken(size)

    def send(self, data: Any) -> None:
        """Send all of it, within the operation's time."""
        self.sock.settimeout(self._account.timeouts.operation)
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the socket; never raises."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            self.sock.close()

    def _new_tag(self) -> bytes:
        self.begin()
        tag: bytes = super()._new_tag()  # type: ignore[misc]
        return tag

    # What the session calls -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A new operation starts: its budgets are fresh."""
        self._deadline = self._monotonic() + self._account.timeouts.operation
        self._lines = 0
        self._line_bytes = 0
        self._literal_bytes = 0

    def extend(self) -> None:
        """More time for the operation under way (IDLE, which may last), with the other budgets as they are."""
        self._deadline = self._monotonic() + self._account.timeouts.operation

    def long_lines(self, allowed: bool) -> None:
        """Whether one very long line may come, as it does for SEARCH in a large folder."""
        self._line_limit = MAX_LINE_BYTES if allowed else MAX_SHORT_LINE_BYTES

    def secure(self) -> None:
        """STARTTLS. What the server said before does not count any more (RFC 9051 §6.2.1).

        Raises ImapTrouble when the server does not offer it, has logged us in already (a way to keep us out of TLS), or
        sent anything behind its answer.
        """
        if self.state != "NONAUTH" or "STARTTLS" not in self.capabilities:
            raise ImapTrouble("the server does not offer STARTTLS, which this account asks for")
        typ, _ = self._simple_command("STARTTLS")
        if typ != "OK":
            raise ImapTrouble("the server refused STARTTLS")
        if self._buffer:
            raise ImapTrouble("the server sent text between STARTTLS and TLS, which may be an attack")
        self.sock = self._wrapped(self.sock)
        self.untagged_responses.clear()
        self._get_capabilities()

    def wait_readable(self, seconds: float) -> bool:
        """Whether there is something to read, or the stream has ended, within so many seconds."""
        return bool(self._buffer) or self._socket_readable(seconds)

    # Ours -------------------------------------------------------------------------------------------------------

    def _wrapped(self, plain: socket.socket) -> ssl.SSLSocket:
        return self._tls().wrap_socket(plain, server_hostname=self.host)

    def _fill(self) -> bool:
        """Read once more into the buffer; False at the end of the stream."""
        while True:
            left = self._deadline - self._monotonic()
            if left <= 0:
                raise ImapTrouble(f"the server did not finish its answer in {self._account.timeouts.operation:g} s")
            if self._socket_readable(min(left, self._account.timeouts.glance)):
                break
            if self._stopping():
                raise Stopping("stopped while waiting for the server")
        self.sock.settimeout(max(left, 0.01))
        piece = self.sock.recv(_RECV)
        self._buffer += piece
        return bool(piece)

    def _socket_readable(self, seconds: float) -> bool:
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        poller = select.poll()
        poller.register(self.sock.fileno(), select.POLLIN)
        return bool(poller.poll(max(0.0, seconds) * 1000))

    def _taken(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            piece = bytes(view[:size])
        del self._buffer[:size]
        return piece


class GuardedClient(imapclient.IMAPClient):  # type: ignore[misc]
    """imapclient over `GuardedImap`, its logging of every byte switched off (it would print mails and copy them)."""

    def __init__(self, account: ImapAccount, make: Callable[[], GuardedImap]) -> None:
        self._make = make
        limits = account.timeouts
        timeout = imapclient.SocketTimeout(limits.connect, limits.operation)
        super().__init__(account.host, account.port, ssl=account.tls == "tls", timeout=timeout)
        self._imap.debug = 0
        self.normalise_times = False

    def _create_IMAP4(self) -> GuardedImap:
        return self._make()
