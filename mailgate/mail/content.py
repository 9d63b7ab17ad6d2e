"""What a part holds: transfer encoding off, charset off, flowed lines joined. Total.

Sources: RFC 2045 §6, RFC 3676 §4 (flowed), RFC 2387 §1.
"""

from __future__ import annotations

import binascii
import re

from mailgate.mail import charset
from mailgate.mail.tree import Part

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_ALPHABET = bytes(c for c in range(256) if c not in _ALPHABET)
_META = re.compile(rb"charset\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9_.:-]{2,40})", re.I)
_UU_BEGIN = re.compile(r"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?$", re.M)


def decoded(part: Part) -> bytes:
    """The bytes of a leaf with its Content-Transfer-Encoding taken off; damaged encodings give what can be saved."""
    body = part.body
    encoding = part.get("content-transfer-encoding").partition(";")[0].partition("(")[0].strip(" \t\"'").lower()
    if encoding == "base64":
        return _base64(part, body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding in ("x-uuencode", "x-uue", "uuencode", "uue"):
        return uudecode(body.decode("latin-1"))
    return body


def _base64(part: Part, body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        pass
    first = body.strip()[:200].split(b"\n", 1)[0].strip()
    if b" " in first:
        part.defects.append("base64 announced, plain text found")
        return body
    part.defects.append("broken base64")
    letters = body.translate(None, _NOT_ALPHABET)
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def uudecode(text: str) -> bytes:
    """The bytes between `begin` and `end`; broken lines are left out."""
    out: list[bytes] = []
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if line.startswith("begin") or not line:
            continue
        if line == "end":
            break
        try:
            out.append(binascii.a2b_uu(line))
        except (binascii.Error, ValueError):
            wanted = (((ord(line[0]) - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:wanted]))
            except (binascii.Error, ValueError):
                continue
    return b"".join(out)


def text_of(part: Part, most: int) -> str:
    """A text part as text with LF line ends, without NUL. most: bytes looked at, the rest stays in the raw mail."""
    data = decoded(part)
    if len(data) > most:
        part.defects.append("text too long: cut")
        data = data[:most]
    declared = part.params.get("charset", "")
    if part.content_type == "text/html" and not charset.codec(declared) and not data.isascii():
        meta = _META.search(data, 0, 2048)
        declared = meta.group(1).decode("ascii") if meta else declared
    text, defect = charset.decode(data, declared)
    if defect:
        part.defects.append(defect)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if part.content_type == "text/plain" and part.params.get("format", "").lower() == "flowed":
        return flowed(text, part.params.get("delsp", "").lower() == "yes")
    return text


def flowed(text: str, delsp: bool) -> str:
    """Soft line breaks joined (RFC 3676 §4.1); quoted lines only with lines of the same depth."""
    out: list[list[str]] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:]
        content = content[1:] if content[:1] == " " else content
        soft = content.endswith(" ") and content != "-- "
        piece = content[:-1] if soft and delsp else content
        if open_depth == depth and content != "-- ":
            out[-1].append(piece)
        else:
            out.append([f"{'>' * depth} {piece}" if depth else piece])
        open_depth = depth if soft else -1
    return "\n".join("".join(pieces) for pieces in out)


def uu_files(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """uuencoded files inside a plain text, as mail programs of the nineties (and some devices) write them.

    Returns the text without them, and (name, bytes) of each.
    """
    if "\nend" not in text or "begin" not in text:
        return text, []
    files: list[tuple[str, bytes]] = []
    kept: list[str] = []
    at = 0
    while len(files) < 50 and (match := _UU_BEGIN.search(text, at)) is not None:
        end = text.find("\nend", match.end())
        if end < 0:
            break
        kept.append(text[at : match.start()])
        files.append((match.group(1).strip(), uudecode(text[match.end() : end + 1])))
        at = min(len(text), end + 4)
    kept.append(text[at:])
    return "".join(kept), files
