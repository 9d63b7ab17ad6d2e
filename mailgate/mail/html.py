"""HTML of a mail: cleaned for a browser, turned into text, and made from text. Pure, bounded, linear.

nh3 is the last step for what comes in (nothing is normalised after it); bleach links plain text and cleans the small
HTML that our own people write. Both parsers are quadratic in nesting (100,000 open `<div>`: 26 s), so the nesting is
counted first and what is too deep is shown as text. Sources: RFC 2392, HTML Living Standard §13.2.
"""

from __future__ import annotations

import html as stdlib_html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import nh3
from selectolax.lexbor import LexborHTMLParser

from mailgate.mail.limits import MailLimits
from mailgate.mail.phrases import lower, words

_TAGS = words(
    """
    a abbr address article aside b big blockquote br caption center cite code col colgroup dd del details dfn
    div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre
    q s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul
    var wbr
    """
)
_ATTRIBUTES = {
    "*": {"style", "dir", "lang", "title", "align"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"width", "border", "cellpadding", "cellspacing", "bgcolor"},
    "td": {"width", "height", "colspan", "rowspan", "valign", "bgcolor"},
    "th": {"width", "height", "colspan", "rowspan", "valign", "bgcolor", "scope"},
    "tr": {"valign", "bgcolor"},
    "col": {"width", "span"},
    "ol": {"start", "type"},
    "font": {"color", "face", "size"},
    "blockquote": {"type"},
    "time": {"datetime"},
}
_STYLES = words(
    """
    color background-color font-family font-size font-style font-weight font-variant text-align
    text-decoration text-indent text-transform line-height letter-spacing vertical-align white-space width
    height max-width min-width margin margin-top margin-right margin-bottom margin-left padding padding-top
    padding-right padding-bottom padding-left border border-top border-right border-bottom border-left
    border-color border-style border-width border-collapse border-spacing border-radius list-style-type
    direction
    """
)
_DROP = words(
    """
    script style head title noscript noembed noframes iframe object embed applet svg math template textarea
    select
    """
)
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_LINKS = ("http://", "https://", "mailto:", "tel:")
#: Every tag but those of which pages have most, in their usual spelling: they are in `_FLAT`.
_OPEN = re.compile(r"<(?!/?(?:p|br|td|tr|li)[ >])(/?[a-zA-Z][a-zA-Z0-9]*)")
#: Elements that do not nest in themselves when left open.
_FLAT_LOWER = words(
    """
    area base br col embed hr img input link meta param source track wbr p li td tr th tbody thead tfoot dt
    dd option html head body title o v w
    """
)
_FLAT = frozenset(slash + tag for name in _FLAT_LOWER for tag in (name, name.upper()) for slash in ("", "/"))
_TAG_BEGIN = re.compile(r"</?(?=[a-zA-Z])")
_TAG_NAME = re.compile(r"[^\s/>]*")
#: An attribute with its value, after what parts it from the one before.
_ATTRIBUTE = re.compile(r"[\s/]*[^\s/>][^\s/>=]*(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>\"'][^\s>]*))?")
#: A quoted value with the end of a tag in it.
_QUOTED_END = re.compile(r"=\s*(?:\"[^\">]*>|'[^'>]*>)")
_HIDDEN = re.compile(r"display\s{0,3}:\s{0,3}none")
#: What fetches (`url()`, `image-set()`), runs, or hides such a word from who looks for it.
_FETCHING = re.compile(r"url|image|expression|\\|/\*|@|behavior|binding")
#: `: -1px`, `margin:0 -9px`; looked for from the dash on, of which a page has few.
_NEGATIVE = re.compile(
    r"-(?:(?<=:-)|(?<=:\s-)|(?<=:\s\s-)|(?<=:\s\s\s-))[0-9.]|-(?<=[0-9a-z]\s-)[0-9.]{1,9}(?:px|em|pt|%)", re.I
)
#: Without any of these in a page, no attribute of it needs a look by us.
_LOOKED_AT = (b"<img", b"url", b"image", b"expression", b"\\", b"/*")
_MOST_STYLE = 4_000
_MOST_ELEMENTS = 60_000
#: What may open or close these, in all pages of one mail together.
MOST_TAGS = 2 * _MOST_ELEMENTS
_MOST_ATTRIBUTES = 400_000
#: Both builders compare each attribute of a tag with those before it (100,000 in one: 70 s), nh3 each `&` in a text.
_MOST_OF_ONE_TAG = 200
_MOST_AMPERSANDS = 100_000
_MOST_LINKED = 60_000
#: What the look at a line costs besides its letters.
_LINE_COSTS, _LONGEST_LINKED = 40, 4_000
#: bleach's own pattern knows a list of top-level domains (no `http://intranet/`) and links `foo.py`.
_URL = re.compile(r"\b(?<![@./])(?:https?://|www\.)[^\s<>\"'`{}|\\^]{2,2000}", re.IGNORECASE)

#: What an image's `src` becomes; None takes it out.
ImageOf = Callable[[str], str | None]


@lru_cache(maxsize=2)
def too_complex(html: str, limits: MailLimits) -> str:
    """Why this HTML must not reach a tree builder, in words; "" when it may."""
    if html.count("=") > _MOST_ATTRIBUTES or html.count("<") > MOST_TAGS:
        return "html too large: shown as text"
    if html.count("&") > _MOST_AMPERSANDS or _has_crowded_tag(html):
        return "html too large: shown as text"
    depth = 0
    for tag in _OPEN.findall(html):
        if tag in _FLAT:
            continue
        if tag[0] == "/":
            depth -= depth > 0
        else:
            depth += 1
            if depth > limits.html_depth:
                return "html nested too deep: shown as text"
    return ""


def _has_crowded_tag(html: str) -> bool:
    """Whether one tag may have more than `_MOST_OF_ONE_TAG` attributes.

    A tag lies between two `>`, but for those inside its quoted values, which few pages have. Every `<a` counts as the
    beginning of one, in a comment or a value too: who believes the context is led astray by it.
    """
    joined = _QUOTED_END.search(html) is not None
    left = 4 * len(html)
    for stretch in (html,) if joined else html.split(">"):
        if len(stretch) <= 2 * _MOST_OF_ONE_TAG:
            continue
        for begin in _TAG_BEGIN.finditer(stretch):
            count, at = 0, _TAG_NAME.match(stretch, begin.end()).end()  # type: ignore[union-attr]
            while count <= _MOST_OF_ONE_TAG and (found := _ATTRIBUTE.match(stretch, at)) is not None:
                count, at = count + 1, found.end()
            left -= at - begin.start()
            if count > _MOST_OF_ONE_TAG or left < 0:
                return True
    return False


def sanitise(html: str, limits: MailLimits, image: ImageOf | None = None) -> str:
    """Safe HTML: no scripts, styles' url(), forms, frames or remote images. "" for what is too complex to look at.

    image: names an `img` by its `src` as `cid:…`; without it only `cid:` sources stay.
    """
    html = html[: limits.html_in_bytes]
    if "\0" in html:
        html = html.replace("\0", "")
    if too_complex(html, limits):
        return ""
    low = html.encode("utf-8", "replace").lower()  # ASCII letters only, and ten times as fast as those of a `str`
    simple = not any(word in low for word in _LOOKED_AT) and not _NEGATIVE.search(html)
    if b"display" in low and _HIDDEN.search(lower(html)):
        html = _without_hidden(html)
    cleaner = _simple_cleaner() if simple else _cleaner(_attribute_filter(image or _only_cid))
    cleaned = str(cleaner.clean(html))
    if len(cleaned) > limits.html_out_bytes:
        return ""
    return cleaned.strip()


@lru_cache(maxsize=1)
def _simple_cleaner() -> nh3.Cleaner:
    """The cleaner of pages whose attributes nh3 can judge by itself."""
    return _cleaner(None)


def _cleaner(attribute_filter: Callable[[str, str, str], str | None] | None) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TAGS),
        clean_content_tags=set(_DROP),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=attribute_filter,
        url_schemes=set(_SCHEMES | {"cid", "data", "file"} if attribute_filter else _SCHEMES),
        url_relative="pass_through" if attribute_filter else "deny",
        link_rel="noopener nofollow noreferrer",
        filter_style_properties=set(_STYLES),
        strip_comments=True,
    )


def _only_cid(src: str) -> str | None:
    return src if src[:4].lower() == "cid:" else None


def _attribute_filter(image: ImageOf) -> Callable[[str, str, str], str | None]:
    styles: dict[str, str | None] = {}  # the same few are repeated through a whole page

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "style":
            if value not in styles:
                styles[value] = _safe_style(value) or None
            return styles[value]
        if name == "src":
            return image(value.strip()) if tag == "img" else None
        if name == "href":
            return value if value.strip().lower().startswith(_LINKS) else None
        return value

    return keep


def _safe_style(style: str) -> str:
    """The declarations that fetch nothing and reach over nothing; nh3 has looked at their names before."""
    kept = []
    for one in style[:_MOST_STYLE].split(";"):
        if one.strip() and not _FETCHING.search(one.lower()) and not _NEGATIVE.search(one):
            kept.append(one.strip())
    return ";".join(kept)


def _without_hidden(html: str) -> str:
    """The HTML without what its sender hid (preheaders, tracking text): nobody saw it, so nobody is shown it.

    Before nh3, never after it. The text of the page leaves the same out.
    """
    tree = LexborHTMLParser(html)
    if tree.body is None:
        return html
    for node in tree.css("[style]"):
        style = (node.attributes.get("style") or "").lower()
        if _HIDDEN.search(style) and node.tag not in ("body", "html", "img"):
            node.decompose()
    return tree.html or ""


@lru_cache(maxsize=1)
def _linker() -> Any:
    from bleach.linkifier import Linker  # with its HTML parser a third of the time that reading needs to start

    def safe(attributes: dict[Any, str], new: bool = False) -> dict[Any, str] | None:
        href = attributes.get((None, "href"), "")
        if not href.lower().startswith(_LINKS):
            return None
        attributes[(None, "rel")] = "noopener nofollow noreferrer"
        return attributes

    return Linker(callbacks=[safe], skip_tags={"pre", "code"}, parse_email=False, url_re=_URL)


@dataclass(slots=True)
class Links:
    """How much text bleach may still look through, in letters: it takes 9 s for 1 MiB, and a page has many texts."""

    left: int = _MOST_LINKED

    def takes(self, line: str) -> bool:
        """Count a line; whether it is looked through."""
        costs = len(line) + _LINE_COSTS
        if len(line) > _LONGEST_LINKED or costs > self.left:
            return False
        self.left -= costs
        return True


def linkify(text: str, links: Links | None = None) -> str:
    """Plain text as HTML: escaped, web addresses linked, line breaks as `<br>`.

    links: shared by texts of one page; what goes beyond is text without links. bleach is slow, so it sees only lines
    with a web address, and no very long ones.
    """
    links = Links() if links is None else links
    escaped = stdlib_html.escape(text, quote=False).replace("\r\n", "\n").replace("\r", "\n")
    if "://" in escaped or "www." in escaped:
        lines = escaped.split("\n")
        for k, line in enumerate(lines):
            if ("://" in line or "www." in line) and links.takes(line):
                lines[k] = str(_linker().linkify(line))
        escaped = "\n".join(lines)
    return escaped.replace("\n", "<br>\n")


def clean_own(html: str) -> str:
    """The small HTML that our own people write (articles, snippets), cleaned by bleach; scripts' text goes too."""
    import bleach

    html = re.sub(r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)", "", html)
    attributes = {"a": ["href", "title"], "img": ["src", "alt"], "td": ["colspan", "rowspan"], "ol": ["start"]}
    tags = [
        "a",
        "b",
        "blockquote",
        "br",
        "code",
        "div",
        "em",
        "h2",
        "h3",
        "h4",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
    ]
    return str(
        bleach.clean(
            html, tags=set(tags), attributes=attributes, protocols={"http", "https", "mailto", "cid"}, strip=True
        )
    )
