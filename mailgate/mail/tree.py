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
_FIELD = re.compile(rb"[!-9;-~]{1,998}[ \t]{0,99}:")
_TRACE = re.compile(rb"(?:\\t)?(?:from|by|via|with|id|for)[ \t]|.{0,200};[ \t]", re.I)
_PARAMETER = re.compile(rb"[a-z*0-9_-]{2,40}[ \t]{0,9}=", re.I)
_UTF7_WORD = re.compile(rb"\+[A-Za-z0-9+/]{2,400}-(?![^<>\s]{0,300}@)")
_WITH_ADDRESSES = frozenset({"to", "cc", "bcc", "reply-to", "references", "in-reply-to"})
#: Lines of rubbish that may stand before the first field (what a broken queue or a batch left there).
_JUNK_LINES = 10
#: Header fields read of a part within a mail; real ones have up to ten.
_PART_FIELDS = 100
_DELIMITER = re.compile(rb"^[ \t]{0,3}--([^\r\n]{1,600})\r?\n(?=content-[a-z-]{2,30}[ \t]{0,9}:)", re.I | re.M)


@dataclass(slots=True)
class Part:
    """One MIME entity. start, end: its body within `raw`. headers: name as written, value decoded from bytes, unfolded
    to one line but with encoded words still in it. after: for the last child, where its parent ends."""

    headers: list[tuple[str, str]]
    raw: bytes
    start: int
    end: int
    depth: int
    default_type: str = "text/plain"
    after: int = 0
    content_type: str = ""
    params: dict[str, str] = field(default_factory=dict)
    children: list[Part] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    _first: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.take(self.headers)

    def take(self, headers: list[tuple[str, str]]) -> None:
        """Have these header fields."""
        self.headers = headers
        self._first = {name.lower(): value for name, value in reversed(headers)}

    @property
    def body(self) -> bytes:
        return self.raw[self.start : self.end]

    def get(self, name: str) -> str:
        """The first header field of that name (lower case), "" when absent."""
        return self._first.get(name, "")

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


def header_lines(block: bytes, limit: int, hint: str = "") -> tuple[list[tuple[str, str]], list[str], int]:
    """Fields of a header block: (name, value) pairs, defects, and the offset where it turned out to be body.

    limit: most fields read. hint: the charset that raw 8-bit values are probably in. A line that is no field ends the
    block, as it does for Postfix, Exim and Python, so that we believe no field that they would take for text; unless
    it reads like the rest of the field above it, which lost its indentation. The offset is -1 when that never happened.
    """
    fields: list[tuple[str, list[bytes]]] = []
    defects: list[str] = []
    offset, stop = 0, -1
    lines = block.split(b"\n")
    for number, line in enumerate(lines):
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
            if (
                not fields
                and number < _JUNK_LINES
                and any(_FIELD.match(n) for n in lines[number + 1 : _JUNK_LINES + 1])
            ):
                continue
            if fields and _goes_on(fields[-1][0].lower(), line) and _is_header(lines[number + 1 : number + 2]):
                fields[-1][1].append(line.removeprefix(b"\\t"))
                continue
            stop = here
            break
        if len(fields) >= limit:
            defects.append("too many header fields")
            break
        name = line[: match.end() - 1].rstrip(b" \t").decode("ascii")
        fields.append((name, [line[match.end() :]]))
    return [(name, unfold(values, hint)) for name, values in fields], defects, stop


def _is_header(following: list[bytes]) -> bool:
    """Whether the next line still belongs to a header: a field, a folded line, or the end."""
    return not following or following[0][:1] in (b"", b"\r", b" ", b"\t") or _FIELD.match(following[0]) is not None


def _goes_on(name: str, line: bytes) -> bool:
    """Whether an unindented line reads like the rest of the field `name` (lower case) above it."""
    if line.startswith(b"--"):
        return False
    if line.startswith(b"=?") or (len(line) > 20 and not re.search(rb"\s", line)):
        return True
    if name in ("received", "x-received"):
        return _TRACE.match(line) is not None
    if name in ("content-type", "content-disposition"):
        return _PARAMETER.match(line) is not None
    return name in _WITH_ADDRESSES and (b"@" in line or b">" in line) and len(line.split()) <= 8


def unfold(lines: list[bytes], hint: str = "") -> str:
    """A folded field value as one line of text (RFC 5322 §2.2.3); raw 8-bit bytes by the charset ladder.

    hint: the charset of the mail's text, which is what programs that do not encode their headers write them in. UTF-7
    is taken off word by word, and never inside an address: `ana+tag-x@…` is no UTF-7.
    """
    value = b" ".join(line.strip(b" \t\r") for line in lines) if len(lines) > 1 else lines[0].strip(b" \t\r")
    if not value.isascii() or b"\x1b" in value:
        return charset.decode(value, hint)[0]
    if hint and b"+" in value and charset.codec(hint) == "utf-7":
        value = _UTF7_WORD.sub(lambda word: charset.decode(word.group(), "utf-7")[0].encode("utf-8"), value)
        return value.decode("utf-8", "replace")
    return value.decode("ascii")


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
    begin = _first_octet(raw)
    root = _entity(raw, begin, len(raw), 0, "text/plain", limits)
    _nameless_multipart(root)
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
        most = limits.mime_parts - count + 1
        spans = _spans(part, boundary.encode("utf-8", "surrogateescape"), most)
        if not spans and part.after > part.end:  # its delimiter is the outer one's end: `--a--` and `--a----`
            part.end = part.after
            spans = _spans(part, boundary.encode("utf-8", "surrogateescape"), most)
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
        part.children[-1:] = [_with_rest(child, part.end) for child in part.children[-1:]]
        todo.extend(part.children)
    _read_raw_values(root, begin, limits)
    return root


def _first_octet(raw: bytes) -> int:
    """Where the header begins: after a byte order mark and blank lines."""
    begin = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while raw[begin : begin + 1] in (b"\r", b"\n"):
        begin += 1
    return begin


def _with_rest(child: Part, end: int) -> Part:
    child.after = end
    return child


def _nameless_multipart(root: Part) -> None:
    """A mail that lost its Content-Type field, or the field's end, but whose body begins with a delimiter line."""
    if root.get("content-type"):
        return
    first = _DELIMITER.search(root.raw, root.start, min(root.end, root.start + 2000))
    if first is None:
        return
    before = root.raw[root.start : first.start()].strip()
    if not before or before.lower().startswith(b"this is a multi"):
        root.defects.append("no Content-Type, but parts")
        root.content_type, root.params = "multipart/mixed", {"boundary": first.group(1).rstrip().decode("latin-1")}


def _read_raw_values(root: Part, begin: int, limits: MailLimits) -> None:
    """Raw 8-bit header values once more, now that the charset of the mail's text is known (RFC 6532 says UTF-8; what
    is older says nothing)."""
    block = root.raw[begin : min(root.start, begin + limits.header_block_bytes)]
    utf7 = b"tf-7" in block.lower() or b"TF-7" in block
    if block.isascii() and not utf7:
        return
    hint = next((part.params["charset"] for part in root.walk() if "charset" in part.params), "")
    if charset.codec(hint) not in ("", "utf-8", "cp1252"):
        root.take(header_lines(block, limits.header_count, hint)[0])


def _entity(raw: bytes, start: int, end: int, depth: int, default: str, limits: MailLimits) -> Part:
    stop, body = header_end(raw, start, end)
    block_end = min(stop, start + limits.header_block_bytes)
    most = limits.header_count if depth == 0 else min(limits.header_count, _PART_FIELDS)
    headers, defects, early = header_lines(raw[start:block_end], most)
    if early >= 0:
        body = start + early
    elif stop == end and not headers and end > start:
        body = start
    part = Part(headers, raw, min(body, end), end, depth, default, defects=defects)
    type_of(part)
    return part


def _spans(part: Part, boundary: bytes, most: int) -> list[tuple[int, int]]:
    """Where the children of a multipart lie: between its delimiter lines (RFC 2046 §5.1.1).

    A missing close delimiter ends the last child with the parent. Where the boundary parameter is missing, or names a
    boundary that never occurs (other case, cut, quoted twice), the first delimiter line before a part's header counts.
    """
    spans = _delimited(part, boundary, most) if boundary else []
    if spans:
        return spans
    other = _likely_boundary(part, boundary)
    if not other:
        return []
    part.defects.append("multipart with another boundary than it names" if boundary else "multipart without a boundary")
    return _delimited(part, other, most)


def _likely_boundary(part: Part, named: bytes) -> bytes:
    """The boundary that is used, b"" when no line looks like a delimiter."""
    guess = _DELIMITER.search(part.raw, part.start, part.end)
    if guess is None:
        guess = re.compile(rb"^--([^\s-][^\r\n]{0,199})\r?$", re.M).search(part.raw, part.start, part.end)
        if guess is None or (named and guess.group(1).strip().lower() != named.lower()):
            return b""
    found = guess.group(1).rstrip()
    return b"" if found == named else found


def _delimited(part: Part, boundary: bytes, most: int) -> list[tuple[int, int]]:
    raw, end = part.raw, part.end
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
        glued = at > part.start and raw[at - 1 : at] != b"\n"
        if glued and tail == b"--" and begin >= 0 and not raw[line_end:end].strip():
            glued = False  # `last words--boundary--`: a sender that forgot the line end before it
        if glued or tail not in (b"", b"--"):
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
