"""winmail.dat (TNEF), as Outlook and Exchange wrap files and text for each other: opened. Total, linear, bounded.

A reader of our own: `tnefparse` is LGPL, reads all properties into objects and raises on damaged files. Text, HTML and
files are taken, embedded messages give their files, the rich text (RTF) stays a file. Nothing is decompressed beyond
`MOST_RTF`. Sources: MS-OXTNEF §2.1.3 (attributes), MS-OXCDATA §2.11.1 (property types), MS-OXRTFCP §3.1 (RTF).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mailgate.mail import charset

SIGNATURE = b"\x78\x9f\x3e\x22"
MOST_RTF = 1024 * 1024
_MOST_PROPERTIES = 2_000
_MOST_ATTRIBUTES = 5_000
_DEEPEST = 3

_RENDDATA, _TITLE, _FILE, _FILE_PROPS = 0x9002, 0x8010, 0x800F, 0x9005
_BODY, _PROPS, _CODEPAGE = 0x800C, 0x9003, 0x9007
_P_TEXT, _P_RTF, _P_HTML, _P_CPID = 0x1000, 0x1009, 0x1013, 0x3FDE
_P_DATA, _P_SHORT, _P_LONG, _P_MIME, _P_CID, _P_SHOWN = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712, 0x3001
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_OBJECT, _STRING, _UNICODE, _BINARY = 0x0D, 0x1E, 0x1F, 0x102
#: MS-OXRTFCP §3.1.1.1: the dictionary that both sides begin with.
_RTF_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)


@dataclass(slots=True)
class WrappedFile:
    """One file of a winmail.dat. kind: the declared media type, "" for none."""

    name: str = ""
    data: bytes = b""
    kind: str = ""
    content_id: str = ""


@dataclass(slots=True)
class Wrapped:
    """What a winmail.dat holds. text, html, rtf: the body in up to three forms, "" or b"" for none."""

    text: str = ""
    html: str = ""
    rtf: bytes = b""
    files: list[WrappedFile] = field(default_factory=list)


def read(data: bytes, most_files: int, depth: int = 0) -> Wrapped | None:
    """A winmail.dat; None when it is none. Damaged or cut: what was read until there."""
    if not data.startswith(SIGNATURE):
        return None
    found = Wrapped()
    codepage = "windows-1252"
    current: WrappedFile | None = None
    for name, value in _attributes(data):
        if name == _RENDDATA:
            if len(found.files) >= most_files:
                break
            current = WrappedFile()
            found.files.append(current)
        elif name == _CODEPAGE and len(value) >= 4:
            codepage = _codec(int.from_bytes(value[:4], "little"))
        elif name == _BODY:
            found.text = found.text or _string(value, codepage)
        elif name == _PROPS:
            _message_properties(found, value, codepage)
        elif current is not None and name == _TITLE:
            current.name = current.name or _string(value, codepage)
        elif current is not None and name == _FILE:
            current.data = value
        elif current is not None and name == _FILE_PROPS:
            found.files += _file_properties(current, value, codepage, most_files - len(found.files), depth)
    found.files = [one for one in found.files if one.data]
    return found


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(name, value) of each attribute until the data ends or makes no sense."""
    at = 6
    for _ in range(_MOST_ATTRIBUTES):
        if at + 9 > len(data) or data[at] not in (1, 2):
            return
        name = int.from_bytes(data[at + 1 : at + 3], "little")
        size = int.from_bytes(data[at + 5 : at + 9], "little")
        yield name, data[at + 9 : at + 9 + size]
        at += 9 + size + 2


def _message_properties(found: Wrapped, value: bytes, codepage: str) -> None:
    html: bytes | str = b""
    for key, kind, one in _properties(value):
        if key == _P_CPID:
            codepage = _codec(int.from_bytes(one[:4], "little"))
        elif key == _P_TEXT:
            found.text = found.text or _typed(one, kind, codepage)
        elif key == _P_HTML:
            html = one if kind == _BINARY else _typed(one, kind, codepage)
        elif key == _P_RTF:
            found.rtf = unpacked_rtf(one)
    found.html = _string(html, codepage) if isinstance(html, bytes) else html


def _file_properties(
    current: WrappedFile, value: bytes, codepage: str, most: int, depth: int
) -> list[WrappedFile]:  # fmt: skip
    """Names and type of a file; the files of a message that is embedded in its place."""
    short = shown = ""
    inner: list[WrappedFile] = []
    for key, kind, one in _properties(value):
        if key == _P_LONG:
            current.name = _typed(one, kind, codepage)
        elif key == _P_SHORT:
            short = _typed(one, kind, codepage)
        elif key == _P_SHOWN:
            shown = _typed(one, kind, codepage)
        elif key == _P_MIME:
            current.kind = _typed(one, kind, codepage).strip().lower()[:100]
        elif key == _P_CID:
            current.content_id = _typed(one, kind, codepage).strip("<> ")[:200]
        elif key == _P_DATA and kind in (_OBJECT, _BINARY):
            embedded = one[16:] if kind == _OBJECT else one
            wrapped = read(embedded, max(0, most), depth + 1) if depth < _DEEPEST else None
            if wrapped is not None:
                inner = wrapped.files
            elif not current.data:
                current.data = embedded
    current.name = current.name or short or shown
    return inner


def _properties(value: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(id, type, first value) of each MAPI property until the data ends or makes no sense."""
    count = int.from_bytes(value[:4], "little")
    at = 4
    for _ in range(min(count, _MOST_PROPERTIES)):
        if at + 4 > len(value):
            return
        kind = int.from_bytes(value[at : at + 2], "little")
        key = int.from_bytes(value[at + 2 : at + 4], "little")
        at += 4
        if key >= 0x8000:
            at = _after_name(value, at)
        many, kind = kind & 0x1000, kind & 0xFFF
        size = _FIXED.get(kind)
        if size is not None:
            times = int.from_bytes(value[at : at + 4], "little") if many else 1
            at += 4 if many else 0
            yield key, kind, value[at : at + size]
            at += size * times
        elif kind in (_OBJECT, _STRING, _UNICODE, _BINARY):
            times = int.from_bytes(value[at : at + 4], "little")
            at += 4
            for k in range(min(times, _MOST_PROPERTIES)):
                length = int.from_bytes(value[at : at + 4], "little")
                if at + 4 > len(value):
                    return
                if k == 0:
                    yield key, kind, value[at + 4 : at + 4 + length]
                at += 4 + length + (-length % 4)
        else:
            return


def _after_name(value: bytes, at: int) -> int:
    """The place after the name of a named property (MS-OXTNEF §2.1.3.4)."""
    by_text = value[at + 16 : at + 20] == b"\x01\0\0\0"
    if not by_text:
        return at + 24
    length = int.from_bytes(value[at + 20 : at + 24], "little")
    return at + 24 + length + (-length % 4)


def _codec(page: int) -> str:
    return "utf-8" if page == 65001 else f"cp{page}" if 0 < page < 65_000 else "windows-1252"


def _typed(value: bytes, kind: int, codepage: str) -> str:
    if kind == _UNICODE:
        return value.decode("utf-16-le", "replace").rstrip("\0").replace("\0", "")
    return _string(value, codepage)


def _string(value: bytes, codepage: str) -> str:
    return charset.decode(value.rstrip(b"\0"), codepage)[0].replace("\0", "")


def unpacked_rtf(packed: bytes) -> bytes:
    """Compressed RTF as RTF, at most `MOST_RTF` bytes; what is damaged ends where the damage begins."""
    if packed[8:12] == b"MELA":
        return packed[16 : 16 + MOST_RTF]
    if packed[8:12] != b"LZFu":
        return b""
    wanted = min(int.from_bytes(packed[4:8], "little"), MOST_RTF)
    ring = bytearray(_RTF_START.ljust(4096, b"\0"))
    write = len(_RTF_START)
    out = bytearray()
    at = 16
    while at < len(packed) and len(out) < wanted:
        control = packed[at]
        at += 1
        for bit in range(8):
            if at >= len(packed) or len(out) >= wanted:
                break
            if not control >> bit & 1:
                chunk = packed[at : at + 1]
                at += 1
                out += chunk
                ring[write] = chunk[0]
                write = (write + 1) % 4096
                continue
            pair = int.from_bytes(packed[at : at + 2], "big")
            at += 2
            read_at, length = pair >> 4, (pair & 15) + 2
            if read_at == write:
                return bytes(out)
            for _ in range(length):
                byte = ring[read_at]
                read_at = (read_at + 1) % 4096
                out.append(byte)
                ring[write] = byte
                write = (write + 1) % 4096
    return bytes(out[:wanted])
