"""What the attacks are made of, and their register: name → a function that writes the mail.

Each mail says `MARK` wherever a customer's words may stand, so that a word of a mail that got into a log or into an
answer to a stranger is found by searching for it.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import cache
from random import Random

MARK = "zagaiavexame"
SUPPORT = "suporte@example.test"
Writer = Callable[[], bytes]
_REGISTER: dict[str, Writer] = {}
#: Of today, for an old mail gets no automatic answer.
_NOW = formatdate()


def attack(name: str, write: Writer | bytes) -> None:
    """Enter an attack. write: the mail, or what writes it (large ones). Raises ValueError for a name twice."""
    if name in _REGISTER:
        raise ValueError(name)
    if isinstance(write, bytes):
        packed = zlib.compress(write, 1)  # all together they are 300 MB, and nearly all of it is repetition
        _REGISTER[name] = lambda: zlib.decompress(packed)
    else:
        _REGISTER[name] = write


@cache
def attacks() -> dict[str, Writer]:
    """All of them, by name. The first call takes seconds."""
    from tests.hostile import bodies, fields, files, pages, structures  # noqa: F401 - they enter themselves

    return dict(_REGISTER)


def sender_of(name: str) -> str:
    """Each attack comes from a person of its own."""
    return f"{name}@hostil.test"


def field(name: str, value: bytes | str) -> bytes:
    """One header field as a line."""
    return name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"


def head(who: str, *, without: tuple[str, ...] = (), subject: bytes | str = "", extra: bytes = b"") -> bytes:
    """The usual fields of a mail, those in `without` left out, `extra` behind them."""
    fields: dict[str, bytes | str] = {
        "From": f"{MARK} <{sender_of(who)}>",
        "To": SUPPORT,
        "Subject": subject or f"{MARK} {who}",
        "Date": _NOW,
        "Message-ID": f"<{who}.1@hostil.test>",
    }
    return b"".join(field(k, v) for k, v in fields.items() if k.lower() not in without) + extra


def plain(who: str, body: bytes | str = "", *, extra: bytes = b"", charset: str = "utf-8", **how: object) -> bytes:
    """A mail of one text."""
    text = body if isinstance(body, bytes) else body.encode()
    kind = field("MIME-Version", "1.0") + field("Content-Type", f"text/plain; charset={charset}")
    return head(who, extra=kind + extra, **how) + b"\r\n" + (text or f"{MARK}\r\n".encode())  # type: ignore[arg-type]


def page(who: str, html: bytes | str, **how: object) -> bytes:
    """A mail of one HTML page, in base64 where a line would be too long for the door."""
    data = html if isinstance(html, bytes) else html.encode("utf-8", "surrogatepass")
    return typed(who, "text/html; charset=utf-8", data, **how)


def typed(who: str, content_type: str, data: bytes, *, name: str = "", extra: bytes = b"", **how: object) -> bytes:
    """A mail of one part of that type, in base64. name: it is a file of that name."""
    kind = field("MIME-Version", "1.0") + field("Content-Type", content_type)
    kind += field("Content-Transfer-Encoding", "base64")
    if name:
        kind += field("Content-Disposition", f'attachment; filename="{name}"')
    return head(who, extra=kind + extra, **how) + b"\r\n" + lines64(data)  # type: ignore[arg-type]


def lines64(data: bytes) -> bytes:
    """Base64 in lines of 76 octets."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def part(content_type: str, body: bytes = b"x", extra: bytes = b"") -> bytes:
    """A body part: header and body."""
    return field("Content-Type", content_type) + extra + b"\r\n" + body


def multi(
    who: str, parts: Iterator[bytes] | list[bytes], kind: str = "mixed", boundary: str = "b", **how: object
) -> bytes:
    """A multipart of those parts."""
    extra = field("MIME-Version", "1.0") + field("Content-Type", f'multipart/{kind}; boundary="{boundary}"')
    return head(who, extra=extra, **how) + b"\r\n" + joined(parts, boundary)  # type: ignore[arg-type]


def joined(parts: Iterator[bytes] | list[bytes], boundary: str = "b") -> bytes:
    """The body of a multipart."""
    mark = b"--" + boundary.encode() + b"\r\n"
    return b"".join(mark + one + b"\r\n" for one in parts) + b"--" + boundary.encode() + b"--\r\n"


def file_of(data: bytes, content_type: str, name: str) -> bytes:
    """A part that is a file, in base64."""
    extra = field("Content-Transfer-Encoding", "base64")
    extra += field("Content-Disposition", f'attachment; filename="{name}"')
    return part(content_type, lines64(data), extra)


def text_part(text: str = MARK) -> bytes:
    return part("text/plain; charset=utf-8", text.encode())


def dice(name: str) -> Random:
    """The same numbers at every run, others for each attack."""
    return Random(name)
