"""How each IMAP folder is doing, as plain values that `readyz`, the metrics and `mailgate doctor` read.

Thread-safe: every account's thread writes, anyone reads. Sentences carry no secret and no address.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

#: A restore on the server changes all numbers, once or twice; a server that does it ever again is told of.
_UNSTEADY_AFTER = 5


class ImapState(StrEnum):
    """What an account's thread does with a folder just now."""

    STARTING = "starting"
    READING = "reading"
    IDLE = "idle"
    POLLING = "polling"
    FAILING = "failing"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class FolderHealth:
    """One folder of one account. last_*_at: aware UTC. stuck: UIDs that failed at least three times, retried later.

    failing_since: of the failures in a row, the first; None while all is well. renumbered: how often all UIDs were
    others than at the look before, since the start.
    """

    account: str
    folder: str
    state: ImapState = ImapState.STARTING
    last_success_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    failing_since: datetime | None = None
    stuck: tuple[int, ...] = ()
    taken: int = 0
    oversize: int = 0
    renumbered: int = 0

    @property
    def well(self) -> bool:
        return self.failing_since is None and not self.stuck

    @property
    def unsteady(self) -> bool:
        """Whether the server's numbers do not last: more work, and mails are marked or moved by their bytes."""
        return self.renumbered >= _UNSTEADY_AFTER


class ImapHealth:
    """The record of all accounts. `snapshot` is in the order in which the folders were first heard of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[tuple[str, str], FolderHealth] = {}

    def snapshot(self) -> list[FolderHealth]:
        """All folders as they are now: immutable values."""
        with self._lock:
            return list(self._folders.values())

    def state(self, account: str, folder: str, state: ImapState) -> None:
        """The thread does something else now."""
        self._change(account, folder, state=state)

    def success(self, account: str, folder: str, at: datetime) -> None:
        """The folder was read to its end: whatever failed before is over."""
        self._change(account, folder, last_success_at=at, failing_since=None, last_error="", last_error_at=None)

    def failure(self, account: str, folder: str, reason: str, at: datetime, state: ImapState) -> None:
        """The folder could not be read. reason: a sentence for the admin. state: FAILING or PAUSED."""
        with self._lock:
            old = self._at(account, folder)
            self._folders[account, folder] = replace(
                old, state=state, last_error=reason, last_error_at=at, failing_since=old.failing_since or at
            )

    def stuck(self, account: str, folder: str, uids: tuple[int, ...]) -> None:
        """These mails could not be taken, three times or more."""
        self._change(account, folder, stuck=uids)

    def counted(self, account: str, folder: str, taken: int = 0, oversize: int = 0, renumbered: int = 0) -> None:
        """So many more mails were taken, or were larger than allowed, or so often more all UIDs changed."""
        with self._lock:
            old = self._at(account, folder)
            self._folders[account, folder] = replace(
                old, taken=old.taken + taken, oversize=old.oversize + oversize, renumbered=old.renumbered + renumbered
            )

    def _change(self, account: str, folder: str, **what: object) -> None:
        with self._lock:
            self._folders[account, folder] = replace(self._at(account, folder), **what)  # type: ignore[arg-type]

    def _at(self, account: str, folder: str) -> FolderHealth:
        return self._folders.get((account, folder)) or FolderHealth(account, folder)
