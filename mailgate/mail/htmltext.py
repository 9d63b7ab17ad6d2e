"""HTML → readable text: links, lists, tables, quotes as `>` lines. One walk over the tree, no recursion.

Text that the sender hid (`display:none`, `hidden`, size 0) is left out: nobody saw it, so nobody said it.
"""

from __future__ import annotations

import html as stdlib_html
import re
from typing import Any

import re2
from selectolax.lexbor import LexborHTMLParser

from mailgate.mail import htmlmarks
from mailgate.mail.attribution import INDENT_MARK, QUOTE_MARK, ends_with_verb, is_attribution
from mailgate.mail.html import too_complex
from mailgate.mail.limits import MailLimits
from mailgate.mail.phrases import lower, words
from mailgate.mail.signature import SIGN_END, SIGN_MARK

_SKIP = words(
    """
    script style head title noscript template svg math object embed iframe textarea select option _comment
    -comment
    """
)
_PARAGRAPH = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote", "figure"]
)
_BLOCK = _PARAGRAPH | words(
    """
    address article aside center dd details div dt fieldset figcaption footer form header hr li main nav
    section summary tr caption body tbody thead tfoot
    """
)
_SPACE = re.compile(r"[ \t\n\r\f\u00a0]+")
#: All of them in one pass over the page: one after the other takes longer than cleaning it.
_SIGNS = re2.compile("(?i)" + "|".join(re2.escape(sign) for sign in htmlmarks.SIGNS))
_TAG = re.compile(r"<[^<>]{0,5000}>?")
_INDENT = INDENT_MARK + "   "
_MARKS = frozenset({QUOTE_MARK, SIGN_MARK, SIGN_END})


def to_text(html: str, limits: MailLimits | None = None) -> str:
    """Readable text of an HTML body; what is too complex for a tree has its tags taken out."""
    return _tidy(_render(html, limits or MailLimits(), marks=False).replace(INDENT_MARK, " "))


def marked_text(html: str, limits: MailLimits, as_tree: bool = True) -> str:
    """The same with lines (`QUOTE_MARK`, `SIGN_MARK`) wherever the markup says that a quote or a signature begins.

    as_tree: False takes the tags out without looking at them, as is done with what is too complex.
    """
    return _tidy(_render(html, limits, marks=True, as_tree=as_tree))


def without_marks(text: str) -> str:
    """`marked_text` as `to_text` gives it."""
    if QUOTE_MARK not in text and SIGN_MARK not in text and INDENT_MARK not in text:
        return text
    lines = (line for line in text.split("\n") if line not in _MARKS)
    return _tidy("\n".join(lines).replace(INDENT_MARK, " "))


def may_quote(html: str) -> bool:
    """A cheap look whether the markup could say where a quote or a signature begins."""
    return _SIGNS.search(html.encode("utf-8", "replace")) is not None


def _render(html: str, limits: MailLimits, marks: bool, as_tree: bool = True) -> str:
    html = html[: limits.html_in_bytes]
    if not as_tree or too_complex(html, limits):
        return stdlib_html.unescape(_TAG.sub(" ", html))[: limits.text_bytes]
    tree = LexborHTMLParser(html)
    low = lower(html)
    writer = _Writer(marks, any(sign in low for sign in htmlmarks.HIDING), marks or "<blockquote" in low)
    if tree.body is not None:
        _walk(tree.body, writer)
    return writer.text()


class _Writer:
    """Lines under construction."""

    def __init__(self, marks: bool, hides: bool, looks: bool) -> None:
        self.hides = hides
        self.looks = looks
        self.lines: list[str] = []
        self.line: list[str] = []
        self.marks = marks
        self.quotes = 0
        self.indents = 0
        self.kinds: list[bool] = []
        self.cited = False
        self.signatures: list[int] = []
        self.pre = 0
        self.lists: list[int] = []

    def words(self, text: str) -> None:
        if self.pre:
            first, *more = text.split("\n")
            self.line.append(first)
            for piece in more:
                self.newline(force=True)
                self.line.append(piece)
            return
        text = _SPACE.sub(" ", text)
        if text == " " and (not self.line or self.line[-1].endswith(" ")):
            return
        self.line.append(text)

    def newline(self, force: bool = False) -> None:
        joined = "".join(self.line)
        joined = joined.rstrip() if self.pre else _SPACE.sub(" ", joined).strip()
        self.line = []
        if joined or force:
            self.lines.append(self._prefix() + joined if self.kinds and (joined or self.quotes) else joined)

    def blank(self) -> None:
        self.newline()
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append("> " * min(self.quotes, 6) if self.quotes else "")

    def _prefix(self) -> str:
        return "> " * min(self.quotes, 6) or _INDENT * min(self.indents, 6)

    def begin_block(self, attributes: dict[str, str | None]) -> None:
        """A `<blockquote>`: a quote when the markup or the attribution above it says so, else only indented."""
        quoted = self.cited or self.quotes > 0 or htmlmarks.is_quote_block(attributes) or self._attributed()
        self.kinds.append(quoted)
        self.quotes += quoted
        self.indents += not quoted

    def _attributed(self) -> bool:
        """Whether the last lines are an attribution."""
        near: list[str] = []
        for line in reversed(self.lines[-6:]):
            if line.startswith(("> ", INDENT_MARK)) or line in _MARKS or len(line) > 400:
                break
            if not line:
                continue
            near.insert(0, line.lower())
            if len(near) == 1 and not (near[0].endswith(":") or ends_with_verb(near[0])):
                return False
            if is_attribution(" ".join(near), quoted_next=True):
                return True
        return False

    def end_block(self) -> None:
        """Back to the outer level; no `>` without words at the end of a quote."""
        self.newline()
        while self.lines and self.lines[-1] and not self.lines[-1].strip("> " + INDENT_MARK):
            self.lines.pop()
        if self.kinds.pop():
            self.quotes -= 1
        else:
            self.indents -= 1
        self.blank()

    def mark(self) -> None:
        self.cited = True
        if self.marks and not self.quotes:
            self.blank()
            self.lines.append(QUOTE_MARK)

    def begin_signature(self, node_id: int) -> None:
        if self.marks and not self.quotes and not self.signatures:
            self.blank()
            self.lines.append(SIGN_MARK)
            self.signatures.append(node_id)

    def end_signature(self, node_id: int) -> None:
        if self.signatures and self.signatures[-1] == node_id:
            self.signatures.pop()
            self.newline()
            self.lines.append(SIGN_END)

    def text(self) -> str:
        self.newline()
        return "\n".join(self.lines)


def _walk(root: Any, out: _Writer) -> None:
    """Depth first, with an explicit way back up: enter each node, then leave it after its children."""
    node = root
    while True:
        entered = _enter(node, out)
        child = node.child if entered else None
        if child is not None:
            node = child
            continue
        if entered:
            _leave(node, out)
        while node.next is None:
            node = node.parent
            if node is None or node.mem_id == root.mem_id:
                return
            _leave(node, out)
        if node.mem_id == root.mem_id:
            return
        node = node.next


def _enter(node: Any, out: _Writer) -> bool:
    """Write what a node begins with; whether to look at its children (and to leave it)."""
    tag = node.tag
    if tag == "-text":
        out.words(node.text_content or "")
        return False
    if tag in _SKIP or tag is None or tag.startswith("!"):
        return False
    if tag == "br":
        out.newline(force=True)
        return False
    if (out.hides or (out.looks and tag in htmlmarks.QUOTE_TAGS)) and not _look(node, tag, out):
        return False
    if tag in _PARAGRAPH and not (tag in ("ul", "ol") and out.lists):
        out.blank()
    elif tag in _BLOCK:
        out.newline()
    if tag == "blockquote":
        out.begin_block(node.attributes)
    elif tag == "pre":
        out.pre += 1
    elif tag in ("ul", "ol"):
        out.lists.append(0 if tag == "ul" else 1)
    elif tag == "li":
        _bullet(out)
    elif tag in ("td", "th"):
        out.line.append("  " if out.line and not out.line[-1].endswith(" ") else "")
    elif tag == "hr":
        out.lines.append("")
    return True


def _look(node: Any, tag: str, out: _Writer) -> bool:
    """Note what the attributes say of quote and signature; False when the element is hidden."""
    attributes = node.attributes
    if not attributes:
        return True
    if out.hides and htmlmarks.hidden(attributes):
        return False
    if out.looks and tag in htmlmarks.QUOTE_TAGS:
        if htmlmarks.begins_quote(tag, attributes):
            out.mark()
        elif out.marks and htmlmarks.is_signature(attributes):
            out.begin_signature(node.mem_id)
    return True


def _bullet(out: _Writer) -> None:
    depth = "  " * max(0, len(out.lists) - 1)
    if out.lists and out.lists[-1]:
        out.line.append(f"{depth}{out.lists[-1]}. ")
        out.lists[-1] += 1
    else:
        out.line.append(f"{depth}- ")


def _leave(node: Any, out: _Writer) -> None:
    tag = node.tag
    if tag == "a":
        _link(node, out)
    if tag == "blockquote":
        out.end_block()
    elif tag in _PARAGRAPH and not (tag in ("ul", "ol") and len(out.lists) > 1):
        out.blank()
    elif tag in _BLOCK:
        out.newline()
    if out.signatures:
        out.end_signature(node.mem_id)
    if tag == "pre":
        out.pre -= 1
    elif tag in ("ul", "ol") and out.lists:
        out.lists.pop()


def _link(node: Any, out: _Writer) -> None:
    """`words <https://…>`; the address alone when it is what the words say."""
    href = (node.attributes.get("href") or "").strip()
    if not href.lower().startswith(("http://", "https://")) or len(href) > 2000:
        return
    said = "".join(out.line[-3:]).strip()
    bare = href.split("://", 1)[1].rstrip("/").lower()
    if not said or bare in said.lower() or said.lower().rstrip("/").endswith(bare):
        return
    out.line.append(f" <{href}> ")


def _tidy(text: str) -> str:
    """At most one blank line in a row, none at the ends."""
    out: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip()
        if line or (out and out[-1]):
            out.append(line)
    return "\n".join(out).strip("\n")
