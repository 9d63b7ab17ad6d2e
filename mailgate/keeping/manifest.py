"""What a backup says of itself: `manifest.json`, written last, so that a folder without one is no backup.

It names every file with its size and SHA-256, and every table with its rows. Reading believes nothing: what is not of
this form is no manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from mailgate.errors import DataError

FILE = "manifest.json"
FORMAT = 1
_PART = 1 << 20
_MOST_BYTES = 1 << 30


class KeptFile(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    size: int
    sha256: str


class Manifest(BaseModel):
    """A whole backup. made_at: ISO 8601. columns: of PostgreSQL's tables. outside: configuration that is not in it.

    lacking: blobs that rows name and that were missing or damaged already.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: int
    mailgate: str
    made_at: str
    database: str  # sqlite | postgresql
    schema_revision: str
    tables: dict[str, int]
    columns: dict[str, list[str]]
    sequences: dict[str, int]
    blobs: int
    outside: list[str]
    lacking: list[str]
    files: dict[str, KeptFile]


def read(folder: Path) -> Manifest:
    """The manifest of a backup. Raises DataError."""
    path = folder / FILE
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} is too large to be a manifest")
        found = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{folder} is no whole backup: {FILE}: {(error.strerror or '').lower()}") from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise DataError(f"{path} is damaged or not ours ({where or 'not JSON'})") from None
    if found.format != FORMAT:
        raise DataError(f"{path} has form {found.format}; this mailgate reads form {FORMAT}")
    strange = next((name for name in found.files if not is_inside(name)), None)
    if strange is not None:
        raise DataError(f"{path} names a file outside the backup: {strange}")
    return found


def write(folder: Path, manifest: Manifest) -> None:
    """Write it, whole and durable, as the last file."""
    text = json.dumps(manifest.model_dump(), ensure_ascii=False, indent=1) + "\n"
    path = folder / FILE
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def differences(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Where the files are not what the manifest says, a sentence each."""
    for name, kept in sorted(manifest.files.items()):
        try:
            found = measure(folder / name)
        except OSError as error:
            yield f"{name}: {(error.strerror or 'cannot be read').lower()}"
            continue
        if found != kept:
            what = f"{found.size} bytes, not {kept.size}" if found.size != kept.size else "another SHA-256"
            yield f"{name}: {what}"
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there - manifest.files.keys() - {FILE}):
        yield f"{name}: not in the manifest"


def measure(path: Path) -> KeptFile:
    """Size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(_PART):
            digest.update(part)
            size += len(part)
    return KeptFile(size=size, sha256=digest.hexdigest())


def copy(source: Path, target: Path) -> KeptFile:
    """Copy a file, durable, readable by its owner only; what was copied."""
    with source.open("rb") as file:
        return store(iter(lambda: file.read(_PART), b""), target)


def store(parts: Iterable[bytes], target: Path) -> KeptFile:
    """Write a new file, durable, readable by its owner only; what was written."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as made:
        for part in parts:
            digest.update(part)
            size += len(part)
            made.write(part)
        made.flush()
        os.fsync(made.fileno())
    return KeptFile(size=size, sha256=digest.hexdigest())


def is_inside(name: str) -> bool:
    """Whether a name of a manifest or an archive stays in its folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Bring a file to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
