"""The mails of the measurements: what a support desk gets, made from a seed, the same bytes each time.

60 % new matters in plain text (one in five with letters beyond ASCII), 25 % replies of requesters to our own mails,
10 % new with HTML and a picture of about 50 KB in its place, 5 % new with a PDF of about 1 MB. Quotas are exact, the
order is drawn. A reply is made from an acknowledgement that came back: to its Reply-To, from the person it was sent to,
with In-Reply-To, References, the subject as it stood, and part of it quoted, as mail clients do.

Lines end with CRLF. Nothing here knows the program under test.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

CRLF = "\r\n"
PICTURE_BYTES = 50_000
DOCUMENT_BYTES = 1_000_000
CUSTOMERS = 300
DOMAINS = 40

_SMALL_WORDS = "a of to and in is was with for not on it that this from we you before since again still please cannot"
_NOUNS = (
    "invoice payroll ledger printer report contract server backup window password account screen order delivery "
    "update licence branch stock tax customer office error network meeting cable laptop number month access file"
)
_COMMON, _THINGS = _SMALL_WORDS.split(), _NOUNS.split()
_BEYOND_ASCII = ["não", "emissão", "ação", "año", "Größe", "naïve", "заказ", "東京", "🙂"]


class Kind(StrEnum):
    """What sort of mail."""

    PLAIN = "plain"
    REPLY = "reply"
    HTML = "html"
    DOCUMENT = "pdf"


SHARES = {Kind.REPLY: 0.25, Kind.HTML: 0.10, Kind.DOCUMENT: 0.05}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the requester's mail client knows of an acknowledgement; ids with angle brackets, as in the header."""

    to: str
    reply_to: str
    message_id: str
    references: str
    subject: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail with its envelope."""

    kind: Kind
    mail_from: str
    rcpt_to: str
    raw: bytes


def kinds(count: int, random: Random) -> list[Kind]:
    """The kinds of so many mails, in a drawn order."""
    drawn = [kind for kind, share in SHARES.items() for _ in range(round(count * share))]
    drawn += [Kind.PLAIN] * (count - len(drawn))
    random.shuffle(drawn)
    return drawn


def mixed(count: int, seed: int, support: str, acknowledged: Sequence[Acknowledged]) -> Iterator[Mail]:
    """The mix, to the address `support`; replies go to these acknowledgements, drawn anew for each."""
    random = Random(seed)
    for number, kind in enumerate(kinds(count, random)):
        if kind is Kind.REPLY:
            yield reply(number, seed, random, random.choice(acknowledged))
        else:
            yield fresh(kind, number, seed, random, support)


def opening(count: int, seed: int, support: str) -> Iterator[Mail]:
    """Plain mails that open tickets, each of another customer: the ones that are replied to later."""
    random = Random(seed)
    for number in range(count):
        yield fresh(Kind.PLAIN, number, seed, random, support, customer=number)


def fresh(kind: Kind, number: int, seed: int, random: Random, support: str, customer: int | None = None) -> Mail:
    """A mail that opens a ticket."""
    who = random.randrange(CUSTOMERS) if customer is None else customer
    address = address_of(who)
    beyond = random.random() < 0.2
    subject = " ".join(random.choice(_THINGS + _COMMON) for _ in range(5)).capitalize()
    head = _head(number, seed, random, who, support, subject)
    text = _text(random, random.randint(2, 7), beyond) + _signature(who)
    if kind is Kind.HTML:
        lines = head + _with_picture(random, number, seed, text)
    elif kind is Kind.DOCUMENT:
        lines = head + _with_document(random, number, seed, text)
    else:
        lines = head + _text_part(text)
    return Mail(kind, address, support, _bytes(lines))


def reply(number: int, seed: int, random: Random, to: Acknowledged) -> Mail:
    """The requester's answer to a mail of ours."""
    who = int(to.to.partition("@")[0].removeprefix("customer"))
    subject = to.subject if to.subject.lower().startswith("re:") else f"Re: {to.subject}"
    head = _head(number, seed, random, who, to.reply_to, subject)
    head.append(f"In-Reply-To: {to.message_id}")
    head.append(f"References: {f'{to.references} {to.message_id}'.strip()}")
    text = _text(random, random.randint(1, 3), random.random() < 0.2) + _signature(who)
    quoted = ["> " + line for line in _text(random, random.randint(2, 5), False).split("\n")]
    text += "\n".join(["", f"On Mon, 2 Mar 2026 at 09:00, Support <{to.reply_to}> wrote:", *quoted, ""])
    return Mail(Kind.REPLY, to.to, to.reply_to, _bytes(head + _text_part(text)))


def address_of(who: int) -> str:
    """The address of a customer."""
    return f"customer{who}@company{who % DOMAINS}.test"


def _head(number: int, seed: int, random: Random, who: int, to: str, subject: str) -> list[str]:
    domain = address_of(who).partition("@")[2]
    hour, minute, second = 10 + number // 3600 % 12, number // 60 % 60, number % 60
    return [
        f"Received: from pc{who}.{domain} (pc{who}.{domain} [192.0.2.{who % 250}])",
        f"\tby out.{domain} with ESMTPSA id {seed:x}.{number:06x};",
        f"\tMon, 02 Mar 2026 {hour:02}:{minute:02}:{second:02} +0000",
        f"From: Customer Number {who} <{address_of(who)}>",
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: Mon, 02 Mar 2026 {hour:02}:{minute:02}:{second:02} +0000",
        f"Message-ID: <{seed}.{number}.{random.getrandbits(64):x}@{domain}>",
        "MIME-Version: 1.0",
    ]


def _text(random: Random, paragraphs: int, beyond_ascii: bool) -> str:
    said = []
    for _ in range(paragraphs):
        for _ in range(random.randint(2, 5)):
            words = [random.choice(_COMMON if random.random() < 0.5 else _THINGS) for _ in range(random.randint(6, 16))]
            if beyond_ascii:
                words.insert(random.randrange(len(words)), random.choice(_BEYOND_ASCII))
            said.append(" ".join(words).capitalize() + ".")
        said.append("")
    return "\n".join(said)


def _signature(who: int) -> str:
    return f"\n-- \nCustomer Number {who}\nCompany {who % DOMAINS}, +55 11 5550-{who:04}\n"


def _text_part(text: str, subtype: str = "plain") -> list[str]:
    encoding = "7bit" if text.isascii() else "8bit"
    content = f"Content-Type: text/{subtype}; charset=utf-8"
    return [content, f"Content-Transfer-Encoding: {encoding}", "", *text.split("\n")]


def _with_picture(random: Random, number: int, seed: int, text: str) -> list[str]:
    """multipart/related around multipart/alternative, as desktop clients write it."""
    name = f"{seed:x}.{number:x}"
    page = "".join(f"<p style='font-family:Calibri'>{part}</p>" for part in text.split("\n\n") if part)
    page = f"<html><body>{page}\n<img src='cid:shot.{name}@pc' alt=''></body></html>"
    outer, inner = f"=_related_{name}", f"=_alternative_{name}"
    alternative = _multipart("alternative", inner, [_text_part(text), _text_part(page, "html")])
    picture = _file_part(
        png(random, PICTURE_BYTES), f"image/png; name=shot{number}.png", f"inline; filename=shot{number}.png",
        f"Content-ID: <shot.{name}@pc>",
    )  # fmt: skip
    return _multipart("related", outer, [alternative, picture])


def _with_document(random: Random, number: int, seed: int, text: str) -> list[str]:
    document = _file_part(
        pdf(random, DOCUMENT_BYTES),
        f"application/pdf; name=scan{number}.pdf",
        f"attachment; filename=scan{number}.pdf",
    )
    return _multipart("mixed", f"=_mixed_{seed:x}.{number:x}", [_text_part(text), document])


def _multipart(subtype: str, boundary: str, parts: Iterable[list[str]]) -> list[str]:
    lines = [f'Content-Type: multipart/{subtype}; boundary="{boundary}"', ""]
    for part in parts:
        lines += [f"--{boundary}", *part]
    return [*lines, f"--{boundary}--", ""]


def _file_part(content: bytes, content_type: str, disposition: str, *more: str) -> list[str]:
    encoded = base64.b64encode(content).decode()
    lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]
    head = [f"Content-Type: {content_type}", f"Content-Disposition: {disposition}", *more]
    return [*head, "Content-Transfer-Encoding: base64", "", *lines]


def png(random: Random, octets: int) -> bytes:
    """A valid picture of about so many octets; noise, so that nothing about it is cheap."""
    side = int((octets / 3) ** 0.5)
    rows = b"".join(b"\0" + random.randbytes(3 * side) for _ in range(side))
    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def pdf(random: Random, octets: int) -> bytes:
    """A document of one stream of noise, with a cross-reference table that is right."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [] /Count 0 >>",
        b"<< /Length %d >> stream\n%b\nendstream" % (octets, random.randbytes(octets)),
    ]
    document, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 4\n0000000000 65535 f \n%btrailer << /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return document + end % (table, len(document))


def _bytes(lines: list[str]) -> bytes:
    return (CRLF.join(lines) + CRLF).encode()
