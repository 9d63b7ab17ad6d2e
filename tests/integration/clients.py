"""Mails as people write them with Gmail, Outlook (desktop and web), Apple Mail, Thunderbird, an iPhone: in Portuguese.

Each model says how its client nests parts, introduces and marks what it quotes, and changes the subject. All words and
structures here are our own; nobody's mail is copied.
"""

from __future__ import annotations

import base64
import hashlib
import html
import quopri
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, make_msgid

from tests.integration.sink import Caught

SUPPORT = "suporte@example.test"
_WEEKDAYS = ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo")
_MONTHS = (
    "janeiro", "fevereiro", "março", "abril", "maio", "junho",
    "julho", "agosto", "setembro", "outubro", "novembro", "dezembro",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """A writer: the name in From, and the address."""

    name: str
    address: str

    @property
    def mailbox(self) -> str:
        return f"{Header(self.name, 'utf-8').encode() if not self.name.isascii() else self.name} <{self.address}>"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image inside the text. content_id: without angle brackets."""

    name: str
    content: bytes
    content_id: str = "image001.png@01DC4E3A.8F2B5C10"
    content_type: str = "image/png"

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True, slots=True)
class Attached:
    """A file beside the text."""

    name: str
    content: bytes
    content_type: str = "application/pdf"


@dataclass(frozen=True, slots=True)
class Quoted:
    """The mail that is answered, as a client shows it."""

    author: str
    address: str
    to: str
    subject: str
    at: datetime
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Client:
    """One mail program. The two functions write a body around the person's words and what is quoted."""

    name: str
    prefix: str
    charset: str
    encoding: str
    header: tuple[tuple[str, str], ...]
    text_of: Callable[[str, Quoted | None], str]
    html_of: Callable[[str, Quoted | None, Picture | None], str]
    related_outside: bool = False
    """related(alternative(text, html), image), as Gmail and Outlook; else alternative(text, related(html, image))."""
    text_only_pictures: bool = False
    """mixed(text, image, text) without HTML, as a phone sends a photograph."""


# --- the mail ---------------------------------------------------------------------------------------------------------


def first(
    client: Client,
    author: Person,
    subject: str,
    text: str,
    *,
    at: datetime,
    picture: Picture | None = None,
    files: Sequence[Attached] = (),
    to: str = SUPPORT,
    cc: str = "",
) -> bytes:
    """A new mail. at: the Date, aware."""
    fields = _fields(client, author, to, subject, at, cc)
    return _mail(client, fields, text, None, picture, files)


def reply(
    client: Client,
    author: Person,
    answered: Caught,
    text: str,
    *,
    at: datetime,
    picture: Picture | None = None,
    files: Sequence[Attached] = (),
    to: str | None = None,
    thread: str = "kept",
    subject: str | None = None,
) -> bytes:
    """What leaves when the person presses Reply on a mail of ours and writes `text`.

    thread: `kept`; `overwritten`, as gateways do that put ids of their own; `lost`, with neither In-Reply-To nor
    References. to: elsewhere than the Reply-To.
    """
    mail = answered.message
    asked = str(mail["Reply-To"] or mail["From"])
    if subject is None:
        subject = client.prefix + re.sub(r"^(?:(?:re|res|enc):\s*)+", "", str(mail["Subject"]), flags=re.IGNORECASE)
    fields = _fields(client, author, to or asked, subject, at, "")
    own = str(mail["Message-ID"])
    if thread == "kept":
        fields += [("In-Reply-To", own), ("References", f"{mail['References'] or ''} {own}".strip())]
    elif thread == "overwritten":
        fields += [("References", "<CP2PR80MB1234A1B2C3D4@CP2PR80MB1234.lamprd80.prod.outlook.test>")]
        fields += [("In-Reply-To", "<CP2PR80MB1234A1B2C3D4@CP2PR80MB1234.lamprd80.prod.outlook.test>")]
    sender = mail["From"].addresses[0]
    quoted = Quoted(
        author=sender.display_name,
        address=sender.addr_spec,
        to=author.mailbox,
        subject=str(mail["Subject"]),
        at=at,
        text=answered.text,
        html=_inside(answered.html),
    )
    return _mail(client, fields, text, quoted, picture, files)


def address_of(answered: Caught) -> str:
    """Where a reply to it goes."""
    return str((answered.message["Reply-To"] or answered.message["From"]).addresses[0].addr_spec)


def _fields(client: Client, author: Person, to: str, subject: str, at: datetime, cc: str) -> list[tuple[str, str]]:
    fields = [
        ("From", author.mailbox),
        ("To", to),
        *([("Cc", cc)] if cc else []),
        ("Subject", subject if subject.isascii() else Header(subject, client.charset, maxlinelen=70).encode()),
        ("Date", format_datetime(at)),
        ("Message-ID", make_msgid(domain=author.address.rpartition("@")[2])),
    ]
    return [*fields, *client.header, ("MIME-Version", "1.0")]


def _mail(
    client: Client,
    fields: Sequence[tuple[str, str]],
    text: str,
    quoted: Quoted | None,
    picture: Picture | None,
    files: Sequence[Attached],
) -> bytes:
    plain = _text_part(client, "plain", client.text_of(text, quoted))
    if picture and client.text_only_pictures:
        body = _multipart("mixed", [plain, _picture_part(picture), _text_part(client, "plain", "\n")])
    elif picture and client.related_outside:
        page = _text_part(client, "html", client.html_of(text, quoted, picture))
        body = _multipart("related", [_multipart("alternative", [plain, page]), _picture_part(picture)])
    else:
        page = _text_part(client, "html", client.html_of(text, quoted, picture))
        shown = _multipart("related", [page, _picture_part(picture)]) if picture else page
        body = _multipart("alternative", [plain, shown])
    if files:
        body = _multipart("mixed", [body, *(_file_part(file) for file in files)])
    head = "".join(f"{name}: {value}\n" for name, value in fields).encode()
    return (head + body).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _multipart(kind: str, parts: Sequence[bytes]) -> bytes:
    boundary = f"----=_{kind}_{len(b''.join(parts)):08x}"
    inner = b"".join(b"--%s\n%s\n" % (boundary.encode(), part) for part in parts)
    return b'Content-Type: multipart/%s; boundary="%s"\n\n%s--%s--\n' % (
        kind.encode(), boundary.encode(), inner, boundary.encode(),
    )  # fmt: skip


def _text_part(client: Client, subtype: str, text: str) -> bytes:
    octets = text.encode(client.charset, "xmlcharrefreplace" if subtype == "html" else "replace")
    written = base64.encodebytes(octets) if client.encoding == "base64" else quopri.encodestring(octets)
    head = f'Content-Type: text/{subtype}; charset="{client.charset}"\nContent-Transfer-Encoding: {client.encoding}\n\n'
    return head.encode() + written + b"\n"


def _picture_part(picture: Picture) -> bytes:
    head = (
        f'Content-Type: {picture.content_type}; name="{picture.name}"\nContent-Transfer-Encoding: base64\n'
        f'Content-ID: <{picture.content_id}>\nContent-Disposition: inline; filename="{picture.name}"\n\n'
    )
    return head.encode() + base64.encodebytes(picture.content)


def _file_part(file: Attached) -> bytes:
    head = (
        f'Content-Type: {file.content_type}; name="{file.name}"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="{file.name}"\n\n'
    )
    return head.encode() + base64.encodebytes(file.content)


def _inside(page: str) -> str:
    """What a client takes over of a page it quotes: the inside of its body."""
    found = re.search(r"<body[^>]*>(.*)</body>", page, re.DOTALL | re.IGNORECASE)
    return found[1] if found else page


# --- how each client writes -------------------------------------------------------------------------------------------


def _divs(text: str, open_: str = "<div>", close: str = "</div>") -> str:
    return "".join(f"{open_}{html.escape(line, quote=False) or '<br>'}{close}" for line in text.split("\n"))


def _image(picture: Picture | None, tag: str) -> str:
    return tag.format(cid=picture.content_id, name=picture.name) if picture else ""


def _marked(text: str) -> str:
    return "\n".join(f"> {line}" if line and line[0] != ">" else f">{line}" for line in text.rstrip("\n").split("\n"))


def _short(at: datetime) -> str:
    return f"{at.day} de {_MONTHS[at.month - 1][:3]}. de {at.year}"


def _long(at: datetime) -> str:
    return f"{_WEEKDAYS[at.weekday()]}, {at.day} de {_MONTHS[at.month - 1]} de {at.year} {at:%H:%M}"


def _gmail_line(q: Quoted) -> str:
    return f"Em {_WEEKDAYS[q.at.weekday()][:3]}., {_short(q.at)} às {q.at:%H:%M}, {q.author} <{q.address}> escreveu:"


def _gmail_text(text: str, q: Quoted | None) -> str:
    # Gmail folds the attribution at 78 columns, often inside the angle brackets.
    line = "\n".join(textwrap.wrap(_gmail_line(q).replace("<", "< "), 76)).replace("< ", "<") if q else ""
    return f"{text}\n\n{line}\n\n{_marked(q.text)}\n" if q else f"{text}\n"


def _gmail_html(text: str, q: Quoted | None, picture: Picture | None) -> str:
    image = _image(picture, '<div><img src="cid:{cid}" alt="{name}" width="320" height="180"><br></div>')
    page = f'<div dir="ltr">{_divs(text)}{image}</div>'
    if q:
        line = html.escape(_gmail_line(q), quote=False)
        page += (
            f'<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{line}<br></div>'
            '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);'
            f'padding-left:1ex">{q.html}</blockquote></div>'
        )
    return page


def _outlook_text(text: str, q: Quoted | None) -> str:
    if not q:
        return f"{text}\n\n \n"
    head = f"De: {q.author} <{q.address}> \nEnviada em: {_long(q.at)}\nPara: {q.to}\nAssunto: {q.subject}\n"
    return f"{text}\n\n \n\n{head}\n \n\n{q.text}\n"


def _outlook_html(text: str, q: Quoted | None, picture: Picture | None) -> str:
    image = _image(
        picture, '<p class=MsoNormal><img width=320 height=180 id="Imagem_x0020_1" src="cid:{cid}"><o:p></o:p></p>'
    )
    said = _divs(text, "<p class=MsoNormal>", "<o:p></o:p></p>").replace("<br>", "&nbsp;")
    quote = ""
    if q:
        quote = (
            "<p class=MsoNormal><o:p>&nbsp;</o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;"
            "padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b><span style='font-size:11.0pt'>De:</span></b>"
            f"<span style='font-size:11.0pt'> {html.escape(q.author)} &lt;{q.address}&gt; <br><b>Enviada em:</b> "
            f"{_long(q.at)}<br><b>Para:</b> {html.escape(q.to)}<br><b>Assunto:</b> {html.escape(q.subject)}"
            f"<o:p></o:p></span></p></div></div><p class=MsoNormal><o:p>&nbsp;</o:p></p>{q.html}"
        )
    return (
        '<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office">'
        '<head><meta name=Generator content="Microsoft Word 15 (filtered medium)"><style><!--\n'
        'p.MsoNormal {margin:0cm; font-size:11.0pt; font-family:"Calibri",sans-serif;}\n--></style></head>'
        f"<body lang=PT-BR style='word-wrap:break-word'><div class=WordSection1>"
        f"{said}{image}{quote}</div></body></html>"
    )


def _owa_text(text: str, q: Quoted | None) -> str:
    if not q:
        return f"{text}\n"
    head = f"De: {q.author} <{q.address}>\nEnviado: {_long(q.at)}\nPara: {q.to}\nAssunto: {q.subject}\n"
    return f"{text}\n\n{'_' * 32}\n{head}\n{q.text}\n"


def _owa_html(text: str, q: Quoted | None, picture: Picture | None) -> str:
    style = 'style="font-family: Aptos, Calibri, sans-serif; font-size: 12pt; color: rgb(0, 0, 0);"'
    image = _image(picture, '<div class="elementToProof"><img data-outlook-trace="F:1|T:1" src="cid:{cid}"></div>')
    page = _divs(text, f'<div {style} class="elementToProof">') + image
    if q:
        page += (
            '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
            '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" color="#000000">'
            f"<b>De:</b> {html.escape(q.author)} &lt;{q.address}&gt;<br><b>Enviado:</b> {_long(q.at)}<br>"
            f"<b>Para:</b> {html.escape(q.to)}<br><b>Assunto:</b> {html.escape(q.subject)}</font>"
            f"<div>&nbsp;</div></div><div>{q.html}</div>"
        )
    head = '<head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head>'
    return f'<html>{head}<body dir="ltr">{page}</body></html>'


def _apple_line(q: Quoted) -> str:
    return f"Em {_short(q.at)}, à(s) {q.at:%H:%M}, {q.author} <{q.address}> escreveu:"


def _apple_text(text: str, q: Quoted | None) -> str:
    return f"{text}\n\n{_marked(_apple_line(q) + chr(10) * 2 + q.text)}\n\n" if q else f"{text}\n"


def _apple_html(text: str, q: Quoted | None, picture: Picture | None) -> str:
    image = _image(picture, '<div><img alt="{name}" src="cid:{cid}"></div>')
    quote = ""
    if q:
        quote = (
            '<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite">'
            f'<div>{html.escape(_apple_line(q), quote=False)}</div><br class="Apple-interchange-newline">'
            f"<div>{q.html}</div></blockquote></div><br>"
        )
    return (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body '
        'style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;">'
        f"{_divs(text)}{image}{quote}</body></html>"
    )


def _thunderbird_line(q: Quoted) -> str:
    return f"Em {q.at:%d/%m/%Y %H:%M}, {q.author} escreveu:"


def _thunderbird_text(text: str, q: Quoted | None) -> str:
    # The answer stands below what is quoted, as the program comes.
    return f"{_thunderbird_line(q)}\n{_marked(q.text)}\n\n{text}\n" if q else f"{text}\n"


def _thunderbird_html(text: str, q: Quoted | None, picture: Picture | None) -> str:
    image = _image(picture, '<p><img src="cid:{cid}" moz-do-not-send="false" alt=""></p>')
    quote = ""
    if q:
        quote = (
            f'<div class="moz-cite-prefix">{html.escape(_thunderbird_line(q))}<br></div>'
            f'<blockquote type="cite" cite="mid:1@example.test">{q.html}</blockquote>'
        )
    return (
        '<!DOCTYPE html><html><head><meta http-equiv="content-type" content="text/html; charset=UTF-8"></head>'
        f"<body>{quote}{_divs(text, '<p>', '</p>')}{image}</body></html>"
    )


def _iphone_text(text: str, q: Quoted | None) -> str:
    said = f"{text}\n\nEnviado do meu iPhone\n"
    return f"{said}\n{_marked(_apple_line(q) + chr(10) * 2 + q.text)}\n" if q else said


def _iphone_html(text: str, q: Quoted | None, picture: Picture | None) -> str:
    quote = ""
    if q:
        line = html.escape(_apple_line(q), quote=False)
        quote = (
            f'<div dir="ltr"><br><blockquote type="cite">{line}<br><br></blockquote></div>'
            f'<blockquote type="cite"><div dir="ltr">\ufeff{q.html}</div></blockquote>'
        )
    return (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body dir="auto">'
        f'<div dir="ltr">{_divs(text)}</div><div dir="ltr"><br>Enviado do meu iPhone</div>{quote}</body></html>'
    )


GMAIL = Client(
    "gmail", "Re: ", "UTF-8", "quoted-printable", (), _gmail_text, _gmail_html, related_outside=True
)  # fmt: skip
OUTLOOK = Client(
    "outlook", "RES: ", "iso-8859-1", "quoted-printable",
    (("X-Mailer", "Microsoft Outlook 16.0"), ("Thread-Topic", "assunto"), ("Thread-Index", "AQHcTjqPKyxcEA=="),
     ("Content-Language", "pt-br")),
    _outlook_text, _outlook_html, related_outside=True,
)  # fmt: skip
OUTLOOK_WEB = Client(
    "outlook-web", "RES: ", "utf-8", "base64",
    (("Accept-Language", "pt-BR, en-US"), ("X-MS-Has-Attach", ""), ("X-MS-TNEF-Correlator", "")),
    _owa_text, _owa_html, related_outside=True,
)  # fmt: skip
APPLE = Client(
    "apple", "Re: ", "utf-8", "quoted-printable", (("X-Mailer", "Apple Mail (2.3826.200.121)"),),
    _apple_text, _apple_html,
)  # fmt: skip
THUNDERBIRD = Client(
    "thunderbird", "Re: ", "UTF-8", "quoted-printable",
    (("User-Agent", "Mozilla Thunderbird"), ("Content-Language", "pt-BR")), _thunderbird_text, _thunderbird_html,
)  # fmt: skip
IPHONE = Client(
    "iphone", "Re: ", "utf-8", "quoted-printable", (("X-Mailer", "iPhone Mail (23B85)"),),
    _iphone_text, _iphone_html, text_only_pictures=True,
)  # fmt: skip
ALL = (GMAIL, OUTLOOK, OUTLOOK_WEB, APPLE, THUNDERBIRD, IPHONE)
