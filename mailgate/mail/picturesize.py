"""How large a picture is, out of its first bytes, so that a page can keep its place free. Pure, total, bounded.

Sources: W3C PNG §11.2.2 (IHDR), GIF89a §18, ITU-T T.81 §B.2.2 (frame header), WebP Container §2 (VP8, VP8L, VP8X).
"""

from __future__ import annotations

#: Enough for the header of any picture whose metadata is not huge.
HEAD_BYTES = 64 * 1024
_MOST = 20_000


def size_of(head: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels; None for what is no PNG, GIF, JPEG or WebP, or says something absurd."""
    found = None
    if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR":
        found = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    elif head[:4] == b"GIF8":
        found = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    elif head[:2] == b"\xff\xd8":
        found = _jpeg(head)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        found = _webp(head)
    return found if found is not None and 0 < found[0] <= _MOST and 0 < found[1] <= _MOST else None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """The first frame header; each segment says how long it is, so that the walk always moves on."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4], "big"))
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L" and head[20:21] == b"\x2f":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return None
