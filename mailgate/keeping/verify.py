"""`mailgate verify`: whether the database, the blobs and the manifest of a backup say the same. Reads only.

A live gateway goes on working meanwhile: what seems to be missing is looked up again before it is called so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text

from mailgate.keeping import manifest as manifests
from mailgate.keeping.manifest import Manifest
from mailgate.keeping.places import BLOBS, Places
from store import snapshot
from store.blobs import BlobFolder, Blobs
from store.snapshot import Named
from store.tables import COUNTER, JOURNAL, RAW_MAIL, TICKET, is_sqlite
from store.vocabulary import Outcome

_SHOWN = 20


def look_at_backup(folder: Path) -> Iterator[str]:
    """Every difference inside a backup, a sentence each. Raises DataError for what is no backup."""
    manifest = manifests.read(folder)
    damaged = False
    for difference in manifests.differences(folder, manifest):
        damaged = True
        yield difference
    if damaged:  # what it holds is not looked at: each of its rows could be wrong
        return
    if manifest.database == "sqlite":
        with snapshot.frozen(folder / snapshot.SQLITE_FILE) as connection:
            yield from rows(connection)
            yield from count(connection, manifest)
            yield from missing(connection, BlobFolder(folder / BLOBS))
    else:
        for name, expected in manifest.tables.items():
            with (folder / "tables" / f"{name}.copy").open("rb") as file:
                found = sum(part.count(b"\n") for part in iter(lambda f=file: f.read(1 << 20), b""))  # type: ignore[misc]
            if found != expected:
                yield f"table {name}: {found} rows, not {expected}"
    there = sum(1 for name in manifest.files if name.startswith(f"{BLOBS}/"))
    if there != manifest.blobs:
        yield f"blobs: {there}, not {manifest.blobs}"


def look_at_gateway(places: Places) -> Iterator[str]:
    """Every difference of a gateway, a sentence each. Raises StoreError."""
    with places.database.read() as connection:
        yield from rows(connection)
        named = list(snapshot.named_blobs(connection))
    wrong = [*_missing(named, places.blobs), *_damaged(places.blobs)]
    with places.database.read() as connection:
        still = {(one.sha256, one.table, one.row_id) for one in snapshot.named_blobs(connection)}
    for one, sentence in wrong:
        if one is None or ((one.sha256, one.table, one.row_id) in still and not places.blobs.exists(one.sha256)):
            yield sentence


def count(connection: Connection, manifest: Manifest) -> Iterator[str]:
    """Tables whose rows are not as many as the manifest says."""
    found = snapshot.counts(connection)
    for name, expected in manifest.tables.items():
        if found.get(name) != expected:
            yield f"table {name}: {found.get(name, 0)} rows, not {expected}"
    if snapshot.revision_of(connection) != manifest.schema_revision:
        yield f"schema {snapshot.revision_of(connection)}, not {manifest.schema_revision}"


def missing(connection: Connection, blobs: Blobs, known: Sequence[str] = ()) -> Iterator[str]:
    """Rows whose blob is not there. known: those that were not there before."""
    for one, sentence in _missing(list(snapshot.named_blobs(connection)), blobs):
        if one.sha256 not in known:
            yield sentence


def rows(connection: Connection) -> Iterator[str]:
    """What the database itself says, and rows that point to nothing."""
    if is_sqlite(connection):
        for row in connection.execute(text("PRAGMA integrity_check(20)")):
            if row[0] != "ok":
                yield f"SQLite: {row[0]}"
        for row in connection.execute(text("PRAGMA foreign_key_check")).fetchmany(_SHOWN):
            yield f"table {row[0]}, row {_hex(row[1])}: names a row of {row[2]} that is not there"
    needed = (str(Outcome.PENDING), str(Outcome.HELD))
    j = JOURNAL.c
    query = (
        select(j.id, j.outcome)
        .select_from(JOURNAL.outerjoin(RAW_MAIL, RAW_MAIL.c.journal_id == j.id))
        .where(j.outcome.in_(needed), j.raw_blob.is_(False), RAW_MAIL.c.journal_id.is_(None))
    )
    for row in connection.execute(query.limit(_SHOWN)):
        yield f"table journal, row {row.id:x}: {row.outcome}, and its mail is not there"
    lost = select(j.id, j.ticket_id).where(j.ticket_id.is_not(None), j.ticket_id.not_in(select(TICKET.c.id)))
    for row in connection.execute(lost.limit(_SHOWN)):
        yield f"table journal, row {row.id:x}: names a ticket that is not there"
    yield from _numbers(connection)


def _numbers(connection: Connection) -> Iterator[str]:
    highest = connection.execute(select(TICKET.c.number).order_by(TICKET.c.number.desc()).limit(1)).scalar()
    if is_sqlite(connection):
        given = connection.execute(select(COUNTER.c.value).where(COUNTER.c.name == "ticket")).scalar()
    else:
        given = snapshot.sequences(connection).get("ticket_number")
    if highest is not None and (given or 0) < highest:
        yield f"the counter of tickets stands at {given or 0}, and there is ticket number {highest}"


def digest(blobs: Blobs, sha256: str) -> str:
    """The SHA-256 of what a blob really holds. Raises FileNotFoundError."""
    found = hashlib.sha256()
    for part in blobs.open(sha256).parts:
        found.update(part)
    return found.hexdigest()


def _missing(named: list[Named], blobs: Blobs) -> Iterator[tuple[Named, str]]:
    there = {sha256 for sha256, _ in blobs.all()} if named else set()
    for one in named:
        if one.sha256 not in there and not blobs.exists(one.sha256):
            yield one, f"table {one.table}, row {one.row_id}: its blob {one.sha256} is missing"


def _damaged(blobs: Blobs) -> Iterator[tuple[None, str]]:
    for sha256, _ in blobs.all():
        try:
            found = digest(blobs, sha256)
        except FileNotFoundError:  # deleted since it was listed
            continue
        if found != sha256:
            yield None, f"blob {sha256}: damaged, what it holds has SHA-256 {found}"


def _hex(value: Any) -> str:
    return f"{value:x}" if isinstance(value, int) else str(value)
