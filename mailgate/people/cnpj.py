"""Numbers of Brazilian companies: read however they are written, their check digits verified. Pure and total.

Sources: Instrução Normativa RFB 2.119/2022 and 2.229/2024 (from July 2026 on the first twelve places may be letters;
each counts as its ASCII code less 48, so that the old numbers keep their digits).
"""

from __future__ import annotations

import re

_FORM = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_LENGTH = 14
_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_LONGEST = 40


def read(text: str) -> str | None:
    """`12.345.678/0001-95` as its fourteen places; None for what is none, or whose check digits are wrong."""
    plain = re.sub(r"[\s./-]", "", text[:_LONGEST]).upper()
    if len(text) > _LONGEST or not _FORM.fullmatch(plain) or len(set(plain)) == 1:
        return None
    first = _check(plain[:12])
    return plain if plain[12:] == first + _check(plain[:12] + first) else None


def shown(number: str) -> str:
    """Fourteen places as people write them; anything else as it is."""
    if len(number) != _LENGTH:
        return number
    return f"{number[:2]}.{number[2:5]}.{number[5:8]}/{number[8:12]}-{number[12:]}"


def _check(places: str) -> str:
    weights = _WEIGHTS[-len(places) :]
    rest = sum((ord(c) - 48) * weight for c, weight in zip(places, weights, strict=True)) % 11
    return "0" if rest < 2 else str(11 - rest)
