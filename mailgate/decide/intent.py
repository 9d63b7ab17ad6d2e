"""What an agent's mail asks for: `#word` lines in the first or the last run of lines of his own text. Pure.

All or nothing: an unknown or impossible command sends nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from mailgate.decide.decision import Intent, Order
from mailgate.decide.orders import TRIGGERS, order, shown
from mailgate.tickets.workflow import fold

_COMMAND = re.compile(r"#([^\W\d_][\w-]*)(?:[ \t:]+(\S.*))?")
#: What a mail program writes for bold and italics in the plain text.
_EMPHASIS = re.compile(r"([*_]{1,3})(#.*[^*_])\1")
_APART = re.compile(r"#[ \t]+([^\W\d_]+)")
_INDENTED = 4
_NOTE = frozenset({"nota", "note", "interno", "internal", "interna"})

FindStatus = Callable[[str], str | None]


def read(
    text: str,
    find_status: FindStatus,
    may_set: Callable[[str], bool],
    labels: tuple[str, ...],
    target_of: Callable[[str], str | None] = lambda trigger: None,
) -> Intent:
    """What the text asks for.

    find_status: a key for a label in any language, or None. may_set: whether the workflow lets an agent set it here.
    labels: what to show when a word is not known. target_of: the status that a trigger leads to from here. The result's
    text has the command lines taken out.
    """
    lines = text.strip("\n").split("\n")
    head, body = _run(lines, reverse=False)
    tail, body = _run(body, reverse=True)
    kind, status = "answer", ""
    words: list[str] = []
    orders: list[Order] = []
    for word, rest in [*head, *tail]:
        words.append(f"#{word}" + (f" {rest}" if rest else ""))
        if fold(word) in _NOTE and not rest:
            kind = "note"
            continue
        found = find_status(f"{word} {rest}".strip())
        known = order(word, rest) if found is None else None
        if known is not None and known.verb in TRIGGERS:
            found = target_of(TRIGGERS[known.verb])
            if found is None:
                return Intent("answer", text, problem=f"impossible:{words[-1]}", commands=labels)
        elif known is not None:
            orders.append(known)
            continue
        problem = _status_problem(found, status, may_set)
        if problem:
            return Intent("answer", text, problem=f"{problem}:{words[-1]}", commands=labels)
        status = found or status
    return Intent(kind, "\n".join(body).strip("\n"), status, "", tuple(words), tuple(orders))


def _status_problem(found: str | None, status: str, may_set: Callable[[str], bool]) -> str:
    if found is None:
        return "unknown"
    if status and status != found:
        return "two"
    return "" if may_set(found) else "impossible"


def listed(labels: Iterable[str], language: str) -> tuple[str, ...]:
    """What there is: the company's statuses and the other commands, as an agent writes them."""
    return (*("#" + label.lower().replace(" ", "-") for label in labels), *shown(language))


def _indent(line: str) -> int:
    """How far a line is moved in: a `<blockquote>` by four, which may be somebody else's words."""
    plain = line.expandtabs(4)
    return len(plain) - len(plain.lstrip())


def _seen(line: str) -> str:
    """A line as its writer sees it: without what cannot be seen, and without marks of emphasis.

    A note that is not known for one would be mailed to the customer; so `# nota` is one too.
    """
    plain = line if line.isascii() else "".join(c for c in line if unicodedata.category(c) != "Cf")
    plain = plain.strip()
    if plain.startswith("\uff03"):
        plain = f"#{plain[1:]}"
    bold = _EMPHASIS.fullmatch(plain)
    plain = bold[2].strip() if bold is not None else plain
    apart = _APART.fullmatch(plain)
    return f"#{apart[1]}" if apart is not None and fold(apart[1]) in _NOTE else plain


def _run(lines: list[str], *, reverse: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """The run of command lines at one end, blank lines between allowed, and the lines that are left."""
    order = list(reversed(lines)) if reverse else list(lines)
    found: list[tuple[str, str]] = []
    used = 0
    for index, line in enumerate(order):
        seen = _seen(line)
        if not seen:
            continue
        match = _COMMAND.fullmatch(seen)
        if match is None or _indent(line) >= _INDENTED:
            break
        found.append((match[1], (match[2] or "").strip()))
        used = index + 1
    rest = order[used:]
    return found, list(reversed(rest)) if reverse else rest
