"""A blob as the body of an answer: a file where blobs are files, else passed on as the bucket gives it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import FileResponse, Response, StreamingResponse

from store.blobs import BlobFolder, Blobs


class _Plain(FileResponse):
    """A file without the validators that would name private content (ETag, Last-Modified)."""

    def set_stat_headers(self, stat_result: object) -> None:
        size = getattr(stat_result, "st_size", 0)
        self.headers.setdefault("content-length", str(size))


def blob_body(blobs: Blobs, sha256: str, headers: Mapping[str, str], media_type: str, private: bool = True) -> Response:
    """The answer with this blob. private: no validators. Raises FileNotFoundError, or OSError when a bucket is away."""
    if isinstance(blobs, BlobFolder):
        path = blobs.path(sha256)
        path.stat()
        return (_Plain if private else FileResponse)(path, headers=headers, media_type=media_type)
    found = blobs.open(sha256)
    length = {"Content-Length": str(found.size_bytes)}
    return StreamingResponse(found.parts, headers={**headers, **length}, media_type=media_type)
