"""How large an image is, from its first bytes, so that a page leaves room for it before it is there. Pure, total.

Sources: the specifications of PNG (11.2.2), GIF89a (18), JPEG (ITU-T T.81, B.2.2) and WebP (VP8X, VP8L, VP8).
"""

from __future__ import annotations

import struct

_MOST_SEGMENTS = 200


def size_of(content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG, JPEG, GIF or WebP; None where the bytes do not say."""
    try:
        found = _size(content)
    except (struct.error, IndexError):
        return None
    return found if found is not None and 0 < found[0] < 20_000 and 0 < found[1] < 20_000 else None


def _size(content: bytes) -> tuple[int, int] | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _pair(struct.unpack_from(">II", content, 16))
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return _pair(struct.unpack_from("<HH", content, 6))
    if content.startswith(b"\xff\xd8"):
        return _jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp(content)
    return None


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """Walks the segments to the frame header, where height stands before width."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker, length = struct.unpack_from(">HH", content, at)
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            height, width = struct.unpack_from(">HH", content, at + 5)
            return int(width), int(height)
        at += 2 + max(length, 2)
    return None


def _webp(content: bytes) -> tuple[int, int] | None:
    kind = content[12:16]
    if kind == b"VP8X":
        raw = content[24:30]
        return 1 + int.from_bytes(raw[:3], "little"), 1 + int.from_bytes(raw[3:], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return int(width) & 0x3FFF, int(height) & 0x3FFF
    return None


def _pair(found: tuple[int, ...]) -> tuple[int, int]:
    return int(found[0]), int(found[1])
