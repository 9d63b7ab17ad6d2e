"""Keys and secrets: without them nothing starts, and nobody but their owner reads what the gateway writes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailgate.authn.sign import generate_key
from tests.unit.cli.conftest import Shell

PEM, _ = generate_key("ed25519")
DKIM = "dkim: {domain: example.test, selector: s1, key_file: dkim.pem}\n"


def _dkim(shell: Shell, content: bytes = PEM, mode: int = 0o600) -> None:
    shell.file.write_text(shell.file.read_text(encoding="utf-8") + DKIM, encoding="utf-8")
    (shell.folder / "dkim.pem").write_bytes(content)
    (shell.folder / "dkim.pem").chmod(mode)


def _no_dkim(shell: Shell) -> None:
    _dkim(shell)
    (shell.folder / "dkim.pem").unlink()


def _add(text: str) -> Callable[[Shell], None]:
    def change(shell: Shell) -> None:
        shell.file.write_text(shell.file.read_text(encoding="utf-8") + text, encoding="utf-8")

    return change


FAULTS: dict[str, tuple[Callable[[Shell], object], str]] = {
    "our key is gone": (lambda s: (s.folder / "data/keys/mac.key").unlink(), "this key is missing: run"),
    "our key is open to all": (lambda s: (s.folder / "data/keys/mac.key").chmod(0o644), "others may read this key"),
    "our key is open to its group": (lambda s: (s.folder / "data/keys/mac.key").chmod(0o640), "others may read"),
    "our key is empty": (lambda s: (s.folder / "data/keys/mac.key").write_text(""), "this key is"),
    "DKIM key is gone": (_no_dkim, "dkim.pem cannot be read"),
    "DKIM key is open to all": (lambda s: _dkim(s, mode=0o604), "dkim.pem can be read by others"),
    "DKIM key is open to its group": (lambda s: _dkim(s, mode=0o640), "dkim.pem is open to others"),
    "DKIM key is none": (lambda s: _dkim(s, b"nothing"), "dkim.pem is not usable"),
    "a password's file is gone": (
        _add("imap: [{host: 127.0.0.1, user: u, password_file: nowhere}]\n"), "nowhere cannot be read"
    ),
    "the environment has no password": (
        _add("imap: [{host: 127.0.0.1, user: u, password: '${MAILGATE_NOWHERE}'}]\n"), "has no MAILGATE_NOWHERE"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "sentence"), FAULTS.values(), ids=FAULTS)
def test_without_its_secrets_nothing_starts(bare: Shell, fault: Callable[[Shell], object], sentence: str) -> None:
    """K6: a sentence and 78; never unsigned, never under a key of the moment."""
    fault(bare)
    keys = sorted(path.name for path in (bare.folder / "data/keys").iterdir())
    ran = bare("serve", "--config", str(bare.folder))
    assert ran.code == 78, ran.err
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert sorted(path.name for path in (bare.folder / "data/keys").iterdir()) == keys


@pytest.fixture
def careless() -> Iterator[None]:
    """A process whose umask keeps nothing from anybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What others may read, write or enter."""
    return [
        f"{stat.S_IMODE(path.lstat().st_mode):o} {path.relative_to(folder)}"
        for path in (folder, *sorted(folder.rglob("*")))
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]


def test_whatever_is_written_is_its_owners(bare: Shell, tmp_path: Path, careless: None) -> None:
    """P5: by every command that writes, whatever the umask."""
    house = tmp_path / "house"
    large = bare.mail("Grande", text="palavra\n" * 60_000)
    assert bare("init", str(house)).code == 0
    bare.file.unlink()
    bare.folder = house
    bare.change("example.com", "example.test")
    bare.monkeypatch.setenv("MAILGATE_CONFIG", str(house))
    out = tmp_path / "out"
    out.mkdir(mode=0o700)

    def run(*arguments: str, stdin: bytes = b"") -> None:
        os.umask(0)
        ran = bare(*arguments, stdin=stdin)
        assert ran.code == 0, (arguments, ran.err)
        assert open_to_others(house) == [], arguments
        assert open_to_others(out) == [], arguments

    run("migrate")
    run("ingest", "--mail-from", "ana@cliente.test", "--rcpt", "suporte@example.test", stdin=large)
    os.umask(0)
    bare.work()
    run("dkim", "keygen", "--out", str(out / "dkim.pem"))
    run("backup", str(out / "copy"))
    run("backup", str(out / "copy.tar.gz"))
    run("export", "--contact", "ana@cliente.test", "--out", str(out / "ana.zip"))
    run("erase", "ana@cliente.test", "--yes")
    run("verify")
    os.umask(0)
    assert bare("rules", "copy", str(tmp_path / "rules")).code == 0
    assert [path for path in (tmp_path / "rules").rglob("*") if path.stat().st_mode & 0o022] == []
