"""A blob as the body of an answer, or the ranges of it that a browser asks for: the same from a folder and a bucket.

Players and readers ask for a part of a film or a long document (RFC 9110 §14). Private content has no validators (no
ETag, no Last-Modified), so that `If-Range` matches nothing and gets the whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from store.blobs import BlobFolder, Blobs

#: Each range is a request to a bucket; who asks for more gets the whole (RFC 9110 §17.15).
_MOST_RANGES = 10
_MOST_DIGITS = 18
_Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    """The field cannot be satisfied (416), or asks for nothing that there is (400)."""

    status: int


def blob_body(
    request: Request,
    blobs: Blobs,
    sha256: str,
    headers: Mapping[str, str],
    media_type: str,
    private: bool = True,
) -> Response:
    """The answer with this blob. private: no validators. Raises FileNotFoundError, or OSError when a bucket is away."""
    if not _asks_for_ranges(request):  # Starlette would answer 206 or 400
        request.scope["headers"] = [one for one in request.scope["headers"] if one[0] != b"range"]
    if isinstance(blobs, BlobFolder) and not private:
        path = blobs.path(sha256)
        path.stat()
        return FileResponse(path, headers=headers, media_type=media_type)
    headers = {**headers, "Accept-Ranges": "bytes"}
    asked = Headers(scope=request.scope).get("range")
    if asked is not None and "if-range" not in request.headers:
        size = blobs.size(sha256)
        try:
            ranges = _ranges(asked, size)
        except _Refused as refused:
            there = {"Content-Range": f"bytes */{size}"} if refused.status == 416 else {}
            return PlainTextResponse("", refused.status, there)
        if ranges:
            return _partial(blobs, sha256, headers, media_type, ranges, size)
    if request.method == "HEAD":  # a body would be read to its end, and thrown away
        return Response(headers={**headers, "Content-Length": str(blobs.size(sha256))}, media_type=media_type)
    found = blobs.open(sha256)
    length = {"Content-Length": str(found.size_bytes)}
    return StreamingResponse(found.parts, headers={**headers, **length}, media_type=media_type)


def _asks_for_ranges(request: Request) -> bool:
    """Whether Range means anything here: with a GET, in the one unit there is (RFC 9110 §14.2)."""
    unit, equals, _ = request.headers.get("range", "").partition("=")
    return request.method == "GET" and bool(equals) and unit.strip().lower() == "bytes"


def _partial(
    blobs: Blobs, sha256: str, headers: Mapping[str, str], media_type: str, ranges: list[_Range], size: int
) -> Response:  # fmt: skip
    """206: one range as it is, several as parts of a multipart/byteranges (RFC 9110 §14.6)."""
    if len(ranges) == 1:
        [(start, end)] = ranges
        own = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
        parts = blobs.open(sha256, start, end).parts
        return StreamingResponse(parts, 206, headers={**headers, **own}, media_type=media_type)
    boundary = secrets.token_hex(13)
    heads = [
        f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: bytes {a}-{b - 1}/{size}\r\n\r\n".encode()
        for a, b in ranges
    ]
    last = f"--{boundary}--".encode()

    def body() -> Iterator[bytes]:
        for head, (start, end) in zip(heads, ranges, strict=True):
            yield head
            yield from blobs.open(sha256, start, end).parts
            yield b"\r\n"
        yield last

    length = sum(len(head) + end - start + 2 for head, (start, end) in zip(heads, ranges, strict=True)) + len(last)
    own = {"Content-Length": str(length)}
    return StreamingResponse(
        body(), 206, headers={**headers, **own}, media_type=f"multipart/byteranges; boundary={boundary}"
    )


def _ranges(asked: str, size: int) -> list[_Range]:
    """The ranges of a Range field in bytes as slices, rising, those that touch made one; none: the whole is to be sent.

    Raises _Refused for one that begins beyond the end, and for what names no range at all.
    """
    said = asked.partition("=")[2]
    if said.count(",") >= _MOST_RANGES:
        return []
    found = [one for part in said.split(",") if (one := _range(part.strip(), size)) is not None]
    if not found:
        raise _Refused(400)
    if any(not 0 <= start < size for start, _ in found):
        raise _Refused(416)
    if any(start >= end for start, end in found):
        raise _Refused(400)
    joined: list[_Range] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _range(part: str, size: int) -> _Range | None:
    """`0-4`, `5-` or `-3` (the last three) as a slice; None for anything else."""
    first, dash, last = (word.strip() for word in part.partition("-"))
    if not dash or not (first or last) or len(part) > 2 * _MOST_DIGITS:
        return None
    if not all(word.isascii() and word.isdigit() for word in (first, last) if word):
        return None
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
