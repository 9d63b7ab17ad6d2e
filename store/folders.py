"""Folders and their entries on the disk: a file whose name is lost with the power is a file that is lost.

Source: fsync(2), "calling fsync() does not necessarily ensure that the entry in the directory … has also reached disk".
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def make(folder: Path) -> None:
    """Make a folder (0700), and what is missing above it; their entries are on the disk on return. Idempotent.

    The entry of one that is there already is written too: who made it may have died before. Raises OSError.
    """
    missing = []
    at = folder.absolute()
    while not at.exists():
        missing.append(at)
        at = at.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in missing or [folder.absolute()]:
        with contextlib.suppress(PermissionError):  # a folder above ours may be entered and not be read
            sync(made.parent)


def sync(folder: Path) -> None:
    """Bring the entries of a folder to the disk. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
