"""Header fields as text, addresses, ids and dates; mail-parser reads what it reads best (addresses, dates).

mail-parser is handed single fields within the limits, so nothing is parsed twice and no body is touched.
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
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from mailparser.dates import parse_mail_date
from mailparser.utils import get_addresses

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
_MAIL_PARSER_FIELDS = frozenset((*_ADDRESS_FIELDS, "date"))
_MOST_OF_ONE = 5
#: Octets of an address and of an id, beyond which they are none: no SMTP command and no index of a database holds them
#: (RFC 5321 §4.5.3.1: local part 64, domain 255; RFC 5322 §2.1.1: a line).
_MOST_OF_ADDRESS, _MOST_OF_ID = 320, 900
#: Characters of a field up to which what was read in it is remembered.
_SHORT = 200
#: A date as nearly all programs write it; mail-parser's reader goes through every other one letter by letter.
_USUAL_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{1,2}) "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ((?:19|20)[0-9]{2}) "
    r"([0-9]{2}):([0-9]{2}):([0-5][0-9]) ([+-])([0-9]{2})([0-5][0-9])(?: \([A-Za-z0-9:+-]{1,20}\))?"
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: What needs no reader: `ana@x.test`, `Ana Souza <ana@x.test>`, `"Souza, Ana" <ana@x.test>`. Most fields are this.
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_SIMPLE = re.compile(
    rf"(?:(?:({_ATOM}+(?: {_ATOM}+){{0,9}})|\"([A-Za-z0-9 ,.()'-]*[A-Za-z0-9)])\") )?"
    rf"(<)?({_ATOM}+(?:\.{_ATOM}+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(>)?"
)
#: (name, address) pairs, and mail-parser's remarks.
_Read = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]
_NOBODY: _Read = ((), ())
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
    return _remembered_words(value) if len(value) <= _SHORT else _decode_words(value)


@lru_cache(maxsize=256)
def _remembered_words(value: str) -> str:
    """The same subject is asked for by several who read one mail."""
    return _decode_words(value)


def _decode_words(value: str) -> str:
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
        return [one_line(i) for i in found if _is_within(i, _MOST_OF_ID)]
    if "<" in value and ">" in value:  # <> or an id with spaces in it
        inner = "".join(value[value.find("<") + 1 : value.rfind(">")].split()).strip("<>")
        return [one_line(inner)] if inner and _is_within(inner, _MOST_OF_ID) else []
    return [word.strip("<>,;") for word in value.split() if "@" in word and _is_within(word, _MOST_OF_ID)]


def message_id(value: str) -> str | None:
    """The id of a Message-ID field, None when there is none that could be compared."""
    found = message_ids(value)
    if found:
        return found[0]
    bare = one_line(value).strip("<> ")
    return bare if bare and _is_within(bare, _MOST_OF_ID) else None


def _is_within(text: str, octets: int) -> bool:
    return len(text) <= octets and (text.isascii() or len(text.encode("utf-8", "replace")) <= octets)


@dataclass(frozen=True, slots=True)
class Addressing:
    """What the address and date fields of a mail say. author: see `ParsedMessage`."""

    from_: Address | None
    author: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: datetime | None
    defects: tuple[str, ...]


def read_addressing(headers: Iterable[tuple[str, str]], limits: MailLimits) -> Addressing:
    """Read them with mail-parser's readers. headers: unfolded, encoded words still in. Never raises.

    `MailParser` itself is passed by: it makes a second model of the whole mail around them (1 ms a mail).
    """
    headers = list(headers)
    fields = _bounded(headers, limits)
    read = {name: _addresses(fields[name][0]) if name in fields else _NOBODY for name in _ADDRESS_FIELDS}
    people = {name: _people(pairs, fields[name][0] if name in fields else "") for name, (pairs, _) in read.items()}
    defects = [f"{name}: {reason}" for name, (_, reasons) in read.items() for reason in reasons]
    authors = fields.get("from", [])
    if len(authors) != 1:
        defects.append(f"{len(authors)} From fields")
    written = next((value for name, value in headers if name.lower() == "from"), "")
    if devious := _is_devious(written):
        defects.append("from: devious address")
    sole = len(authors) == 1 and len(people["from"]) == 1 and not devious
    sole = sole and _unambiguous(read["from"][1], authors[0])
    sole = sole and people["from"][0].address.rpartition("@")[2].isascii()  # else no name that DNS knows: nobody's
    date, date_defects = _date(fields.get("date", []))
    return Addressing(
        from_=people["from"][0] if people["from"] else _rescue(authors[0]) if authors else None,
        author=people["from"][0] if sole else None,
        reply_to=people["reply-to"],
        to=people["to"],
        cc=people["cc"],
        date=date,
        defects=tuple(dict.fromkeys(one_line(d) for d in (*defects, *date_defects))),
    )


def _addresses(value: str) -> _Read:
    """mail-parser's (name, address) pairs and what it remarks on. Short fields are remembered: most are our own."""
    simple = _SIMPLE.fullmatch(value) if len(value) <= _SHORT and "=?" not in value else None
    if simple is not None:
        phrase, quoted, left, address, right = simple.groups()
        name = phrase or quoted or ""
        if (left is None) == (right is None) and (left or not name) and "  " not in name:
            return ((name, address),), ()
    return _remembered(value) if len(value) <= _SHORT else _read_addresses(value)


@lru_cache(maxsize=2048)
def _remembered(value: str) -> _Read:
    return _read_addresses(value)


def _read_addresses(value: str) -> _Read:
    """4.8 lets a broken base64 word in a name through as HeaderParseError: then on repaired words, and should that
    fail too, on nothing (the mail has no author then, and what is shown is rescued)."""
    for attempt in (value, _repaired(value)):
        defects: list[dict[str, Any]] = []
        try:
            pairs = get_addresses(attempt, defects=defects, decode_names=True)
        except Exception:  # noqa: S112 - the next attempt is the handling
            continue
        return tuple((str(n), str(a)) for n, a in pairs), tuple(str(defect["reason"]) for defect in defects)
    return (), ("not readable",)


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


def _bounded(headers: Iterable[tuple[str, str]], limits: MailLimits) -> dict[str, list[str]]:
    """The fields mail-parser shall see, cut to the limits; To, Cc and Reply-To one field each."""
    out: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.lower()
        if key not in _MAIL_PARSER_FIELDS:
            continue
        values = out.setdefault(key, [])
        if key in ("to", "cc", "reply-to") and values:
            values[0] = _cut_addresses(f"{values[0]}, {one_line(value)}", limits)
        elif len(values) < _MOST_OF_ONE:
            value = one_line(value)
            values.append(_cut_addresses(value, limits) if key in _ADDRESS_FIELDS else value[:4096])
    return out


def _cut_addresses(value: str, limits: MailLimits) -> str:
    value = value[: limits.header_bytes]
    if value.count("@") <= limits.addresses and value.count(",") <= 4 * limits.addresses:
        return value
    return ",".join(value.split(",")[: limits.addresses])


def _people(pairs: Iterable[tuple[str, str]], raw: str) -> tuple[Address, ...]:
    """mail-parser's (name, address) pairs as ours; without any, what a lenient look at the field finds."""
    found = [Address(decode_words(name), normalise(address)) for name, address in pairs if "@" in address]
    found = [person for person in found if _is_within(person.address, _MOST_OF_ADDRESS)]
    if not found and raw:
        rescued = (_rescue(piece) for piece in raw.split(",")[:50])
        found = [person for person in rescued if person is not None]
    return tuple(found)


def _rescue(value: str) -> Address | None:
    """A person to show where the field breaks the grammar (`undisclosed`, `Ana <ana@x` …). Never an author."""
    name, bracket, rest = value.rpartition("<")
    address = one_line((rest.partition(">")[0] if bracket else value).strip(" \t\"'<>;,"))
    if " " in address:
        address = next((word for word in address.split() if "@" in word), address)
    if not bracket and "@" not in address:
        return None
    address = normalise(address)
    if not address or not _is_within(address, _MOST_OF_ADDRESS):
        return None
    return Address(decode_words(name.strip().strip('"')), address)


def _is_devious(written: str) -> bool:
    """Whether the address of a From field, as it was written, can be read as another one: it holds what is not there
    once it is shown (NUL, zero-width letters), an encoded word (against RFC 2047 §5), a route (RFC 5322 §4.4)."""
    address = written.rpartition("<")[2].strip()
    return address.startswith("@") or "=?" in address.partition("@")[0] or not address.replace("\t", " ").isprintable()


def _unambiguous(reasons: tuple[str, ...], raw: str) -> bool:
    """Whether nobody could take the one From address for another: no remark, or the name merely repeats the address
    (`ana@x.test <ana@x.test>`, which Outlook writes), or a name with brackets in it but no second @."""
    if all(reason in _HARMLESS for reason in reasons):
        return True
    if reasons != ("invalid-display-name",) or raw.count("<") != 1:
        return False
    name, _, rest = raw.partition("<")
    name, address = decode_words(name).strip("\"' ").lower(), rest.partition(">")[0].strip().lower()
    return name == address or "@" not in name


def _date(fields: list[str]) -> tuple[datetime | None, list[str]]:
    """An aware UTC instant out of the first Date field that can be read (spoilt headers have a second one).

    mail-parser is strict; what it refuses gets one more look, within bounds.
    """
    usual = _usual_date(fields[0]) if fields else None
    if usual is not None:
        return usual, []
    remarks: list[str] = []
    for raw in fields:
        result = parse_mail_date(raw)
        remarks += [f"date: {reason}" for reason in result.reasons]
        found = result.value
        if found is None and 0 < len(raw) <= 128:
            try:
                found = parsedate_to_datetime(raw)
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
        if found is not None and found.year >= 1900:
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
            try:
                return found.astimezone(UTC), remarks
            except (ValueError, OverflowError):
                continue
    return None, remarks


def _usual_date(raw: str) -> datetime | None:
    """The instant of a date in the form of RFC 5322 §3.3 with nothing odd in it; None for mail-parser to look at."""
    match = _USUAL_DATE.fullmatch(raw)
    if match is None:
        return None
    day_name, day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    try:
        local = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )  # fmt: skip
    except ValueError:
        return None
    if _DAYS[local.weekday()] != day_name:
        return None
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        found = local + offset if sign == "-" else local - offset
    except OverflowError:
        return None
    return found if found.year >= 1900 else None
