"""Parts as attachments: name, type, bytes. Names come from mail-parser's view of a part's header, then are made safe.

A name is only ever shown: no path, no control or direction characters, no leading dot, at most 120 bytes. The type is
what the first bytes say where a browser may show it, else what the part declares; what the bytes say stands beside it
(`filetypes`). Nothing is unpacked or decoded: of a .zip the names are read (`ziplist`).
Sources: RFC 2183 §2, RFC 2231 §3, RFC 2392 §2.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from email.message import Message
from functools import lru_cache

from mailparser.utils import mime_header_view

from mailgate.mail import ziplist
from mailgate.mail.content import decoded
from mailgate.mail.filetypes import found_type
from mailgate.mail.headers import decode_words, message_ids, one_line
from mailgate.mail.message import Attachment
from mailgate.mail.tree import Part

TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,95}")
_NAMING_FIELDS = ("content-disposition", "content-type")
_PLAIN_NAME = re.compile(r";[ \t]{0,3}filename[ \t]{0,3}=", re.I)
_EXTENDED_NAME = re.compile(r";[ \t]{0,3}filename\*", re.I)
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "text/rfc822-headers": ".txt",
    "application/pkcs7-signature": ".p7s",
    "application/pgp-signature": ".asc",
}


def disposition(part: Part) -> str:
    """`attachment`, `inline` or another word; "" when the part does not say."""
    return part.get("content-disposition").partition(";")[0].strip(" \t\"'").lower()


def declared_name(part: Part) -> str:
    """The file name a part gives itself, RFC 2231 pieces joined and encoded words decoded; "" for none."""
    fields = [part.get(name) for name in _NAMING_FIELDS]
    if not any("name" in value.lower() for value in fields):
        return ""
    found = _read_name(*(value[:4000] if "name" in value.lower() else "" for value in fields))
    return decode_words(part.params.get("name", "") if found is None else found)


@lru_cache(maxsize=64)
def _read_name(*fields: str) -> str | None:
    """The name in these fields, "" for none, None where mail-parser gives up. A part is asked for it several times."""
    view: Message[str, str] = Message()
    for name, value in zip(_NAMING_FIELDS, fields, strict=True):
        if value:
            view[name] = _without_fallback(value)
    try:
        return str(mime_header_view(view)[0].get_filename() or "")
    except (ValueError, LookupError, TypeError, IndexError, AttributeError):
        return None


def _without_fallback(value: str) -> str:
    """Where a sender gives both forms, `filename*` is the real name and `filename` the one for old programs."""
    return _PLAIN_NAME.sub("; x-fallback=", value) if _EXTENDED_NAME.search(value) else value


def safe_name(name: str) -> str:
    """A name to show: last path piece, one line, no leading dot, at most 120 bytes with its extension kept."""
    name = one_line(name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join(c for c in name if c.isprintable() and c not in '<>:"|?*').strip().lstrip(".").strip()
    while len(name.encode("utf-8")) > 120:
        stem, dot, extension = name.rpartition(".")
        if dot and stem and len(extension) <= 10:
            name = f"{stem[:-1]}.{extension}"
        else:
            name = name[:-1]
    return name


def media_type(declared: str, data: bytes) -> str:
    """By magic for images and PDF, else as declared, else application/octet-stream."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return declared if TYPE.fullmatch(declared) else "application/octet-stream"


def content_id(part: Part) -> str | None:
    """The Content-ID without brackets (RFC 2392 §2), None when absent or empty."""
    raw = part.get("content-id")
    if not raw:
        return None
    found = message_ids(raw)
    return found[0] if found else decode_words(raw).strip("<> ")[:500] or None


def of_part(part: Part, number: int, inline: bool, default: str = "") -> Attachment:
    """A leaf as an attachment. number: its place in the mail, for a name where it has none. default: or that name."""
    data = decoded(part)
    name = safe_name(declared_name(part)) or default
    cid = content_id(part)
    if not name and part.content_type == "message/rfc822":
        name = _subject_of(data)
    return of_bytes(data, part.content_type, name, number, inline, cid)


def of_bytes(data: bytes, declared: str, name: str, number: int, inline: bool, cid: str | None) -> Attachment:
    """An attachment from bytes; a nameless one is called `file-<number>` with the extension of its type."""
    kind, found = media_type(declared, data), found_type(data)
    shown = found if kind == "application/octet-stream" and found else kind
    return Attachment(
        filename=name or f"file-{number}{_EXTENSIONS.get(shown) or mimetypes.guess_extension(shown) or '.bin'}",
        content_type=kind,
        declared_type=declared,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        inline=inline,
        content_id=cid,
        content=data,
        found_type=found,
        contents=ziplist.names(data) if found == "application/zip" else (),
    )


def _subject_of(data: bytes) -> str:
    """A forwarded mail is named after its subject; the inner header is used for nothing else (threats M14)."""
    match = re.search(rb"^subject:[ \t]*([^\r\n]{1,200})", data[:20000], re.I | re.M)
    if match is None:
        return ""
    name = safe_name(decode_words(match.group(1).decode("utf-8", "replace")))
    return f"{name[:100]}.eml" if name else ""
