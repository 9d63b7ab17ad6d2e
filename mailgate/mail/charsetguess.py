"""Which charset bytes are in that name none: East Asian and Cyrillic ones, told from Western text by what is common.

A Western text has single bytes of the upper half among ASCII letters; East Asian ones come in pairs whose first bytes
lie in the rows of the common characters, Cyrillic ones in runs as long as words. In doubt there is no guess. Linear.
Sources: the row layout of GB 2312, Big5, KS X 1001 and JIS X 0208; RFC 1489 (KOI8-R).
"""

from __future__ import annotations

import re

_SAMPLE = 32 * 1024
_FEWEST = 6
#: The last row of punctuation and symbols, which say nothing about the language.
_SYMBOLS = {"gb18030": 0xA9, "big5hkscs": 0xA3}
_RUN = re.compile(rb"[\x80-\xff]+")
_TAG = re.compile(rb"<[^<>]{0,2000}>")


def likely(data: bytes) -> str:
    """The codec that these bytes are in all likelihood in; "" when nothing speaks for one. data: no UTF-8."""
    sample = _TAG.sub(b" ", data[:_SAMPLE])
    runs = _RUN.findall(sample)
    if sum(map(len, runs)) < _FEWEST:
        return ""
    return _paired(sample) or _cyrillic(runs)


def _paired(sample: bytes) -> str:
    """One of the double-byte charsets: the text fits it, and most of its characters are common ones."""
    for codec, first, second, common in (
        ("euc_jp", range(0xA1, 0xFF), range(0xA1, 0xFF), (0xA4, 0xA5)),
        ("cp932", range(0x81, 0xFD), range(0x40, 0xFD), (0x82, 0x83)),
        ("gb18030", range(0xA1, 0xF8), range(0xA1, 0xFF), tuple(range(0xB0, 0xD8))),
        ("big5hkscs", range(0xA1, 0xFA), range(0x40, 0xFF), tuple(range(0xA4, 0xC7))),
    ):
        leads = _leads(sample, first, second)
        if leads is None or len(leads) * 2 < _FEWEST:
            continue
        words = [lead for lead in leads if lead > _SYMBOLS.get(codec, 0)]
        share = sum(lead in common for lead in words) / max(1, len(words))
        if codec in ("euc_jp", "cp932"):
            if share >= 0.3:  # kana are a third of any Japanese sentence
                return codec
        elif share >= 0.7:
            return "cp949" if codec == "gb18030" and _is_korean(words) else codec
    return ""


def _leads(sample: bytes, first: range, second: range) -> list[int] | None:
    """The first bytes of all pairs; None when one does not fit. A pair that the end of the sample cuts is left out."""
    found: list[int] = []
    at, end = 0, len(sample)
    while at < end:
        byte = sample[at]
        if byte < 0x80:
            at += 1
            continue
        if byte not in first:
            return None
        if at + 1 < end:
            if sample[at + 1] not in second:
                return None
            found.append(byte)
        at += 2
    return found


def _is_korean(leads: list[int]) -> bool:
    """Hangul lies in the rows B0 to C8 alone, Chinese characters go on to D7."""
    return sum(0xB0 <= lead <= 0xC8 for lead in leads) >= 0.9 * len(leads)


def _cyrillic(runs: list[bytes]) -> str:
    """Words in the upper half: small letters are E0 to FF in windows-1251, C0 to DF in KOI8-R."""
    if sum(map(len, runs)) < 3.5 * len(runs):
        return ""
    joined = b"".join(runs)
    upper = sum(byte >= 0xE0 for byte in joined)
    lower = sum(0xC0 <= byte < 0xE0 for byte in joined)
    if upper + lower < 0.85 * len(joined):
        return ""
    return "cp1251" if upper > lower else "koi8-r"
