"""BinHex 4.0 inside a text, as old Macintosh programs send files: the data fork as a file. Total, linear, bounded.

Source: RFC 1741 appendix A. Checksums are not looked at: what is damaged shows in the file.
"""

from __future__ import annotations

import re

_BANNER = re.compile(r"^\(This file must be converted with BinHex[^\n]{0,60}\n\s{0,20}:", re.M)
_LETTERS = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_VALUES = bytes.maketrans(_LETTERS, bytes(range(64)))
_NOT_LETTERS = bytes(c for c in range(256) if c not in _LETTERS)
_MOST_FILES = 20


def files(text: str, most_bytes: int) -> tuple[str, list[tuple[str, bytes]]]:
    """The text without its BinHex files, and (name, data fork) of each. most_bytes: bound of one unpacked fork."""
    if "BinHex" not in text:
        return text, []
    found: list[tuple[str, bytes]] = []
    kept: list[str] = []
    at = 0
    while len(found) < _MOST_FILES and (match := _BANNER.search(text, at)) is not None:
        end = text.find(":", match.end())
        if end < 0:
            break
        one = _file(text[match.end() : end], most_bytes)
        if one is not None:
            kept.append(text[at : match.start()])
            found.append(one)
        else:
            kept.append(text[at : end + 1])
        at = end + 1
    kept.append(text[at:])
    return "".join(kept), found


def _file(letters: str, most_bytes: int) -> tuple[str, bytes] | None:
    raw = letters.encode("ascii", "replace").translate(None, _NOT_LETTERS).translate(_VALUES)
    packed = bytearray()
    for k in range(0, len(raw) - 3, 4):
        a, b, c, d = raw[k : k + 4]
        packed += bytes((a << 2 | b >> 4, (b << 4 | c >> 2) & 255, (c << 6 | d) & 255))
    rest = raw[len(raw) // 4 * 4 :]
    if len(rest) > 1:
        packed.append(rest[0] << 2 | rest[1] >> 4)
    if len(rest) > 2:
        packed.append((rest[1] << 4 | rest[2] >> 2) & 255)
    data = _repeated(bytes(packed), most_bytes)
    length = data[0] if data else 0
    if not 1 <= length <= 63 or len(data) < length + 22:
        return None
    size = int.from_bytes(data[length + 12 : length + 16], "big")
    begin = length + 22
    return data[1 : 1 + length].decode("mac-roman"), data[begin : begin + size]


def _repeated(packed: bytes, most_bytes: int) -> bytes:
    """Runs written out: byte, 0x90, count; 0x90 0x00 is 0x90 itself."""
    out = bytearray()
    for number, piece in enumerate(packed.split(b"\x90")):
        if number:
            count = piece[0] if piece else 0
            if count == 0:
                out.append(0x90)
            elif out:
                out += out[-1:] * (count - 1)
            piece = piece[1:]
        out += piece
        if len(out) > most_bytes:
            return bytes(out[:most_bytes])
    return bytes(out)
