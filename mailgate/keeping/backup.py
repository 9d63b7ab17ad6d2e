"""`mailgate backup`: one moment of everything in one folder, while the gateway works.

First the database as it is at one moment, then every blob that it names (blobs never change, and none is deleted while
the lease is held), keys and configuration; last the manifest. A blob that is missing or damaged already is named there;
when anything else cannot be copied, the half-made folder is removed. A copy holds secrets and customers' words:
folders 0700, files 0600.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from mailgate.clock import Clock
from mailgate.errors import Busy, DataError, Unavailable
from mailgate.keeping import manifest as manifests
from mailgate.keeping.manifest import FORMAT, KeptFile, Manifest
from mailgate.keeping.places import BLOBS, CONFIGURATION, KEYS, Places
from store import snapshot
from store.blob_rows import COPYING, COPYING_LEASE
from store.claims import give_up_lease, take_lease

_RENEW_EVERY = 200
ARCHIVES = {".tar": "w", ".tgz": "w:gz", ".tar.gz": "w:gz"}


def back_up(places: Places, target: Path, clock: Clock, version: str, owner: str) -> Manifest:
    """Make a backup at `target`: a folder that is not there yet, or a file named .tar, .tgz or .tar.gz.

    Raises DataError (there is something at that place), Busy (another backup is under way), Unavailable (disk).
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise DataError(f"{target} is there already; name a new folder or file")
    half = target.with_name(f".{target.name}.half")
    mode = _archive_mode(target)
    try:
        shutil.rmtree(half, ignore_errors=True)  # of one that was killed
        half.mkdir(mode=0o700, parents=True)
        made = _fill(places, half, clock, version, owner)
        if mode:
            _pack(half, target, mode)
            shutil.rmtree(half)
        else:
            half.rename(target)
        manifests.sync_folder(target.parent.absolute())
    except OSError as error:
        why = f"{error.filename or target}: {(error.strerror or '').lower()}"
        raise Unavailable(f"no backup was made: {why}") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return made


def _fill(places: Places, folder: Path, clock: Clock, version: str, owner: str) -> Manifest:
    with _lease(places, clock, owner) as renew:
        made_at = clock()
        kept: dict[str, KeptFile] = {}
        lacking: list[str] = []
        if places.database.is_sqlite:
            snapshot.copy_sqlite(places.database, folder)
            columns: dict[str, list[str]] = {}
            with snapshot.frozen(folder / snapshot.SQLITE_FILE) as connection:
                tables, facts, named = _look(connection)
        else:
            (folder / "tables").mkdir(mode=0o700)
            with places.database.read() as connection:
                columns = snapshot.copy_postgres(connection, folder / "tables")
                tables, facts, named = _look(connection)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            kept[path.relative_to(folder).as_posix()] = manifests.measure(path)
        for count, sha256 in enumerate(named):
            if count % _RENEW_EVERY == 0:
                renew()
            copied = _blob(places, folder, sha256)
            kept |= copied
            lacking += [] if copied else [sha256]
        for name, path in _secrets_and_settings(places):
            kept[name] = manifests.copy(path, folder / name)
    revision, sequences = facts
    made = Manifest(
        format=FORMAT,
        mailgate=version,
        made_at=made_at.isoformat(),
        database="sqlite" if places.database.is_sqlite else "postgresql",
        schema_revision=revision,
        tables=tables,
        columns=columns,
        sequences=sequences,
        blobs=len(named) - len(lacking),
        lacking=lacking,
        outside=[str(path) for path in places.outside],
        files=kept,
    )
    for folder_made in [path for path in folder.rglob("*") if path.is_dir()]:
        manifests.sync_folder(folder_made)
    manifests.write(folder, made)
    return made


def _look(connection: Connection) -> tuple[dict[str, int], tuple[str, dict[str, int]], list[str]]:
    """Rows of each table, (schema, sequences), and the blobs that are named, each once."""
    named = sorted({one.sha256 for one in snapshot.named_blobs(connection)})
    facts = snapshot.revision_of(connection), snapshot.sequences(connection)
    return snapshot.counts(connection), facts, named


def _blob(places: Places, folder: Path, sha256: str) -> dict[str, KeptFile]:
    """Copy one blob; {} for one that is missing, or damaged: it is not copied as if it were whole."""
    name = f"{BLOBS}/{sha256[:2]}/{sha256[2:]}"
    try:
        copied = manifests.store(places.blobs.open(sha256).parts, folder / name)
    except FileNotFoundError:
        (folder / name).unlink(missing_ok=True)
        return {}
    if copied.sha256 != sha256:
        (folder / name).unlink()
        return {}
    return {name: copied}


def _secrets_and_settings(places: Places) -> Iterator[tuple[str, Path]]:
    if places.keys.is_dir():
        for path in sorted(places.keys.iterdir()):
            if path.is_file():
                yield f"{KEYS}/{path.name}", path
    for name, path in sorted(places.configuration.items()):
        yield f"{CONFIGURATION}/{name}", path


def _archive_mode(target: Path) -> str:
    """How to write an archive; "" for a folder."""
    return next((mode for ending, mode in ARCHIVES.items() if target.name.endswith(ending)), "")


def _pack(folder: Path, target: Path, mode: str) -> None:
    """The manifest comes last here too: an archive that was cut has none."""
    half = target.with_name(f".{target.name}.writing")
    paths = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: (p.name == manifests.FILE, str(p)))
    try:
        with half.open("wb") as file:
            half.chmod(0o600)
            with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
                for path in paths:
                    archive.add(path, arcname=path.relative_to(folder).as_posix(), recursive=False)
            file.flush()
        manifests.sync_file(half)
        half.rename(target)
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def _lease(places: Places, clock: Clock, owner: str) -> Iterator[Callable[[], None]]:
    """While it holds, no blob is deleted by anybody. A backup that was killed lets go after ten minutes."""

    def renew() -> None:
        now = clock()
        with places.database.write() as connection:
            if take_lease(connection, COPYING, owner, now, now + COPYING_LEASE) is None:
                raise Busy("another backup is under way")

    renew()
    try:
        yield renew
    finally:
        with places.database.write() as connection:
            give_up_lease(connection, COPYING, owner)
