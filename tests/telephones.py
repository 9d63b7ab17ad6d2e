"""An HTTP server on loopback that plays a provider of short messages, as Apprise's `json://` speaks to it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Telephones:
    """What the provider was asked to send: (path, text), and what it answers. url: for `url_file`."""

    got: list[tuple[str, str]] = field(default_factory=list)
    status: int = 200
    url: str = ""


@contextlib.contextmanager
def played() -> Iterator[Telephones]:
    """The provider, until the block ends."""
    telephones = Telephones()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            telephones.got.append((self.path, said["message"]))
            self.send_response(telephones.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    telephones.url = f"json://127.0.0.1:{server.server_port}/{{number}}\n"
    try:
        yield telephones
    finally:
        server.shutdown()
        server.server_close()
