"""What the gateway is made of is locked, hashed, licensed and listed; the tools that say so say it truly."""

from __future__ import annotations

import json
import re
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import supply

ROOT = Path(__file__).parent.parent
_LOCK = supply.LOCK.read_text(encoding="utf-8")
_MADE = datetime(2026, 11, 26, tzinfo=UTC)

_TWO = """\
aaa==1.0 \\
    --hash=sha256:{a}
    # via
    #   bbb
    #   mailgate (pyproject.toml)
bbb==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
    # via mailgate (pyproject.toml:build)
""".format(a="a" * 64, b="b" * 64)


def test_the_lock_is_read_as_it_is_written() -> None:
    first, second = supply.locked(_TWO)
    assert (first.name, first.version, first.needed_by) == ("aaa", "1.0", ("bbb", "mailgate"))
    assert (second.marker, second.needed_by) == ("sys_platform == 'win32'", ("mailgate",))
    assert second.sha256 == ("a" * 64, "b" * 64)
    with pytest.raises(ValueError, match="pins nothing"):
        supply.locked("aaa>=1.0\n")


def test_everything_is_pinned_hashed_and_of_a_fit_licence() -> None:
    packages = supply.locked(_LOCK)
    assert len(packages) == len(re.findall(r"^\S+==", _LOCK, re.MULTILINE)) > 40
    assert supply.faults(packages) == []
    assert supply.PAGE.read_text(encoding="utf-8") == supply.page(packages), "make licences"


def test_an_unfit_an_unknown_and_an_unhashed_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(supply.SAID, "bbb", "AGPL-3.0-only")
    wrong = supply.faults([*supply.locked(_TWO), supply.Locked("ccc", "3", "", (), ())])
    assert [line.split()[0] for line in wrong] == ["ccc", "aaa", "bbb", "ccc"]
    assert "AGPL-3.0-only does not fit" in wrong[2]


def test_the_sbom_holds_what_the_lock_holds() -> None:
    packages = supply.locked(_LOCK)
    text = supply.sbom(packages, _MADE)
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["version"] == supply.version()
    listed = {part["name"]: part for part in document["components"]}
    assert set(listed) == {one.name for one in packages}
    for one in packages:
        part = listed[one.name]
        assert part["version"] == one.version
        assert {digest["content"] for digest in part["hashes"]} == set(one.sha256)
        assert part["licenses"] == [{"expression": supply.licence(one.name)}]
    graph = {node["ref"]: node.get("dependsOn", []) for node in document["dependencies"]}
    assert any(ref.startswith("starlette==") for ref in graph["mailgate"])
    assert supply.sbom(packages, _MADE) == text, "the same lock and instant give the same bytes"


def test_no_file_names_a_registry() -> None:
    """The lock says what, by hash; from where is the business of the machine that installs."""
    text = supply.sbom(supply.locked(_LOCK), _MADE)
    for words in (text, *(path.read_text(encoding="utf-8") for path in (ROOT / "requirements").iterdir())):
        assert not re.search(r"https?://(?!cyclonedx\.org/)", words)
        assert not re.search(r"--(extra-)?index-url|--find-links", words)


@pytest.mark.parametrize(
    ("printed", "code", "says"),
    [
        ('{"dependencies": [{"name": "aaa", "version": "1", "vulns": []}]}', 0, "no weakness is known"),
        ('{"dependencies": [{"name": "aaa", "version": "1", "vulns": [{"id": "CVE-1"}]}]}', 1, "aaa 1: CVE-1"),
        ('{"dependencies": [{"name": "aaa", "skip_reason": "not found"}]}', 75, "1 of 1 packages could not be asked"),
        ('{"dependencies": []}', 75, "nothing is proven"),
        ("", 75, "Nobody could be asked"),
    ],
)
def test_an_audit_that_asked_nobody_is_no_clean_bill(tmp_path: Path, printed: str, code: int, says: str) -> None:
    far_end = tmp_path / "pip-audit"
    far_end.write_text(f"#!{sys.executable}\nprint({printed!r})\n")
    far_end.chmod(far_end.stat().st_mode | stat.S_IXUSR)
    done, said = supply.audit([str(far_end)])
    assert (done, says in said) == (code, True), said
