"""Every command explains itself, and docs/commands.md says the same."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from typer.main import get_command

from mailgate.cli import reference
from mailgate.cli.commands import app

COMMANDS = dict(reference.commands(get_command(app)))
#: What the contract with admins and scripts names.
OWED = """init; check; serve; ingest; parse; export; explain; doctor; migrate; dkim keygen; dkim record;
ticket list; ticket show; ticket open; ticket reply; ticket note; ticket assign; ticket set;
contact add; contact list; contact show; agent add; agent list; agent show; agent password;
organisation add; organisation list; organisation show;
held list; held show; held retry; held release; held drop; outbox list; outbox show; outbox retry; outbox drop;
backup; restore; verify; erase; audit"""


def test_the_commands_that_are_owed() -> None:
    assert {" ".join(name.split()) for name in OWED.split(";")} <= COMMANDS.keys()


@pytest.mark.parametrize("path", COMMANDS)
def test_each_has_an_example_that_could_be_typed(path: str) -> None:
    command = COMMANDS[path]
    example = " ".join((command.help or "").split()).partition(" Example: ")[2]
    assert example.startswith(f"mailgate {path}"), f"{path}: no example in its docstring"
    words = shlex.split(re.split(r" [<|>]", example)[0])[1 + len(path.split()) :]
    given = {word for word in words if word.startswith("--")}
    known = {name for param in command.params for name in reference.names_of(param)}
    assert given <= known, f"{path}: the example uses options that there are not"


@pytest.mark.parametrize("path", COMMANDS)
def test_each_option_is_described(path: str) -> None:
    silent = [p.name for p in COMMANDS[path].params if not getattr(p, "help", "")]
    assert silent == []


def test_what_prints_data_prints_it_for_machines_too() -> None:
    showing = [path for path in COMMANDS if path.split()[-1] in ("list", "show", "explain", "doctor", "check")]
    assert [path for path in showing if not _has(COMMANDS[path], "--json")] == []


def test_the_docs_are_fresh() -> None:
    assert reference.TARGET.read_text(encoding="utf-8") == reference.text(), "run: python -m mailgate.cli.reference"


def _has(command: Any, option: str) -> bool:
    return any(option in reference.names_of(param) for param in command.params)
