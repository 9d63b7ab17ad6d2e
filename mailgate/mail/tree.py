"""Bytes of a mail → a tree of parts, without recursion and within bounds.

The parts are slices of the raw bytes: `message/rfc822` stays one file with the bytes its sender wrote, and what lies
beyond a bound (depth, number of parts) becomes a leaf. Python's own parser builds the same tree but reads line by line
(100,000 empty parts: 17 s) and recurses into the sender's nesting, so it is handed single headers, never a structure.
Sources: RFC 2045 §5, RFC 2046 §5.1, RFC 5322 §2.2, RFC 2183 §2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailgate.mail import charset
from mailgate.mail.limits import MailLimits

_BLANK = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")


@dataclass(slots=True)
class Part:
    """One MIME entity. start, end: its body within `raw`. headers: name as written, value decoded from bytes, unfolded
    to one line but with encoded words still in it."""

    headers: list[tuple[str, str]]
    raw: bytes
    start: int
    end: int
    depth: int
    default_type: str = "text/plain"
    content_type: str = ""
    params: dict[str, str] = field(default_factory=dict)
    children: list[Part] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return self.raw[self.start : self.end]

    def get(self, name: str) -> str:
        """The first header field of that name (lower case), "" when absent."""
        return next((v for k, v in self.headers if k.lower() == name), "")

    def get_all(self, name: str) -> list[str]:
        return [v for k, v in self.headers if k.lower() == name]

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order of the mail."""
        todo = [self]
        while todo:
            part = todo.pop()
            yield part
            todo.extend(reversed(part.children))

    @property
    def is_multipart(self) -> bool:
        return bool(self.children)


def header_end(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the header block that begins at `start` ends, and where the body after it begins."""
    if raw[start : start + 1] == b"\n":
        return start, start + 1
    if raw[start : start + 2] == b"\r\n":
        return start, start + 2
    match = _BLANK.search(raw, start, end)
    if match is None:
        return end, end
    return match.start() + 1, match.end()


def header_lines(block: bytes, limit: int) -> tuple[list[tuple[str, str]], list[str], int]:
    """Fields of a header block: (name, value) pairs, defects, and the offset where it turned out to be body.

    limit: most fields read. A line that is no field ends the block, as every mail client does it; -1 = it never did.
    """
    fields: list[tuple[str, list[bytes]]] = []
    defects: list[str] = []
    offset, stop = 0, -1
    for line in block.split(b"\n"):
        here, offset = offset, offset + len(line) + 1
        line = line.rstrip(b"\r")
        if line[:1] in (b" ", b"\t"):
            if fields:
                fields[-1][1].append(line)
            continue
        match = _FIELD.match(line)
        if match is None:
            if not line or (here == 0 and line.startswith((b"From ", b">From "))):
                continue
            defects.append("a line in the header is no field")
            if not fields or line.startswith(b"--"):
                stop = here
                break
            continue
        if len(fields) >= limit:
            defects.append("too many header fields")
            break
        name = line[: match.end() - 1].rstrip(b" \t").decode("ascii")
        fields.append((name, [line[match.end() :]]))
    return [(name, unfold(lines)) for name, lines in fields], defects, stop


def unfold(lines: list[bytes]) -> str:
    """A folded field value as one line of text (RFC 5322 §2.2.3); raw 8-bit bytes by the charset ladder."""
    value = b" ".join(line.strip(b" \t\r") for line in lines) if len(lines) > 1 else lines[0].strip(b" \t\r")
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    return charset.decode(value, "")[0]


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """`type/sub; name=value; ...` → lower-case value and parameters as written, names lower-case. Linear, total.

    RFC 2231 pieces (`name*0*=`) stay separate keys: `attachments.filename` joins them.
    """
    if ";" not in value:
        return _token(value), {}
    pieces: list[str] = []
    begin, i, quoted, size = 0, 0, False, len(value)
    while i < size:
        char = value[i]
        if quoted and char == "\\":
            i += 1
        elif char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            pieces.append(value[begin:i])
            begin = i + 1
        i += 1
    pieces.append(value[begin:])
    params: dict[str, str] = {}
    for piece in pieces[1:65]:
        name, equals, content = piece.partition("=")
        if equals:
            params.setdefault(name.strip().lower(), unquote(content.strip()))
    return _token(pieces[0]), params


def unquote(value: str) -> str:
    """A quoted-string without its quotes and quoted pairs; a Windows path keeps its backslashes."""
    if len(value) >= 2 and value[0] == '"':
        end = value.rfind('"')
        inner = value[1:end] if end > 0 else value[1:]
        return inner.replace('\\"', '"').replace("\\\\", "\\")
    return value


def _token(value: str) -> str:
    return value.split("(", 1)[0].strip().strip('"').lower()


def type_of(part: Part) -> None:
    """Fill in content type and parameters; what is not `type/subtype` is the default (RFC 2045 §5.2)."""
    value, part.params = parameters(part.get("content-type"))
    value = value.partition(" ")[0]  # a sender who forgot the semicolon before `boundary=`
    kind, slash, sub = value.partition("/")
    if slash and kind and sub:
        part.content_type = value[:100]
    elif value in ("text", "html"):
        part.content_type = {"text": "text/plain", "html": "text/html"}[value]
    else:
        part.content_type = part.default_type
        if value:
            part.defects.append("a part's Content-Type is not type/subtype")


def build(raw: bytes, limits: MailLimits) -> Part:
    """The tree of a mail. raw: with LF or CRLF line ends. Never raises; what was wrong stands in the parts' defects."""
    begin = len(raw) - len(raw.lstrip(b"\r\n")) if raw[:1] in (b"\r", b"\n") else 0
    root = _entity(raw, begin, len(raw), 0, "text/plain", limits)
    todo = [root]
    count = 1
    while todo:
        part = todo.pop()
        if not part.content_type.startswith("multipart/"):
            continue
        boundary = part.params.get("boundary", "").rstrip()
        if part.depth >= limits.mime_depth:
            part.defects.append("nested too deep: shown as one file")
            part.content_type = "application/octet-stream"
            continue
        spans = _spans(part, boundary.encode("utf-8", "surrogateescape"), limits.mime_parts - count + 1)
        if not spans:
            part.defects.append("multipart without parts")
            part.content_type = "text/plain"
            continue
        if len(spans) > limits.mime_parts - count:
            part.defects.append("too many parts: the rest is not shown")
            spans = spans[: max(0, limits.mime_parts - count)]
        count += len(spans)
        default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
        part.children = [_entity(raw, a, b, part.depth + 1, default, limits) for a, b in spans]
        todo.extend(part.children)
    return root


def _entity(raw: bytes, start: int, end: int, depth: int, default: str, limits: MailLimits) -> Part:
    stop, body = header_end(raw, start, end)
    block_end = min(stop, start + limits.header_block_bytes)
    headers, defects, early = header_lines(raw[start:block_end], limits.header_count)
    if early >= 0:
        body = start + early
    elif stop == end and not headers and end > start:
        body = start
    part = Part(headers, raw, min(body, end), end, depth, default, defects=defects)
    type_of(part)
    return part


def _spans(part: Part, boundary: bytes, most: int) -> list[tuple[int, int]]:
    """Where the children of a multipart lie: between its delimiter lines (RFC 2046 §5.1.1).

    A missing close delimiter ends the last child with the parent. Without a boundary parameter the first line that
    looks like a delimiter is taken.
    """
    raw, end = part.raw, part.end
    if not boundary:
        guess = re.compile(rb"^--([^\s-][^\r\n]{0,69})\r?$", re.M).search(raw, part.start, end)
        if guess is None:
            return []
        boundary = guess.group(1).rstrip()
        part.defects.append("multipart without a boundary parameter")
    mark = b"--" + boundary
    spans: list[tuple[int, int]] = []
    begin, at, closed = -1, part.start, False
    while len(spans) <= most:
        at = raw.find(mark, at, end)
        if at < 0:
            break
        line_end = raw.find(b"\n", at, end)
        line_end = end if line_end < 0 else line_end
        tail = raw[at + len(mark) : line_end].strip()
        if (at > part.start and raw[at - 1 : at] != b"\n") or tail not in (b"", b"--"):
            at += len(mark)
            continue
        if begin >= 0:
            spans.append((begin, _before(raw, begin, at)))
        if tail == b"--":
            closed, begin = True, -1
            break
        begin = at = min(line_end + 1, end)
    if begin >= 0 and not closed:
        part.defects.append("multipart without its closing delimiter")
        spans.append((begin, end))
    return spans


def _before(raw: bytes, begin: int, at: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    if at > begin and raw[at - 1 : at] == b"\n":
        at -= 1
        if at > begin and raw[at - 1 : at] == b"\r":
            at -= 1
    return at
