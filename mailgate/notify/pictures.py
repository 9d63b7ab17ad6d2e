"""Pictures inside a comment's HTML: those that travel stay in their place, the others leave their name. Pure.

A mail of ours fetches nothing: an image that is neither a `cid:` part of the same mail nor known becomes words.
Sources: RFC 2392 §2 (cid URL), RFC 2557 §5.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

from markupsafe import escape

from mailgate.notify.views import FileView

_IMG = re.compile(r'<img\b(?:[^>"\']|"[^"]*"|\'[^\']*\')*>', re.IGNORECASE)
_ATTRIBUTE = re.compile(r'\s([a-z-]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')', re.IGNORECASE)
_CONTENT_ID = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~@-]{1,200}")


@dataclass(frozen=True, slots=True)
class Placed:
    """html: with pictures settled, None when there was none. related: travel and are shown; attached: travel as files;
    listed: are named under the text."""

    html: str | None
    related: tuple[FileView, ...]
    attached: tuple[FileView, ...]
    listed: tuple[FileView, ...]


def place(html: str | None, files: tuple[FileView, ...], placeholder: Callable[[str], str]) -> Placed:
    """Settle every image of `html`. placeholder: what stands for a picture that is not here, given its name."""
    by_id = {file.content_id: file for file in files if file.content_id and _CONTENT_ID.fullmatch(file.content_id)}
    shown: dict[str, FileView] = {}
    named: set[str] = set()

    def settle(tag: re.Match[str]) -> str:
        attributes = {m[1].lower(): unescape(m[2] or m[3] or "") for m in _ATTRIBUTE.finditer(tag[0])}
        source = attributes.get("src", "")
        found = by_id.get(unquote(source[4:])) if source[:4].lower() == "cid:" else None
        if found and found.content is not None and found.content_type.startswith("image/"):
            shown[found.content_id or ""] = found
            return tag[0]
        if found:
            named.add(found.content_id or "")
        name = found.filename if found else attributes.get("alt", "")
        return str(escape(placeholder(name))) if name else ""

    settled = _IMG.sub(settle, html) if html and "<img" in html.lower() else html
    attached = tuple(f for f in files if f.content is not None and (f.content_id or "") not in shown)
    listed = tuple(
        f for f in files if f.content_id is None or (f.content_id not in shown and f.content_id not in named)
    )
    return Placed(settled, tuple(shown.values()), attached, listed)
