"""Prints where the suite's temporary folders go: into memory where there is room, else where the system has them.

Thousands of databases and journals are written and synced; on a disk that takes 7 ms for each `fsync`, that is much
of the suite's time. What the tests show stays the same: they kill processes, not the machine.
"""

from __future__ import annotations

import os
import tempfile

_MEMORY = "/dev/shm"
_ROOM = 4 << 30


def scratch() -> str:
    """The folder for TMPDIR: /dev/shm if we may write and run programs there and 4 GiB are free, else the usual one."""
    try:
        state = os.statvfs(_MEMORY)
        pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return tempfile.gettempdir()
    roomy = min(state.f_bavail * state.f_frsize, pages) >= _ROOM
    runs = not state.f_flag & os.ST_NOEXEC
    return _MEMORY if roomy and runs and os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()


if __name__ == "__main__":
    print(scratch())
