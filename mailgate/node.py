"""Which node this is: a name that stays with the data folder, and a place among the processes that serve it.

Leases are held under that name. A data folder that was copied for a second node, keys and all, is another place or on
another machine, and so has another name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import socket
from pathlib import Path

from mailgate.errors import Busy


class NodeSlot:
    """A place among the serve processes of one data folder; the first is 0. Held by a lock that dies with the process.

    On SQLite there is only one place: a second `serve` is refused.
    """

    def __init__(self, data: Path, *, only_one: bool) -> None:
        self._fd = -1
        name = _node_name(data)
        for slot in range(1 if only_one else 64):
            fd = os.open(data / f"serve-{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                continue
            self._fd = fd
            self.name = f"{name}-{slot}"
            return
        raise Busy(
            f"another `mailgate serve` works on {data} already; stop it first"
            + (" (SQLite takes one; several nodes need PostgreSQL)" if only_one else "")
        )

    def free(self) -> None:
        """Leave the place."""
        os.close(self._fd)


def _node_name(data: Path) -> str:
    path = data / "node.id"
    drawn = path.read_text().strip() if path.exists() else ""
    if not drawn:  # none yet, or killed while it was written
        drawn = secrets.token_hex(4)
        path.write_text(drawn + "\n")
        path.chmod(0o600)
    return hashlib.sha256(f"{drawn}\n{socket.gethostname()}\n{data.resolve()}".encode()).hexdigest()[:8]
