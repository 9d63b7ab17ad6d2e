"""What the markup of mail clients says about a text: here a quote begins, this is a signature, this was never seen.

Pure looks at one element's attributes. A bare `<blockquote>` says nothing but "indented": editors write it for that.
"""

from __future__ import annotations

import re

Attributes = dict[str, str | None]

QUOTE_TAGS = frozenset({"div", "hr", "blockquote", "span", "table", "p", "a"})
#: Without one of these in its source a page hides nothing, and looking at every attribute can be spared.
HIDING = (
    "display", "visibility", "hide", "hidden", "font-size:", "font-size ", "opacity", "overflow", "position",
    "text-indent", "transparent",
)  # fmt: skip
_DECLARATIONS = 60
_HIDES = (
    ("display", "none"), ("visibility", "hidden"), ("visibility", "collapse"), ("mso-hide", "all"),
    ("color", "transparent"),
)  # fmt: skip
_EXTENT = ("height", "max-height", "width", "max-width")
_AWAY = ("left", "top", "right", "bottom", "text-indent")
_NOTHING = re.compile(r"0*\.?0+(?:[a-z]{1,4}|%)?")
_FAR = re.compile(r"-\d{3}")

#: Elements whose `id` begins so (Outlook on the web, new Outlook, Outlook for mobile and for Mac, Zimbra, Roundcube,
#: NetEase, Windows Mail, mail.ru, Fastmail).
_QUOTE_IDS = (
    "divrplyfwdmsg",
    "appendonsend",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference",
    "ms-outlook-mobile-body-separator",
    "olk_src_body_section",
    "zwchr",
    "reply-intro",
    "isreplycontent",
    "isforwardcontent",
    "mail-app-auto-quote",
    "yahoo_quoted",
    "replysplit",
    "stopspelling",
)
#: Classes that hold one of these (Gmail, Yahoo, Thunderbird, Proton, Zoho, Outlook Express, Windows Live Mail, …).
_QUOTE_CLASSES = (
    "gmail_quote",
    "gmail_attr",
    "yahoo_quoted",
    "protonmail_quote",
    "zmail_extra",
    "gmail_extra_quote",
    "moz-cite-prefix",
    "wordsection1_quote",
    "tutanota_quote",
    "front-quote",
    "front-blockquote",
    "hey-quote",
    "outlookmessageheader",
    "ntes-mailmaster-quote",
    "mailmaster-quote",
    "missive_quote",
    "xm_compose_origin",
    "airmail_on",
    "clean_bq",
    "aolreplacedbody",
    "k9mail-quote",
    "ms-outlook-mobile-reference-message",
    "mail-quote-collapse",
)
_QUOTE_NAMES = ("messagereplysection", "quoted-content")
_QUOTE_MARKERS = ("__divider__", "__headers__", "__quoted_text__")
_SIGNATURE_IDS = ("signature", "applemailsignature", "ms-outlook-mobile-signature", "composer_signature", "_rc_sig")
_SIGNATURE_CLASSES = (
    "gmail_signature",
    "moz-signature",
    "protonmail_signature_block-user",
    "ms-outlook-mobile-signature",
    "tutanota_signature",
    "elementtoproof_signature",
)
_SIGNATURE_NAMES = ("messagesignaturesection",)
_BORDER_TOP = re.compile(r"border-top:(?:solid[^;]{0,40}1(?:\.0)?pt|1(?:\.0)?pt ?solid)")
_PADDED = re.compile(r"padding(?:-top)?:3(?:\.0)?pt")

#: What a page's source must hold to say anything of it.
SIGNS = (
    "<blockquote",
    "border-top",
    *_QUOTE_IDS,
    *_QUOTE_CLASSES,
    *_QUOTE_NAMES,
    *_QUOTE_MARKERS,
    "signature",
    "_rc_sig",
)


def _id(attributes: Attributes) -> str:
    return (attributes.get("id") or "").lower().removeprefix("x_").removeprefix("x_")


def begins_quote(tag: str, attributes: Attributes) -> bool:
    """Whether a mail client's markup says: from here on it is quoted."""
    name = _id(attributes)
    if name and (name.startswith(_QUOTE_IDS) or (tag == "blockquote" and name == "qt")):
        return True
    classes = (attributes.get("class") or "").lower()
    if classes and any(word in classes for word in _QUOTE_CLASSES):
        return True
    if (attributes.get("name") or "").lower() in _QUOTE_NAMES:
        return True
    if (attributes.get("data-marker") or "").lower() in _QUOTE_MARKERS:
        return True
    return tag == "div" and _rule_above(attributes.get("style") or "")


def _rule_above(style: str) -> bool:
    """Outlook's grey line above the header block: a top border of one point and three points of padding, no other."""
    if "border-top" not in style:
        return False
    plain = " ".join(style.lower().replace(": ", ":").replace("; ", ";").split())
    alone = plain.startswith(("border:none", "border-width:1pt")) or "border-left:none" in plain
    return alone and _BORDER_TOP.search(plain) is not None and _PADDED.search(plain) is not None


def is_quote_block(attributes: Attributes) -> bool:
    """Whether a `<blockquote>` is a quote and not only indented: cited, classed as one, or with a line at its left."""
    if attributes.get("type") or attributes.get("cite") or begins_quote("blockquote", attributes):
        return True
    classes = (attributes.get("class") or "").lower()
    style = (attributes.get("style") or "").lower().replace(" ", "")
    return "quote" in classes or "cite" in classes or "border-left" in style or "border-inline-start" in style


def is_signature(attributes: Attributes) -> bool:
    """Whether a client wraps its user's signature in this element (Gmail, Outlook, Thunderbird, Apple, Roundcube)."""
    if _id(attributes) in _SIGNATURE_IDS:
        return True
    classes = (attributes.get("class") or "").lower()
    if classes and "prefix" not in classes and any(word in classes for word in _SIGNATURE_CLASSES):
        return True
    if (attributes.get("name") or "").lower() in _SIGNATURE_NAMES:
        return True
    return (attributes.get("data-smartmail") or "").lower() == "gmail_signature"


def hidden(attributes: Attributes) -> bool:
    """Whether the sender hid the element: nobody saw it, so nobody said it."""
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    if not style:
        return False
    said = dict(_declared(one) for one in style.lower().split(";")[:_DECLARATIONS])
    if any(said.get(name) == word for name, word in _HIDES):
        return True
    if any(_NOTHING.fullmatch(said.get(name, "")) for name in ("font-size", "opacity")):
        return True
    if said.get("overflow") in ("hidden", "clip") and any(_NOTHING.fullmatch(said.get(name, "")) for name in _EXTENT):
        return True
    away = _AWAY if said.get("position") in ("absolute", "fixed") else ("text-indent",)
    return any(_FAR.match(said.get(name, "")) for name in away)


def _declared(declaration: str) -> tuple[str, str]:
    """Property and value of one CSS declaration."""
    name, _, value = declaration.partition(":")
    return name.strip(), "".join(value.replace("!important", "").split())
