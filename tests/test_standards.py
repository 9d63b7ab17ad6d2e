"""Standards are cited in one form, and the page that lists them is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.standards import PAGE, gather, page, prose, read


def test_every_citation_of_the_code_is_well_formed() -> None:
    assert gather()[1] == []


def test_the_page_is_what_the_code_cites() -> None:
    written = PAGE.read_text() if PAGE.exists() else ""
    if written != page(gather()[0]):
        pytest.fail("docs/standards.md is not what the code cites: run `make standards`", pytrace=False)


@pytest.mark.parametrize(
    ("words", "cited"),
    [
        ("Source: RFC 5321 §4.5.3.1.8.", [(5321, "4.5.3.1.8")]),
        ("(RFC 5321 §4.5.4.1, RFC 3463)", [(5321, "4.5.4.1"), (3463, "")]),
        ("RFC 5322 §A.1.1 shows one", [(5322, "A.1.1")]),
        ("a message/rfc822 part; BODY.PEEK[], not RFC822.SIZE", []),
        ("YAML 1.2.2 §10.3", []),
        ("per RFC 3834. Section heads are cut", [(3834, "")]),
    ],
)
def test_a_good_citation_is_read(words: str, cited: list[tuple[int, str]]) -> None:
    assert read(words) == (cited, [])


@pytest.mark.parametrize(
    "words",
    [
        "RFC5321 §4.2",
        "rfc 5321 §4.2",
        "RFC-5321",
        "RFC 5321 § 4.2",
        "RFC 5321§4.2",
        "RFC 5321, §4.2",
        "RFC 5321 section 4.2",
        "RFC 5321 sec. 4.2",
        "RFC 5321 §4.2 and §4.3",
        "RFC 5321 §4.2, §4.3",
        "RFC 5321 §4.2a",
        "RFCs 5321",
        "RFC 5231 §4.2",
    ],
)
def test_a_bad_citation_is_refused(words: str) -> None:
    assert read(words)[1]


def test_citations_come_from_docstrings_and_comments_only(tmp_path: Path) -> None:
    source = '"""Per RFC 5321\n§4.2."""\nTEXT = "RFC5321"\n# the null sender, RFC\n# 5321 §4.5.5\n'
    assert [read(words) for _, words in prose(source)] == [([(5321, "4.2")], []), ([(5321, "4.5.5")], [])]
    for package in ("mailgate", "store", "scheduler"):
        (tmp_path / package).mkdir()
    (tmp_path / "store" / "b.py").write_text(source)
    (tmp_path / "mailgate" / "a.py").write_text('"""RFC 5321 §4.10, RFC 5321 §4.2."""\n# RFC5322\n')
    citations, bad = gather(tmp_path)
    assert bad == ["mailgate/a.py:2: `RFC5322`: write it like `RFC 5321 §4.5.3.1.8`, the RFC named each time"]
    rows = [line for line in page(citations).splitlines() if line.startswith("| [§")]
    assert [row.split("]")[0] for row in rows] == ["| [§4.2", "| [§4.5.5", "| [§4.10"]
    assert "`mailgate/a.py`, `store/b.py`" in rows[0]
