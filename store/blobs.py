"""Bytes stored once, named by their SHA-256. A blob is on disk, with its directory entry, before `put` returns.

A blob without a row is swept after a day; a row without a blob never exists, since blobs are put before the commit.
`Blobs` is what the rest of the program knows: a folder here, a bucket in `bucket.py`. What is not there raises
FileNotFoundError, everything else that fails another OSError.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from store import folders

_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A blob that is there, to be read once, part by part. size_bytes: of the whole, also where it is a slice."""

    size_bytes: int
    parts: Iterator[bytes]


class Blobs(Protocol):
    """Where blobs are. Safe between threads; can be pickled, for worker processes."""

    #: How much longer than a disk the place may take, before who waits for it gives up.
    patience_seconds: float

    @property
    def name(self) -> str:
        """What a person calls the place."""

    def put(self, content: bytes, sha256: str = "") -> str:
        """Store `content` and return its digest. Idempotent; durable on return."""

    def get(self, sha256: str) -> bytes:
        """The bytes."""

    def start(self, sha256: str, count: int) -> bytes:
        """The first bytes, `count` at most."""

    def size(self, sha256: str) -> int:
        """How many bytes it has."""

    def open(self, sha256: str, start: int = 0, end: int | None = None) -> Opened:
        """The bytes in parts; that the blob is there is known when this returns.

        start, end: only those of them, as of a slice; 0 <= start < end <= its size. end None: all of them.
        """

    def exists(self, sha256: str) -> bool:
        """Whether there is such a blob."""

    def delete(self, sha256: str, made_before: float | None = None) -> None:
        """Remove the blob; nothing happens when there is none.

        made_before: seconds since the epoch; one that was put since then, or put again, stays.
        """

    def all(self) -> Iterator[tuple[str, float]]:
        """Every stored digest with its modification time (seconds since the epoch)."""


class BlobFolder:
    """A folder `ab/cdef...` of files, each named by the digest of what it holds. Files 0600, folders 0700."""

    patience_seconds = 0.0

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: set[str] = set()  # folders whose own entry this process has brought to the disk
        self._doubted: set[str] = set()  # blobs whose entry could not be: a second fsync would say yes to nothing

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.root)

    def put(self, content: bytes, sha256: str = "") -> str:
        """Store `content` and return its digest. Idempotent; durable on return.

        sha256: the digest where the caller has it already. Raises OSError (disk full, not writable).
        """
        digest = sha256 or hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        self._make_folder(path.parent)
        with _held(path.parent, fcntl.LOCK_SH):
            is_there = digest not in self._doubted and _touched(path)
        if is_there:
            self._enter(path, digest)  # whoever wrote it may have died before the entry reached the disk
            return digest
        temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(fd, view) :]
                os.fsync(fd)
            finally:
                os.close(fd)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._enter(path, digest)
        return digest

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises FileNotFoundError when there is no such blob."""
        return self._path(sha256).read_bytes()

    def start(self, sha256: str, count: int) -> bytes:
        """The first bytes, `count` at most."""
        with self._path(sha256).open("rb") as file:
            return file.read(count)

    def size(self, sha256: str) -> int:
        """How many bytes it has. Raises FileNotFoundError."""
        return self._path(sha256).stat().st_size

    def open(self, sha256: str, start: int = 0, end: int | None = None) -> Opened:
        """The bytes, or a slice of them, in parts of 1 MiB. Raises FileNotFoundError."""
        file = self._path(sha256).open("rb")
        size = os.fstat(file.fileno()).st_size
        return Opened(size, _parts(file, start, size if end is None else end))

    def exists(self, sha256: str) -> bool:
        """Whether there is such a blob."""
        return self._path(sha256).exists()

    def path(self, sha256: str) -> Path:
        """Where the blob is, for readers that want a file."""
        return self._path(sha256)

    def delete(self, sha256: str, made_before: float | None = None) -> None:
        """Remove the blob; nothing happens when there is none.

        made_before: seconds since the epoch; one that was put since then, or put again, stays.
        """
        path = self._path(sha256)
        with contextlib.suppress(FileNotFoundError), _held(path.parent, fcntl.LOCK_EX):
            if made_before is None or path.stat().st_mtime < made_before:
                path.unlink()

    def all(self) -> Iterator[tuple[str, float]]:
        """Every stored digest with its modification time (seconds since the epoch)."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for file in folder.iterdir():
                if not file.name.startswith("."):
                    yield folder.name + file.name, file.stat().st_mtime

    def _path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise FileNotFoundError(f"{sha256!r} names no blob")
        return self.root / sha256[:2] / sha256[2:]

    def _enter(self, path: Path, digest: str) -> None:
        try:
            folders.sync(path.parent)
        except OSError:
            self._doubted.add(digest)
            raise
        self._doubted.discard(digest)

    def _make_folder(self, folder: Path) -> None:
        """Whoever made a folder that is there may have died, or be about to, before its entry reached the disk."""
        if folder.name in self._known and folder.is_dir():
            return
        folders.make(self.root)
        folders.make(folder)
        self._known.add(folder.name)


def _parts(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while start < end and (part := file.read(min(_PART, end - start))):
            start += len(part)
            yield part


@contextlib.contextmanager
def _held(folder: Path, how: int) -> Iterator[None]:
    """Look at an entry of a folder, and act on what was seen, while no other process does otherwise.

    Who puts what is there already, and who sweeps it, would each be right alone. Raises FileNotFoundError. Where
    folders have no locks (some network file systems) both go on without.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


def _touched(path: Path) -> bool:
    """Whether the file is there; it is young again then, so that no sweep takes it before its new row is written."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
