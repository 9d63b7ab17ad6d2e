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
_PADDED = re.compile(rb"([^=]*)(=*)")
_META = re.compile(rb"charset\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9_.:-]{2,40})", re.I)
_UU_BEGIN = re.compile(r"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?$", re.M)


def decoded(part: Part) -> bytes:
    """The bytes of a leaf with its Content-Transfer-Encoding taken off; damaged encodings give what can be saved."""
    encoding = part.get("content-transfer-encoding").partition(";")[0].partition("(")[0].lower()
    encoding = "".join(c for c in encoding if c.isalnum())  # `quoted printable`, `"base64"`, `base-64`
    if encoding == "base64":
        clean = _clean_base64(part)
        return _base64(part, part.body) if clean is None else clean
    body = part.body
    if encoding == "quotedprintable":
        return binascii.a2b_qp(body)
    if encoding in ("xuuencode", "xuue", "uuencode", "uue"):
        return uudecode(body.decode("latin-1"))
    return body


def _clean_base64(part: Part) -> bytes | None:
    """base64 with nothing but line ends between the letters and padding only at its end, decoded without a copy of
    it; None for any other."""
    raw, start, end = part.raw, part.start, part.end
    pad = raw.find(b"=", start, end)
    if raw.find(b" ", start, end) >= 0 or (pad >= 0 and raw[pad:end].strip(b"=\r\n\t")):
        return None
    try:
        return binascii.a2b_base64(memoryview(raw)[start:end])
    except binascii.Error:
        return None


def _base64(part: Part, body: bytes) -> bytes:
    """base64 with whatever a way through lists and gateways put into it."""
    prose = b" " in body
    footer = b""
    if prose:
        first = body.strip()[:200].split(b"\n", 1)[0].strip()
        if b" " in first:
            part.defects.append("base64 announced, plain text found")
            return body
        body, footer = _footer(body)
    out: list[bytes] = []
    pending: list[bytes] = []
    letters = 0
    for piece in _PADDED.finditer(body):
        pending.append(piece.group(1).translate(None, _NOT_ALPHABET))
        letters += len(pending[-1])
        if piece.group(2) and (letters + len(piece.group(2))) % 4 == 0:  # the end of one piece; others may follow
            out.append(_quads(b"".join(pending)))
            pending, letters = [], 0
    out.append(_quads(b"".join(pending)))
    part.defects.append("plain text behind base64" if footer else "broken base64")
    if footer and part.content_type.startswith("text/"):
        out.append(b"\r\n\r\n" + footer)
    return b"".join(out)


def _quads(letters: bytes) -> bytes:
    """Letters of the alphabet decoded, as far as they go."""
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _footer(body: bytes) -> tuple[bytes, bytes]:
    """base64, and the plain text that a list or a scanner wrote behind it (of a text it is text, of a file nothing)."""
    lines = body.split(b"\n")
    for number, line in enumerate(lines):
        found = line.split()
        if len(found) > 2 and sum(map(len, found)) < 15 * len(found):
            while number and not any(c in _ALPHABET for c in lines[number - 1].strip(b"-_=*+/ \t\r")):
                number -= 1
            return b"\n".join(lines[:number]), b"\n".join(lines[number:]).strip(b"\r\n")
    return body, b""


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
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
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
    if "begin" not in text:
        return text, []
    files: list[tuple[str, bytes]] = []
    kept: list[str] = []
    at = 0
    while len(files) < 50 and (match := _UU_BEGIN.search(text, at)) is not None:
        end = _uu_end(text, match.end() + 1)
        kept.append(text[at : match.start() if end > 0 else match.end()])
        if end > 0:
            files.append((match.group(1).strip(), uudecode(text[match.end() : end])))
        at = end if end > 0 else match.end()
    kept.append(text[at:])
    return "".join(kept), files


def _uu_end(text: str, at: int) -> int:
    """Where the encoded lines that begin at `at` end: after `end`, at the first line that is none, or with the text.

    -1 when there is not one encoded line.
    """
    begin = at
    while at < len(text):
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        line = text[at : min(stop, at + 200)].rstrip()
        if line == "end":
            return min(len(text), stop + 1) if at > begin else -1
        if line and line != "`":
            wanted = (((ord(line[0]) - 32) & 63) * 4 + 2) // 3
            if not (" " <= line[0] <= "`") or not (wanted - 3 <= len(line) - 1 <= wanted + 4) or len(line) > 90:
                break
        at = stop + 1
    return min(at, len(text)) if at > begin else -1
