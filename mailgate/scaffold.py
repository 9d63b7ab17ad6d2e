"""Lays out a new configuration: a commented mailgate.yaml that runs, and the gateway's own keys.

Nothing that exists is overwritten: a key that changed would make every link and reply address in customers' mailboxes
worthless.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from mailgate.errors import ConfigError, DataError, Mistake
from mailgate.resources import data_folder
from mailgate.yamlfile import did_you_mean
from store import folders

FILE_NAME = "mailgate.yaml"
MAC_KEY = "mac.key"
KEY_BYTES = 32

#: Presets whose company has a knowledge base: they begin with the sample articles.
_WITH_ARTICLES = frozenset({"provedor", "zetti"})

#: Lines of the example that a preset's company writes otherwise.
_OF_PRESET: dict[str, tuple[tuple[str, str], ...]] = {
    "provedor": (("key: {prefix: SUP, label: ticket}", "key: {prefix: SUP, label: protocolo}"),),
    "zetti": (
        ("guests: yes\n", "guests: held\n"),
        (
            "  - {address: suporte@example.com, department: suporte, plus: yes}\n",
            "  - {address: suporte@example.com, department: pdv-orcamento, plus: yes}\n"
            "  - {address: compras@example.com, department: compras-estoque, plus: yes}\n"
            "  - {address: financeiro@example.com, department: financeiro-fiscal, plus: yes}\n"
            "  - {address: cobranca@example.com, department: administrativo, plus: yes}\n"
            "  - {address: comercial@example.com, department: comercial, plus: yes}\n",
        ),
        (
            "  - {name: Bruno, address: bruno@example.com, departments: [suporte], role: admin}\n",
            "  - name: Bruno\n    address: bruno@example.com\n"
            "    departments: [pdv-orcamento, compras-estoque, financeiro-fiscal, administrativo, comercial]\n"
            "    role: admin\n",
        ),
    ),
}


def presets() -> list[str]:
    """The names of the presets that ship."""
    return sorted(p.name for p in (data_folder("config") / "presets").iterdir() if p.is_dir())


def preset_folder(name: str) -> Path:
    """The folder of a preset. Raises ConfigError for a name that does not ship."""
    folder = data_folder("config") / "presets" / name
    if name not in presets():
        reason = f"there is no preset `{name}`{did_you_mean(name, presets())}; there are {', '.join(presets())}"
        raise ConfigError([Mistake("preset", 0, 0, reason)])
    return folder


def write_configuration(folder: Path, preset: str, data: Path = Path("data")) -> list[Path]:
    """Write mailgate.yaml and, for some presets, `knowledge/` into `folder`, keys into `data`; returns the files.

    data: absolute, or relative to `folder`, as the setting of that name is.

    Raises DataError when there is a mailgate.yaml already or the folder cannot be written, ConfigError for a preset
    that does not ship.
    """
    preset_folder(preset)
    target = folder / FILE_NAME
    text = (data_folder("config") / "mailgate.example.yaml").read_text(encoding="utf-8")
    for usual, own in (("\npreset: centrium\n", f"\npreset: {preset}\n"), *_OF_PRESET.get(preset, ())):
        text = text.replace(usual, own)
    if data != Path("data"):
        text = text.replace("\ndata: ./data ", f"\ndata: {json.dumps(str(data), ensure_ascii=False)} ")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(target, text)
    except FileExistsError:
        raise DataError(f"{target} exists already and is left as it is") from None
    except OSError as error:
        raise DataError(f"{target} cannot be written: {(error.strerror or '').lower()}") from error
    articles = write_articles(folder) if preset in _WITH_ARTICLES else []
    return [target, *articles, *ensure_keys(folder / data)]


def write_articles(folder: Path) -> list[Path]:
    """Copy the sample articles to `knowledge/` beside mailgate.yaml; [] where there is such a folder already.

    Raises DataError when it cannot be written.
    """
    target, source = folder / "knowledge", data_folder("config") / "knowledge"
    if target.exists():
        return []
    made = []
    try:
        for file in sorted(source.rglob("*.md")):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(copy, file.read_text(encoding="utf-8"))
            made.append(copy)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {(error.strerror or '').lower()}") from error
    return made


def ensure_keys(data: Path) -> list[Path]:
    """Make the data folder (0700) and its keys (0600) where they are missing; returns what was made.

    An existing key is never touched. Raises DataError when the folder cannot be written.
    """
    key = data / "keys" / MAC_KEY
    try:
        for private in (data, key.parent):
            folders.make(private)
        _create(key, secrets.token_hex(KEY_BYTES) + "\n")
        folders.sync(key.parent)  # links already mailed are worth nothing without it
    except FileExistsError:
        return []
    except OSError as error:
        raise DataError(f"{key} cannot be written: {(error.strerror or '').lower()}") from error
    return [key]


def read_mac_key(data: Path) -> bytes:
    """The gateway's own secret, 32 bytes.

    Raises ConfigError when it is missing, broken or readable by others: never is another one made up in its place.
    """
    key = data / "keys" / MAC_KEY
    try:
        mode = key.stat().st_mode
        text = key.read_text(encoding="ascii").strip()
        found = bytes.fromhex(text)
    except FileNotFoundError:
        reason = "the key is missing; put it back from a backup, or run `mailgate init` for a new gateway"
        raise ConfigError([Mistake(str(key), 0, 0, reason)]) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not hexadecimal"
        raise ConfigError([Mistake(str(key), 0, 0, f"the key cannot be read: {str(why).lower()}")]) from error
    if mode & 0o007:
        raise ConfigError([Mistake(str(key), 0, 0, "the key can be read by others; chmod 600 it")])
    if len(found) != KEY_BYTES:
        raise ConfigError([Mistake(str(key), 0, 0, f"the key has {len(found)} bytes, not {KEY_BYTES}")])
    return found


def _create(path: Path, text: str) -> None:
    """Write a new file, readable by its owner only, and make it durable."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
