"""`mailgate backup`, `restore`, `verify` as an admin types them."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.unit.cli.conftest import Shell


def test_saved_lost_and_restored(shell: Shell, tmp_path: Path) -> None:
    shell.open_ticket()
    (shell.folder / "users").write_text("bruno@example.test:x\n")
    shell.change("\nportal:", "\nsubmission: {users_file: users}\nportal:")
    exported = shell("export").out
    target, folder = tmp_path / "saved.tgz", tmp_path / "new"
    saved = shell("backup", str(target), "--json")
    assert (saved.code, saved.value["database"], saved.value["lacking"]) == (0, "sqlite", [])
    assert target.stat().st_mode & 0o077 == 0
    assert shell("verify", str(target)).code == 0

    again = shell("restore", str(target))
    assert again.code == 65
    assert "not empty" in again.err

    shutil.rmtree(shell.folder)
    restored = shell("restore", str(target), "--configuration", str(folder))
    assert (restored.code, restored.out) == (0, "")
    assert (folder / "users").read_text() == "bruno@example.test:x\n"
    looked = shell("verify", "--config", str(folder), "--json")
    assert (looked.code, looked.value) == (0, {"kind": "verified", "differences": 0})
    assert shell("export", "--config", str(folder)).out == exported


def test_what_is_no_backup(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no archive")
    for place in ("nowhere", "x.tar", "."):
        for command in ("verify", "restore"):
            said = shell(command, str(tmp_path / place))
            assert (said.code, said.out) == (65, "")
            assert len(said.err.splitlines()) == 1


def test_a_half_restored_gateway_is_not_opened(shell: Shell) -> None:
    (shell.folder / "data" / "restoring").write_text("x\n")
    said = shell("held", "list")
    assert said.code == 75
    assert "mailgate restore" in said.err
