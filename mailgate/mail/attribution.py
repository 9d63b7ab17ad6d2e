"""Attributions: the line above a quote that says whose words it holds (`Em …, X <x@y> escreveu:`). Pure and linear.

A client may wrap it over several lines; it is looked for backwards from a line that may end one.
"""

from __future__ import annotations

import re

from mailgate.mail import quotewords as words

EDGES = "-–—‐*_=|~ \t"
#: A line that `htmltext.marked_text` puts where the markup says that a quote begins.
QUOTE_MARK = "\U000f0001quote\U000f0001"
#: What it puts before a line that a bare `<blockquote>` indents: such a line need not be a quote.
INDENT_MARK = "\U000f0002"

_TIME = re.compile(r"\d{1,2}[:.h]\d{2}|\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
#: `2013/7/20 Ana <ana@cliente.test>` (Gmail, 2012 to 2016), `2016-03-03 17:21 GMT+01:00 Ana` (the same, later).
_OLD_GMAIL = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?: \d{1,2}:\d{2})?(?: gmt[+-]\d{1,2}:\d{2})? [^<>@]{0,80}<[^<>\s]{3,120}>:?"
    r"|\d{4}-\d{2}-\d{2} \d{1,2}:\d{2} gmt[+-]\d{1,2}:\d{2} [^\W\d_][^\d,:;!?()<>]{0,60}:?"
)
#: `>>> Ana <ana@cliente.test> 05/11/2025 09:58 >>>` (GroupWise).
_GROUPWISE = re.compile(r">>> ?[^>].{0,200}\d{1,2}:\d{2}(?:[: ]?[\dapm]{0,4})? ?>>>")
_BRACKETED = re.compile(r"<[^<>]{0,300}>")
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}(?![.\d])")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)")
_COLON = re.compile(r": ")
_MOST_CHARS = 500
_MOST_LINES = 6
#: Lines that may end an attribution looked at in one text; a long thread has a hundred.
_MOST_CANDIDATES = 3_000
_AFTER_VERB = ":： .*_-–—‐"
#: The last two letters of every verb: few lines end so, and only those are compared with each of them.
_WROTE_INSIDE = tuple(f" {word} " for word in words.WROTE_INSIDE)
_VERB_ENDS = frozenset(verb[-2:] for verb in words.WROTE)


def find_attributions(low: list[str]) -> dict[int, int]:
    """Begin → end (exclusive) of every attribution in lines that are lower-case and stripped."""
    found: dict[int, int] = {}
    ends = _VERB_ENDS
    candidates = 0
    for k, line in enumerate(low):
        if not line or len(line) > _MOST_CHARS:
            continue
        first, last = line[0], line[-1]
        verb = (line.rstrip(_AFTER_VERB) if last in _AFTER_VERB else line)[-2:] in ends
        if not (verb or last in ":：" or "@" in line or first == ">" or first.isdigit()):
            continue  # most lines
        if (first == ">" or first.isdigit()) and _known_line(low, k):
            found[k] = k + 1
            continue
        if not (last in ":：" or (verb and ends_with_verb(line))):
            if "@" in line and line.startswith(words.ON) and opens_with_attribution(line):
                found[k] = k + 1
            continue
        candidates += 1
        if candidates > _MOST_CANDIDATES:
            break
        after = k + 1
        while after < min(len(low), k + 6) and not low[after]:
            after += 1
        start = _start(low, k, after < len(low) and low[after].startswith(">"))
        if start >= 0:
            found[start] = k + 1
    return found


def _known_line(low: list[str], k: int) -> bool:
    """Lines of a fixed form without a verb, alone between blank or quoted lines."""
    line = low[k]
    if line[0] == ">":
        return _GROUPWISE.fullmatch(line) is not None
    above = k == 0 or not low[k - 1] or low[k - 1].startswith(">")
    below = k + 1 >= len(low) or not low[k + 1] or low[k + 1][0] in ">|"
    return above and below and _OLD_GMAIL.fullmatch(line) is not None


def _start(low: list[str], k: int, quoted_next: bool) -> int:
    """Where the attribution that ends in line k begins: at a word like `Em`, `On`; -1 when it is none."""
    joined, best = "", -1
    for i in range(k, max(-1, k - _MOST_LINES), -1):
        line = low[i]
        if not line and joined.startswith("<") and i > 0 and len(joined) < 200:
            continue  # a converter set the address apart
        if not line or line == QUOTE_MARK or len(line) + len(joined) > 2 * _MOST_CHARS:
            break
        if line.startswith(">") and (i < k or not _closes_address(low, i)):
            break
        joined = f"{line} {joined}".strip()
        bare = line.lstrip(EDGES)
        opens = bare.startswith(words.ON) or bare[:1].isdigit()
        if (opens or k - i < 2) and is_attribution(joined.strip(EDGES), quoted_next):
            best = i
            if opens:
                break
        elif best >= 0 and line != "<":
            break
    return best


def opens_with_attribution(line: str) -> bool:
    """Whether a lower-case line begins with an attribution and goes on with the quote, as converters join them."""
    return any(is_attribution(line[: m.start() + 1].strip(EDGES), False) for m in _COLON.finditer(line[:300]))


def _closes_address(low: list[str], i: int) -> bool:
    """`<x@y.test` and `>:` on the next line: the sign is no quote."""
    if low[i][1:].strip(" :*") in words.WROTE:
        return True
    return i > 0 and low[i - 1].count("<") > low[i - 1].count(">") and len(low[i]) < 40


def ends_with_verb(line: str) -> bool:
    """Whether the last words of a lower-case line are those above a quote."""
    core = line.rstrip(_AFTER_VERB)
    return core[-2:] in _VERB_ENDS and core.endswith(words.WROTE)


def is_attribution(joined: str, quoted_next: bool) -> bool:
    """`Em qua., 5 de nov. de 2025 às 10:22, X <x@y> escreveu:` is; `Ele escreveu:` only above a `>` line.

    joined: the lines as one, lower-case, without dashes around.
    """
    if not joined:
        return False
    core = joined.rstrip(":： ")
    at_end = core.endswith(words.WROTE)
    verb = at_end or any(word in joined for word in _WROTE_INSIDE)
    dated = _TIME.search(joined) is not None
    address = "@" in joined
    opens = joined.startswith(words.ON)
    if joined.startswith(words.QUOTING) and joined != core and (address or quoted_next):
        return True
    if quoted_next:
        return at_end or (dated and (address or verb or opens))
    if address and core.endswith((">", ")", '"')) and _dates(joined, opens):
        return True
    bracketed = "<" in joined or "(" in joined
    if core.endswith(words.TOLD):
        return False
    if at_end and address and (opens or bracketed):
        return True
    return verb and dated and (opens or bracketed or joined[0].isdigit())


def _dates(joined: str, opens: bool) -> bool:
    """Whether a line that ends with an address and has no verb begins as an attribution does, or has date and time.

    Digits within an address are none: `SMTP error after RCPT TO:<ana_2302@cliente.test>:` is a report's line.
    """
    bare = _BRACKETED.sub(" ", joined)
    if opens or joined[0].isdigit():
        return _TIME.search(bare) is not None
    return _CLOCK.search(bare) is not None and _YEAR.search(bare) is not None
