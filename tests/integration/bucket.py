"""A server that speaks S3 (moto), in a thread. It has moods, can be stopped, and comes back with its objects."""

from __future__ import annotations

import itertools
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Literal

from tests.integration.machine import LOOPBACK, free_port

Mood = Literal["500", "503", "drop", "half"] | float
_NUMBERS = itertools.count(1)
_UNSIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none"


class Bucket:
    """One bucket of its own. moods: what happens to the next requests, one each: an error, a cut, seconds to wait."""

    def __init__(self) -> None:
        self.name = f"bucket-{next(_NUMBERS)}"
        self.port = free_port()
        self.moods: list[Mood] = []
        self.requests: list[str] = []
        self._server: Any = None

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """As an admin sets it."""
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "wholly-secret"}
        return {**keys, "AWS_ENDPOINT_URL_S3": self.endpoint, "AWS_REGION": "us-east-1"}

    def start(self) -> Bucket:
        """Serve, with the objects that were there when it was stopped."""
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *_: object) -> None:
                pass

        inner = DomainDispatcherApplication(create_backend_app)
        app = self._moody(inner)
        self._server = make_server(LOOPBACK, self.port, app, threaded=True, request_handler=Quiet)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        headers = {"Host": "s3.amazonaws.com", "Authorization": _UNSIGNED}
        with suppress(urllib.error.HTTPError), self._calm():
            urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/{self.name}", None, headers, method="PUT"))
        return self

    def stop(self) -> None:
        """Away: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def objects(self) -> dict[str, bytes]:
        """What is stored."""
        from moto.s3.models import s3_backends

        [backend] = [one for region in s3_backends.values() for one in region.values() if self.name in one.buckets][:1]
        return {key.name: key.value for key in backend.buckets[self.name].keys.values()}

    class _Calm:
        def __init__(self, bucket: Bucket) -> None:
            self.bucket = bucket

        def __enter__(self) -> None:
            self.moods, self.bucket.moods = self.bucket.moods, []

        def __exit__(self, *_: object) -> None:
            self.bucket.moods = self.moods

    def _calm(self) -> _Calm:
        return self._Calm(self)

    def _moody(self, inner: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            self.requests.append(environ["REQUEST_METHOD"])
            mood = self.moods.pop(0) if self.moods else 0.0
            if isinstance(mood, float):
                time.sleep(mood)
                return inner(environ, start_response)
            if mood in ("500", "503"):
                start_response(f"{mood} no", [("Content-Length", "0")])
                return [b""]
            if mood == "half":  # it is done, and nobody hears of it
                list(inner(environ, lambda *_: None))
            environ["werkzeug.socket"].shutdown(2)
            raise ConnectionError("dropped")

        return app
