"""A page is there within `limits.portal_render`, or the visitor is told to come again (503).

What reads for it has as long in the database (`store.patience`), so that the thread that was left behind ends too. Only
GET and HEAD: what a form does is done or refused, and nobody should guess which. Source: RFC 9110 §15.6.4.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailgate import log
from mailgate.portal.desk import desk_of
from mailgate.portal.shield import redacted
from store import patience

_LOG = log.get("portal")
RETRY_SECONDS = "30"


class Hurry:
    """ASGI middleware. seconds: None = as long as it takes."""

    def __init__(self, app: ASGIApp, seconds: float | None) -> None:
        self._app = app
        self._seconds = seconds
        self._left_behind: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        with patience.within(self._seconds):
            if self._seconds is None or scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
                await self._app(scope, receive, send)
            else:
                await self._page(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = late = False

        async def in_time(message: Message) -> None:
            nonlocal started
            if not late:
                started = True
                await send(message)

        async def work() -> None:
            await self._app(scope, receive, in_time)

        task = asyncio.create_task(work())
        try:
            await asyncio.wait({task}, timeout=self._seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done() or started:
            await task
            return
        late = True
        self._left_behind.add(task)
        task.add_done_callback(self._came_late)
        _LOG.warning("page took too long", path=redacted(scope["path"]), seconds=self._seconds)
        request = Request(scope)
        answer = desk_of(request).message(request, "503", 503)
        answer.headers["Retry-After"] = RETRY_SECONDS
        await answer(scope, receive, send)

    def _came_late(self, task: asyncio.Task[None]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.info("late page failed", error=type(task.exception()).__name__)
