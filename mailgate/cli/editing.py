"""Careful changes to files that an admin wrote: the old file or the new one, whole, and nothing else in it touched."""

from __future__ import annotations

import io
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailgate.errors import ConfigError, DataError, Mistake


def add_agent(path: Path, entry: dict[str, Any]) -> None:
    """Put an agent at the end of `agents:`. The new file is checked before it takes the old one's place.

    Raises DataError for one who is there already, ConfigError where the file has or would have a mistake.
    """
    from mailgate import yamlfile

    text = path.read_text(encoding="utf-8")
    data = yamlfile.load(path).data
    known = data.get("agents") if isinstance(data, dict) else None
    address = str(entry["address"])
    if any(str(one.get("address")).lower() == address.lower() for one in known or () if isinstance(one, dict)):
        raise DataError(f"{address} is an agent already")
    changed = _with_agent(text, _flow(entry))
    mistakes = _mistakes(path, changed)
    if mistakes:
        raise ConfigError(mistakes)
    replace_file(path, changed, path.stat().st_mode & 0o7777)


def _with_agent(text: str, item: str) -> str:
    """The file with one more item in `agents:`, every other byte as it was."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    text = text if text.endswith("\n") else text + "\n"
    root = YAML(typ="rt").compose(text)
    pairs = root.value if isinstance(root, MappingNode) else []
    key, value = next(((k, v) for k, v in pairs if k.value == "agents"), (None, None))
    if key is None:
        return text.rstrip("\n") + f"\n\nagents:\n  - {item}\n"
    lines = text.split("\n")
    if not isinstance(value, SequenceNode):  # `agents:` with nothing after it
        lines.insert(key.start_mark.line + 1, f"  - {item}")
    elif value.flow_style:
        end = value.end_mark.index - 1  # the bracket
        return text[:end].rstrip() + (", " if value.value else "") + item + text[end:]
    else:
        lines.insert(_line_after(lines, value.value[-1]), " " * value.start_mark.column + f"- {item}")
    return "\n".join(lines)


def _line_after(lines: list[str], node: Any) -> int:
    """The line below a node: a block node's end lies behind the blank lines and comments that follow it."""
    last = node.end_mark.line if node.flow_style else node.end_mark.line - 1
    last = min(last, len(lines) - 1)
    while last > node.start_mark.line and lines[last].strip()[:1] in ("", "#"):
        last -= 1
    return int(last) + 1


def _flow(entry: dict[str, Any]) -> str:
    """`{name: Bruno, address: bruno@example.com}`, quoted where YAML needs it."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    yaml.default_flow_style = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 10_000
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(entry, out)
    return out.getvalue().strip()


def _mistakes(path: Path, text: str) -> list[Mistake]:
    """What would be wrong with mailgate.yaml at `path` if it held `text`."""
    from mailgate.settings import read_settings

    candidate = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write(candidate, text, 0o600)
        _, found = read_settings(candidate)
    finally:
        candidate.unlink(missing_ok=True)
    return [replace(m, file=str(path)) for m in found if not m.warning]


def set_user(path: Path, address: str, digest: str) -> None:
    """Set one line of a users file (`address:hash`); other lines and comments stay. Mode 0600.

    Raises DataError when the file cannot be written.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        line = f"{address}:{digest}"
        places = [i for i, old in enumerate(lines) if old.partition(":")[0].strip().lower() == address]
        if places:
            lines[places[0]] = line
        else:
            lines.append(line)
        replace_file(path, "\n".join(lines) + "\n", 0o600)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def replace_file(path: Path, text: str, mode: int) -> None:
    """Put `text` where `path` is, at once and durably; a symbolic link keeps pointing to it. Raises OSError."""
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        _write(temporary, text, mode)
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, text: str, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
