"""`mailgate restore`: a backup becomes a gateway again, in a place where there is none.

Nothing that exists is overwritten. The manifest is checked before anything is written and the rows are counted
afterwards. A restore that was killed leaves `data/restoring`: nobody serves from there, and the same backup can be
restored again.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect

from mailgate.errors import DataError, Unavailable
from mailgate.keeping import manifest as manifests
from mailgate.keeping import verify
from mailgate.keeping.backup import ARCHIVES
from mailgate.keeping.manifest import Manifest
from mailgate.keeping.places import BLOBS, CONFIGURATION, KEYS, RESTORING, SQLITE_NAME, Places
from store import nodes, schema, snapshot
from store.blob_rows import COPYING
from store.blobs import BlobFolder, Blobs
from store.claims import give_up_lease
from store.engine import Database

#: What a gateway makes by itself and a restore may find.
_HARMLESS = ("write.lock", "write.turn", "node.id")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Marker:
    """`data/restoring`: which backup is being restored."""

    path: Path
    text: str

    def stands(self) -> bool:
        """Whether a restore of the same backup was begun. Raises DataError for another one's."""
        try:
            found = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return False
        if found != self.text:
            raise DataError(f"{self.path}: another backup's restore was begun here; empty {self.path.parent} first")
        return True


@contextlib.contextmanager
def opened(source: Path) -> Iterator[Path]:
    """The folder of a backup; an archive is unpacked for as long as it is needed. Raises DataError."""
    if source.is_dir():
        yield source
        return
    if not any(source.name.endswith(ending) for ending in ARCHIVES) or not source.is_file():
        raise DataError(f"there is no backup {source}")
    with tempfile.TemporaryDirectory(prefix="mailgate-backup-") as folder:
        try:
            _unpack(source, Path(folder))
        except (tarfile.TarError, EOFError, OSError) as error:
            raise DataError(f"{source} cannot be unpacked: {str(error).splitlines()[0]}") from error
        yield Path(folder)


def take_configuration(folder: Path, target: Path) -> list[Path]:
    """Write the configuration of a backup into a folder that has none; the files. Raises DataError."""
    if target.exists() and any(path.name != "data" for path in target.iterdir()):
        raise DataError(f"{target} is not empty and is left as it is")
    manifest = _whole(folder)
    made = []
    for name in sorted(manifest.files):
        if name.startswith(f"{CONFIGURATION}/"):
            path = target / name.removeprefix(f"{CONFIGURATION}/")
            manifests.copy(folder / name, path)
            made.append(path)
    return made


def restore(folder: Path, places: Places) -> Manifest:
    """Put a backup back; the gateway has this program's schema afterwards, and is not to be served before `finish`.

    Raises DataError (a damaged backup, a place that is not empty), Unavailable (disk), StoreError.
    """
    manifest = _whole(folder)
    kind = "sqlite" if places.database.is_sqlite else "postgresql"
    if manifest.database != kind:
        raise DataError(f"the backup is of {manifest.database}, and the configuration says {kind}")
    if manifest.schema_revision not in schema.revisions():
        raise DataError(f"the backup has schema {manifest.schema_revision}, newer than this mailgate knows")
    marker = _marker(folder, places.data)
    if not marker.stands():
        _must_be_empty(folder, places)
    try:
        places.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker.path.write_text(marker.text, encoding="ascii")
        manifests.sync_folder(places.data)
        _copy_files(folder, manifest, places)
        if places.database.is_sqlite:
            _put_sqlite(folder, places)
            with places.database.read() as connection:
                _counted(connection, manifest, places)
        else:
            _fill_postgres(folder, manifest, places)
    except OSError as error:
        raise Unavailable(f"not restored: {error.filename or places.data}: {(error.strerror or '').lower()}") from error
    schema.migrate(places.database)
    with places.database.write() as connection:
        give_up_lease(connection, COPYING, None)  # of the backup that is restored here, as it was being made
        nodes.forget_all(connection)  # what was in hand at that moment is in nobody's now
    return manifest


def finish(places: Places) -> None:
    """What had to be done to what was restored is done: it may be served."""
    (places.data / RESTORING).unlink(missing_ok=True)
    manifests.sync_folder(places.data)


def _whole(folder: Path) -> Manifest:
    manifest = manifests.read(folder)
    wrong = list(manifests.differences(folder, manifest))
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise DataError("the backup is damaged: " + "; ".join(wrong[:_SHOWN]) + more)
    return manifest


def _marker(folder: Path, data: Path) -> _Marker:
    digest = hashlib.sha256((folder / manifests.FILE).read_bytes()).hexdigest()
    return _Marker(data / RESTORING, digest + "\n")


def _must_be_empty(folder: Path, places: Places) -> None:
    if places.data.is_dir():
        for path in sorted(places.data.iterdir()):
            if path.name in _HARMLESS or path.name.startswith("serve-"):
                continue
            if path.name == KEYS and _same_keys(path, folder / KEYS):
                continue
            if path.is_dir() and path.name != KEYS and not any(p.is_file() for p in path.rglob("*")):
                continue
            why = ", and its keys are not those of the backup" if path.name == KEYS else ""
            raise DataError(f"{places.data} is not empty ({path.name}{why}): nothing was restored")
    if next(iter(places.blobs.all()), None) is not None:
        raise DataError(f"{places.blobs.name} is not empty: nothing was restored")
    if not places.database.is_sqlite and _filled(places.database):
        raise DataError("the database is not empty: nothing was restored")


def _same_keys(there: Path, kept: Path) -> bool:
    return all((kept / p.name).is_file() and (kept / p.name).read_bytes() == p.read_bytes() for p in there.iterdir())


def _filled(database: Database) -> bool:
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return any(snapshot.counts(connection).values())


def _copy_files(folder: Path, manifest: Manifest, places: Places) -> None:
    for name in sorted(manifest.files):
        first, _, rest = name.partition("/")
        if first == BLOBS:
            _put_blob(folder / name, rest.replace("/", "", 1), places.blobs)
            continue
        if first == KEYS:
            target = places.keys / rest
        else:
            continue
        if not target.exists() or manifests.measure(target) != manifest.files[name]:
            target.unlink(missing_ok=True)
            manifests.copy(folder / name, target)
    for made in (places.data, places.keys):
        if made.is_dir():
            manifests.sync_folder(made)


def _put_blob(file: Path, sha256: str, blobs: Blobs) -> None:
    """Put a blob that is not there yet, or not whole."""
    try:
        if verify.digest(blobs, sha256) != sha256:
            blobs.delete(sha256)
        elif not isinstance(blobs, BlobFolder):  # a folder's entry may not have reached the disk: `put` sees to it
            return
    except FileNotFoundError:
        pass
    blobs.put(file.read_bytes(), sha256)


def _put_sqlite(folder: Path, places: Places) -> None:
    target = places.data / SQLITE_NAME
    places.database.close()  # what it has open is the file that is taken away here
    for ending in ("", "-wal", "-shm", ".restoring"):
        target.with_name(target.name + ending).unlink(missing_ok=True)
    half = target.with_name(target.name + ".restoring")
    manifests.copy(folder / snapshot.SQLITE_FILE, half)
    half.rename(target)
    manifests.sync_folder(places.data)


def _fill_postgres(folder: Path, manifest: Manifest, places: Places) -> None:
    if _filled(places.database):  # by the restore that was killed afterwards, and counted by it
        return
    schema.migrate(places.database, manifest.schema_revision)
    with places.database.write() as connection:
        snapshot.fill_postgres(connection, folder / "tables", manifest.columns)
        snapshot.set_sequences(connection, manifest.sequences)
        _counted(connection, manifest, places)


def _counted(connection: Connection, manifest: Manifest, places: Places) -> None:
    wrong = [*verify.count(connection, manifest), *verify.missing(connection, places.blobs, manifest.lacking)]
    if wrong:
        raise DataError("not restored: " + "; ".join(wrong[:_SHOWN]))


def _unpack(source: Path, folder: Path) -> None:
    """Only plain files that stay inside."""
    with tarfile.open(source) as archive:
        for member in archive:
            if not member.isreg() or not manifests.is_inside(member.name):
                raise DataError(f"{source} is no backup: it holds {member.name}")
            target = folder / member.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = archive.extractfile(member)
            assert content is not None, "a plain file has content"
            with content, target.open("xb") as file:
                shutil.copyfileobj(content, file)
