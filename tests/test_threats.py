"""docs/threats.md has a row for each threat, and the tests it names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
_TEXT = (ROOT / "docs/threats.md").read_text(encoding="utf-8")
_ROWS = dict(re.findall(r"^\| ([A-Z]\d+) \|(.*)$", _TEXT, re.MULTILINE))


_FAMILIES = {
    "D": 14,
    "I": 14,
    "R": 14,
    "S": 12,
    "M": 14,
    "T": 16,
    "C": 9,
    "K": 7,
    "P": 5,
    "O": 6,
}


def test_every_threat_has_its_row_and_a_test() -> None:
    wanted = {f"{family}{n}" for family, rows in _FAMILIES.items() for n in range(1, rows + 1)}
    assert wanted <= set(_ROWS)
    for name, row in _ROWS.items():
        assert "::test_" in row, name


def test_the_tests_that_are_named_exist() -> None:
    known = {
        f"{path.name}::{name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"`(test_\w+\.py::test_\w+)`", _TEXT)) - known == set()
