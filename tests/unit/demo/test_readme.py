"""The README's first minute is what the demo prints, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailgate.demo import lines
from mailgate.demo.ports import Ports
from mailgate.demo.words import Words

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_readme_has_the_lines_that_the_demo_prints() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    draft = lines.first_mail(Words("pt-BR"))
    assert lines.python_line(draft, Ports()) in readme
    assert lines.swaks_line(draft, Ports()) in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)\s#]+)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_the_files_on_the_path_of_a_message_are_there() -> None:
    text = (ROOT / "docs/flow.md").read_text(encoding="utf-8")
    folder = ""
    missing = []
    for cell in re.findall(r"^\|[^|]*\|[^|]*\|([^|]*)\|$", text, re.MULTILINE):
        for name in re.findall(r"`([\w/]+\.py)`", cell):
            folder = name.rpartition("/")[0] or folder
            path = name if "/" in name else f"{folder}/{name}"
            if not any((ROOT / base / path).exists() for base in ("mailgate", ".")):
                missing.append(path)
    assert missing == []
    assert folder
