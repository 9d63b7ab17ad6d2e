"""`mailgate backup`, `restore`, `verify` as an admin types them."""

from __future__ import annotations

import json
import shutil
import zipfile
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


def test_a_contact_takes_her_data_and_is_forgotten(shell: Shell, tmp_path: Path) -> None:
    shell.take_in(shell.mail(text="Segredo da Ana"))
    target = tmp_path / "ana.zip"
    given = shell("export", "--contact", "ana@cliente.test", "--out", str(target))
    assert (given.code, given.value["tickets"], given.value["mails"]) == (0, 1, 1)
    with zipfile.ZipFile(target) as archive:
        data = json.loads(archive.read("contact.json"))
        assert b"Segredo da Ana" in archive.read(data["mails"][0]["file"])
    assert data["contact"][0]["name"] == "Ana Souza"
    assert "password" not in data["contact"][0]
    assert data["comments"][0]["text"].strip() == "Segredo da Ana"

    asked = shell("erase", "ana@cliente.test")
    assert asked.code == 64
    assert "--yes" in asked.err
    assert shell("erase", "ana@cliente.test", "--yes", "--json").value["tickets"] == 1
    assert not any(b"Segredo da Ana" in path.read_bytes() for path in shell.folder.rglob("*") if path.is_file())
    assert "ana" not in (shell.folder / "erased.list").read_text()
    assert shell("erase", "ana@cliente.test", "--yes").code == 65
    assert shell("export", "--contact", "ana@cliente.test").code == 65
    assert shell("erase", "bruno@example.test", "--yes").code == 65
    assert shell("verify").code == 0
