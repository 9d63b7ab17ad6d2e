"""Whose mail somebody passes on: the header lines that Gmail, Outlook and Apple Mail put above it, and the text below.

Looked at only in a mail of an agent, to open a ticket in the customer's name: the lines prove nothing. Linear, total.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailgate.mail import quotewords as words
from mailgate.mail.addresses import normalise
from mailgate.mail.message import Address

_FIELD = re.compile(r"\*{0,2}([^\W\d_][^:：*\n]{0,30}?)\s?\*{0,2}\s?[:：]\s*(.*)")
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_SUBJECT = frozenset({"assunto", "subject", "asunto", "betreff", "objet", "oggetto"})
_MOST_LINES = 2_000
_BLOCK = 14
_EDGES = "-–—_=* \t>"


@dataclass(frozen=True, slots=True)
class Passed:
    """A mail that is passed on. author: as its header lines say; text: below them; intro: what stands above."""

    author: Address
    subject: str
    text: str
    intro: str


def passed_on(text: str) -> Passed | None:
    """The first mail that is passed on in a text; None where no header block with an author's address is found."""
    lines = text.split("\n")
    for start in range(min(len(lines), _MOST_LINES)):
        name, _ = _field(lines[start])
        if name not in words.FROM:
            continue
        fields, end = _block(lines, start)
        author = _author(fields, lines[start])
        if author is None or sum(name in words.OTHERS for name in fields) < 2:
            continue
        subject = next((value for name, value in fields.items() if name in _SUBJECT), "")
        intro = "\n".join(lines[: _above(lines, start)]).strip()
        return Passed(author, " ".join(subject.split()), "\n".join(lines[end:]).strip("\n"), intro)
    return None


def _field(line: str) -> tuple[str, str]:
    match = _FIELD.match(line.strip().lstrip("> "))
    return (match[1].strip(" *").lower(), match[2].strip()) if match else ("", "")


def _block(lines: list[str], start: int) -> tuple[dict[str, str], int]:
    """The fields from line `start` on, folded lines joined, and where the text begins."""
    fields: dict[str, str] = {}
    last, end = "", start
    for index in range(start, min(len(lines), start + _BLOCK)):
        line = lines[index]
        name, value = _field(line)
        if name in words.FROM or name in words.OTHERS:
            fields.setdefault(name, value)
            last = name
        elif line.strip() and last and line[:1] in " \t":
            fields[last] = f"{fields[last]} {line.strip()}"
        elif line.strip() or len(fields) > 2:
            break
        end = index + 1
    return fields, end


def _author(fields: dict[str, str], line: str) -> Address | None:
    value = next((value for name, value in fields.items() if name in words.FROM), "")
    found = _ADDRESS.search(value)
    if found is None:
        return None
    name = value[: found.start()].strip(" \t\"'<[(")
    return Address(name.removesuffix("mailto:").strip(" \t\"'<[("), normalise(found.group()))


def _above(lines: list[str], start: int) -> int:
    """Where the intro ends: above `---------- Forwarded message ---------` or the like."""
    end = start
    while end > 0 and (not lines[end - 1].strip() or _is_rule(lines[end - 1])):
        end -= 1
    return end


def _is_rule(line: str) -> bool:
    core = line.strip(f"{_EDGES}:.").lower()
    return not core or core.startswith((*words.FORWARDED, *words.ORIGINAL))
