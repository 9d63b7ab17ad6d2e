"""deploy/Containerfile, read: nobody is root in it, and nothing comes in that the lock does not name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
_TEXT = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
_LINES = [line for line in re.sub(r"\\\n\s*", " ", _TEXT).splitlines() if line and not line.startswith("#")]
_STAGES = "\n".join(_LINES).split("\nFROM ")[1:]


def _said(word: str, stage: str) -> list[str]:
    return [line.partition(" ")[2] for line in stage.splitlines() if line.startswith(f"{word} ")]


def test_it_runs_as_nobody_in_particular() -> None:
    last = _STAGES[-1]
    [user] = _said("USER", last)
    assert re.fullmatch(r"([1-9]\d+):\1", user), "by number, and not root"
    assert f"--uid {user.split(':')[0]}" in last
    assert "-m 0700 /var/lib/mailgate" in last
    assert _said("VOLUME", last) == ["/var/lib/mailgate"]
    after = last[last.index("USER ") :]
    assert "RUN " not in after
    assert "COPY " not in after


def test_it_ends_as_the_program_wants_to_end() -> None:
    last = _STAGES[-1]
    assert _said("STOPSIGNAL", last) == ["SIGTERM"]
    assert _said("ENTRYPOINT", last) == ['["mailgate"]'], "no shell between, which would keep the signal"
    assert _said("CMD", last) == ['["serve"]']
    assert _said("HEALTHCHECK", last)[0].endswith('CMD ["mailgate", "doctor", "--node"]')


def test_everything_comes_by_hash() -> None:
    installs = re.findall(r"pip install ([^&\n]*)", "\n".join(_LINES))
    assert len(installs) == 3
    for options in installs:
        assert "--require-hashes" in options or "--no-index" in options
        assert "--no-build-isolation" in options or "--only-binary :all:" in options
    assert not re.search(r"^ADD |https?://|curl|wget|apt-get", "\n".join(_LINES), re.MULTILINE)
    assert "pip uninstall --yes setuptools pip" in _STAGES[0]


def test_the_lock_has_what_builds_what_comes_as_source() -> None:
    lock, build = ((ROOT / "requirements" / name).read_text(encoding="utf-8") for name in ("run.txt", "build.txt"))
    entries = re.findall(r"^(\S+==\S+)", build, re.MULTILINE)
    assert any(entry.startswith("setuptools==") for entry in entries)
    assert [entry for entry in entries if f"{entry} \\" not in lock] == [], "one version in both"


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {name for line in _said("COPY", _STAGES[0]) for name in line.split()[:-1]}
    assert {*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "pyproject.toml"} <= copied
