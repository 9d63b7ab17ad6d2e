"""Blobs in a folder and in a bucket are the same to whoever uses them; a bucket that fails loses nothing."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import bucket as buckets
from store.blobs import BlobFolder, Blobs
from store.bucket import Access, BlobBucket, BucketAway
from tests.integration.bucket import Bucket

BYTES = b"nota fiscal\r\n" * 1000
DIGEST = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    one = Bucket().start()
    yield one
    one.stop()


@pytest.fixture
def bucket(server: Bucket, request: pytest.FixtureRequest) -> BlobBucket:
    server.moods, server.requests = [], []
    return BlobBucket(Access(server.name, request.node.name, server.endpoint, "us-east-1", "test", "wholly-secret"))


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    found: Blobs = BlobFolder(tmp_path) if request.param == "folder" else request.getfixturevalue("bucket")
    return found


def test_what_is_put_can_be_read_in_every_way(blobs: Blobs) -> None:
    assert blobs.put(BYTES) == blobs.put(BYTES, DIGEST) == DIGEST
    assert blobs.get(DIGEST) == BYTES
    assert blobs.start(DIGEST, 4) == b"nota"
    assert blobs.start(DIGEST, 10 * len(BYTES)) == BYTES
    opened = blobs.open(DIGEST)
    assert (opened.size_bytes, b"".join(opened.parts)) == (len(BYTES), BYTES)
    sliced = blobs.open(DIGEST, 2, 7)
    assert (sliced.size_bytes, b"".join(sliced.parts), blobs.size(DIGEST)) == (len(BYTES), BYTES[2:7], len(BYTES))
    assert blobs.exists(DIGEST)
    [(digest, stored_at)] = list(blobs.all())
    assert digest == DIGEST
    assert abs(time.time() - stored_at) < 60
    again: Blobs = pickle.loads(pickle.dumps(blobs))
    assert again.get(DIGEST) == BYTES
    blobs.delete(DIGEST, made_before=time.time() - 3600)
    assert blobs.exists(DIGEST), "it was put since"
    blobs.delete(DIGEST, made_before=time.time() + 3600)
    blobs.delete(DIGEST)
    assert (list(blobs.all()), blobs.exists(DIGEST)) == ([], False)


@pytest.mark.parametrize("name", [DIGEST, "../../../etc/passwd", "", "A" * 64])
def test_what_is_not_there_is_not_found(blobs: Blobs, name: str) -> None:
    for ask in (blobs.get, blobs.open, blobs.size, lambda digest: blobs.start(digest, 9)):
        with pytest.raises(FileNotFoundError):
            ask(name)


def test_an_empty_file_is_a_file(blobs: Blobs) -> None:
    digest = blobs.put(b"")
    assert (blobs.get(digest), b"".join(blobs.open(digest).parts)) == (b"", b"")
    assert blobs.start(digest, 32) == b""


def test_what_lies_beside_is_not_ours(bucket: BlobBucket, server: Bucket) -> None:
    bucket.probe("aa")
    other = BlobBucket(Access(server.name, "other", server.endpoint, "us-east-1", "test", "wholly-secret"))
    other.put(BYTES)
    assert list(bucket.all()) == []
    assert [digest for digest, _ in other.all()] == [DIGEST]


@pytest.mark.parametrize("moods", [["500", "503"], ["drop"], ["half", "503"]])
def test_errors_that_pass_are_not_noticed(bucket: BlobBucket, server: Bucket, moods: list[str]) -> None:
    server.moods = [*moods]
    assert bucket.put(BYTES) == DIGEST
    assert server.requests == ["PUT"] * (len(moods) + 1)
    server.moods = [*moods]
    assert bucket.get(DIGEST) == BYTES


def test_a_bucket_that_goes_away_is_said_to_be_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_RETRY_SECONDS", 1)
    monkeypatch.setattr(buckets, "_REST_SECONDS", 0.3)
    server = Bucket().start()
    blobs = BlobBucket(Access(server.name, "", server.endpoint, "us-east-1", "test", "wholly-secret"))
    seen: list[tuple[str, bool]] = []
    blobs.observe = lambda operation, succeeded, _: seen.append((operation, succeeded))
    blobs.put(BYTES)
    assert blobs.trouble() == ""
    server.stop()
    for ask in (lambda: blobs.put(BYTES), lambda: blobs.get(DIGEST), lambda: list(blobs.all()), blobs.trouble):
        begun = time.monotonic()
        if ask == blobs.trouble:
            assert server.name in blobs.trouble()
        else:
            with pytest.raises(BucketAway, match=server.name):
                ask()
        assert time.monotonic() - begun < 4
        assert seen[-1][1] is False
    begun = time.monotonic()
    with pytest.raises(BucketAway):
        blobs.put(BYTES)
    assert time.monotonic() - begun < 0.2, "nobody waits again so soon"
    server.start()
    time.sleep(0.3)
    assert blobs.trouble() == ""
    assert blobs.get(DIGEST) == BYTES
    server.stop()


def test_a_bucket_that_hangs_is_given_up(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_REQUEST_SECONDS", 1)
    monkeypatch.setattr(buckets, "_RETRY_SECONDS", 1)
    blobs = BlobBucket(Access(server.name, "slow", server.endpoint, "us-east-1", "test", "wholly-secret"))
    server.moods = [1.6, 1.6, 1.6]
    begun = time.monotonic()
    with pytest.raises(BucketAway):
        blobs.put(BYTES)
    assert time.monotonic() - begun < 5
    server.moods = []


def test_a_bucket_that_is_not_there_is_no_missing_blob(server: Bucket) -> None:
    blobs = BlobBucket(Access("no-such-bucket", "", server.endpoint, "us-east-1", "test", "wholly-secret"))
    for number, ask in enumerate((blobs.put, blobs.get)):
        blobs._rest_until = 0.0
        with pytest.raises(BucketAway, match="there is no bucket 'no-such-bucket'"):
            ask(BYTES if number == 0 else DIGEST)  # type: ignore[operator]


def test_no_secret_is_told() -> None:
    access = Access("b", "", "http://127.0.0.1:1", "us-east-1", "test", "wholly-secret", "token-secret")
    blobs = BlobBucket(access)
    with pytest.raises(BucketAway) as raised:
        blobs.put(BYTES)
    assert "secret" not in f"{raised.value} {raised.value!r} {access!r} {blobs.name}"
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
