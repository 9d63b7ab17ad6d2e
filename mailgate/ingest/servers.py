"""Listeners: where sessions come from, and how they all end.

aiosmtpd's Controller has a thread and a loop of its own and ends by cancelling; here the application's loop listens,
and `drain` lets every DATA under way finish. Source: RFC 5321 §3.8.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mailgate import descriptors, log
from mailgate.clock import Clock, utc_now
from mailgate.errors import SmtpReply, Unavailable
from mailgate.ingest.gate import GateRules
from mailgate.ingest.lmtp import LmtpSession
from mailgate.ingest.reception import Accept, Ready, Reception, SmtpConfig
from mailgate.ingest.smtp import SmtpSession
from mailgate.ingest.smtp_data import InFlight
from mailgate.ingest.submission import SubmissionSession
from store.vocabulary import Road

_LOG = log.get("smtp")
_BACKLOG = 512
_SOCKET_MODE = 0o660
_HANDSHAKE_SECONDS = 30.0
_KINDS: dict[Road, type[SmtpSession]] = {
    Road.SMTP: SmtpSession,
    Road.LMTP: LmtpSession,
    Road.SUBMISSION: SubmissionSession,
}


def always_ready(size: int) -> SmtpReply | None:
    """The `Ready` that never refuses."""
    return None


class Listener:
    """One address (or unix socket) with its sessions.

    in_flight: share one over all listeners, so that the bound on memory is one. `rules` may be set anew at any time.
    """

    def __init__(
        self,
        config: SmtpConfig,
        rules: GateRules,
        accept: Accept,
        *,
        clock: Clock = utc_now,
        ready: Ready = always_ready,
        in_flight: InFlight | None = None,
    ) -> None:
        shared = in_flight if in_flight is not None else InFlight(config.limits.in_flight_bytes)
        self.config = config
        self.reception = Reception(config, rules, accept, clock, ready, shared)
        self._doors: list[Door] = []
        self._path: Path | None = None

    @property
    def rules(self) -> GateRules:
        return self.reception.rules

    @rules.setter
    def rules(self, rules: GateRules) -> None:
        self.reception.rules = rules

    async def start(self) -> list[str]:
        """Listen; the addresses that were bound, `host:port` or `unix:/path`. Raises Unavailable if one is taken."""
        # aiosmtpd logs envelopes at INFO and failures with addresses; ours says what an admin needs
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        if self.config.listen.startswith("unix:"):
            self._path = Path(self.config.listen.removeprefix("unix:"))
            sockets = [await asyncio.to_thread(_bind_unix, self._path)]
            bound = [self.config.listen]
        else:
            sockets = await _bind_tcp(self.config.listen)
            bound = [_shown(each.getsockname()) for each in sockets]
        loop = asyncio.get_running_loop()
        for each in sockets:
            each.setblocking(False)
            self._doors.append(Door(each, partial(_KINDS[self.config.road], self.reception, loop), self.config))
        return bound

    async def drain(self, seconds: float) -> int:
        """Stop listening, send idle peers away, wait for DATA and commits; how many connections had to be cut."""
        self.reception.draining = True
        for door in self._doors:
            door.close()
        self._doors.clear()
        if self._path is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._path.unlink)
        for guest in tuple(self.reception.guests):
            guest.leave()
        cut = 0
        try:
            async with asyncio.timeout(seconds):
                await self.reception.empty()
        except TimeoutError:
            cut = len(self.reception.guests)
            for guest in tuple(self.reception.guests):
                guest.cut()
            _LOG.warning("connections cut at shutdown", count=cut, commits=len(self.reception.commits))
        return cut


class Door:
    """One listening socket. Short of file descriptors it waits and says so once, instead of spinning or dropping peers.

    The last descriptors are not for peers: those who are inside, the database and the relay need them to go on.
    asyncio's own server logs 512 tracebacks a second when there are none, uvloop's closes new connections without a
    word.
    """

    _AT_ONCE = 64
    _PAUSE_SECONDS = 1.0
    _SAID_EVERY_SECONDS = 60.0

    def __init__(self, listening: socket.socket, session: Callable[[], SmtpSession], config: SmtpConfig) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = listening
        self._session = session
        self._context = config.tls_context if config.implicit_tls else None
        self._entering: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._said_at = -self._SAID_EVERY_SECONDS
        self._resting = listening.fileno()
        self._loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Accept no more."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(self._AT_ONCE):
            try:
                self._leave_some()
                peer, _name = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._wait_a_while(error)
                return
            peer.setblocking(False)
            task = self._loop.create_task(self._let_in(peer))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)

    def _leave_some(self) -> None:
        """Raises OSError when the next descriptor is one of the last."""
        if descriptors.is_one_of_the_last(descriptors.next_free(self._socket.fileno()), self._resting):
            raise OSError(errno.EMFILE, "Too few file descriptors are left")

    def _wait_a_while(self, error: OSError) -> None:
        now = self._loop.time()
        if now - self._said_at >= self._SAID_EVERY_SECONDS:
            self._said_at = now
            _LOG.error("cannot accept connections, waiting", reason=error.strerror, seconds=self._PAUSE_SECONDS)
        self._loop.remove_reader(self._socket)
        self._pause = self._loop.call_later(self._PAUSE_SECONDS, self._loop.add_reader, self._socket, self._accept)

    async def _let_in(self, peer: socket.socket) -> None:
        seconds = _HANDSHAKE_SECONDS if self._context is not None else None
        try:
            await self._loop.connect_accepted_socket(
                self._session, peer, ssl=self._context, ssl_handshake_timeout=seconds
            )
        except (OSError, TimeoutError):
            peer.close()  # it left, or spoke no TLS


def split_address(listen: str) -> tuple[str, int]:
    """`127.0.0.1:2525`, `[::1]:2525` or `:2525` as host and port. Raises ValueError with a sentence."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{listen!r} is not an address to listen on; write it like 127.0.0.1:2525")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _shown(name: tuple[str, int]) -> str:
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _bind_tcp(listen: str) -> list[socket.socket]:
    """Listening sockets for every address of the host (IPv4 and IPv6 where it is empty)."""
    host, port = split_address(listen)
    loop = asyncio.get_running_loop()
    sockets: list[socket.socket] = []
    try:
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            sockets.append(socket.create_server(address, family=family, backlog=_BACKLOG))
    except OSError as error:
        for each in sockets:
            each.close()
        raise Unavailable(f"cannot listen on {listen}: {error.strerror or error}") from error
    return sockets


def _bind_unix(path: Path) -> socket.socket:
    """A bound unix socket of mode 0660; one that a dead process left is removed, one that answers is not."""
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
            else:
                raise Unavailable(f"cannot listen on unix:{path}: somebody else does")
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(_SOCKET_MODE)  # before listen(): nobody can connect yet
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise Unavailable(f"cannot listen on unix:{path}: {error.strerror}") from error
    return bound
