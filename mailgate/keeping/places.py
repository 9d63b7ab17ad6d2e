"""What belongs to one gateway, as values: where its database, blobs, keys and configuration are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from store.blobs import Blobs
from store.engine import Database

#: In the data folder while a restore is under way; whoever finds it must not serve from there.
RESTORING = "restoring"
SQLITE_NAME = "mailgate.sqlite"
KEYS, CONFIGURATION, BLOBS = "keys", "configuration", "blobs"


@dataclass(frozen=True, slots=True)
class Places:
    """configuration: name in the backup → file. outside: files that the configuration names and a backup leaves."""

    database: Database
    blobs: Blobs
    data: Path
    configuration: dict[str, Path] = field(default_factory=dict)
    outside: tuple[Path, ...] = ()

    @property
    def keys(self) -> Path:
        """The folder of the gateway's own secrets."""
        return self.data / KEYS
