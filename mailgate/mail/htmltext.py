"""HTML → readable text: links, lists, tables, quotes as `>` lines. One walk over the tree, no recursion.

Text that the sender hid (`display:none`, `hidden`, size 0) is left out: nobody saw it, so nobody said it.
"""

from __future__ import annotations

import html as stdlib_html
import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from mailgate.mail.body import QUOTE_MARK
from mailgate.mail.html import too_complex
from mailgate.mail.limits import MailLimits
from mailgate.mail.phrases import words

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
_QUOTE_TAGS = frozenset({"div", "hr", "blockquote", "span", "table"})
#: Without one of these in its source a page hides nothing, and looking at every attribute can be spared.
_HIDING = ("display", "visibility", "hide", "hidden", "font-size:0", "font-size: 0")
_SPACE = re.compile(r"[ \t\n\r\f\u00a0]+")
_TAG = re.compile(r"<[^<>]{0,5000}>?")
_AFTER_IDS = ("divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container", "ms-outlook-mobile-reference")
_QUOTE_CLASSES = (
    "gmail_quote",
    "yahoo_quoted",
    "protonmail_quote",
    "zmail_extra",
    "gmail_extra_quote",
    "moz-cite-prefix",
    "wordsection1_quote",
    "tutanota_quote",
    "front-quote",
    "hey-quote",
)


def to_text(html: str, limits: MailLimits | None = None) -> str:
    """Readable text of an HTML body; what is too complex for a tree has its tags taken out."""
    return _tidy(_render(html, limits or MailLimits(), marks=False))


def marked_text(html: str, limits: MailLimits) -> str:
    """The same with a `QUOTE_MARK` line wherever the markup says that a quote begins."""
    return _tidy(_render(html, limits, marks=True))


def without_marks(text: str) -> str:
    """`marked_text` as `to_text` gives it."""
    if QUOTE_MARK not in text:
        return text
    return _tidy("\n".join(line for line in text.split("\n") if line != QUOTE_MARK))


def may_quote(html: str) -> bool:
    """A cheap look whether the markup could say where a quote begins."""
    low = html.lower()
    return "<blockquote" in low or any(sign in low for sign in (*_AFTER_IDS, *_QUOTE_CLASSES, "border-top:solid"))


def _render(html: str, limits: MailLimits, marks: bool) -> str:
    html = html[: limits.html_in_bytes]
    if too_complex(html, limits):
        return stdlib_html.unescape(_TAG.sub(" ", html))[: limits.text_bytes]
    tree = LexborHTMLParser(html)
    low = html.lower()
    writer = _Writer(marks, hides=any(sign in low for sign in _HIDING))
    if tree.body is not None:
        _walk(tree.body, writer)
    return writer.text()


class _Writer:
    """Lines under construction."""

    def __init__(self, marks: bool, hides: bool) -> None:
        self.hides = hides
        self.lines: list[str] = []
        self.line: list[str] = []
        self.marks = marks
        self.quotes = 0
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
            self.lines.append("> " * min(self.quotes, 6) + joined if self.quotes else joined)

    def blank(self) -> None:
        self.newline()
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append("> " * min(self.quotes, 6) if self.quotes else "")

    def end_quote(self) -> None:
        """Back to the outer level; no `>` without words at the end of a quote."""
        self.newline()
        while self.lines and self.lines[-1] and not self.lines[-1].strip("> "):
            self.lines.pop()
        self.quotes -= 1
        self.blank()

    def mark(self) -> None:
        if self.marks and not self.quotes:
            self.blank()
            self.lines.append(QUOTE_MARK)

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
    if out.hides or (out.marks and tag in _QUOTE_TAGS):
        attributes = node.attributes
        if attributes and out.hides and _hidden(attributes):
            return False
        if attributes and tag in _QUOTE_TAGS and _begins_quote(tag, attributes):
            out.mark()
    if tag in _PARAGRAPH and not (tag in ("ul", "ol") and out.lists):
        out.blank()
    elif tag in _BLOCK:
        out.newline()
    if tag == "blockquote":
        out.quotes += 1
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
        out.end_quote()
    elif tag in _PARAGRAPH and not (tag in ("ul", "ol") and len(out.lists) > 1):
        out.blank()
    elif tag in _BLOCK:
        out.newline()
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


def _hidden(attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    if not style:
        return False
    plain = style.replace(" ", "").lower()
    return (
        "display:none" in plain
        or "visibility:hidden" in plain
        or "mso-hide:all" in plain
        or "font-size:0px" in plain
        or "font-size:0;" in plain
        or plain.endswith("font-size:0")
    )


def _begins_quote(tag: str, attributes: dict[str, str | None]) -> bool:
    """Whether a mail client's markup says: from here on it is quoted (Gmail, Outlook, Yahoo, Apple, Thunderbird)."""
    name = (attributes.get("id") or "").lower().removeprefix("x_")
    if name and name.startswith(_AFTER_IDS):
        return True
    classes = (attributes.get("class") or "").lower()
    if classes and any(word in classes for word in _QUOTE_CLASSES):
        return True
    if tag == "hr" and name == "stopspelling":
        return True
    style = attributes.get("style")
    if tag == "div" and style and "border-top" in style:
        plain = style.replace(" ", "").lower()
        return plain.startswith("border:none;border-top:solid#") and "1.0pt;padding:3.0pt" in plain
    return False


def _tidy(text: str) -> str:
    """At most one blank line in a row, none at the ends."""
    out: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip()
        if line or (out and out[-1]):
            out.append(line)
    return "\n".join(out).strip("\n")
