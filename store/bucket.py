"""Blobs in a bucket that speaks S3 (AWS, MinIO, Ceph, …): the same as a folder, for any number of machines.

A blob is an object `prefix/ab/cdef...`. `put` returns when the server has said that it stored the object: from then on
it is as durable as the bucket is. A PUT is one request, signed over the digest of its bytes, so that half an object, or
another one, is never stored; it is sent again after errors of the server and dropped connections, for `_RETRY_SECONDS`.
Objects are never changed, only deleted; a bucket that keeps versions keeps them after that: its owner ends them.
Sources: Amazon S3 API (PutObject, GetObject, ListObjectsV2, DeleteObject), AWS Signature Version 4.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from store.blobs import Opened

if TYPE_CHECKING:
    from obstore.store import S3Store

_CONNECT_SECONDS, _REQUEST_SECONDS, _RETRY_SECONDS = 3, 20, 5
#: After it did not answer, nobody waits for it again so soon: threads would pile up.
_REST_SECONDS = 2.0
_PART = 1 << 20
_PROBE = b"mailgate was here"


class BucketAway(OSError):
    """The bucket does not answer, or refuses: a later try helps, or the admin. One sentence, without secrets."""


@dataclass(frozen=True)
class Access:
    """How a bucket is reached. Empty strings: what the environment says (AWS_…), or the machine's role."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    key_id: str = ""
    secret: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


class _NothingThere(Exception):
    """A range was asked for, and the object is empty (416)."""


def _unseen(operation: str, succeeded: bool, seconds: float) -> None:
    """Nobody counts."""


class BlobBucket:
    """`Blobs` in a bucket. observe: told each request's kind, whether it succeeded, and its seconds."""

    patience_seconds = float(_REQUEST_SECONDS)

    def __init__(self, access: Access) -> None:
        self.access = access
        self.observe: Callable[[str, bool, float], None] = _unseen
        self._rest_until = 0.0
        self._failure = ""

    def __reduce__(self) -> tuple[type[BlobBucket], tuple[Access]]:
        return BlobBucket, (self.access,)

    @property
    def name(self) -> str:
        """As `mailgate.yaml` names it."""
        return f"s3://{self.access.bucket}/{self.access.prefix}".rstrip("/")

    def put(self, content: bytes, sha256: str = "") -> str:
        """Store `content` and return its digest. Idempotent; durable on return. Raises BucketAway."""
        digest = sha256 or hashlib.sha256(content).hexdigest()
        with self._asking("put") as obstore:
            obstore.put(self._store, self._key(digest), content, use_multipart=False)
        return digest

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises FileNotFoundError, BucketAway."""
        with self._asking("get") as obstore:
            return bytes(obstore.get(self._store, self._key(sha256)).bytes())

    def start(self, sha256: str, count: int) -> bytes:
        """The first bytes, `count` at most. Raises FileNotFoundError, BucketAway."""
        try:
            with self._asking("get") as obstore:
                return bytes(obstore.get_range(self._store, self._key(sha256), start=0, length=count))
        except _NothingThere:
            return b""

    def size(self, sha256: str) -> int:
        """How many bytes it has. Raises as `get`."""
        with self._asking("head") as obstore:
            return int(obstore.head(self._store, self._key(sha256))["size"])

    def open(self, sha256: str, start: int = 0, end: int | None = None) -> Opened:
        """The bytes, or a slice of them, in parts of 1 MiB or more, each asked for when the last one is used.

        Raises as `get`.
        """
        options = {} if end is None else {"range": (start, end)}
        with self._asking("get") as obstore:
            found = obstore.get(self._store, self._key(sha256), options=options)
        return Opened(found.meta["size"], self._parts(found))

    def exists(self, sha256: str) -> bool:
        """Whether there is such a blob. Raises BucketAway."""
        try:
            with self._asking("head") as obstore:
                obstore.head(self._store, self._key(sha256))
        except FileNotFoundError:
            return False
        return True

    def delete(self, sha256: str, made_before: float | None = None) -> None:
        """Remove the blob; nothing happens when there is none. Raises BucketAway.

        made_before: seconds since the epoch; one that was put since then, or put again, stays.
        """
        try:
            if made_before is not None:
                with self._asking("head") as obstore:
                    found = obstore.head(self._store, self._key(sha256))
                if found["last_modified"].timestamp() >= made_before:
                    return
            with self._asking("delete") as obstore:
                obstore.delete(self._store, self._key(sha256))
        except FileNotFoundError:
            return

    def all(self) -> Iterator[tuple[str, float]]:
        """Every stored digest with when it was stored (seconds since the epoch); what else lies there is not ours."""
        with self._asking("list") as obstore:
            pages = iter(obstore.list(self._store, prefix=self.access.prefix or None, chunk_size=1000))
        while True:
            with self._asking("list"):
                page = next(pages, None)
            if page is None:
                return
            for one in page:
                digest = "".join(str(one["path"]).split("/")[-2:])
                if _is_digest(digest) and self._key(digest) == one["path"]:
                    yield digest, one["last_modified"].timestamp()

    def probe(self, token: str) -> None:
        """Put, read, list and delete a small object of its own. Raises OSError for the first that fails."""
        key = "/".join(filter(None, (self.access.prefix, f".probe-{token}")))
        self._rest_until = 0.0
        with self._asking("put") as obstore:
            obstore.put(self._store, key, _PROBE, use_multipart=False)
        with self._asking("get"):
            found = bytes(obstore.get(self._store, key).bytes())
        with self._asking("list"):
            next(iter(obstore.list(self._store, prefix=self.access.prefix or None, chunk_size=1)), None)
        with self._asking("delete"):
            obstore.delete(self._store, key)
        if found != _PROBE:
            raise BucketAway(f"{self.name} gave back other bytes than were put")

    def trouble(self) -> str:
        """What is wrong, if the last request failed and the bucket is still not well; "" otherwise."""
        if self._failure:
            try:
                self.exists("0" * 64)
            except BucketAway as error:
                return str(error)
        return ""

    def warm_up(self) -> None:
        """Start the threads that speak to the network, before a process bounds its memory."""
        import obstore
        from obstore.store import MemoryStore

        obstore.put(MemoryStore(), "nothing", b"")
        assert self._store is not None

    @cached_property
    def _store(self) -> S3Store:
        from obstore.store import S3Store

        given = {
            "endpoint": self.access.endpoint,
            "region": self.access.region,
            "access_key_id": self.access.key_id,
            "secret_access_key": self.access.secret,
            "session_token": self.access.session_token,
        }
        config: dict[str, Any] = {key: value for key, value in given.items() if value}
        return S3Store(
            self.access.bucket,
            client_options={
                "allow_http": self.access.endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
                "timeout": timedelta(seconds=_REQUEST_SECONDS),
            },
            retry_config={
                "max_retries": 10,
                "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
            **config,
        )

    def _key(self, sha256: str) -> str:
        if not _is_digest(sha256):
            raise FileNotFoundError(f"{sha256!r} names no blob")
        return "/".join(filter(None, (self.access.prefix, sha256[:2], sha256[2:])))

    def _parts(self, found: Any) -> Iterator[bytes]:
        parts = iter(found.stream(min_chunk_size=_PART))
        while True:
            with self._asking("get"):
                part = next(parts, None)
            if part is None:
                return
            yield bytes(part)

    @contextmanager
    def _asking(self, operation: str) -> Iterator[Any]:
        """One request: what obstore raises becomes FileNotFoundError or BucketAway, and is counted."""
        import obstore

        if time.monotonic() < self._rest_until:
            raise BucketAway(self._failure)
        begun = time.monotonic()
        try:
            yield obstore
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                self._failed(operation, begun, f"there is no bucket {self.access.bucket!r}")
                raise BucketAway(self._failure) from None
            self._succeeded(operation, begun)
            raise FileNotFoundError("there is no such blob") from None
        except (obstore.exceptions.BaseError, OSError) as error:
            if _code(error) == "InvalidRange":
                self._succeeded(operation, begun)
                raise _NothingThere from None
            self._failed(operation, begun, _why(error))
            self._rest_until = 0.0 if _code(error) else self._rest_until  # it answered: asking again costs nothing
            raise BucketAway(self._failure) from None
        else:
            self._succeeded(operation, begun)

    def _succeeded(self, operation: str, begun: float) -> None:
        self._failure = ""
        self.observe(operation, True, time.monotonic() - begun)

    def _failed(self, operation: str, begun: float, why: str) -> None:
        self._failure = f"object storage {self.name}: {why}"
        self._rest_until = time.monotonic() + _REST_SECONDS
        self.observe(operation, False, time.monotonic() - begun)


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _why(error: Exception) -> str:
    """The server's own code, or the end of the first line of what the library says; the rest holds its insides."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return (_code(error) or first.rpartition(" - ")[2])[:200]


def _code(error: Exception) -> str:
    return str(error).partition("<Code>")[2].partition("</Code>")[0]
