"""The house keeps its walls: imports point down, and time is passed in instead of being looked up.

The floors themselves are written in `.importlinter`, which `make check` runs too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("mailgate", "store", "scheduler")

# The system's time is read in one file and handed to everybody else as a `Clock`.
READS_THE_CLOCK = {"mailgate/clock.py"}
NOW = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
}
# What decides must say the same for the same facts: no draw, no file, no process, no network.
PURE = ("mailgate/decide", "mailgate/rules", "mailgate/tickets/workflow.py", "scheduler/worktime.py")
IMPURE_MODULES = {"random", "secrets", "uuid", "socket", "subprocess", "threading", "asyncio", "os", "time", "smtplib"}


def sources(*under: str) -> Iterator[Path]:
    for start in under:
        path = ROOT / start
        yield from [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def clock_reads(tree: ast.AST) -> list[int]:
    """The lines that ask the system for the time."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and (_last_name(node.value), node.attr) in NOW
    ]


def _last_name(node: ast.expr) -> str:
    """`datetime` of both `datetime.now` and `datetime.datetime.now`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def imported_modules(tree: ast.AST) -> set[str]:
    """The first names of what a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_imports_keep_to_the_floors() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_clock_reads_the_time() -> None:
    found = [
        f"{name_of(path)}:{line}"
        for path in sources(*PACKAGES)
        if name_of(path) not in READS_THE_CLOCK
        for line in clock_reads(ast.parse(path.read_text()))
    ]
    assert found == [], "pass a Clock in instead"


def test_what_decides_reaches_for_nothing() -> None:
    found = [
        f"{name_of(path)} imports {module}"
        for path in sources(*PURE)
        for module in sorted(imported_modules(ast.parse(path.read_text())) & IMPURE_MODULES)
    ]
    assert found == []


@pytest.mark.parametrize(
    "guilty", ["datetime.now(UTC)", "datetime.datetime.now(UTC)", "time.time()", "field(default_factory=date.today)"]
)
def test_reading_the_time_is_noticed(guilty: str) -> None:
    assert clock_reads(ast.parse(guilty)) == [1]
    assert clock_reads(ast.parse("clock(); time.monotonic(); self.now; now()")) == []


def test_tests_are_not_shipped_code() -> None:
    guilty = [name_of(path) for path in sources(*PACKAGES) if "tests" in imported_modules(ast.parse(path.read_text()))]
    assert guilty == []
