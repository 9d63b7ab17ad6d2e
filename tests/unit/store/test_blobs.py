"""Blobs reach the disk with every entry on the way to them, whoever made the folders, and whatever fails."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from store.blobs import BlobFolder

CONTENT = b"x" * 10_000


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that were brought to the disk, in order."""
    paths: list[Path] = []
    inner = os.fsync

    def fsync(fd: int) -> None:
        inner(fd)
        paths.append(Path(os.readlink(f"/proc/self/fd/{fd}")))

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_every_entry_on_the_way_is_on_the_disk(tmp_path: Path, synced: list[Path]) -> None:
    root = tmp_path / "new" / "blobs"
    digest = BlobFolder(root).put(CONTENT)
    assert {tmp_path, tmp_path / "new", root, root / digest[:2]} <= set(synced)
    assert synced[-1] == root / digest[:2], "the name comes after the content"
    assert synced[-2].name.endswith(".tmp")


def test_the_entry_of_a_folder_that_a_killed_process_made_is_not_believed(tmp_path: Path, synced: list[Path]) -> None:
    digest = BlobFolder(tmp_path / "elsewhere").put(CONTENT)
    (tmp_path / "blobs" / digest[:2]).mkdir(parents=True)
    synced.clear()
    blobs = BlobFolder(tmp_path / "blobs")
    blobs.put(CONTENT)
    assert {tmp_path, tmp_path / "blobs"} <= set(synced)
    synced.clear()
    blobs.put(CONTENT)  # the same again: whoever wrote it may have died before its name was safe
    assert synced == [tmp_path / "blobs" / digest[:2]]


@pytest.mark.parametrize("call", ["fsync", "write", "open"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EMFILE])
def test_what_failed_leaves_nothing_that_looks_like_a_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    blobs = BlobFolder(tmp_path / "blobs")

    def fail(*_rest: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(OSError, match=os.strerror(number)):
            blobs.put(CONTENT)
    assert list(blobs.all()) == []
    assert blobs.get(blobs.put(CONTENT)) == CONTENT


def test_a_folder_that_may_not_be_read_above_ours_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner: Callable[..., int] = os.open

    def guarded(path: Path, flags: int, *rest: int) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return inner(path, flags, *rest)

    (tmp_path / "blobs").mkdir()
    monkeypatch.setattr(os, "open", guarded)
    assert BlobFolder(tmp_path / "blobs").put(CONTENT)


def test_a_blob_that_is_put_again_while_a_sweep_looks_at_it_stays(tmp_path: Path) -> None:
    """An MTA comes again days after a 451: the bytes of then are the bytes of now."""
    blobs = BlobFolder(tmp_path)
    digest = blobs.put(CONTENT)
    os.utime(blobs.path(digest), (1, 1))
    [(found, made_at)] = blobs.all()
    blobs.put(CONTENT)
    blobs.delete(found, made_before=made_at + 1)
    assert blobs.get(digest) == CONTENT
    os.utime(blobs.path(digest), (1, 1))
    blobs.delete(digest, made_before=2)
    blobs.delete(digest, made_before=2)
    assert list(blobs.all()) == []


def test_a_blob_that_is_put_again_between_a_sweeps_look_and_its_deed_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail whose row was then written had no bytes any more."""
    digest = BlobFolder(tmp_path).put(CONTENT)
    path = BlobFolder(tmp_path).path(digest)
    os.utime(path, (1, 1))
    inner, again = Path.stat, threading.Thread(target=BlobFolder(tmp_path).put, args=(CONTENT,))

    def stat(one: Path, **how: bool) -> os.stat_result:
        found = inner(one, **how)
        if one == path and threading.current_thread() is threading.main_thread():
            monkeypatch.setattr(Path, "stat", inner)
            again.start()
            again.join(0.2)
        return found

    monkeypatch.setattr(Path, "stat", stat)
    BlobFolder(tmp_path).delete(digest, made_before=2)
    again.join(10)
    assert BlobFolder(tmp_path).get(digest) == CONTENT


def test_an_entry_that_could_not_be_synced_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel reports what it could not write once: the next fsync of the folder says yes to nothing."""
    blobs = BlobFolder(tmp_path)
    digest = blobs.put(b"something else")
    blobs.put(CONTENT)
    inner, broken = os.fsync, [True]

    def fsync(fd: int) -> None:
        if broken[0] and Path(os.readlink(f"/proc/self/fd/{fd}")).is_dir():
            raise OSError(errno.EIO, "Input/output error")
        inner(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    inode = blobs.path(digest).stat().st_ino
    with pytest.raises(OSError, match="Input/output"):
        blobs.put(b"something else")
    broken[0] = False
    assert blobs.put(b"something else") == digest
    assert blobs.path(digest).stat().st_ino != inode
