"""The world around the gateway as one thread with its own event loop: relay, name server, mailbox pages.

It starts before the gateway and ends after it, so that what the gateway sends at the end still arrives.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from mailgate.demo.farend import NameServer, make_relay
from mailgate.demo.mailbox import Mailbox
from mailgate.demo.ports import Ports, open_port

_START_SECONDS = 15.0
_STOP_SECONDS = 10.0


class Stage:
    """Relay, name server and pages, from `with` to its end."""

    def __init__(self, ports: Ports, mailbox: Mailbox, zone: dict[str, dict[str, list[str]]], web: ASGIApp) -> None:
        self._ports = ports
        self._mailbox = mailbox
        self._zone = zone
        self._web = web
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="demo stage", daemon=True)

    def __enter__(self) -> Self:
        sockets = {name: open_port(name, getattr(self._ports, name)) for name in ("relay", "dns", "mailbox")}
        self._sockets = sockets
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) and self._failure is None:
            self._failure = TimeoutError("the demo's own servers did not start")
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve(self._sockets))
        except BaseException as error:
            self._failure = error
            self._ready.set()

    async def _serve(self, sockets: dict[str, socket.socket]) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        for sock in sockets.values():
            sock.setblocking(False)
        relay = await loop.create_server(lambda: make_relay(self._mailbox, loop), sock=sockets["relay"])
        names, _ = await loop.create_datagram_endpoint(lambda: NameServer(self._zone), sock=sockets["dns"])
        config = uvicorn.Config(self._web, log_config=None, access_log=False, server_header=False, lifespan="off")
        pages = uvicorn.Server(config)
        serving = asyncio.create_task(pages.serve([sockets["mailbox"]]))
        while not pages.started and not serving.done():  # noqa: ASYNC110  (uvicorn has a flag, no event)
            await asyncio.sleep(0.01)
        self._ready.set()
        await self._stopping.wait()
        pages.should_exit = True
        relay.close()
        names.close()
        async with asyncio.timeout(_STOP_SECONDS):
            await serving
