"""What somebody wrote, as a page may show it: readable HTML in our own typography with the pictures in their places.

Of a mail's HTML only the structure is kept here (no style, no colour: it reads well on a phone and in the dark); as it
was sent it is shown in a sandboxed frame of its own. nh3 is the last step for whatever comes from outside. Tokens of
ours that a quote carries along are taken out, since a link opens a ticket for whoever reads it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import nh3
from markupsafe import Markup, escape
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import Row

from mailgate.links.tokens import SECRET_WORDS
from mailgate.mail.html import Links, linkify, sanitise
from mailgate.mail.limits import MailLimits
from mailgate.mail.passcodes import without_codes
from mailgate.mail.phrases import words
from store.vocabulary import Role

#: What a browser shows as an image; decided by the first bytes when the file was stored.
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_TAGS = words(
    """
    a abbr b blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption figure h1
    h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup table tbody td
    tfoot th thead time tr tt u ul var wbr
    """
)
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"border"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start", "type"},
}
_TOKEN = re.compile(
    rf"((?:/|%2F)(?:{'|'.join(SECRET_WORDS)})(?:/|%2F))[A-Za-z0-9_-]{{32}}|(?:\+|%2B)[ab]?[a-z2-7]{{44}}(?=@|%40)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\[(?:cid|image|imagem|imagen|inline image)\s*:\s*([^\]\n]{1,200})\]", re.IGNORECASE)
_UNSPOKEN = re.compile(r"<(?:https?|mailto|cid):[^<>\s]{1,2000}>|" + _PLACEHOLDER.pattern, re.IGNORECASE)
_FILLER = re.compile(r"[\s\u200b\-–—_*>]*")
_MOST_PLACED = 100
_MOST_PIXELS = 20_000


@dataclass(frozen=True, slots=True)
class Said:
    """One comment to show. pictures: images that stand nowhere in the text; files: all that is no placed image.

    rich: the body is the mail's own HTML, so its plain text is worth a switch. original: there is a mail to show as
    it was sent.
    """

    body: Markup
    elided: str
    rich: bool
    original: bool
    pictures: tuple[Row[Any], ...]
    files: tuple[Row[Any], ...]


@dataclass(frozen=True, slots=True)
class Gallery:
    """The files of one comment and where a page finds them. folder: `/tickets/SUP-1/files`.

    sizes: of pictures in pixels, by the id of the row, where they are known: their place is kept free. links: how much
    of plain text may still be looked through for addresses; a page has one for all its comments.
    """

    folder: str
    rows: Sequence[Row[Any]]
    sizes: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    links: Links = field(default_factory=Links)
    _ids: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    _names: dict[str, int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Ten thousand `[cid:…]` in one mail are each looked up here, not among a hundred files."""
        for place, row in enumerate(self.rows):
            if row.content_type in PICTURES:
                self._ids.setdefault((row.content_id or "").lower(), place)
                self._names.setdefault(row.filename.lower(), place)

    def url(self, row: Row[Any]) -> str:
        """The address of a file."""
        return f"{self.folder}/{row.id}/{quote(row.filename, safe='')}"

    def by_cid(self, cid: str) -> Row[Any] | None:
        """The image of that Content-ID (RFC 2392 §2), or of that file name."""
        wanted = {cid.strip("<> ").lower(), unquote(cid).strip("<> ").lower()}
        for known in (self._ids, self._names):
            places = [known[one] for one in wanted if one in known]
            if places:
                return self.rows[min(places)]
        return None


def show(comment: Row[Any], gallery: Gallery, *, as_text: bool = False, veiled: bool = False) -> Said:
    """A public comment as HTML. as_text: the plain text even where there is HTML; veiled: that, and without codes."""
    # An agent's quote is our own notice to him: nobody else is to see it.
    is_agent = comment.role == Role.AGENT
    plain = without_tokens(comment.reply if is_agent else comment.reply or comment.text)
    elided = "" if is_agent else without_tokens(comment.elided)
    html = None if is_agent or veiled or not comment.html else without_tokens(comment.html)
    if veiled:
        plain, elided = without_codes(plain), without_codes(elided)
    placed: dict[int, None] = {}
    source = html
    if html and comment.elided:
        source = cut_quote(html, comment.reply, comment.elided)
    body = None
    if source and not as_text:
        body = readable(source, gallery, placed)
    rich = body is not None
    if body is None:
        body = _text(plain, gallery, placed)
    left = [row for row in gallery.rows if row.id not in placed]
    return Said(
        body=body,
        elided=elided,
        rich=rich,
        original=html is not None,
        pictures=tuple(row for row in left if row.content_type in PICTURES),
        files=tuple(row for row in left if row.content_type not in PICTURES),
    )


def without_tokens(text: str) -> str:
    """The text without what opens a ticket: access links and reply addresses of ours."""
    return _TOKEN.sub(lambda m: f"{m[1]}…" if m[1] else "", text) if text else ""


def readable(html: str, gallery: Gallery, placed: dict[int, None]) -> Markup:
    """Cleaned HTML without any style. placed: gathers the files that are shown in it."""

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return _source(value, gallery, placed)
        if name == "href":
            return value if value.strip().lower().startswith(("http://", "https://", "mailto:", "tel:")) else None
        if name in ("width", "height"):
            return value if value.isascii() and value.isdigit() and 0 < int(value[:6]) <= _MOST_PIXELS else None
        return value

    cleaned = nh3.clean(
        _with_names(html, gallery),
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener nofollow noreferrer",
        set_tag_attribute_values={"img": {"loading": "lazy"}, "a": {"target": "_blank"}},
    )
    return Markup(cleaned.strip())  # noqa: S704 - what nh3 has just cleaned


def _with_names(html: str, gallery: Gallery) -> str:
    """The HTML with a name on each image that has none, for those who cannot see it."""
    if "<img" not in html.lower():
        return html
    tree = LexborHTMLParser(html)
    for image in tree.css("img"):
        source = image.attributes.get("src") or ""
        row = gallery.by_cid(source[4:]) if source[:4].lower() == "cid:" else None
        if row is not None and not image.attributes.get("alt"):
            image.attrs["alt"] = row.filename
        if row is not None and row.id in gallery.sizes and not image.attributes.get("height"):
            _keep_place(image, gallery.sizes[row.id])
    return (tree.body.inner_html or "") if tree.body is not None else ""


def _keep_place(image: Any, size: tuple[int, int]) -> None:
    """Width and height as attributes, so that the page does not move when the picture comes; a width given holds."""
    wanted = image.attributes.get("width") or ""
    width = min(int(wanted[:6]), size[0]) if wanted.isascii() and wanted.isdigit() and int(wanted[:6]) else size[0]
    image.attrs["width"], image.attrs["height"] = str(width), str(max(1, round(size[1] * width / size[0])))


def as_sent(html: str, gallery: Gallery) -> Markup:
    """A mail's HTML with its own looks, for the sandboxed frame: cleaned once more, its images found."""
    placed: dict[int, None] = {}
    return Markup(sanitise(without_tokens(html), MailLimits(), lambda source: _source(source, gallery, placed)))  # noqa: S704 - cleaned by nh3 in sanitise


def _source(value: str, gallery: Gallery, placed: dict[int, None]) -> str | None:
    if value[:4].lower() != "cid:" or len(placed) > _MOST_PLACED:
        return None
    row = gallery.by_cid(value[4:])
    if row is None:
        return None
    placed[row.id] = None
    return gallery.url(row)


def _text(text: str, gallery: Gallery, placed: dict[int, None]) -> Markup:
    """Plain text: addresses linked, and an image where a mail client wrote `[image: name]` or `[cid:…]`."""
    pieces: list[str] = []
    last = 0
    for match in _PLACEHOLDER.finditer(text):
        row = gallery.by_cid(match[1])
        if row is None or len(placed) > _MOST_PLACED:
            continue
        placed[row.id] = None
        pieces.append(linkify(text[last : match.start()], gallery.links))
        size = gallery.sizes.get(row.id)
        place = f' width="{size[0]}" height="{size[1]}"' if size else ""
        pieces.append(f'<img src="{escape(gallery.url(row))}" alt="{escape(row.filename)}"{place} loading="lazy">')
        last = match.end()
    pieces.append(linkify(text[last:], gallery.links))
    return Markup("".join(pieces))  # noqa: S704 - escaped by linkify, or two lines above


# --- the reply within a mail's HTML ----------------------------------------------------------------------------------


def cut_quote(html: str, reply: str, elided: str) -> str | None:
    """The part of the HTML that says `reply`, images included; None when it cannot be told apart from the quote.

    The text decides what is a quote (`mail.body`); here the same place is found in the tree, by letters and digits
    alone, since clients write one thing twice in many ways. Works for an answer above the quote, the usual way.
    """
    tree = LexborHTMLParser(html)
    if tree.body is None:
        return None
    nodes = [node for node in tree.body.traverse(include_text=True) if node.tag != "body"]
    folded = _fold("".join(node.text_content or "" for node in nodes if node.tag == "-text"))
    end = _end_of_reply(folded, reply, elided)
    if end is None:
        return None
    first = _first_after(nodes, end)
    for node in reversed(nodes[first:]):
        node.decompose()
    for node in reversed(nodes[:first]):
        if not _is_filler(node):
            break
        node.decompose()
    return tree.body.inner_html or None


def _fold(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _end_of_reply(folded: str, reply: str, elided: str) -> int | None:
    said = _fold(_UNSPOKEN.sub(" ", reply))
    if folded.startswith(said) and (said or _fold(elided)):
        return len(said)
    begins = _fold(_UNSPOKEN.sub(" ", elided))[:60]
    at = folded.find(begins) if len(begins) >= 12 else -1
    ends = said[-24:]
    if at > 0 and ends and ends in folded[:at]:
        return at
    return None


def _first_after(nodes: list[Any], end: int) -> int:
    """The index of the first node that belongs to the quote: the text after `end` letters; a node is split there."""
    count = 0
    for index, node in enumerate(nodes):
        if node.tag != "-text":
            continue
        text = node.text_content or ""
        letters = len(_fold(text))
        if count + letters > end and letters:
            if count == end:
                return index
            node.replace_with(_first_letters(text, end - count))
            return index + 1
        count += letters
    return len(nodes)


def _first_letters(text: str, wanted: int) -> str:
    """The text up to its letter of that number, with the marks behind it. In one pass: a node may be a whole mail."""
    index = 0
    while wanted > 0 and index < len(text):
        wanted -= len(_fold(text[index]))
        index += 1
    rest = text[index:]
    return text if wanted > 0 else text[:index] + rest[: len(rest) - len(rest.lstrip(".,;:!?…)\"'»”"))]


def _is_filler(node: Any) -> bool:
    """Whether a node at the end of the reply says nothing: an empty line, a box, the dashes of a signature."""
    if node.tag == "-text":
        return bool(_FILLER.fullmatch(node.text_content or ""))
    return node.tag == "br" or (node.tag not in ("img", "hr") and node.child is None)
