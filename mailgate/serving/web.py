"""The web ports: uvicorn's HTTP, with clocks and bounds for peers who send, or read, slower than anybody does.

uvicorn waits for a request's head as long as the peer likes, takes a head of any size, and refuses everybody while two
hundred connections stand idle. Here who is waited for too long is told so (408) or cut off, and in a full house whoever
keeps us waiting for longest makes room for the next. The same process takes mail: it must not run out of anything.
Sources: RFC 9110 §15.5.9 (408), RFC 6585 §5 (431), RFC 9110 §15.5.15 (414), RFC 9112 §9.5.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailgate import descriptors, log
from mailgate.errors import Unavailable
from mailgate.ingest.watchdog import Watchdog
from mailgate.portal.browsers import counted
from mailgate.yamltypes import Listen

_LOG = log.get("web")

#: Octets a second that a body must bring, and an answer must go out with.
_LEAST_RATE = 512
#: A head that grows beyond this is not read to its end; the portal's own limits are lower and answer with a page.
_MOST_HEAD = 128 * 1024
_MOST_PIPELINED = 16
_CLOSE_SECONDS = 5.0
#: After a refusal so much is read and forgotten: a peer that is still sending would else see a reset and no answer.
_LINGER_BYTES, _LINGER_SECONDS = 16 * 1024 * 1024, 2.0
_KEEP_ALIVE_SECONDS = 15
_SAID_EVERY_SECONDS = 10.0

HEAD, BODY, ANSWER, REST, GONE = "head", "body", "answer", "rest", "gone"


@dataclass(slots=True)
class WebDoor:
    """What the connections of one port share. Bounds: None = off; seconds. trusted: proxies, which many come through.

    resting: about how many descriptors are open when nobody is connected.
    """

    connections: int | None = 200
    connections_per_ip: int | None = 50
    head_seconds: float | None = 15.0
    stall_seconds: float | None = 30.0
    trusted: Collection[str] = ()
    resting: int = 0
    _said_at: float = -_SAID_EVERY_SECONDS
    _count: int = 0

    def note(self, what: str, peer: str, now: float) -> None:
        """Log that somebody had to go, at most one line in ten seconds."""
        self._count += 1
        if now - self._said_at >= _SAID_EVERY_SECONDS:
            _LOG.warning("web connections ended", reason=what, peer=peer, count=self._count)
            self._said_at, self._count = now, 0


class Visit(HttpToolsProtocol):
    """One connection. It waits for the peer (head, body, rest between requests), or the peer for us (answer)."""

    def __init__(self, door: WebDoor, **given: Any) -> None:
        super().__init__(**given)
        self._door = door
        self._watchdog = Watchdog(self.loop, self._late)
        self._phase = HEAD
        self._head_bytes = self._came = self._unsent = 0
        self._waiting_since: float | None = self.loop.time()

    # --- the connection ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._find_room(transport):
            self._door.note("too many at once", self._peer, self.loop.time())
            self._refuse(503, b"Too many connections, please try again later.\n", b"retry-after: 5\r\n")
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watchdog.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase == GONE:
            self._came += len(data)
            if self._came > _LINGER_BYTES:
                self.transport.abort()
            return
        super().data_received(data)
        if self.transport.is_closing():
            self._hang_up()
        elif self._phase == HEAD:
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEAD:
                in_url = not self.headers and len(getattr(self, "url", b"")) > _MOST_HEAD // 2
                status, text = (414, b"This address is too long.\n") if in_url else (431, b"Too many header fields.\n")
                self._refuse(status, text)
        elif self._phase == BODY:
            self._came += len(data)

    # --- the parser's calls ------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == HEAD:  # what comes after a body of chunks is read and forgotten (RFC 9110 §6.5)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise ValueError("too many requests at once")  # the parser makes it a 400
        super().on_headers_complete()
        self._phase, self._came = BODY, 0
        self._within(self._door.stall_seconds)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle.response_complete:  # it was refused before its end had come
            self._rest()
            return
        self._phase, self._waiting_since = ANSWER, None
        self._within(self._door.stall_seconds if self.flow.write_paused else None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._phase == ANSWER and not self.pipeline:
            self._rest()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent = self._left()
        self._within(self._door.stall_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._phase == ANSWER:
            self._watchdog.by(None)
        elif self._phase == REST:
            self._rest()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, b"This is no request.\n")

    # --- time --------------------------------------------------------------------------------------------------------

    def _wait_for_head(self) -> None:
        self._phase, self._head_bytes, self._waiting_since = HEAD, 0, self.loop.time()
        self._within(self._door.head_seconds)

    def _rest(self) -> None:
        self._phase, self._waiting_since, self._unsent = REST, self.loop.time(), self._left()
        stall = self._door.stall_seconds
        self._within(stall if self.flow.write_paused else _KEEP_ALIVE_SECONDS + (stall or 0))

    def _within(self, seconds: float | None) -> None:
        self._watchdog.by(None if seconds is None else self.loop.time() + seconds)

    def _late(self) -> None:
        stall = self._door.stall_seconds or 0.0
        if self.flow.write_paused or self._phase in (REST, GONE) or self.transport.is_closing():
            left = self._left()
            if 0 < left <= self._unsent - _LEAST_RATE * stall:
                self._unsent = left
                self._within(stall)
            else:
                self.transport.abort()
        elif self._phase == BODY and (self.flow.read_paused or self._came >= _LEAST_RATE * stall):
            self._came = 0  # paused: it is we who do not read
            self._within(stall)
        elif self._phase in (HEAD, BODY):
            self._door.note(f"slow {self._phase}", self._peer, self.loop.time())
            if self._phase == BODY and self.cycle.response_started:
                self.transport.abort()
            else:
                self._refuse(408, b"This took too long.\n")

    def _left(self) -> int:
        """Octets that the peer has not read."""
        return int(self.transport.get_write_buffer_size())

    # --- room --------------------------------------------------------------------------------------------------------

    @property
    def _peer(self) -> str:
        return counted(self.client[0]) if self.client else ""

    def _find_room(self, transport: asyncio.Transport) -> bool:
        """Whether there is a place, after somebody else has left it if need be."""
        door = self._door
        others = [v for v in self.connections if isinstance(v, Visit) and v is not self and not v.is_leaving]
        if door.connections_per_ip is not None and self.client and self.client[0] not in door.trusted:
            same = [one for one in others if one._peer == self._peer]
            if len(same) >= door.connections_per_ip and not self._take_place(same):
                return False
        sock = transport.get_extra_info("socket")
        few = sock is not None and descriptors.is_one_of_the_last(sock.fileno(), door.resting)
        full = door.connections is not None and len(others) >= door.connections
        return not (full or few) or self._take_place(others)

    def _take_place(self, among: list[Visit]) -> bool:
        """The place of whoever has kept us waiting for longest; False when all are being answered."""
        waiting = [(since, id(one), one) for one in among if (since := one.waiting_since) is not None]
        if not waiting:
            return False
        waiting.sort()
        self._door.note("somebody else came", waiting[0][2]._peer, self.loop.time())
        waiting[0][2].leave()
        return True

    @property
    def waiting_since(self) -> float | None:
        """Since when the peer has to send something, by the loop's clock; None when it is our turn."""
        return self._waiting_since

    @property
    def is_leaving(self) -> bool:
        return self._phase == GONE or self.transport.is_closing()

    def leave(self) -> None:
        """Make room."""
        self.transport.close()
        self._hang_up()

    def _refuse(self, status: int, text: bytes, more: bytes = b"") -> None:
        """One answer without a page, and the end."""
        self._phase, self._came, self._waiting_since = GONE, 0, None
        reason = {
            400: b"Bad Request",
            408: b"Request Timeout",
            414: b"URI Too Long",
            431: b"Request Header Fields Too Large",
        }
        first = b"HTTP/1.1 %d %s\r\n" % (status, reason.get(status, b"Service Unavailable"))
        fields = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n" % len(text)
        self.transport.write(first + fields + more + b"\r\n" + text)
        self.transport.write_eof()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # the app need not wait for the rest
            self.cycle.message_event.set()
        self._unsent = 0
        self._within(_LINGER_SECONDS)

    def _hang_up(self) -> None:
        """A peer that does not read what is left is cut off soon after."""
        self._unsent = 0
        self._within(_CLOSE_SECONDS)


class WebServer:
    """One listening port of the process's own loop."""

    def __init__(self, name: str, app: Any, listen: Listen, door: WebDoor) -> None:
        self._name = name
        self._listen = listen
        self._door = door
        self._config = uvicorn.Config(
            app,
            host=listen.host,
            port=listen.port,
            http=cast(Any, partial(Visit, door)),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            lifespan="off",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        self._server = uvicorn.Server(self._config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Listen; the address that was bound. Raises Unavailable when it is taken."""
        self._config.load()
        self._server.lifespan = self._config.lifespan_class(self._config)
        try:
            sock = self._config.bind_socket()
        except SystemExit:
            raise Unavailable(
                f"{self._name}: {self._listen} is taken by another program, or not an address of this machine"
            ) from None
        self._door.resting = sock.fileno()
        self._task = asyncio.create_task(self._serve(sock))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise Unavailable(f"{self._name}: could not listen on {self._listen}")
            await asyncio.sleep(0.01)
        host, port = sock.getsockname()[:2]
        return f"{host}:{port}"

    async def stop(self, seconds: float) -> None:
        """Finish what is under way, within so many seconds."""
        self._server.should_exit = True
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(self._task, seconds)

    async def _serve(self, sock: Any) -> None:
        """Serve without touching the process's signal handlers: those are ours."""
        with contextlib.suppress(asyncio.CancelledError):
            await self._server._serve([sock])
