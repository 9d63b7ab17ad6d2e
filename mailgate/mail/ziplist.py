"""The names in a .zip, read from its central directory alone: nothing is unpacked, however large it says it is.

Total, linear, bounded. Source: PKWARE APPNOTE 6.3.10 §4.3.12 (central directory), §4.3.16 (its end).
"""

from __future__ import annotations

from mailgate.mail.headers import one_line

MOST_NAMES = 100
_MOST_NAME_BYTES = 300
_MOST_READ = 2_000


def names(data: bytes) -> tuple[str, ...]:
    """Names of the files in a zip, in its order, at most `MOST_NAMES`; () when it cannot be read as one."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if end < 0 or len(data) - end < 22:
        return ()
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    at = int.from_bytes(data[end + 16 : end + 20], "little")
    if at + size > end or data[at : at + 4] != b"PK\x01\x02":
        at = end - size  # something stands before the zip, as in a self-extracting one
        if size > end or data[at : at + 4] != b"PK\x01\x02":
            return ()
    found: list[str] = []
    for _ in range(_MOST_READ):
        if len(found) >= MOST_NAMES or at + 46 > end or data[at : at + 4] != b"PK\x01\x02":
            break
        flags = int.from_bytes(data[at + 8 : at + 10], "little")
        lengths = [int.from_bytes(data[at + k : at + k + 2], "little") for k in (28, 30, 32)]
        name = _shown(data[at + 46 : at + 46 + min(lengths[0], _MOST_NAME_BYTES)], flags)
        if name and not name.endswith("/"):
            found.append(name)
        at += 46 + sum(lengths)
    return tuple(found)


def _shown(raw: bytes, flags: int) -> str:
    """One name on one line, without control and direction characters. Bit 11: UTF-8, else IBM code page 437."""
    text = raw.decode("utf-8", "replace") if flags & 0x800 else _guessed(raw)
    text = one_line(text).replace("\\", "/")
    return "".join(c for c in text if c.isprintable()).strip()


def _guessed(raw: bytes) -> str:
    """Many programs write UTF-8 without saying so."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp850")
