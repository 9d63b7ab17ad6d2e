"""Which organisation a domain belongs to, by the public suffix list (RFC 7489 §3.2).

The list is the one authheaders ships. Its look-ups are not used: authheaders reads the file anew at each call (350 ms),
and publicsuffix2 takes `evil.test` and `good.test` for one organisation, since it has never heard of `test`.
"""

from __future__ import annotations

import functools
import importlib.resources


def org_domain(domain: str) -> str:
    """The organisational domain: the public suffix and one label more; a public suffix itself stays as it is.

    domain: ASCII (A-labels), any case, with or without trailing dot. A suffix not on the list has one label.
    """
    labels = domain.lower().strip(".").split(".")
    return ".".join(labels[-_suffix_length(labels) - 1 :])


def aligned(domain: str, author_domain: str, strict: bool) -> bool:
    """Whether a proven domain speaks for the author's domain (RFC 7489 §3.1): the same one if strict, else one org."""
    ours, theirs = domain.lower().strip("."), author_domain.lower().strip(".")
    if not ours or not theirs:
        return False
    return ours == theirs or (not strict and org_domain(ours) == org_domain(theirs))


def warm_up() -> None:
    """Read the public suffix list now (some 10 ms) rather than with the first mail."""
    _suffixes()


def _suffix_length(labels: list[str]) -> int:
    """Labels of the public suffix: the longest rule, an exception (`!`) before all (publicsuffix.org/list)."""
    rules = _suffixes()
    for start in range(len(labels)):
        name = ".".join(labels[start:])
        if "!" + name in rules:
            return len(labels) - start - 1
        if name in rules or "*." + name.partition(".")[2] in rules:
            return len(labels) - start
    return 1


@functools.cache
def _suffixes() -> frozenset[str]:
    text = (importlib.resources.files("authheaders") / "public_suffix_list.txt").read_text("utf-8")
    lines = (line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//"))
    return frozenset(line if line.isascii() else line.encode("idna").decode() for line in lines)
