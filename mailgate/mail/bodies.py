"""The parts of a mail as one text, one HTML and its files, the way a mail client would show them.

Alternatives are one thing said twice; related images stay in their place; everything else is joined in order. A
`message/rfc822` is one file and its inside is nobody's text here. Sources: RFC 2046 §5.1, RFC 2387, RFC 2183 §2.
"""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_to_bytes

from mailgate.mail import answer, binhex, containers
from mailgate.mail import attachments as files
from mailgate.mail.content import text_of, uu_files
from mailgate.mail.html import MOST_TAGS, linkify, sanitise, too_complex
from mailgate.mail.htmltext import marked_text, to_text, without_marks
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Attachment, Mark
from mailgate.mail.tree import Part

_TEXT = frozenset({"text/plain", "text/html", "text/enriched", "text/richtext"})
_SEALS = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_MOST_IMAGE_REFERENCES = 500
_MOST_MARKS = 20
_MOST_ESCAPES = 20_000
_MOST_OPENED = 20


@dataclass(frozen=True, slots=True)
class Bodies:
    """text: whole visible text; reply and elided: see `body.strip_reply`; html: cleaned or None."""

    text: str
    reply: str
    elided: str
    html: str | None
    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(slots=True)
class _Piece:
    """One stretch of the mail as it is shown: plain, HTML, or both as alternatives."""

    plain: str | None = None
    html: str | None = None


@dataclass(slots=True)
class _Found:
    limits: MailLimits
    files: list[Attachment] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    texts: int = 0
    spare: Part | None = None
    marks: list[Mark] = field(default_factory=list)
    opened: int = 0
    text_left: int = field(init=False)
    html_left: int = field(init=False)

    def __post_init__(self) -> None:
        self.text_left, self.html_left = self.limits.text_bytes, self.limits.html_in_bytes

    def file(self, part: Part, inline: bool, name: str = "") -> None:
        if len(self.files) >= self.limits.attachments:
            self.defects.append("too many attachments: the rest is not shown")
            return
        self.files.append(files.of_part(part, len(self.files) + 1, inline, name))

    def mark(self, mark: Mark | None) -> None:
        if mark is not None and mark not in self.marks and len(self.marks) < _MOST_MARKS:
            self.marks.append(mark)


def read(root: Part, subject: str, limits: MailLimits) -> Bodies:
    """Text, reply, HTML and files of a whole mail."""
    found = _Found(limits)
    pieces = _pieces(root, found, in_related=False)
    if not pieces and found.spare is not None:  # the whole text is a file shown inline: it is read as well
        pieces = [_body_piece(found.spare, found)]
    source_html = _joined_html(pieces)
    images = Images(found.files, limits)
    html = _clean(source_html, images, found) if source_html is not None else None
    text = _joined_text(pieces, limits)
    html_too = "\n".join(p.html for p in pieces if p.html and p.plain and p.plain.strip())
    reply, elided = answer.split(text, html_too, subject, limits)
    found.mark(containers.text_mark(text))
    found.mark(images.mark())
    return Bodies(
        without_marks(text), reply, elided, html or None, tuple(images.files),
        tuple(found.defects + images.defects()), tuple(found.marks),
    )  # fmt: skip


def held(root: Part, raw: bytes, limits: MailLimits, over: str) -> Bodies:
    """A mail beyond a bound: no parser touches its body; a person sees the header and the raw mail."""
    return Bodies("", "", "", None, (), (f"over limit: {over}",))


def _pieces(part: Part, found: _Found, in_related: bool) -> list[_Piece]:
    """What a part shows, its files put aside. The depth of recursion is bounded by `tree.build`."""
    if part.children:
        found.mark(containers.multipart_mark(part))
        if part.content_type == "multipart/alternative":
            return _alternative(part, found)
        related = in_related or part.content_type == "multipart/related"
        shown = [child for child in part.children if not _is_seal(part, child)]
        return [piece for child in shown for piece in _pieces(child, found, related)]
    if _is_body(part, found):
        found.texts += 1
        return [_body_piece(part, found)]
    wrapped = _wrapped(part, found)
    if wrapped is not None:
        return wrapped
    said = files.disposition(part)
    if found.spare is None and part.content_type in _TEXT and said != "attachment":
        found.spare = part
    found.file(part, said == "inline" or (said != "attachment" and in_related and files.content_id(part) is not None))
    return []


def _is_seal(parent: Part, child: Part) -> bool:
    """A signature without a name is no file that somebody sent; that the mail is signed is said by its mark."""
    signed = parent.content_type == "multipart/signed" and child is not parent.children[0]
    return signed and child.content_type in _SEALS and not files.declared_name(child)


def _wrapped(part: Part, found: _Found) -> list[_Piece] | None:
    """What a part shows that wraps a mail or files (winmail.dat, S/MIME, an invitation); None for any other file."""
    if found.opened >= _MOST_OPENED:
        return None
    opened = containers.opened(part, found.limits, len(found.files), found.opened, bool(found.texts))
    if opened is None:
        return None
    found.opened += 1
    for mark in opened.marks:
        found.mark(mark)
    if not opened.replaces:
        found.file(part, files.disposition(part) == "inline", opened.name)
    found.files += opened.files
    if opened.inner is not None:
        return _pieces(opened.inner, found, in_related=False)
    if found.texts or not (opened.text.strip() or opened.html.strip()):
        return []  # Exchange says in the wrapper once more what stands beside it
    found.texts += 1
    return [_Piece(opened.text or None, opened.html or None)]


def _body_piece(part: Part, found: _Found) -> _Piece:
    """A text part as it is read, as far as the mail's whole text may go; uuencoded files in it are put aside."""
    if part.content_type == "text/html":
        page = text_of(part, found.html_left)
        found.html_left -= min(len(page), found.html_left)
        return _Piece(html=page)
    text = text_of(part, found.text_left)
    found.text_left -= min(len(text), found.text_left)
    if part.content_type in ("text/enriched", "text/richtext"):
        text = to_text(text, found.limits)
    text, encoded = uu_files(text)
    text, more = binhex.files(text, found.limits.message_bytes)
    for name, data in encoded + more:
        number = len(found.files) + 1
        found.files.append(files.of_bytes(data, "application/octet-stream", files.safe_name(name), number, False, None))
    return _Piece(plain=text)


def _is_body(part: Part, found: _Found) -> bool:
    """Text that is read rather than saved: no disposition `attachment`, and no name except on the first text."""
    if part.content_type not in _TEXT or files.disposition(part) == "attachment":
        return False
    if not files.declared_name(part):
        return True
    return found.texts == 0 and files.disposition(part) == "" and part.content_type != "text/richtext"


def _alternative(part: Part, found: _Found) -> list[_Piece]:
    """The plain and the HTML form of one thing as one piece; other forms (invitations) become files."""
    plain: list[str] = []
    html: list[str] = []
    same = all(child.content_type == "text/plain" for child in part.children)  # then not one thing said twice
    for child in part.children:
        pieces = _pieces(child, found, in_related=False)
        texts = [p.plain for p in pieces if p.plain is not None]
        pages = [p.html for p in pieces if p.html is not None]
        if pages:
            html = [p.html if p.html is not None else linkify(p.plain or "") for p in pieces]
            if texts and not plain and len(texts) == len(pieces):
                plain = texts
        elif texts and (not plain or (same and not any(text in plain for text in texts))):
            plain = plain + texts
    if not plain and not html:
        return []
    return [_Piece("\n".join(plain) if plain else None, "\n".join(html) if html else None)]


def _joined_text(pieces: list[_Piece], limits: MailLimits) -> str:
    """The text of all pieces; what comes from HTML keeps its `QUOTE_MARK` lines for `answer.split`."""
    shown, tags = [], 0
    for piece in pieces:
        text = piece.plain
        if (text is None or not text.strip()) and piece.html is not None:
            tags += piece.html.count("<")
            text = marked_text(piece.html, limits, as_tree=tags <= MOST_TAGS)
        if text:
            shown.append(text.strip("\n"))
    return "\n\n".join(shown).strip()


def _joined_html(pieces: list[_Piece]) -> str | None:
    if not any(piece.html for piece in pieces):
        return None
    return "\n".join(p.html if p.html is not None else f"<div>{linkify(p.plain or '')}</div>" for p in pieces)


def _clean(source: str, images: Images, found: _Found) -> str:
    reason = too_complex(source[: found.limits.html_in_bytes], found.limits)
    if reason:
        found.defects.append(reason)
        return ""
    return sanitise(source, found.limits, images.resolve)


class Images:
    """Images of a mail by what its HTML calls them; `data:` URIs become attachments while they are looked up."""

    def __init__(self, attachments: list[Attachment], limits: MailLimits) -> None:
        self.files = list(attachments)
        self.limits = limits
        self.remote = 0
        self.used = 0
        self._by_cid: dict[str, int] = {}
        self._by_name: dict[str, int] = {}
        for index, item in enumerate(self.files):
            if item.content_id:
                self._by_cid.setdefault(item.content_id.lower(), index)
            if item.content_type.startswith("image/"):
                self._by_name.setdefault(item.filename.lower(), index)

    def mark(self) -> Mark | None:
        return Mark("images_removed", str(self.remote)) if self.remote else None

    def defects(self) -> list[str]:
        return [f"{self.remote} remote images removed"] if self.remote else []

    def resolve(self, src: str) -> str | None:
        """`cid:<content id>` of the attachment that `src` means; None for remote and unknown images."""
        self.used += 1
        if self.used > _MOST_IMAGE_REFERENCES:
            return None
        low = src[:8].lower()
        if low.startswith("cid:"):
            return self._cid(src[4:])
        if low.startswith("data:"):
            return self._data(src)
        if low.startswith(("http:", "https:", "//", "ftp:")):
            self.remote += 1
            return None
        name = src.rpartition("/")[2].rpartition("\\")[2]
        index = self._by_name.get(unquote_to_bytes(name).decode("utf-8", "replace").lower())
        return self._show(index) if index is not None else None

    def _cid(self, wanted: str) -> str | None:
        plain = unquote_to_bytes(wanted).decode("utf-8", "replace").strip("<> ").lower()
        for key in (wanted.strip("<> ").lower(), plain):
            if key in self._by_cid:
                return self._show(self._by_cid[key])
        index = self._by_name.get(plain.partition("@")[0])
        return self._show(index) if index is not None else None

    def _show(self, index: int) -> str:
        item = self.files[index]
        cid = item.content_id or f"{item.sha256[:16]}@inline"
        self.files[index] = replace(item, inline=True, content_id=cid)
        return f"cid:{cid}"

    def _data(self, src: str) -> str | None:
        """A `data:image/…` URI (RFC 2397) as an attachment of its own, the same image once."""
        head, comma, payload = src[5:].partition(",")
        kind = head.partition(";")[0].strip().lower()
        if not comma or not kind.startswith("image/") or kind == "image/svg+xml":
            return None
        try:
            if payload.count("%") > _MOST_ESCAPES:  # each becomes an object of its own
                return None
            data = unquote_to_bytes(payload)
            if "base64" in head.lower():
                data = binascii.a2b_base64(data + b"=" * (-len(data) % 4))
        except (binascii.Error, ValueError):
            return None
        digest = hashlib.sha256(data).hexdigest()
        for index, item in enumerate(self.files):
            if item.sha256 == digest:
                return self._show(index)
        if not data or len(self.files) >= self.limits.attachments:
            return None
        self.files.append(files.of_bytes(data, kind, "", len(self.files) + 1, True, f"{digest[:16]}@inline"))
        return self._show(len(self.files) - 1)
