"""How freed memory is kept: for the next mail, instead of giving it back to the system and asking for it again.

A mail with a document of a megabyte is copied some twenty times on its way (decoded, encoded, signed, framed). By
default glibc maps and unmaps each copy, and the kernel clears every page of it anew: that took as long as all the work
that is done on the bytes. What stays with a process is bounded here.
"""

from __future__ import annotations

import ctypes
import sys

#: mallopt(3): blocks below this come from the heap. Larger ones are given back: a process must not keep what the
#: largest mails took for ever, and a block that grows is moved by the kernel without a copy.
_M_MMAP_THRESHOLD, _MAP_FROM = -3, 8 * 1024 * 1024
#: ... and so much at the end of the heap may lie free.
_M_TRIM_THRESHOLD, _KEEP = -1, 32 * 1024 * 1024
#: All threads share one heap, instead of having one each that grows to the most that its thread ever needed: with two
#: of them, what lies free between blocks in use grew twice as fast, and nothing was faster.
_M_ARENA_MAX, _HEAPS = -8, 1


def keep_freed_memory() -> None:
    """Let this process keep up to 32 MiB that it has freed. Does nothing where the C library is not glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)
        mallopt(_M_MMAP_THRESHOLD, _MAP_FROM)
        mallopt(_M_TRIM_THRESHOLD, _KEEP)


def give_back() -> None:
    """Give the system what lies free between blocks in use: without it a process only grows, by ever less, for days.

    Some milliseconds, for now and then. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(_KEEP)
