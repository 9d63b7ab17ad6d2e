"""The place of an article that answers a question best, with its words marked. Pure, bounded."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailgate.knowledge.words import Word, fold_in_place, stem

#: (text, whether it is a word that was asked for), in order.
Pieces = tuple[tuple[str, bool], ...]

_LOOKED_AT = 20_000
_LENGTH = 220
_MARKS = 400


def snippet(text: str, asked: Sequence[Word], language: str, length: int = _LENGTH) -> Pieces:
    """About `length` letters of the text around the most words of the question; its beginning where it has none."""
    text = " · ".join(" ".join(line.split()) for line in text[:_LOOKED_AT].split("\n") if line.strip())
    hits = _hits(text, asked, language)
    start = _best_start(hits, length)
    if start:
        start = text.rfind(" ", 0, max(0, start - 40)) + 1
    end = min(len(text), start + length)
    if end < len(text):
        end = max(text.rfind(" ", start, end), start + length // 2)
    pieces = _pieces(text, start, end, [hit for hit in hits if start <= hit[0] and hit[1] <= end])
    head = (("… ", False),) if start else ()
    return (*head, *pieces, *((("…", False),) if end < len(text) else ()))


def marked(text: str, asked: Sequence[Word], language: str) -> Pieces:
    """A short text, such as a title, whole, with the words of the question marked."""
    return _pieces(text, 0, len(text), _hits(text, asked, language))


def _hits(text: str, asked: Sequence[Word], language: str) -> list[tuple[int, int, str]]:
    """(start, end, which word of the question) of each word that was asked for."""
    exact = {form: word.text for word in asked for form in word.forms}
    begins = [(word.prefix, word.text) for word in asked if word.prefix]
    heads = {form[:3] for form in (*exact, *(prefix for prefix, _ in begins))}
    if not heads:
        return []
    folded_text = fold_in_place(text)
    found: list[tuple[int, int, str]] = []
    for match in re.finditer(_any_word(heads), folded_text):  # stems begin as their words do: most words need no look
        folded = match[0].replace("-", "")
        which = exact.get(folded) or exact.get(stem(folded, language))
        if which is None:
            which = next((word for prefix, word in begins if folded.startswith(prefix)), None)
        if which is not None:
            found.append((match.start(), match.end(), which))
            if len(found) >= _MARKS:
                break
    return found


def _any_word(heads: set[str]) -> str:
    """A pattern for the words that begin so; `ema` is the beginning of `e-mail` too."""
    return rf"\b(?:{'|'.join('-?'.join(map(re.escape, head)) for head in sorted(heads))})[^\W_]*"


def _best_start(hits: Sequence[tuple[int, int, str]], length: int) -> int:
    """Where the window of that length begins that holds the most different words; the first of equals."""
    best, most, first = 0, 0, 0
    counts: dict[str, int] = {}
    for _, end, which in hits:
        counts[which] = counts.get(which, 0) + 1
        while hits[first][0] < end - length:
            left = hits[first][2]
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
            first += 1
        if len(counts) > most:
            best, most = hits[first][0], len(counts)
    return best


def _pieces(text: str, start: int, end: int, hits: Sequence[tuple[int, int, str]]) -> Pieces:
    found: list[tuple[str, bool]] = []
    at = start
    for first, last, _ in hits:
        if first > at:
            found.append((text[at:first], False))
        found.append((text[first:last], True))
        at = last
    if at < end:
        found.append((text[at:end], False))
    return tuple(found)
