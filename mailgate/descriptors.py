"""How many files and connections this process may have open, and that the last of them are not for peers."""

from __future__ import annotations

import os
import resource

#: More than any setting asks for; a table of a million would only cost memory.
_ENOUGH = 65536
#: So many are kept for those who are inside, for the database and for the relay.
_KEPT = 16


def take_all() -> None:
    """Raise the soft limit on open files as far as the hard limit lets us; the usual 1,024 is select(2)'s, not ours.

    Where it cannot be raised it stays: the doors wait when it is reached.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):
            return


def is_one_of_the_last(descriptor: int, resting: int) -> bool:
    """Whether a descriptor's number says that few are left: the lowest that is free is always given out (dup(2)).

    resting: about how many are open when nobody is connected; of what a very low limit leaves, half is for peers.
    """
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most == resource.RLIM_INFINITY:
        return False
    return descriptor >= most - min(_KEPT, max(0, most - resting) // 2)


def next_free(open_one: int) -> int:
    """The number that the next connection would get. open_one: any open descriptor. Raises OSError for none."""
    probe = os.dup(open_one)
    os.close(probe)
    return probe
