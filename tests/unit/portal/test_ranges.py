"""Parts of a file: the same answers whether files lie in a folder, in a bucket, or in Starlette's own hands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mailgate.portal.blobbody import blob_body
from store.blobs import BlobFolder, Blobs
from store.bucket import Access, BlobBucket
from tests.house import ANA, SUPPORT, plain_mail
from tests.integration.machine import free_port
from tests.unit.portal.conftest import Portal
from tests.webserver import serving

CONTENT = bytes(range(256)) * 40
SHA = hashlib.sha256(CONTENT).hexdigest()
EMPTY = hashlib.sha256(b"").hexdigest()
ASKED = [
    "bytes=0-0", "bytes=0-99", "bytes=5000-", "bytes=-300", "bytes=0-99999999", "bytes=-99999999", "BYTES = 3-5",
    "bytes=10240-", "bytes=10239-", "bytes=99999-100000", "bytes=-0", "bytes=9-5", "bytes=", "bytes=-", "bytes=a-b",
    "bytes=0-1,5-9", "bytes=5-9, 0-1", "bytes=0-100,50-200,-5", "bytes=0-1,,7-8",
    "bytes=0-1,20000-20001", "bytes=0-4, nonsense",
]  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = BlobFolder(tmp_path_factory.mktemp("blobs"))
    bucket = BlobBucket(Access("bucket", "files"))
    bucket.__dict__["_store"] = MemoryStore()
    for blobs in (folder, bucket):
        assert blobs.put(CONTENT) == SHA
        blobs.put(b"")
    places: dict[str, Blobs] = {"folder": folder, "bucket": bucket}

    def show(request: Request) -> Response:
        where, sha256 = request.path_params["where"], request.path_params["sha256"]
        if where == "starlette":
            return FileResponse(folder.path(sha256), media_type="video/mp4")
        return blob_body(request, places[where], sha256, {"Cache-Control": "no-store"}, "video/mp4")

    port = free_port()
    with serving(Starlette(routes=[Route("/{where}/{sha256}", show)]), port):
        yield httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)


def _answer(client: httpx.Client, where: str, sha256: str, **headers: str) -> tuple[Any, ...]:
    """What is the same for everybody: of several ranges without the boundary that each draws for itself."""
    got = client.get(f"/{where}/{sha256}", headers=headers)
    kind, _, boundary = got.headers.get("content-type", "").partition("; boundary=")
    body = got.content.replace(boundary.encode(), b"B") if boundary else got.content
    length = int(got.headers["content-length"])
    assert length == len(got.content)
    if got.status_code >= 400:
        return got.status_code, got.headers.get("content-range")
    return got.status_code, got.headers.get("content-range"), got.headers["accept-ranges"], kind, body


@pytest.mark.parametrize("asked", ASKED)
def test_a_part_is_the_same_wherever_it_comes_from(client: httpx.Client, asked: str) -> None:
    """RFC 9110 §14.2, §15.3.7, §15.5.17."""
    for sha256 in (SHA, EMPTY):
        wanted = _answer(client, "starlette", sha256, Range=asked)
        assert _answer(client, "folder", sha256, Range=asked) == wanted
        assert _answer(client, "bucket", sha256, Range=asked) == wanted


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_head_opens_nothing(client: httpx.Client, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9110 §9.3.2: the header of the whole, for which no file of gigabytes is to be read."""
    whole = client.get(f"/{where}/{SHA}").headers
    for kind in (BlobFolder, BlobBucket):
        monkeypatch.setattr(kind, "open", None)
    got = client.head(f"/{where}/{SHA}")
    names = ("content-length", "content-type", "accept-ranges", "cache-control")
    assert got.status_code == 200
    assert [got.headers[name] for name in names] == [whole[name] for name in names]


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_the_whole_where_no_part_can_be_meant(client: httpx.Client, where: str) -> None:
    """Private files have no validator that If-Range could match; a hundred parts would be a hundred requests."""
    many = "bytes=" + ",".join(f"{9 * n}-{9 * n}" for n in range(100))
    plain = client.get(f"/{where}/{SHA}")
    assert (plain.status_code, plain.content, plain.headers["accept-ranges"]) == (200, CONTENT, "bytes")
    assert not {"etag", "last-modified"} & set(plain.headers)
    asked = ({"Range": "bytes=0-4", "If-Range": '"x"'}, {"Range": many}, {"Range": "items=0-1"}, {"Range": "nonsense"})
    for headers in asked:
        got = client.get(f"/{where}/{SHA}", headers=headers)
        assert (got.status_code, got.content) == (200, CONTENT)
    head = client.head(f"/{where}/{SHA}", headers={"Range": "bytes=0-4"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))


def test_a_customer_reads_on_in_a_long_document(portal: Portal) -> None:
    guide = b"%PDF-1.7\n" + CONTENT
    portal.house.receive(plain_mail(ANA, SUPPORT, "Guia", "Veja.", files=[("guia.pdf", "application/pdf", guide)]))
    browser = portal.opened("SUP-1")
    page = browser.get("/tickets/SUP-1").text
    path = page.partition('href="/tickets/SUP-1/files/')[2].partition('"')[0]
    got = browser.get(f"/tickets/SUP-1/files/{path}", headers={"Range": "bytes=1000-1999"})
    assert (got.status_code, got.content) == (206, guide[1000:2000])
    assert got.headers["content-range"] == f"bytes 1000-1999/{len(guide)}"
    assert got.headers["cache-control"] == "private, no-store"
    assert "sandbox" in got.headers["content-security-policy"]
    beyond = browser.get(f"/tickets/SUP-1/files/{path}", headers={"Range": "bytes=999999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(guide)}")
    assert browser.get(f"/tickets/SUP-1/files/{path}", headers={"Range": "bytes=0-9", "If-Range": "x"}).content == guide
