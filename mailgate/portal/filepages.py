"""Files of comments: only of a ticket this browser may see, those of notes for agents, and never as a page of ours.

Images that a browser can do no harm with are shown (their first bytes decide), everything else is saved.
Sources: RFC 6266 §4 (Content-Disposition), RFC 8187 §3.2 (its file name).
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate import log
from mailgate.mail.attachments import media_type
from mailgate.portal.access import admit
from mailgate.portal.blobbody import blob_body
from mailgate.portal.desk import desk_of, row_id
from mailgate.portal.said import PICTURES
from mailgate.portal.shield import FILE_POLICY
from store import tickets

_LOG = log.get("portal")
_SAFE_TYPES = PICTURES | {
    "application/pdf",
    "application/zip",
    "text/plain",
    "text/csv",
    "video/mp4",
    "audio/mpeg",
    "audio/ogg",
    "message/rfc822",
}


def file(request: Request) -> Response:
    """GET /tickets/{KEY}/files/{id}/{name}: the file; the name in the address is only for the reader."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        admitted = admit(desk, connection, request)
        row = tickets.attachment(
            connection, admitted.ticket.id, row_id(request), notes=admitted.grant.agent_id is not None
        )
    if row is None:
        raise HTTPException(404)
    try:
        kind = _kind(desk.site.blobs.start(row.sha256, 32), row.content_type)
    except FileNotFoundError:
        _LOG.error("blob missing", attachment_id=row.id, sha256=row.sha256)
        raise HTTPException(404) from None
    headers = {
        "Content-Disposition": disposition(row.filename, inline=kind in PICTURES),
        "Content-Security-Policy": FILE_POLICY,
        "Cache-Control": "private, no-store",
    }
    return blob_body(request, desk.site.blobs, row.sha256, headers, kind)


def _kind(start: bytes, stored: str) -> str:
    kind = media_type(stored, start)
    if kind.startswith("image/") and kind not in PICTURES:
        return "application/octet-stream"
    if stored in PICTURES and kind == stored and not _is_picture(start):
        return "application/octet-stream"
    return kind if kind in _SAFE_TYPES else "application/octet-stream"


def _is_picture(start: bytes) -> bool:
    """Whether the bytes themselves say image: `media_type` falls back to what is declared."""
    return media_type("", start) in PICTURES


def disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition with the name in ASCII and, where that is not it, in UTF-8 too."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    value = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


ROUTES = [
    Route("/tickets/{key}/files/{id:int}/{name}", file),
    Route("/tickets/{key}/files/{id:int}", file),
]
