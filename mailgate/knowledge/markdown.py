"""Markdown to HTML that is safe on a page of ours, and to plain text. Pure.

CommonMark with tables, by markdown-it-py; HTML in an article is shown as text. What comes out is cleaned by bleach
once more (people of ours write articles, but a copied one may hold anything). Addresses are relative to
`/knowledge/`: links between articles, images and files are what the caller says they are; an image from elsewhere is
not shown, since a page of ours fetches nothing from others.
Sources: CommonMark 0.31.2, RFC 3986 §4.1 (relative references).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import bleach
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mailgate.knowledge.article import slug_of
from mailgate.mail.phrases import words

_PARSER = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20})
_PARSER.enable(["table", "strikethrough"])

_TAGS = words("a blockquote br code del em h2 h3 h4 h5 h6 hr img li ol p pre s strong table tbody td th thead tr ul")
_ATTRIBUTES = {
    "a": ["href", "rel"],
    "img": ["src", "alt", "title", "width", "height", "loading"],
    "ol": ["start"],
    **{f"h{n}": ["id"] for n in range(2, 7)},
}
_SCHEMES = ("https", "http", "mailto", "tel")
_BLOCK_ENDS = frozenset({"inline", "fence", "code_block"})
_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Picture:
    """Where an image is found on our pages, and how large it is (None: its bytes do not say)."""

    address: str
    size: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Around:
    """What an article's links and images mean. Each is asked with the path as written, decoded, without `#…`.

    link: the address of the article or file; picture: of the image; None where there is no such thing.
    """

    link: Callable[[str], str | None]
    picture: Callable[[str], Picture | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """An article as it is shown and as it is searched. doubts: (line of the text, column, what is wrong), 1-based."""

    html: str
    text: str
    doubts: tuple[tuple[int, int, str], ...]


def render(source: str, around: Around) -> Shown:
    """An article's Markdown as HTML and text; total: any text is an article."""
    found = _Rendering(source, around)
    tokens = _PARSER.parse(source)
    found.walk(tokens)
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    clean = bleach.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, protocols=_SCHEMES, strip=True)
    return Shown(clean, _LINES.sub("\n\n", _text(tokens)).strip(), tuple(found.doubts))


@dataclass(slots=True)
class _Rendering:
    """Goes over the tokens of one article before they become HTML."""

    source: str
    around: Around
    doubts: list[tuple[int, int, str]] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)

    def walk(self, tokens: list[Token]) -> None:
        shift = 1 if any(one.type == "heading_open" and one.tag == "h1" for one in tokens) else 0
        for index, token in enumerate(tokens):
            if token.type in ("heading_open", "heading_close") and shift:
                token.tag = f"h{min(6, int(token.tag[1:]) + shift)}"
            if token.type == "heading_open":
                token.attrs = {"id": self._id(tokens[index + 1].content)}
            if token.type == "inline":
                token.children = list(self._inline(token))

    def _id(self, heading: str) -> str:
        """`s-` keeps an article's anchors apart from those of the page around it."""
        name = f"s-{slug_of(heading)}"
        self.ids[name] = self.ids.get(name, 0) + 1
        return name if self.ids[name] == 1 else f"{name}-{self.ids[name]}"

    def _inline(self, block: Token) -> Iterator[Token]:
        for token in block.children or []:
            if token.type == "link_open":
                self._link(token, block)
            if token.type != "image" or self._image(token, block):
                yield token
            elif token.content:
                yield Token("text", "", 0, content=token.content)

    def _link(self, token: Token, block: Token) -> None:
        href = str(token.attrs.get("href", ""))
        token.attrs = {}
        address = self._address(href)
        if address is None:
            self._doubt(block, href, f"`{unquote(href)}` leads nowhere: there is no such article or file here")
        else:
            token.attrs = {"href": address}
            if address.startswith(("http:", "https:")):
                token.attrs["rel"] = "noopener noreferrer"

    def _address(self, href: str) -> str | None:
        try:
            parts = urlsplit(href)
        except ValueError:
            return None
        if parts.scheme:
            return href if parts.scheme in _SCHEMES else None
        if href.startswith(("/", "\\")):
            return None
        anchor = f"#s-{slug_of(unquote(parts.fragment))}" if parts.fragment else ""
        if not parts.path:
            return anchor or None
        found = self.around.link(unquote(parts.path))
        return found + anchor if found is not None else None

    def _image(self, token: Token, block: Token) -> bool:
        """Whether the image is shown."""
        source = str(token.attrs.get("src", ""))
        elsewhere = ":" in source or source.startswith(("/", "\\"))
        found = self.around.picture(unquote(source)) if not elsewhere else None
        if found is None:
            why = "put the file beside the article and name it" if elsewhere else "there is no such image here"
            self._doubt(block, source, f"the image `{unquote(source)}` is not shown: {why}")
            return False
        title = token.attrs.get("title")
        token.attrs = {"src": found.address, "alt": "", "loading": "lazy"}
        if title:
            token.attrs["title"] = title
        if found.size is not None:
            token.attrs |= {"width": found.size[0], "height": found.size[1]}
        return True

    def _doubt(self, block: Token, word: str, reason: str) -> None:
        """Note what is wrong, at the place where the word stands in the block's lines."""
        first, last = block.map or [0, 1]
        wanted = unquote(word)
        for number, line in enumerate(self.source.split("\n")[first:last], start=first + 1):
            column = max(line.find(word), line.find(wanted)) if word else -1
            if column >= 0:
                self.doubts.append((number, column + 1, reason))
                return
        self.doubts.append((first + 1, 1, reason))


def _text(tokens: list[Token]) -> str:
    """The words of an article, a line for each block."""
    pieces: list[str] = []
    for token in tokens:
        if token.type in _BLOCK_ENDS:
            pieces.append(_words(token.children or []) if token.type == "inline" else token.content.rstrip("\n"))
    return "\n".join(pieces)


def _words(children: list[Token]) -> str:
    found: list[str] = []
    for token in children:
        if token.type in ("softbreak", "hardbreak"):
            found.append(" ")
        elif token.type in ("text", "code_inline", "image"):
            found.append(token.content)
    return "".join(found)
