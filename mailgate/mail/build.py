"""A mail to send, as bytes: written by hand, because the lines are few and every one of them matters.

Promises: CRLF line ends only, 7-bit ASCII (but for an address that has none, RFC 6532), lines of at most 998 octets,
each header value one logical line (a value can never start a header or a body), a name can never become an address. The
same arguments give the same bytes.
Sources: RFC 5322 §2.1.1, RFC 2045 §6.7, RFC 2046 §5.1.4, RFC 2047 §5, RFC 2231 §4, RFC 2387, RFC 2392, RFC 8058 §3.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import quote

from mailgate.mail.addresses import normalise
from mailgate.mail.headers import one_line

_ADDRESS = re.compile(r"[!#-'*+\-/-9=?A-Z^-~.]{1,64}@[A-Za-z0-9._\-\[\]:]{1,255}")
_UTF8_ADDRESS = re.compile(r"[^\x00-\x20\"(),:;<>@\[\\\]\x7f-\xa0]{1,64}@[A-Za-z0-9._\-]{1,255}")
#: RFC 5321 §4.1.2 (Quoted-string), and what RFC 6532 §3.2 lets stand in it besides. No @ within: Postfix looks inside
#: quotation marks (`resolve_dequoted_address`, on by default in 2026) and may send the mail to somebody else.
_QUOTED_ADDRESS = re.compile(
    r'(?=.{1,64}@[^@"]+$)"(?:[^\x00-\x1f"@\\\x7f-\x9f]|\\[ -?A-~])*"@[A-Za-z0-9._\-\[\]:]{1,255}'
)
_ID = re.compile(r"[!-;=?-~]{1,900}")
_NAME = re.compile(r"[!-9;-~]{1,76}")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_ENCODED_WORD_BYTES = 45
_LINE = 76


class Unaddressable(ValueError):
    """No mail can be written to such an address, today or tomorrow."""


class Head(Protocol):
    """The header of one outgoing mail. Ids without angle brackets; in_reply_to, auto_submitted, …: "" for none.

    list_unsubscribe: an https URL that takes a one-click POST. extra: further fields of ours, as they stand.
    """

    @property
    def from_name(self) -> str: ...
    @property
    def from_address(self) -> str: ...
    @property
    def to_name(self) -> str: ...
    @property
    def to_address(self) -> str: ...
    @property
    def reply_to(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def date(self) -> datetime: ...
    @property
    def in_reply_to(self) -> str: ...
    @property
    def references(self) -> tuple[str, ...]: ...
    @property
    def auto_submitted(self) -> str: ...
    @property
    def list_unsubscribe(self) -> str: ...
    @property
    def extra(self) -> tuple[tuple[str, str], ...]: ...


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A `Head` for callers that have none of their own."""

    from_name: str
    from_address: str
    to_name: str
    to_address: str
    subject: str
    message_id: str
    date: datetime
    reply_to: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    auto_submitted: str = ""
    list_unsubscribe: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OutFile:
    """A file that travels along. inline with a content_id: an image that the HTML names as `cid:<content_id>`."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    content_id: str | None = None
    inline: bool = False


def build(head: Head, text: str, html: str | None = None, files: Sequence[OutFile] = ()) -> bytes:
    """The whole mail as bytes.

    Text and HTML are alternatives, inline images are related to the HTML, other files come after.
    Raises Unaddressable for an address, ValueError for an id or a header name, that cannot stand in a header: a retry
    does not help.
    """
    seed = head.message_id
    inline = [f for f in files if html is not None and f.inline and f.content_id]
    attached = [f for f in files if f not in inline]
    entity = _text("plain", text)
    if html is not None:
        page = _text("html", html)
        if inline:
            page = _multipart("related", seed, [page, *(_file(f) for f in inline)], '; type="text/html"')
        entity = _multipart("alternative", seed, [entity, page])
    if attached:
        entity = _multipart("mixed", seed, [entity, *(_file(f) for f in attached)])
    return "".join(f"{name}: {value}\r\n" for name, value in _header(head)).encode("utf-8") + entity


def _header(head: Head) -> list[tuple[str, str]]:
    """Fields in a fixed order; values folded and encoded."""
    fields = [
        ("From", mailbox(head.from_name, head.from_address)),
        ("To", mailbox(head.to_name, head.to_address)),
    ]
    if head.reply_to:
        fields.append(("Reply-To", mailbox("", head.reply_to)))
    fields.append(("Subject", encode_text(head.subject, len("Subject: "))))
    fields.append(("Date", format_datetime(head.date)))
    fields.append(("Message-ID", _bracketed(head.message_id)))
    if head.in_reply_to:
        fields.append(("In-Reply-To", _bracketed(head.in_reply_to)))
    if head.references:
        fields.append(("References", "\r\n ".join(_bracketed(i) for i in head.references)))
    if head.auto_submitted:
        fields.append(("Auto-Submitted", encode_text(head.auto_submitted, 16)))
    if head.list_unsubscribe:
        fields.append(("List-Unsubscribe", f"<{_url(head.list_unsubscribe)}>"))
        fields.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    for name, value in head.extra:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        fields.append((name, encode_text(value, len(name) + 2)))
    fields.append(("MIME-Version", "1.0"))
    return fields


def mailbox(name: str, address: str) -> str:
    """`Name <address>` for a header; the name quoted or encoded, so that nothing in it reads as an address.

    An IDN domain is turned into ASCII; a local part that has no ASCII form is written as UTF-8 (RFC 6532 §3.2), which
    a relay takes only with SMTPUTF8. Raises Unaddressable when the address is no `local@domain`.
    """
    spec = normalise(address)
    kinds = (_ADDRESS, _UTF8_ADDRESS, _QUOTED_ADDRESS)
    if not spec.isprintable() or not any(kind.fullmatch(spec) for kind in kinds):
        raise Unaddressable(f"{spec!r} cannot stand in a header as an address")
    shown = one_line(name)
    if not shown:
        return spec
    if not shown.isascii() or "=?" in shown:
        phrase = encoded_words(shown)
    elif _ATOMS.fullmatch(shown):
        phrase = shown
    else:
        phrase = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if len(phrase) > 500:
        phrase = encoded_words(shown[:100])
    separator = "\r\n " if len(phrase) + len(spec) > 60 else " "
    return f"{phrase}{separator}<{spec}>"


def encode_text(value: str, used: int) -> str:
    """An unstructured value, folded; encoded words where it is not plain ASCII. used: columns taken by the name."""
    value = one_line(value)
    plain = value.isascii() and "=?" not in value
    if plain and used + len(value) <= _LINE:
        return value
    if not plain or any(len(word) > 900 for word in value.split(" ")):
        return encoded_words(value)
    lines, column = [""], used
    for word in value.split(" "):
        if lines[-1] and word and column + 1 + len(word) > _LINE:
            lines.append("")
            column = 0
        lines[-1] += f" {word}" if lines[-1] or len(lines) > 1 else word
        column += len(word) + 1
    return "\r\n".join(lines)


def encoded_words(value: str) -> str:
    """RFC 2047 encoded words of at most 75 columns, one a line, characters kept whole."""
    words: list[str] = []
    chunk: list[str] = []
    size = 0
    for char in value:
        width = len(char.encode("utf-8"))
        if size + width > _ENCODED_WORD_BYTES:
            words.append("".join(chunk))
            chunk, size = [], 0
        chunk.append(char)
        size += width
    words.append("".join(chunk))
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(w.encode('utf-8')).decode('ascii')}?=" for w in words)


def may_be_named(message_id: str) -> bool:
    """Whether a stranger's Message-ID can stand in a header of ours: some have letters beyond ASCII (RFC 6532 §3.2)."""
    return _ID.fullmatch(message_id) is not None


def _bracketed(message_id: str) -> str:
    if not may_be_named(message_id):
        raise ValueError(f"{message_id[:100]!r} cannot stand in a header as a message id")
    return f"<{message_id}>"


def _url(url: str) -> str:
    if not re.fullmatch(r"[!-;=?-~]{1,900}", url):
        raise ValueError("the unsubscribe URL has characters that cannot stand in a header")
    return url


def _text(subtype: str, text: str) -> bytes:
    """A text part: as it stands where it is short-lined ASCII, else quoted-printable."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = text if text.endswith("\n") else f"{text}\n"
    data = text.encode("utf-8", "replace").replace(b"\n", b"\r\n")
    if data.isascii() and max(map(len, data.split(b"\r\n"))) <= 78 and b"\r\n.\r\n" not in data:
        encoding, body = b"7bit", data
    else:
        encoding, body = b"quoted-printable", binascii.b2a_qp(data, istext=True)
    head = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: %s\r\n\r\n'
    return head % (subtype.encode("ascii"), encoding) + body


def _multipart(subtype: str, seed: str, parts: list[bytes], extra: str = "") -> bytes:
    """Parts between delimiters. The boundary comes from the Message-ID, so the same mail is the same bytes."""
    number = 0
    while True:
        digest = hashlib.sha256(f"{subtype} {number} {seed}".encode()).hexdigest()[:24]
        boundary = f"=_{digest}".encode("ascii")
        if not any(boundary in part for part in parts):
            break
        number += 1
    head = f'Content-Type: multipart/{subtype}{extra};\r\n boundary="{boundary.decode("ascii")}"\r\n\r\n'.encode(
        "ascii"
    )
    mark = b"--" + boundary
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def _file(item: OutFile) -> bytes:
    """A file as base64, its name in both forms that mail clients know (RFC 2231; encoded words for old Outlook)."""
    kind = item.content_type if _TYPE.fullmatch(item.content_type) else "application/octet-stream"
    if kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"  # RFC 2046 §5.2.1: these may not be base64
    name = one_line(item.filename)[:120] or "file"
    disposition = "inline" if item.inline and item.content_id else "attachment"
    lines = [
        f"Content-Type: {kind}{_type_name(name)}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition};\r\n {_filename(name)}",
    ]
    if item.content_id:
        lines.append(f"Content-ID: {_bracketed(item.content_id)}")
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + _base64(item.content)


def _base64(content: bytes) -> bytes:
    """Lines of 76 columns (RFC 2045 §6.8). Encoded in one go and cut: `base64.encodebytes` works line by line."""
    encoded = binascii.b2a_base64(content, newline=False)
    lines = [encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE)]
    return b"\r\n".join([*lines, b""])


def _filename(name: str) -> str:
    return f'filename="{name}"' if _plain_name(name) else f"filename*=utf-8''{quote(name, safe='')}"


def _type_name(name: str) -> str:
    """Outlook before 2010 reads names only here, and only so (against RFC 2047 §5); nobody minds."""
    return "" if _plain_name(name) else f';\r\n name="{encoded_words(name)}"'


def _plain_name(name: str) -> bool:
    return name.isascii() and not any(mark in name for mark in ('"', "\\", "=?"))
