"""A configuration as `mailgate init` writes it, and a shell that runs commands in it."""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mailgate import app, log
from mailgate.cli.main import run
from mailgate.flows import receive
from mailgate.settings import load_settings

SUPPORT = "suporte@example.test"
BRUNO = "bruno@example.test"


@dataclass
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def values(self) -> list[dict[str, Any]]:
        """JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def value(self) -> dict[str, Any]:
        (one,) = self.values
        return one


@dataclass
class Shell:
    """Runs commands in this process. folder: the configuration, which MAILGATE_CONFIG names."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    mails: int = field(default=0)

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Ran:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        self.capsys.readouterr()
        code = run(list(arguments))
        said = self.capsys.readouterr()
        return Ran(code, said.out, said.err)

    @property
    def file(self) -> Path:
        return self.folder / "mailgate.yaml"

    def change(self, old: str, new: str) -> None:
        """Edit mailgate.yaml."""
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def mail(self, subject: str = "Nota fiscal", sender: str = "ana@cliente.test", text: str = "Não emite") -> bytes:
        """A mail to us."""
        self.mails += 1
        lines = [
            f"From: Ana Souza <{sender}>",
            f"To: {SUPPORT}",
            f"Subject: {subject}",
            f"Message-ID: <m{self.mails}@cliente.test>",
            "Date: Sun, 22 Nov 2026 10:00:00 -0300",
            "Content-Type: text/plain; charset=utf-8",
            "",
            text,
            "",
        ]
        return "\r\n".join(lines).encode()

    def take_in(self, raw: bytes, sender: str = "ana@cliente.test") -> str:
        """A mail through `ingest` and the whole line; its id."""
        ran = self("ingest", "--mail-from", sender, "--rcpt", SUPPORT, stdin=raw)
        assert ran.code == 0, ran.err
        self.work()
        return ran.out.strip()

    def work(self) -> None:
        """What `serve` would do: decide about all that waits."""
        settings = load_settings(self.file)
        house = app.open_house(settings)
        try:
            tools = app.tool_maker(settings)()
            mails = receive.claim(house.site, "test")
            receive.process(house.site, "test", [(m, tools.read(receive.job_of(house.site, m))) for m in mails])
        finally:
            house.close()

    def open_ticket(self, **more: str) -> str:
        """A ticket that Bruno opened for Ana; its key."""
        said = {"subject": "Nota fiscal", "text": "Não emite", "contact": "ana@cliente.test", "name": "Ana"} | more
        options = [part for name, value in said.items() for part in (f"--{name}", value)]
        ran = self("ticket", "open", "--agent", BRUNO, *options)
        assert ran.code == 0, ran.err
        return ran.out.strip()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration as `init` writes it, for example.test, and beside it its data folder with a database."""
    folder = tmp_path_factory.mktemp("made") / "config"
    assert run(["init", str(folder)]) == 0
    file = folder / "mailgate.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("example.com", "example.test"), encoding="utf-8")
    shutil.copytree(folder / "data", folder.parent / "data")
    file.write_text(file.read_text(encoding="utf-8").replace("data: ./data", "data: ../data"), encoding="utf-8")
    assert run(["migrate", "--config", str(folder)]) == 0
    file.write_text(file.read_text(encoding="utf-8").replace("data: ../data", "data: ./data"), encoding="utf-8")
    return folder


@pytest.fixture
def bare(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Fresh from `init`, without a database."""
    folder = tmp_path / "config"
    shutil.copytree(made, folder)
    monkeypatch.setenv("MAILGATE_CONFIG", str(folder))
    monkeypatch.delenv("MAILGATE_AGENT", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    # Loggers keep the stream they were first used with, and that of a test ends with it.
    monkeypatch.setattr(log, "set_up", lambda **_: None)
    return Shell(folder, capsys, monkeypatch)


@pytest.fixture
def shell(bare: Shell, made: Path) -> Shell:
    """With a database."""
    shutil.rmtree(bare.folder / "data")
    shutil.copytree(made.parent / "data", bare.folder / "data")
    return bare
