"""An ASGI app on a free port of loopback, in a thread, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from tests.integration.machine import LOOPBACK, wait_until


@contextlib.contextmanager
def serving(app: ASGIApp, port: int) -> Iterator[str]:
    """The base URL of the running app; it has ended when the block has."""
    config = uvicorn.Config(
        app, host=LOOPBACK, port=port, log_config=None, access_log=False, lifespan="off", proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="webserver", daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, what="the web server has started")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
