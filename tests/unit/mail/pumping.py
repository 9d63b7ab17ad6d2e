"""Inputs that make a backtracking pattern slow: its own characters, one, two or three of them, repeated."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from itertools import product
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_MOST_LETTERS = 14


def patterns_of(*packages: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every compiled pattern that a module of these packages has at its top: (module.NAME, pattern)."""
    seen: set[int] = set()
    for package in packages:
        root = importlib.import_module(package)
        for info in pkgutil.iter_modules(root.__path__, f"{package}."):
            module = importlib.import_module(info.name)
            for name, value in sorted(vars(module).items()):
                if isinstance(value, re.Pattern) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{info.name}.{name}", value


def letters(pattern: re.Pattern[Any]) -> list[str]:
    """Characters that mean something to a pattern: its literals, and one or two of each class."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    found: dict[str, None] = dict.fromkeys("a 1\n")
    for code in _walk(parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else 0)):
        found.setdefault(chr(code))
    kept = [letter for letter in found if isinstance(pattern.pattern, str) or ord(letter) < 256]
    return kept[:_MOST_LETTERS]


def _walk(tree: Any) -> Iterator[int]:
    for kind, value in tree:
        name = str(kind)
        if name in ("LITERAL", "NOT_LITERAL"):
            yield value
        elif name == "RANGE":
            yield value[0]
        elif name == "IN":
            yield from _walk(value)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            yield from _walk(value[2])
        elif name == "SUBPATTERN":
            yield from _walk(value[3])
        elif name == "BRANCH":
            for one in value[1]:
                yield from _walk(one)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _walk(value[1])
        elif name == "ATOMIC_GROUP":
            yield from _walk(value)


def slow_inputs(
    pattern: re.Pattern[Any], size: int, seconds: float, anchored: bool = False
) -> Iterator[tuple[str, float]]:
    """What a search of `size` characters takes longer than `seconds` of processor time for: (what is repeated, time).

    anchored: instead of a search, a match at the beginning.

    Repeated is each character, and each pair of those that come first; in front of them stands what the pattern may
    begin with, for many are slow only after a beginning.
    """
    known = letters(pattern)
    pumps = {*known, *map("".join, product(known[:6], repeat=2))}
    lead = "".join(known[4:])
    for pump in sorted(pumps):
        for text in (pump * (size // len(pump)), lead + pump * (size // len(pump)) + "!"):
            took = _time(pattern, text, anchored)
            if took > seconds and min(took, _time(pattern, text, anchored)) > seconds:
                yield pump, took
                break


def _time(pattern: re.Pattern[Any], text: str, anchored: bool) -> float:
    data = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
    begin = time.process_time()
    if anchored:
        pattern.match(data)  # type: ignore[arg-type]
    else:
        for _ in pattern.finditer(data):  # type: ignore[arg-type]
            pass
    return time.process_time() - begin
