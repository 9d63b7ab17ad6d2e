"""The reply out of a text: quotes and signatures off, by a machine over lines that reads each line a bounded number of
times. In doubt nothing is cut, and an empty reply means the whole text.

A quote is one of: our own marker line; `-----Mensagem original-----`; a block of header lines (`De:`, `Enviada em:`,
`Para:`, `Assunto:`); an attribution (`Em …, X <x@y> escreveu:`, also over several lines); a run of `>` lines at the
end, or at the top with the answer below. Where the author's own text stands between `>` blocks, all of it stays.
Words are in `quotewords`. Sources: RFC 3676 §4.3 (signature separator), RFC 3676 §4.5 (quotes).
"""

from __future__ import annotations

import re
from itertools import accumulate

from mailgate.mail import quotewords as words

_MAX = 256 * 1024
_MOST_LINES = 20_000
_FIELD_NAME = re.compile(r"\*{0,2}([^\W\d_][^:：*\n]{0,30}?)\s?\*{0,2}\s?[:：]")
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}|\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_EDGES = "-–—*_=|~ \t"
_RULE = frozenset("-_=–—*~ ")
_WRAPPED_FROM = 60
#: A line that `htmltext.marked_text` puts where the markup says that a quote begins.
QUOTE_MARK = "\U000f0001quote\U000f0001"


def strip_reply(text: str, *, marker: bool = True) -> tuple[str, str]:
    """(reply, elided): what the author wrote this time, and what was taken off, in order.

    marker: whether our own `--- Responda acima desta linha ---` counts as the begin of a quote.
    """
    lines = text[:_MAX].replace("\r\n", "\n").replace("\r", "\n").split("\n", _MOST_LINES)
    rest = text[_MAX:]
    view = _View(lines[:_MOST_LINES], marker)
    cut = _quote_start(view)
    begin = _leading_quote(view, cut)
    end = begin + signature_start(lines[begin:cut])
    reply = _join(lines[begin:end])
    if not reply.strip():
        begin, end = 0, cut
        reply = _join(lines[:cut])
    if not reply.strip():
        return _join(lines) + rest, ""
    if begin == 0 and end == len(lines):
        return reply + rest, ""
    return reply, _join([*lines[:begin], *lines[end:]]) + rest


def _join(lines: list[str]) -> str:
    return "\n".join(line for line in lines if line != QUOTE_MARK).strip("\n").rstrip()


class _View:
    """The lines as the machine looks at them: lower-case and stripped, `>` lines known, attributions found once."""

    def __init__(self, lines: list[str], marker: bool) -> None:
        self.low = [line.strip().lower() for line in lines]
        self.marker = marker
        self.attributions = self._find_attributions()
        inside = {k for start, end in self.attributions.items() for k in range(start, end)}
        self.quoted = [line.startswith(">") and k not in inside for k, line in enumerate(self.low)]
        self._join_wrapped(lines)
        self.last_quoted = max((k for k, yes in enumerate(self.quoted) if yes), default=-1)
        own = (bool(line) and not yes for line, yes in zip(self.low, self.quoted, strict=True))
        self._own_before = [0, *accumulate(own)]

    def own_text(self, start: int, end: int) -> bool:
        """Whether a line of the author's stands in lines[start:end]."""
        return end > start and self._own_before[end] > self._own_before[start]

    def tail(self) -> bool:
        """Whether there is own text, not only a signature, below the last `>` line."""
        after = self.low[self.last_quoted + 1 :]
        return any(after[: signature_start(after, anywhere=True)])

    def next_text(self, i: int) -> int:
        """The next line that is not blank, within five; len when there is none."""
        end = min(len(self.low), i + 5)
        while i < end and not self.low[i]:
            i += 1
        return i if i < end else len(self.low)

    def quoted_next(self, i: int) -> bool:
        after = self.next_text(i)
        return after < len(self.low) and self.quoted[after]

    def _join_wrapped(self, lines: list[str]) -> None:
        """A line that a server wrapped out of its `>`: alone between quoted lines, after a long one."""
        for k in range(1, len(lines) - 1):
            if self.low[k] and not self.quoted[k] and self.quoted[k - 1] and self.quoted[k + 1]:
                self.quoted[k] = len(lines[k - 1]) >= _WRAPPED_FROM

    def _find_attributions(self) -> dict[int, int]:
        """Begin → end (exclusive) of every attribution; searched backwards from the lines that may end one."""
        found: dict[int, int] = {}
        for k, line in enumerate(self.low):
            if not line or not (line[-1] in ":：" or ends_with_verb(line)):
                continue
            after = self.next_text(k + 1)
            quoted_next = after < len(self.low) and self.low[after].startswith(">")
            start = self._attribution_start(k, quoted_next)
            if start >= 0:
                found[start] = k + 1
        return found

    def _attribution_start(self, k: int, quoted_next: bool) -> int:
        """Where the attribution that ends in line k begins: at a word like `Em`, `On`; -1 when it is none."""
        joined, best = "", -1
        for i in range(k, max(-1, k - 5), -1):
            line = self.low[i]
            if not line or line == QUOTE_MARK or len(joined) > 500:
                break
            if line.startswith(">") and (i < k or not _closes_address(self.low, i)):
                break
            joined = f"{line} {joined}".strip()
            opens = line.lstrip(_EDGES).startswith(words.ON) or line[0].isdigit()
            if (opens or k - i < 2) and is_attribution(joined.strip(_EDGES), quoted_next):
                best = i
                if opens:
                    break
            elif best >= 0:
                break
        return best


def _closes_address(low: list[str], i: int) -> bool:
    """`<x@y.test` and `>:` on the next line: the sign is no quote."""
    return i > 0 and low[i - 1].count("<") > low[i - 1].count(">") and len(low[i]) < 40


def ends_with_verb(line: str) -> bool:
    return line.rstrip(":： .*_-–—").endswith(words.WROTE)


def is_attribution(joined: str, quoted_next: bool) -> bool:
    """`Em qua., 5 de nov. de 2025 às 10:22, X <x@y> escreveu:` is; `Ele escreveu:` only above a `>` line.

    joined: the lines as one, lower-case, without dashes around.
    """
    if not joined:
        return False
    core = joined.rstrip(":： ")
    at_end = core.endswith(words.WROTE)
    verb = at_end or any(f" {word} " in joined for word in words.WROTE_INSIDE)
    dated = _TIME.search(joined) is not None
    address = "@" in joined
    opens = joined.startswith(words.ON)
    if quoted_next:
        return at_end or (dated and (address or verb or opens))
    if address and dated and core.endswith((">", ")", '"')):
        return True
    bracketed = "<" in joined or "(" in joined
    if at_end and address and (opens or bracketed):
        return True
    return verb and dated and (opens or bracketed or joined[0].isdigit())


def _quote_start(view: _View) -> int:
    """Index of the first line that is no more the author's; the number of lines when all of it is."""
    hard = len(view.low)
    written = False
    for i, line in enumerate(view.low):
        if not line or (view.quoted[i] and not (view.marker and _is_marker(line))):
            continue
        if not written and _between_dashes(line, words.FORWARDED):
            return len(view.low)
        if _starts_quote(view, i):
            if not _answered_below(view, i):
                hard = i
                break
            if i in view.attributions:
                continue
        written = True
    if hard < len(view.low) and not written and not any(view.quoted[:hard]):
        return len(view.low)
    return _trailing_quote(view, hard)


def _is_marker(line: str) -> bool:
    return "--" in line and any(word in line for word in words.MARKERS)


def _starts_quote(view: _View, i: int) -> bool:
    """Whether line i opens a quote whose lines need no `>`."""
    line = view.low[i]
    if i in view.attributions or line == QUOTE_MARK or (view.marker and _is_marker(line)):
        return True
    if _between_dashes(line, words.ORIGINAL) or _between_dashes(line, words.FORWARDED):
        return True
    bare = line.strip(_EDGES)
    if line[0] in _RULE and (not bare or (line[-1] in _RULE and len(bare) < 60)) and len(line) >= 4:
        after = view.next_text(i + 1)
        return after < len(view.low) and _header_block(view.low, after)
    return _header_block(view.low, i)


def _between_dashes(line: str, phrases: tuple[str, ...]) -> bool:
    if line[:1] not in _RULE and line[-1:] != ":":
        return False
    core = line.strip("-_=*–—> \t:.")
    if len(core) > 60 or not core.startswith(phrases):
        return False
    return line.strip("*_ ")[:2] in ("--", "==", "––", "——", "- ") or line[:2] == "__" or line.startswith(core)


def _field(line: str) -> str:
    """The name of a header line (`De: Ana` → `de`), "" for any other line."""
    if ":" not in line[:40] and "：" not in line[:40]:
        return ""
    match = _FIELD_NAME.match(line.lstrip("> "))
    return match.group(1).strip(" *") if match else ""


def _header_block(low: list[str], i: int) -> bool:
    """A From line with at least two other header lines about it: how Outlook introduces a quote."""
    name = _field(low[i])
    if name not in words.FROM and name not in words.OTHERS:
        return False
    senders, others, seen, strange = 0, 0, 0, 0
    for line in low[i : i + 14]:
        if not line:
            continue
        found = _field(line)
        senders += found in words.FROM
        others += found in words.OTHERS
        strange += found not in words.FROM and found not in words.OTHERS
        seen += 1
        if seen >= 8 or strange > 3:
            break
    return senders >= 1 and others >= 2


def _answered_below(view: _View, i: int) -> bool:
    """Line i introduces `>` lines with own text between or below them: answers between the lines. Keep all of it."""
    if view.low[i] == QUOTE_MARK:
        i = view.next_text(i + 1)
        end = view.attributions.get(i, i)
    else:
        end = view.attributions.get(i, 0)
    if not end or not view.quoted_next(end):
        return False
    return view.own_text(end, view.last_quoted + 1) or view.tail()


def _leading_quote(view: _View, cut: int) -> int:
    """Where the author's text begins when he answers below one attributed quote at the very top; 0 otherwise."""
    first = view.next_text(0)
    while first < cut and view.low[first] == QUOTE_MARK:
        first = view.next_text(first + 1)
    if first not in view.attributions:
        return 0
    start = view.next_text(view.attributions[first])
    if start >= cut or not view.quoted[start]:
        return 0
    end = start
    while end < cut and (view.quoted[end] or not view.low[end]):
        end += 1
    if end >= cut or any(view.quoted[end:cut]):
        return 0
    return end


def _trailing_quote(view: _View, end: int) -> int:
    """Take a run of `>` lines at the end off, with the attribution above it."""
    tail = end
    if end == len(view.low) and view.last_quoted >= 0 and not view.tail():
        tail = view.last_quoted + 1
    k = tail
    while k > 0 and (not view.low[k - 1] or view.quoted[k - 1] or view.low[k - 1] == QUOTE_MARK):
        k -= 1
    if not any(view.quoted[k:tail]):
        return end
    start = next((s for s in range(max(0, k - 5), k) if view.attributions.get(s) == k), k)
    return start if view.own_text(0, start) else end


def signature_start(lines: list[str], *, anywhere: bool = False) -> int:
    """Index where the signature begins: `-- `, a list's footer, or the line an app adds (`Enviado do meu iPhone`).

    anywhere: also at the very top (what follows a quote may be nothing but a signature).
    """
    size = len(lines)
    written = anywhere
    for i, line in enumerate(lines):
        bare = line.rstrip()
        if written and (bare in ("--", "- --") or (bare[:2] == "__" and _list_footer(lines, i))):
            return i
        written = written or bool(bare)
    below = 0
    for i in range(size - 1, -1, -1):
        line = lines[i].strip().lower().lstrip("*_[< ")
        if not line:
            continue
        if line.startswith(words.SENT_FROM) and _app_line(line):
            return i
        below += 1
        if below > 4:
            break
    return size


def _app_line(line: str) -> bool:
    """Short, or with a link: `Enviado do meu iPhone`, not `Sent from my desk, which is easier than the phone.`"""
    return "http" in line or (len(line) < 80 and not (line.endswith(".") and "," in line))


def _list_footer(lines: list[str], i: int) -> bool:
    near = " ".join(lines[i + 1 : i + 4]).lower()
    return "mailing list" in near or "unsubscribe" in near or "listinfo" in near or "lista de discussão" in near
