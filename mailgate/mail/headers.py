"""Header fields as text, addresses, ids and dates; mail-parser reads what it reads best (addresses, dates, hops).

mail-parser is handed a header-only standard `Message`, so nothing is parsed twice and no body is touched (0.2 ms).
Every decoded value is one line without control characters: an encoded line end can never become a header of ours.
Sources: RFC 5322 §3.6, RFC 2047 §6, RFC 6532 §3.2.
"""

from __future__ import annotations

import logging
import re
from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from binascii import a2b_qp
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from mailparser import MailParser

from mailgate.mail import charset
from mailgate.mail.addresses import normalise
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Address

#: It would log the header values that it cannot decode: words of customers do not belong in a log.
logging.getLogger("mailparser").setLevel(logging.CRITICAL)

#: An encoded word (RFC 2047 §2), also with question marks in it, without a charset, or cut off by the field's end.
_WORD = re.compile(
    r"=\?([^?\s]{0,60})\?"
    r"(?:([bB])\?([^?]*)\?=|([qQ])\?((?:[^?=]|=(?!\?[^=])|\?(?!=))*)\?=|([bBqQ])\?([^?\s]*)\??\Z)"
)
_ID = re.compile(r"<([^<>\s]{1,900})>")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_ADDRESS_FIELDS = ("from", "to", "cc", "reply-to")
_MAIL_PARSER_FIELDS = frozenset((*_ADDRESS_FIELDS, "date", "received"))
#: What mail-parser remarks on although nobody is misled by it.
_HARMLESS = frozenset({"overlong-encoded-word"})


def one_line(text: str) -> str:
    """Control characters, line ends and direction marks out, white space folded, lone surrogates replaced."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _BIDI.sub("", _CONTROL.sub(" ", text))
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def decode_words(value: str) -> str:
    """Encoded words (RFC 2047) decoded, then one line. Neighbours of one charset are joined before decoding, because
    senders cut multi-byte characters in two; words inside quotes are decoded too, as every mail client does."""
    if "=?" not in value:
        return one_line(value)
    out: list[str] = []
    pending: list[tuple[str, bytes]] = []
    at = 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        if between.strip() or (between and not pending):
            out.append(_flush(pending))
            out.append(between)
        kind = match.group(2) or match.group(4) or match.group(6)
        content = match.group(3) or match.group(5) or match.group(7) or ""
        pending.append((match.group(1).partition("*")[0].lower(), _word_bytes(kind, content)))
        at = match.end()
    out.append(_flush(pending))
    out.append(value[at:])
    return one_line("".join(out))


def _word_bytes(kind: str, content: str) -> bytes:
    data = content.encode("utf-8", "surrogateescape")
    if kind in "qQ":
        return a2b_qp(data.replace(b"_", b" "), header=False)
    try:
        return b64decode(data + b"=" * (-len(data) % 4))
    except (BinasciiError, ValueError):
        try:
            return b64decode(data[: len(data) // 4 * 4])
        except (BinasciiError, ValueError):
            return data


def _flush(pending: list[tuple[str, bytes]]) -> str:
    """The text of the words collected so far; empties the list."""
    runs: list[tuple[str, list[bytes]]] = []
    for name, data in pending:
        if runs and runs[-1][0] == name:
            runs[-1][1].append(data)
        else:
            runs.append((name, [data]))
    pending.clear()
    return "".join(charset.decode(b"".join(pieces), name)[0] for name, pieces in runs)


def message_ids(value: str) -> list[str]:
    """All ids of a field in order, without brackets; bare words with an @ where a sender forgot the brackets."""
    found = _ID.findall(value)
    if found:
        return [one_line(i) for i in found]
    if "<" in value and ">" in value:  # <> or an id with spaces in it
        inner = "".join(value[value.find("<") + 1 : value.rfind(">")].split()).strip("<>")
        return [one_line(inner)[:900]] if inner else []
    return [word.strip("<>,;") for word in value.split() if "@" in word and len(word) <= 900]


def message_id(value: str) -> str | None:
    """The id of a Message-ID field, None when there is none that could be compared."""
    found = message_ids(value)
    if found:
        return found[0]
    bare = one_line(value).strip("<> ")
    return bare[:900] or None


@dataclass(frozen=True, slots=True)
class Addressing:
    """What the address, date and trace fields of a mail say. author: see `ParsedMessage`."""

    from_: Address | None
    author: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: datetime | None
    hops: tuple[str, ...]
    defects: tuple[str, ...]


def read_addressing(headers: Iterable[tuple[str, str]], limits: MailLimits) -> Addressing:
    """Read them with mail-parser. headers: unfolded, encoded words still in. Never raises."""
    headers = list(headers)
    chosen = _bounded(headers, limits)
    view = _view(chosen)
    parser = _mail_parser(view, chosen)
    fields = {name: _people(getattr(parser, name.replace("-", "_")), view.get(name)) for name in _ADDRESS_FIELDS}
    defects = [f"{d['header']}: {d['reason']}" for d in parser.address_header_defects]
    defects += [f"{d['header']}: {d['reason']}" for d in parser.date_header_defects if d["header"] == "date"]
    names = [name.lower() for name, _ in chosen]
    if names.count("from") != 1:
        defects.append(f"{names.count('from')} From fields")
    first = fields["from"][0] if fields["from"] else _rescue(str(view.get("from", "")))
    written = next((value for name, value in headers if name.lower() == "from"), "")
    if devious := _is_devious(written):
        defects.append("from: devious address")
    trusted = (
        names.count("from") == 1
        and len(fields["from"]) == 1
        and not devious
        and _unambiguous(parser, str(view["from"]))
    )
    return Addressing(
        from_=first,
        author=fields["from"][0] if trusted else None,
        reply_to=fields["reply-to"],
        to=fields["to"],
        cc=fields["cc"],
        date=_first_date(parser.date, [str(value) for value in view.get_all("date", [])]),
        hops=tuple(_hop(hop) for hop in parser.received if isinstance(hop, dict)),
        defects=tuple(dict.fromkeys(one_line(d) for d in defects)),
    )


def _mail_parser(view: Message[str, str], fields: list[tuple[str, str]]) -> Any:
    """mail-parser on the view. 4.8 lets a broken base64 word in a name through as HeaderParseError: then on repaired
    words, and should that fail too, on nothing (the mail has no author then, and what is shown is rescued)."""
    repaired = [(name, _repaired(value)) for name, value in fields]
    for attempt in (view, _view(repaired)) if repaired != fields else (view,):
        try:
            return MailParser(attempt)
        except Exception:  # noqa: S112 - the next attempt is the handling
            continue
    return MailParser(_view([]))


def _view(fields: list[tuple[str, str]]) -> Message[str, str]:
    view: Message[str, str] = Message()
    for name, value in fields:
        view[name] = value
    return view


def _repaired(value: str) -> str:
    """Every encoded word written anew, so that the strictest decoder can read it; what is left of `=?` goes."""
    pieces: list[str] = []
    at = 0
    for match in _WORD.finditer(value):
        text = decode_words(match.group())
        pieces.append(value[at : match.start()].replace("=?", "= ?"))
        pieces.append(f"=?utf-8?B?{b64encode(text.encode('utf-8')).decode('ascii')}?=")
        at = match.end()
    return "".join(pieces) + value[at:].replace("=?", "= ?")


def _bounded(headers: Iterable[tuple[str, str]], limits: MailLimits) -> list[tuple[str, str]]:
    """The fields mail-parser shall see, cut to the limits: one To field each, no more Received than are allowed."""
    out: list[tuple[str, str]] = []
    seen: dict[str, int] = {}
    for name, value in headers:
        key = name.lower()
        if key not in _MAIL_PARSER_FIELDS:
            continue
        seen[key] = seen.get(key, 0) + 1
        if key == "received" and seen[key] > limits.received:
            continue
        if seen[key] > 1 and key in ("to", "cc", "reply-to"):
            at = next(i for i, (k, _) in enumerate(out) if k.lower() == key)
            value = f"{out[at][1]}, {value}"
            out[at] = (name, _cut_addresses(value, limits))
            continue
        if key == "from" and seen[key] > 2:
            continue
        value = one_line(value)
        out.append((name, _cut_addresses(value, limits) if key in _ADDRESS_FIELDS else value[:4096]))
    return out


def _cut_addresses(value: str, limits: MailLimits) -> str:
    value = value[: limits.header_bytes]
    if value.count("@") <= limits.addresses and value.count(",") <= 4 * limits.addresses:
        return value
    return ",".join(value.split(",")[: limits.addresses])


def _people(pairs: Any, raw: str | None) -> tuple[Address, ...]:
    """mail-parser's (name, address) pairs as ours; without any, what a lenient look at the field finds."""
    if not isinstance(pairs, list):
        return ()
    found = [
        Address(decode_words(name or _repeated(address, raw)), normalise(address))
        for name, address in pairs
        if isinstance(address, str) and "@" in address
    ]
    if not found and raw:
        rescued = (_rescue(piece) for piece in str(raw).split(",")[:50])
        found = [person for person in rescued if person is not None]
    return tuple(found)


def _repeated(address: str, raw: str | None) -> str:
    """The name that mail-parser leaves out because it is the address: `"ana@x.test" <ana@x.test>`."""
    return address if raw and any(f"{address}{q}<{address}>" in raw for q in ('" ', '"', " ")) else ""


def _rescue(value: str) -> Address | None:
    """A person to show where the field breaks the grammar (`undisclosed`, `Ana <ana@x` …). Never an author."""
    name, bracket, rest = value.rpartition("<")
    address = one_line((rest.partition(">")[0] if bracket else value).strip(" \t\"'<>;,"))
    if " " in address:
        address = next((word for word in address.split() if "@" in word), address)
    if not bracket and "@" not in address:
        return None
    return Address(decode_words(name.strip().strip('"')), normalise(address)) if address else None


def _is_devious(written: str) -> bool:
    """Whether the address of a From field, as it was written, can be read as another one: it holds what is not there
    once it is shown (NUL, zero-width letters), an encoded word (against RFC 2047 §5), a route (RFC 5322 §4.4)."""
    address = written.rpartition("<")[2].strip()
    return address.startswith("@") or "=?" in address.partition("@")[0] or not address.replace("\t", " ").isprintable()


def _unambiguous(parser: Any, raw: str) -> bool:
    """Whether nobody could take the one From address for another: no remark, or the name merely repeats the address
    (`ana@x.test <ana@x.test>`, which Outlook writes), or a name with brackets in it but no second @."""
    reasons = [d["reason"] for d in parser.address_header_defects if d["header"] == "from"]
    if all(reason in _HARMLESS for reason in reasons):
        return True
    if reasons != ["invalid-display-name"] or raw.count("<") != 1:
        return False
    name, _, rest = raw.partition("<")
    name, address = decode_words(name).strip("\"' ").lower(), rest.partition(">")[0].strip().lower()
    return name == address or "@" not in name


def _first_date(found: Any, raw: list[str]) -> datetime | None:
    """The first Date field that can be read: spoilt headers have a second one."""
    dates = (_date(found if number == 0 else None, value) for number, value in enumerate(raw[:5]))
    return next((date for date in dates if date is not None), None)


def _date(found: Any, raw: str) -> datetime | None:
    """An aware UTC instant. mail-parser is strict; what it refuses gets one more look, within bounds."""
    if isinstance(found, datetime):
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    if not raw or len(raw) > 128:
        return None
    try:
        lenient = parsedate_to_datetime(raw)
        lenient = lenient if lenient.tzinfo else lenient.replace(tzinfo=UTC)
        return lenient.astimezone(UTC) if lenient.year >= 1900 else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _hop(hop: dict[str, Any]) -> str:
    """One Received line in words: `from mx.a.test by mx.b.test with ESMTPS at 2026-03-02T10:00:00+00:00`."""
    parts = [(word, hop.get(word)) for word in ("from", "by", "with", "id", "for")]
    said = [f"{word} {value}" for word, value in parts if value]
    if hop.get("date_utc"):
        said.append(f"at {hop['date_utc']}")
    return one_line(" ".join(said))[:500]
