"""The reply out of a text: quotes and signatures off, by a machine over lines that reads each line a bounded number of
times. In doubt nothing is cut, and an empty reply means the whole text.

A quote is one of: our own marker line; `-----Mensagem original-----`; a block of header lines (`De:`, `Enviada em:`,
`Para:`, `Assunto:`); an attribution (`Em …, X <x@y> escreveu:`, also over several lines); a run of `>` lines at the
end, or at the top with the answer below. Where the author's own text stands between `>` blocks, all of it stays.
Words are in `quotewords`. Sources: RFC 3676 §4.3 (signature separator), RFC 3676 §4.5 (quotes).
"""

from __future__ import annotations

import re
from functools import cached_property
from itertools import accumulate

from mailgate.mail import quotewords as words
from mailgate.mail.attribution import EDGES, INDENT_MARK, QUOTE_MARK, find_attributions, opens_with_attribution
from mailgate.mail.phrases import is_latin, lower
from mailgate.mail.signature import SIGN_END, SIGN_MARK, signature_start

_MAX = 256 * 1024
_MOST_LINES = 20_000
_FIELD_NAME = re.compile(r"\*{0,2}([^\W\d_][^:：*\n]{0,30}?)\s?\*{0,2}\s?[:：]")
_RULE = frozenset("-_=–—‐*~ ")
_FIELDS = re.compile(r"(?<=\s)\*{0,2}([^\W\d_]{1,12}(?: [^\W\d_]{1,3})?)\*{0,2}:")
_LONG_FIELD = 60
_WRAPPED_FROM = 60
_INTRODUCTION = 400
_MARKS = frozenset({QUOTE_MARK, SIGN_MARK, SIGN_END})
_NOT_SEEN = dict.fromkeys(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF, ord(INDENT_MARK)]
)
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff" + INDENT_MARK + "]")
#: How a line of dashes begins, or a mark of ours.
_OPENS = _RULE | {QUOTE_MARK[0]}


def strip_reply(text: str, *, marker: bool = True) -> tuple[str, str]:
    """(reply, elided): what the author wrote this time, and what was taken off, in order.

    marker: whether our own `--- Responda acima desta linha ---` counts as the begin of a quote.
    """
    text, rest = text[:_MAX], text[_MAX:]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n", _MOST_LINES)
    view = _View(lines[:_MOST_LINES], marker)
    cut = _quote_start(view)
    begin = _leading_quote(view, cut)
    end = begin + signature_start(lines[begin:cut])
    while begin < end < len(lines) and _is_rule(lines[end - 1].strip()):
        end -= 1
    reply = _join(lines[begin:end])
    if not reply.strip():
        begin, end = 0, cut
        reply = _join(lines[:cut])
    if begin == 0 and end == len(lines):
        return reply + rest, ""
    if not reply.strip() or _answers_within(view, reply, cut):
        return _join(lines) + rest, ""
    return reply, _join([*lines[:begin], *lines[end:]]) + rest


def _answers_within(view: _View, reply: str, cut: int) -> bool:
    """`Respostas abaixo, em vermelho:` above a quote without `>`: the answers are in it, nobody can tell where."""
    if cut == len(view.low) or len(reply) > _INTRODUCTION or any(view.quoted[cut:]):
        return False
    return any(phrase in reply.lower() for phrase in words.WITHIN)


def _join(lines: list[str]) -> str:
    text = "\n".join(lines)
    if QUOTE_MARK[0] in text:
        text = "\n".join(line for line in lines if line not in _MARKS)
    return text.replace(INDENT_MARK, " ").strip("\n").rstrip()


def _is_rule(line: str) -> bool:
    """A line of dashes or nothing: above a quote or a signature it belongs to that."""
    return not line or _RULE.issuperset(line)


def _seen(line: str) -> str:
    """A line as the machine compares it: lower-case, without white space around and without invisible signs."""
    line = line.strip().lower()
    return line if _UNSEEN.search(line) is None else line.translate(_NOT_SEEN).strip()


def _indents(lines: list[str]) -> list[int]:
    """How often each line is indented by a bare `<blockquote>`."""
    if not any(line[:1] == INDENT_MARK for line in lines):
        return [0] * len(lines)
    return [line.count(INDENT_MARK, 0, 40) if line[:1] == INDENT_MARK else 0 for line in lines]


def _all_seen(lines: list[str]) -> list[str]:
    """`_seen` of every line; "" for the marks of a signature. At once where no invisible sign can be in them."""
    text = "\n".join(lines)
    if not is_latin(text) and (QUOTE_MARK[0] in text or _UNSEEN.search(text) is not None):
        return ["" if line in (SIGN_MARK, SIGN_END) else _seen(line) for line in lines]
    return [line.strip() for line in lower(text).split("\n")] if lines else []


class _View:
    """The lines as the machine looks at them: lower-case and stripped, `>` lines known, attributions found once."""

    def __init__(self, lines: list[str], marker: bool) -> None:
        self.low = _all_seen(lines)
        self.indented = _indents(lines)
        self.marker = marker
        self.attributions = find_attributions(self.low)
        self.quoted = [line[:1] == ">" for line in self.low]
        self.last_quoted = -1
        if True in self.quoted:
            for start, end in self.attributions.items():
                self.quoted[start:end] = [False] * (end - start)
            self._join_wrapped(lines)
            self.last_quoted = max((k for k, yes in enumerate(self.quoted) if yes), default=-1)

    @cached_property
    def _own_before(self) -> list[int]:
        own = (bool(line) and not yes for line, yes in zip(self.low, self.quoted, strict=True))
        return [0, *accumulate(own)]

    def own_text(self, start: int, end: int) -> bool:
        """Whether a line of the author's stands in lines[start:end]."""
        return end > start and self._own_before[end] > self._own_before[start]

    @cached_property
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

    def unmarked(self) -> bool:
        """Whether nothing but one attribution speaks of a quote: no `>` line, no marker of ours."""
        marked = self.last_quoted >= 0 or (self.marker and any(_is_marker(line) for line in self.low))
        return len(self.attributions) == 1 and not marked

    def quoted_next(self, i: int) -> bool:
        after = self.next_text(i)
        return after < len(self.low) and self.quoted[after]

    def _join_wrapped(self, lines: list[str]) -> None:
        """A line that a server wrapped out of its `>`: alone between quoted lines, after a long one."""
        for k in range(1, len(lines) - 1):
            if self.low[k] and not self.quoted[k] and self.quoted[k - 1] and self.quoted[k + 1]:
                self.quoted[k] = len(lines[k - 1]) >= _WRAPPED_FROM


def _quote_start(view: _View) -> int:
    """Index of the first line that is no more the author's; the number of lines when all of it is."""
    hard = len(view.low)
    written = False
    quoted, attributions = view.quoted, view.attributions
    for i, line in enumerate(view.low):
        if not line:
            continue
        plain = line[0] not in _OPENS and ":" not in line and "--" not in line and "：" not in line
        if plain and i not in attributions:  # most lines: neither our marker nor dashes nor a header line
            written = written or not quoted[i]
            continue
        if quoted[i] and not (view.marker and _is_marker(line)):
            continue
        if not written and _between_dashes(line, words.FORWARDED):
            return len(view.low)
        if not written and view.marker and _is_marker(line) and not view.quoted[i]:
            continue  # he wrote below our marker: look for the quote further down
        if _starts_quote(view, i):
            if not _answered_below(view, i):
                hard = i
                break
            if i in view.attributions or view.quoted[i]:
                continue
        written = True
    if hard < len(view.low) and not written and not any(view.quoted[:hard]):
        return len(view.low)
    return _trailing_indent(view, _trailing_quote(view, hard))


def _is_marker(line: str) -> bool:
    return "--" in line and any(word in line for word in words.MARKERS)


def _starts_quote(view: _View, i: int) -> bool:
    """Whether line i opens a quote whose lines need no `>`."""
    line = view.low[i]
    if i in view.attributions or line == QUOTE_MARK or (view.marker and _is_marker(line)):
        return True
    if _between_dashes(line, words.ORIGINAL) or _between_dashes(line, words.FORWARDED):
        return True
    bare = line.strip(EDGES)
    if line[0] in _RULE and (not bare or (line[-1] in _RULE and len(bare) < 60)) and len(line) >= 4:
        after = view.next_text(i + 1)
        return after < len(view.low) and _header_block(view.low, after)
    return _header_block(view.low, i)


def _between_dashes(line: str, phrases: tuple[str, ...]) -> bool:
    if line[:1] not in _RULE and line[-1:] != ":":
        return False
    core = line.strip("-_=*–—‐> \t:.")
    if len(core) > 60 or not core.startswith(phrases):
        return False
    return line.strip("*_ ")[:2] in ("--", "==", "––", "——", "‐‐", "- ") or line[:2] == "__" or line.startswith(core)


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
    if name in words.FROM and len(low[i]) > _LONG_FIELD:  # a converter made one line of the block
        names = _FIELDS.findall(low[i][:800])
        if sum(" ".join(found.split()) in words.OTHERS for found in names) >= 3:
            return True
    senders, others, seen, strange, sure = 0, 0, 0, 0, False
    for line in low[i : i + 14]:
        if not line:
            continue
        found = _field(line)
        senders += found in words.FROM
        others += found in words.OTHERS
        strange += found not in words.FROM and found not in words.OTHERS
        sure = sure or found in words.SUBJECT or (found in words.FROM and "@" in line)
        seen += 1
        if seen >= 8 or strange > 3:
            break
    return senders >= 1 and others >= 2 and sure


def _answered_below(view: _View, i: int) -> bool:
    """Line i introduces `>` lines with own text between or below them: answers between the lines. Keep all of it."""
    if view.quoted[i]:  # our own marker, quoted: it stands in front of the lines that it introduces
        return view.own_text(i, view.last_quoted + 1) or view.tail
    if view.low[i] == QUOTE_MARK:
        i = view.next_text(i + 1)
        end = view.attributions.get(i, i)
    else:
        end = view.attributions.get(i, 0)
    if not end or not view.quoted_next(end):
        return False
    return view.own_text(end, view.last_quoted + 1) or view.tail


def _leading_quote(view: _View, cut: int) -> int:
    """Where the author's text begins when he answers below one attributed quote at the very top; 0 otherwise.

    Where only the attribution can be told from what follows, only that line goes.
    """
    first = view.next_text(0)
    while first < cut and view.low[first] == QUOTE_MARK:
        first = view.next_text(first + 1)
    if first not in view.attributions:
        return 0
    start = view.next_text(view.attributions[first])
    if start >= cut:
        return 0
    if not view.quoted[start]:
        named = any("@" in line for line in view.low[first : view.attributions[first]])
        return start if named and view.unmarked() else 0
    end = start
    while end < cut and (view.quoted[end] or not view.low[end]):
        end += 1
    if end >= cut or any(view.quoted[end:cut]):
        return 0
    return end


def _trailing_quote(view: _View, end: int) -> int:
    """Take a run of `>` lines at the end off, with the attribution above it."""
    tail = end
    if end == len(view.low) and view.last_quoted >= 0 and not view.tail:
        tail = view.last_quoted + 1
    k = tail
    while k > 0 and (not view.low[k - 1] or view.quoted[k - 1] or view.low[k - 1] == QUOTE_MARK):
        k -= 1
    if not any(view.quoted[k:tail]):
        return end
    start = next((s for s in range(max(0, k - 5), k) if view.attributions.get(s) == k), k)
    return start if view.own_text(0, start) else end


def _trailing_indent(view: _View, end: int) -> int:
    """Take an indented block (a bare `<blockquote>`) at the end off where something says that it is a quote.

    Its attribution stands in it; or it is the last of several that answers were given to; or it is indented twice and
    a quote follows. A block that is announced (`Passo 2:`) is the author's, like every single one.
    """
    k = end
    while k > 0 and (not view.low[k - 1] or view.indented[k - 1]):
        k -= 1
    if k == 0 or not any(view.indented[k:end]):
        return end
    first = view.next_text(k)
    if first < end and opens_with_attribution(view.low[first]):
        return k
    if view.low[k - 1].endswith(":"):
        return end
    quote_below = end < len(view.low) and view.indented[first] > 1
    return k if quote_below or any(view.indented[:k]) else end
