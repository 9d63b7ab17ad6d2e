"""Words as lines: one line for a header, wrapped lines for a plain text body, kept lines for HTML. Pure."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

WIDTH = 76

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LEAD = re.compile(r"(?:> ?)+|- |\s*")
_SPACES = re.compile(r"(?m)^ +| {2,}")


def one_line(text: str) -> str:
    """The text on one line: control characters and line ends become one space."""
    return " ".join(_CONTROL.sub(" ", text).split())


def cut(text: str, length: int) -> str:
    """At most `length` characters, with an ellipsis where something was left out."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def plain(text: str) -> str:
    """A person's text for a mail: LF line ends, no control characters, no blank lines around it."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")).strip("\n ")


def as_html(text: str) -> Markup:
    """A person's text inside HTML: escaped, line ends and indents kept (Outlook knows no `white-space: pre-wrap`)."""
    shown = str(escape(plain(text)))
    shown = _SPACES.sub(lambda run: "&nbsp;" * (len(run[0]) - 1) + " ", shown)
    return Markup(shown.replace("\n", "<br>\n"))  # noqa: S704 - escaped two lines above


def shorten(text: str, most_lines: int = 40, most_chars: int = 3000) -> str:
    """The beginning of an earlier message, enough to remember it by."""
    kept = plain(text)
    short = "\n".join(kept[:most_chars].split("\n")[:most_lines]).rstrip()
    return short if short == kept else short + "\n[…]"


def quote(text: str) -> str:
    """Each line behind `> `, wrapped to fit."""
    return "\n".join(f"> {line}".rstrip() for line in _wrapped(plain(text), WIDTH - 2))


def tidy(text: str) -> str:
    """A rendered text body: lines wrapped at 76, never more than one blank line, one line end at the end."""
    out: list[str] = []
    for line in _wrapped(text.strip("\n"), WIDTH):
        bare = line if line == "-- " else line.rstrip()
        if bare or (out and out[-1]):
            out.append(bare)
    return "\n".join(out).rstrip("\n") + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    return [piece for line in text.split("\n") for piece in _wrap(line, width)]


def _wrap(line: str, width: int) -> list[str]:
    """One line as lines no longer than `width`, cut at spaces only, so that a URL stays whole. Indented lines (code,
    tables, logs) are left as they are; a quote or a list item goes on under itself."""
    if len(line) <= width or line.startswith(("    ", "\t")):
        return [line]
    found = _LEAD.match(line)
    lead = found[0] if found else ""
    hang = lead if lead.startswith(">") else " " * len(lead)
    pieces, current, filled = [], lead, _has_words(lead)
    for word in line[len(lead) :].split(" "):
        if filled and len(current) + len(word) > width:
            pieces.append(current.rstrip())
            current, filled = hang, _has_words(hang)
        current += word + " "
        filled = filled or _has_words(word)  # not by a look at all of it: a line can be a million spaces
    pieces.append(current[:-1])
    return pieces


def _has_words(text: str) -> bool:
    return bool(text.strip(" >-"))
