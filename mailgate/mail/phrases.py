"""Sets of words and lists of phrases, written as people read them: `word word`, `one phrase | another one`."""

from __future__ import annotations


def phrases(text: str) -> tuple[str, ...]:
    """The phrases of a text, separated by `|`, in order; white space at their ends counts only as a `_`."""
    return tuple(" ".join(piece.split()).replace("_", " ") for piece in text.split("|") if piece.strip())


def words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())
