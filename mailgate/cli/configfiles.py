"""Which files make up a configuration: mailgate.yaml, what lies beside it and is ours, and every file it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from mailgate.company import FILES
from mailgate.scaffold import FILE_NAME
from mailgate.settings import Settings

#: Folders beside mailgate.yaml that the gateway reads.
_FOLDERS = ("templates", "knowledge")


def files_of(settings: Settings) -> tuple[dict[str, Path], tuple[Path, ...]]:
    """(name below the configuration's folder → file, files and folders it names that lie elsewhere)."""
    folder = settings.folder.resolve()
    inside: dict[str, Path] = {}
    outside: set[Path] = set()
    for path in _candidates(settings):
        there = path.resolve()
        if there.is_relative_to(settings.data.resolve()):
            continue
        if not there.is_relative_to(folder):
            outside.add(path)
            continue
        for file in sorted(there.rglob("*")) if there.is_dir() else [there]:
            if file.is_file():
                inside[file.relative_to(folder).as_posix()] = file
    return inside, tuple(sorted(outside))


def _candidates(settings: Settings) -> Iterator[Path]:
    names = (FILE_NAME, *(f"{name}.yaml" for name in FILES), *_FOLDERS)
    named = [settings.folder / name for name in names] + [p for p in _paths(settings) if p != settings.data]
    yield from (path for path in named if path.exists() and path != settings.folder)


def _paths(section: BaseModel) -> Iterator[Path]:
    """Every file or folder that a section names, at whatever depth."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, BaseModel):
                yield from _paths(one)
            elif isinstance(one, Path):
                yield one
