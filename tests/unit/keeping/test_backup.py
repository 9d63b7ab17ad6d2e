"""A backup is one moment, whole; what is restored says the same; what is damaged or in the way is said."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from mailgate.errors import Busy, DataError
from mailgate.keeping import manifest as manifests
from mailgate.keeping import restore as restoring
from mailgate.keeping import verify
from mailgate.keeping.backup import back_up
from mailgate.keeping.places import Places
from store import blob_rows, claims, snapshot
from store.tables import RAW_MAIL
from tests.house import ANA, SUPPORT, plain_mail
from tests.unit.keeping.conftest import LARGE, Kept, exported

Elsewhere = Callable[[], Places]


def make(kept: Kept, target: Path) -> Path:
    back_up(kept.places, target, kept.site.clock, "0", "test")
    return target


@pytest.mark.parametrize("name", ["backup", "backup.tar", "backup.tgz"])
def test_what_is_restored_is_what_was_there(kept: Kept, elsewhere: Elsewhere, tmp_path: Path, name: str) -> None:
    kept.house.receive(plain_mail(ANA, SUPPORT, "Arquivo grande", LARGE))
    before = kept.lines()
    target = make(kept, tmp_path / name)
    place = elsewhere()
    with restoring.opened(target) as folder:
        assert list(verify.look_at_backup(folder)) == []
        restoring.restore(folder, place)
        restoring.finish(place)
        assert (folder / "configuration" / "mailgate.yaml").read_bytes() == b"company: {name: Exemplo}\n"
    assert exported(place.database) == before
    assert list(verify.look_at_gateway(place)) == []
    assert (place.keys / "mac.key").read_bytes() == (kept.places.keys / "mac.key").read_bytes()
    # Numbers go on behind those that were given, and what holds secrets is its owner's alone.
    with kept.places.database.read() as old, place.database.read() as new:
        assert snapshot.sequences(old) == snapshot.sequences(new)
    if target.is_dir():
        modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.name == "mac.key"}
        assert modes == {0o600}


def test_mail_that_comes_meanwhile_is_in_it_whole_or_not_at_all(
    kept: Kept, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    stop = threading.Event()
    sent = []

    def send() -> None:
        while not stop.is_set():
            count = len(sent)
            file = (f"n{count}.txt", "text/plain", f"arquivo {count}".encode())
            kept.house.receive(plain_mail((f"C{count}", f"c{count}@cliente.test"), SUPPORT, "Oi", "Oi", files=[file]))
            sent.append(count)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        targets = [make(kept, tmp_path / f"backup-{n}") for n in range(3)]
    finally:
        stop.set()
        sender.join()
    place = elsewhere()
    restoring.restore(targets[-1], place)
    after, found = [{m["raw_sha256"] for line in lines for m in line["messages"]} for lines in (
        kept.lines(), exported(place.database)
    )]  # fmt: skip
    assert len(found) >= 3
    assert found <= after
    assert [list(verify.look_at_backup(target)) for target in targets] == [[], [], []]
    assert list(verify.look_at_gateway(place)) == []


def test_no_blob_is_deleted_while_it_is_copied(kept: Kept, tmp_path: Path) -> None:
    sha256 = kept.site.blobs.put(b"of nobody")
    now = kept.site.clock()
    with kept.places.database.write() as connection:
        assert blob_rows.may_be_deleted(connection, sha256, now)
        claims.take_lease(connection, blob_rows.COPYING, "another", now, now + blob_rows.COPYING_LEASE)
        assert not blob_rows.may_be_deleted(connection, sha256, now)
    with pytest.raises(Busy, match="another backup"):
        make(kept, tmp_path / "backup")
    assert not any(tmp_path.glob("*backup*"))


def test_a_backup_that_died_while_the_clock_was_ahead_holds_nobody_up(kept: Kept, tmp_path: Path) -> None:
    """D12: for a year no backup could be made, nothing be erased, and no blob was ever swept."""
    sha256, now = kept.site.blobs.put(b"of nobody"), kept.site.clock()
    with kept.places.database.write() as connection:
        ahead = now + timedelta(days=365)
        claims.take_lease(connection, blob_rows.COPYING, "dead", ahead, ahead + blob_rows.COPYING_LEASE)
    with kept.places.database.read() as connection:
        assert blob_rows.may_be_deleted(connection, sha256, now)
    assert make(kept, tmp_path / "backup").is_dir()


@pytest.mark.parametrize("what", ["cut", "changed", "gone", "more", "manifest"])
def test_damage_is_named_and_nothing_is_restored(kept: Kept, elsewhere: Elsewhere, tmp_path: Path, what: str) -> None:
    target = make(kept, tmp_path / "backup")
    blob = next(path for path in (target / "blobs").rglob("*") if path.is_file())
    if what == "cut":
        blob.write_bytes(blob.read_bytes()[:-1])
    elif what == "changed":
        blob.write_bytes(bytes(b ^ 1 for b in blob.read_bytes()))
    elif what == "gone":
        blob.unlink()
    elif what == "more":
        blob.with_name("0" * 62).write_bytes(b"?")
    else:
        (target / manifests.FILE).write_text("{}", encoding="utf-8")
    place = elsewhere()
    if what != "manifest":
        (said,) = verify.look_at_backup(target)
        assert said.startswith("blobs/")
    with pytest.raises(DataError, match="damaged"):
        restoring.restore(target, place)
    assert not any(path.is_file() for path in place.data.rglob("*"))


def test_nothing_that_exists_is_overwritten(kept: Kept, elsewhere: Elsewhere, tmp_path: Path) -> None:
    target = make(kept, tmp_path / "backup")
    with pytest.raises(DataError, match="there already"):
        make(kept, target)
    with pytest.raises(DataError, match="not empty"):
        restoring.restore(target, kept.places)
    place = elsewhere()
    place.keys.mkdir()
    (place.keys / "mac.key").write_text("00" * 32 + "\n")
    with pytest.raises(DataError, match="keys are not those"):
        restoring.restore(target, place)
    assert (place.keys / "mac.key").read_text() == "00" * 32 + "\n"
    (place.keys / "mac.key").unlink()
    for name in ("write.lock", "write.turn", "serve-0.lock", "node.id"):  # of the gateway that was lost here
        (place.data / name).touch()
    restoring.restore(target, place)


def test_a_restore_that_was_killed_is_begun_again(
    kept: Kept, elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, other = make(kept, tmp_path / "backup"), make(kept, tmp_path / "other")
    place = elsewhere()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("_copy_files", "_put_sqlite" if place.database.is_sqlite else "_fill_postgres"):
        with monkeypatch.context() as patch:
            patch.setattr(restoring, step, killed)
            with pytest.raises(KeyboardInterrupt):
                restoring.restore(target, place)
        assert (place.data / "restoring").exists()
    (other / manifests.FILE).write_text((other / manifests.FILE).read_text() + " ")
    with pytest.raises(DataError, match="another backup"):
        restoring.restore(other, place)
    restoring.restore(target, place)
    restoring.restore(target, place)  # killed before the last step
    restoring.finish(place)
    assert exported(place.database) == kept.lines()


def test_what_a_gateway_lost_is_named(kept: Kept, tmp_path: Path) -> None:
    assert list(verify.look_at_gateway(kept.places)) == []
    sha256 = next(digest for digest, _ in kept.site.blobs.all())
    kept.site.blobs.path(sha256).write_bytes(b"something else")
    with kept.places.database.write() as connection:
        connection.execute(text("UPDATE journal SET outcome = 'held'"))
        connection.execute(delete(RAW_MAIL))
    said = list(verify.look_at_gateway(kept.places))
    assert [s for s in said if s.startswith(f"blob {sha256}: damaged")]
    assert len([s for s in said if "held, and its mail is not there" in s]) == 3
    kept.site.blobs.delete(sha256)
    assert any(f"its blob {sha256} is missing" in s for s in verify.look_at_gateway(kept.places))
    # What is lost already does not keep the rest from being saved.
    made = back_up(kept.places, tmp_path / "backup", kept.site.clock, "0", "test")
    assert made.lacking == [sha256]
