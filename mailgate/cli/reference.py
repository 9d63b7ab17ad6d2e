"""`docs/commands.md`, written from the commands themselves: `python -m mailgate.cli.reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

TARGET = Path(__file__).resolve().parents[2] / "docs" / "commands.md"

INTRO = """# Commands

Written by `python -m mailgate.cli.reference`; what stands here is what `--help` says.

Every command finds its configuration the same way: `--config PATH` (a YAML file, or the folder that holds
`mailgate.yaml`), else `MAILGATE_CONFIG`, else `./config`, then `/etc/mailgate`. With `--json`, what is printed are
JSON Lines in UTF-8; without it, tables for people. Sentences for people go to standard error.

| exit code | means (sysexits.h) |
| --- | --- |
| 0 | done |
| 64 | the command was called wrongly |
| 65 | what was named does not exist or does not fit: no such ticket, status, mail |
| 66 | a file that was named cannot be read |
| 67 | `ingest`: the mail is for nobody of ours |
| 69 | something that is needed does not work; `check --network` and `doctor`: something is wrong |
| 70 | a fault of ours (`MAILGATE_DEBUG=1` shows where) |
| 74 | the output cannot be written |
| 75 | busy; try again later |
| 77 | not allowed: not an agent, no such way in the workflow |
| 78 | the configuration has mistakes; all of them are named |

`ingest` knows 0, 64, 65 and 67 only; whatever else happens is 75, so that the MTA keeps the mail and comes again.
"""


def text() -> str:
    """The whole file."""
    from mailgate.cli.commands import app

    parts = [INTRO]
    for path, command in commands(get_command(app)):
        parts.append(f"## mailgate {path}\n")
        parts.append(_described(command) + "\n")
        rows = [_row(p) for p in command.params if p.name != "help"]
        if rows:
            parts.append("| argument or option | means | default |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its words, in the order of the help."""
    for name, command in group.commands.items():
        words = f"{path} {name}".strip()
        if hasattr(command, "commands"):
            yield from commands(command, words)
        elif not command.hidden:
            yield words, command


def names_of(param: Any) -> list[str]:
    """How a parameter is written: `--text`, or `KEY` for an argument."""
    if param.param_type_name == "argument":
        return [str(param.metavar or param.name.upper())]
    return [*param.opts, *param.secondary_opts]


def _described(command: Any) -> str:
    said, _, example = " ".join((command.help or "").split()).partition(" Example: ")
    return f"{said}\n\n```\n{example}\n```" if example else said


def _row(param: Any) -> str:
    names = ", ".join(f"`{name}`" for name in names_of(param)).replace("|", "\\|")
    default = "required" if param.required else _default(param.default)
    said = str(getattr(param, "help", "") or "").replace("|", "\\|")
    return f"| {names} | {said} | {default} |"


def _default(value: object) -> str:
    if value in (None, "", False, (), []) or callable(value):
        return ""
    return f"`{getattr(value, 'value', value)}`" if value is not True else "yes"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
