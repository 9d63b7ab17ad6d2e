"""docs/seeds.md tells the truth: every id has one row, every test it names exists, and a story cites what it shows."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| ([RN]\d+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/seeds.md").read_text("utf-8"), re.MULTILINE)
IDS = [
    f"R{n:03}"
    for first, last in ((1, 15), (20, 38), (50, 72), (80, 98), (100, 105), (110, 126), (130, 137))
    for n in range(first, last + 1)
]


@cache
def functions(path: str) -> dict[str, str]:
    """The source of each function of a module, by its name."""
    source = (ROOT / path).read_text("utf-8")
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_source_segment(source, node) or "" for node in found}


def test_every_id_has_one_row_in_order() -> None:
    assert [row[0] for row in ROWS] == IDS + [f"N{n}" for n in range(1, 21)]


@pytest.mark.parametrize(("key", "shown"), [(row[0], row[2]) for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_a_row_names_is_there(key: str, shown: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", shown)
    assert named or shown.startswith("not built"), shown
    assert shown.count("::") == len(named)
    for path, name in named:
        assert name in functions(path), f"{path} has no {name}"
        if path.startswith("tests/seeds/"):
            assert key in functions(path)[name], f"{name} does not say where it shows {key}"
