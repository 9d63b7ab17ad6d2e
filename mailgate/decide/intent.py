"""What an agent's mail asks for: `#word` lines in the first or the last run of lines of his own text. Pure.

All or nothing: an unknown or impossible command sends nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from mailgate.decide.decision import Intent

_COMMAND = re.compile(r"#([^\W\d_][\w-]*)(?:[ \t:]+(\S.*?))?\s*")
_NOTE = frozenset({"nota", "note", "interno", "internal", "interna"})
_CUSTOMER = frozenset({"cliente", "customer", "requester", "solicitante"})

FindStatus = Callable[[str], str | None]


def read(text: str, find_status: FindStatus, may_set: Callable[[str], bool], labels: tuple[str, ...]) -> Intent:
    """What the text asks for.

    find_status: a key for a label in any language, or None. may_set: whether the workflow lets an agent set it here.
    labels: what to show when a word is not known. The result's text has the command lines taken out.
    """
    lines = text.strip("\n").split("\n")
    head, body = _run(lines, reverse=False)
    tail, body = _run(body, reverse=True)
    kind, status, customer = "answer", "", ""
    words: list[str] = []
    for word, rest in [*head, *tail]:
        folded = _fold(word)
        words.append(f"#{word}" + (f" {rest}" if rest else ""))
        if folded in _CUSTOMER and "@" in rest:
            customer = rest.strip("<> ")
        elif folded in _NOTE and not rest:
            kind = "note"
        else:
            found = find_status(f"{word} {rest}".strip()) if rest else find_status(word)
            if found is None:
                return Intent("answer", text, problem=f"unknown:{words[-1]}", commands=_list(labels))
            if status and status != found:
                return Intent("answer", text, problem=f"two:{words[-1]}", commands=_list(labels))
            if not may_set(found):
                return Intent("answer", text, problem=f"impossible:{words[-1]}", commands=_list(labels))
            status = found
    return Intent(kind, "\n".join(body).strip("\n"), status, customer, "", tuple(words))


def _run(lines: list[str], *, reverse: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """The run of command lines at one end, blank lines between allowed, and the lines that are left."""
    order = list(reversed(lines)) if reverse else list(lines)
    found: list[tuple[str, str]] = []
    used = 0
    for index, line in enumerate(order):
        if not line.strip():
            continue
        match = _COMMAND.fullmatch(line.strip())
        if match is None:
            break
        found.append((match[1], (match[2] or "").strip()))
        used = index + 1
    rest = order[used:]
    return found, list(reversed(rest)) if reverse else rest


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()


def _list(labels: tuple[str, ...]) -> tuple[str, ...]:
    return (*("#" + label.lower().replace(" ", "-") for label in labels), "#nota")
