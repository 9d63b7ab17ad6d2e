"""The judge itself: what it must find in a trace, and what it must let pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tracing import late_promises, read_trace

ROOT = Path("/data")
WAL = "/data/mailgate.sqlite-wal"
BLOB = "/data/blobs/ab/cd"
REPLY = '7 10:00:00.9 write(9<TCP:[127.0.0.1:2525->127.0.0.1:40001]>, "250 2.0.0 Ok: queued as 1\\r\\n", 27) = 27'
WRITE = f'8 10:00:00.1 pwrite64(5<{WAL}>, "\\0mark-1;", 4096, 56) = 4096'
SYNC = f"8 10:00:00.2 fdatasync(5<{WAL}>) = 0"
BEGUN = f"8 10:00:00.2 fdatasync(5<{WAL}> <unfinished ...>"
ENDED = "8 10:00:00.3 <... fdatasync resumed>) = 0"
MADE = '8 10:00:00.1 openat(AT_FDCWD</>, "/data/blobs/ab/.x.tmp", O_CREAT|O_EXCL, 0600) = 6</data/blobs/ab/.x.tmp>'
FILLED = '8 10:00:00.2 write(6</data/blobs/ab/.x.tmp>, "mark-1; and more", 300000) = 300000'
FLUSHED = "8 10:00:00.3 fsync(6</data/blobs/ab/.x.tmp>) = 0"
RENAMED = f'8 10:00:00.4 rename("/data/blobs/ab/.x.tmp", "{BLOB}") = 0'
ENTERED = "8 10:00:00.5 fsync(6</data/blobs/ab>) = 0"
FOLDER = '8 10:00:00.0 mkdir("/data/blobs/ab", 0700) = 0'
FOLDER_ENTERED = "8 10:00:00.6 fsync(6</data/blobs>) = 0"


def judged(*lines: str) -> list[str]:
    return late_promises(read_trace("\n".join(lines)), ROOT, {40001: ["mark-1;"]})


@pytest.mark.parametrize(
    "lines",
    [
        (WRITE, SYNC, REPLY),
        (WRITE, BEGUN, ENDED, REPLY),
        (WRITE, SYNC, WRITE, REPLY),  # the same page again, for somebody else's mail
        (MADE, FILLED, FLUSHED, RENAMED, ENTERED, REPLY),
        (FOLDER, MADE, FILLED, FLUSHED, RENAMED, ENTERED, FOLDER_ENTERED, REPLY),
    ],
)
def test_what_is_safe_passes(lines: tuple[str, ...]) -> None:
    assert judged(*lines) == []


@pytest.mark.parametrize(
    "lines",
    [
        (WRITE, REPLY, SYNC),
        (SYNC, WRITE, REPLY),
        (WRITE, SYNC.replace("= 0", "= -1 EIO (Input/output error)"), REPLY),
        (WRITE, BEGUN, REPLY, ENDED),
        (BEGUN, WRITE.replace("8 ", "9 ", 1), ENDED, REPLY),  # a sync that had begun before
        (MADE, FILLED, RENAMED, ENTERED, REPLY),
        (MADE, FILLED, FLUSHED, FILLED.replace("mark-1; ", ""), RENAMED, ENTERED, REPLY),
        (MADE, FILLED, FLUSHED, RENAMED, REPLY),
        (MADE, FILLED, FLUSHED, ENTERED, RENAMED, REPLY),
        (FOLDER, MADE, FILLED, FLUSHED, RENAMED, ENTERED, REPLY),
        (REPLY,),
        (WRITE, SYNC),  # a 250 that the trace has not
    ],
)
def test_what_is_not_is_found(lines: tuple[str, ...]) -> None:
    assert len(judged(*lines)) == 1
