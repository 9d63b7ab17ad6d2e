"""What all commands share: finding the configuration, opening the house, reading words, printing for both readers."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailgate.errors import EX_NOINPUT, DataError, MailgateError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from mailgate.app import House
    from mailgate.settings import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="PATH", help="mailgate.yaml, or the folder that holds it.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines: JSON Lines, UTF-8.")]

_WIDE = 200


class NoInput(MailgateError):
    """A file that was named cannot be read."""

    exit_code = EX_NOINPUT


def load(config: Path | None) -> Settings:
    """The settings. Raises ConfigError with every mistake."""
    from mailgate.settings import find_config, load_settings

    return load_settings(find_config(config, os.environ))


@contextmanager
def house(config: Path | None, *, migrate: bool = False) -> Iterator[House]:
    """The opened house of a command, closed at the end; what the parts log goes to standard error."""
    from mailgate import log
    from mailgate.app import open_house

    log.set_up(level="error")
    opened = open_house(load(config), migrate=migrate)
    try:
        yield opened
    finally:
        opened.close()


# --- what people type ------------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """Text as it may be stored: valid UTF-8, no NUL, line ends as LF."""
    return text.encode("utf-8", "replace").decode().replace("\0", "").replace("\r\n", "\n")


def text_of(option: str, most_bytes: int) -> str:
    """What `--text` says; `-` reads standard input. Raises UsageError for nothing, DataError for too much."""
    if option == "-":
        option = sys.stdin.buffer.read(most_bytes + 1).decode("utf-8", "replace")
    text = clean(option).strip("\n")
    if not text.strip():
        raise UsageError("there is no text: write it after --text, or `--text -` and hand it in on standard input")
    if len(text.encode()) > most_bytes:
        raise DataError(f"the text has more than {most_bytes} bytes (limits.text_bytes)")
    return text


def address_of(text: str) -> str:
    """One plain address, its domain in ASCII. Raises DataError."""
    from mailgate.mail.addresses import normalise, parse_address

    found = parse_address(clean(text))
    if found is None or not found.domain or " " in found.address:
        raise DataError(f"{text!r} is not an address; write it like ana@cliente.test")
    return normalise(found.address)


def row_id_of(text: str, known: Sequence[int], what: str) -> int:
    """The row that is named: its id in hexadecimal, or any part of it that names one. Raises DataError."""
    wanted = text.strip().lower()
    if len(wanted) > 16 and wanted.isdecimal():  # as logs print it
        wanted = f"{int(wanted):x}"
    found = [row_id for row_id in known if f"{row_id:x}" == wanted]
    if not found and len(wanted) >= 4:
        found = [row_id for row_id in known if wanted in f"{row_id:x}"]
    if len(found) != 1:
        raise DataError(f"there is no {what} {text}" if not found else f"{text} names {len(found)}; write more of it")
    return found[0]


def short(row_id: int) -> str:
    """How a row is named to people, in replies and in logs."""
    return f"{row_id:x}"


# --- what machines and people read -----------------------------------------------------------------------------------


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line, valid UTF-8."""
    line = jsonlib.dumps(value, ensure_ascii=False, default=_plain)
    _write(line.encode("utf-8", "replace") + b"\n")


def print_bytes(content: bytes) -> None:
    """Bytes as they are."""
    _write(content)


def _write(content: bytes) -> None:
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(content.decode("utf-8", "replace"))
    else:
        buffer.write(content)


def console() -> Console:
    """Where tables go: as wide as the terminal, wide where there is none, without markup in what is printed."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE
    return Console(width=wide, markup=False, highlight=False, emoji=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """A table for people; control characters are taken out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(str(value))) if value is not None else "–" for value in row))
    console().print(table)


def print_facts(rows: Sequence[tuple[str, object]]) -> None:
    """Names and values under each other; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, "", ()):
            table.add_row(name, Text(printable(str(value))))
    console().print(table)


def print_text(text: str, *, style: str = "", fold: bool = True) -> None:
    """Text for people; control characters are taken out. fold: False for lines that editors and scripts read."""
    from rich.text import Text

    console().print(Text(printable(text), style=style), soft_wrap=not fold)


def say(text: str) -> None:
    """A sentence for a person, on standard error, so that data on standard output stays data."""
    print(text, file=sys.stderr)


def when(at: datetime | None, settings: Settings) -> str:
    """An instant by the company's clock, `2026-11-30 14:05`; – for none."""
    return at.astimezone(settings.zone).strftime("%Y-%m-%d %H:%M") if at is not None else "–"


def printable(text: str) -> str:
    """Text without what a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
