"""Attacks on the text: encodings, charsets, lines, quotations, addresses on the web, files written in text."""

from __future__ import annotations

import base64

from tests.hostile.mails import MARK, attack, dice, field, head, multi, part, plain, typed

_LONG = 1_000_000


def _text(who: str, text: str | bytes, charset: str = "utf-8") -> None:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    attack(who, typed(who, f"text/plain; charset={charset}", data))


def _encoded(who: str, encoding: str, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
    attack(
        who,
        head(who, extra=field("Content-Type", kind) + field("Content-Transfer-Encoding", encoding)) + b"\r\n" + body,
    )


# -- charsets
for name in ("utf-7", "utf-16", "utf-16-le", "utf-32", "iso-2022-jp", "iso-2022-kr", "hz", "zlib_codec", "rot13", "idna", "punycode",
             "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "utf-8-sig", "base64", "hex", "bz2", "uu", "quopri", "x-user-defined",
             "cp437", "gb18030", "big5", "euc-jp", "koi8-r", "iso-8859-8-i", "none", "utf-8\0", "a" * 5_000, "../../etc/passwd", "ASCII7"):  # fmt: skip
    key = f"charset-{name[:20].strip(chr(0)).replace('/', '-')}" + ("-nul" if "\0" in name else "")
    attack(key, typed(key, f'text/plain; charset="{name}"', dice(key).randbytes(4_000) + MARK.encode()))
_text("charset-iso-2022-flood", b"\x1b$B\x1b(B" * 150_000, "iso-2022-jp")
_text("charset-iso-2022-ext-flood", b"\x1b$)C\x1b.A\x1bN!" * 100_000, "iso-2022-jp-ext")
_text("charset-hz-flood", b"~{~}" * 200_000, "hz")
_text("charset-utf7-flood", b"+AAA-" * 200_000, "utf-7")
_text("charset-utf7-open", b"+" + b"A" * _LONG, "utf-7")
_text("charset-utf7-script", b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "utf-7")
_text("charset-utf16-odd", b"\xff\xfe\x00" + b"\xd8\x00" * 200_000, "utf-16")
_text("charset-surrogates", b"\xed\xa0\x80\xed\xb0\x80" * 100_000)
_text("charset-overlong", b"\xc0\xbc\xe0\x80\xbcscript>" * 20_000)
_text("charset-guess-hard", dice("charset-guess-hard").randbytes(900_000), "unknown-8bit")
_text("charset-guess-cyrillic", "Привет мир ".encode("koi8-r") * 60_000, "unknown-8bit")
_text("latin1-as-utf8", "ação não é à toa".encode("latin-1") * 2_000)
attack("latin1-raw", plain("latin1-raw", "Ação não à".encode("latin-1"), subject="Ação".encode("latin-1")))
attack("nul-body", plain("nul-body", b"a\0b\0\0" * 1_000 + MARK.encode()))
attack(
    "nul-everywhere",
    plain("nul-everywhere", b"\0" * 3_000, subject=b"a\0b", extra=b"X-\0: \0\r\nReferences: <\0@\0>\r\n"),
)
attack("nul-only", b"\0" * 10_000)
attack("nul-encoded", typed("nul-encoded", "text/html; charset=utf-8", b"<p>a\0b&#0;&#x0;</p>" * 300))
attack(
    "nul-name",
    multi(
        "nul-name",
        [
            part("text/csv", b"x", b'Content-Disposition: attachment; filename="a\0b.csv"\r\n'),
            part("text/csv", b"x", b"Content-Disposition: attachment; filename*=utf-8''a%00b.csv\r\n"),
        ],
    ),
)
_text("controls-all", bytes(range(256)) * 300)
_text("controls-terminal", "\x1b[2J\x1b]0;x\x07\x9b31m\x1bP" * 5_000)
_text("bidi-flood", "\u202e\u2066\u200f" * 50_000 + MARK)
_text("zalgo", ("a" + "\u0301" * 1_000 + "\n") * 300)
_text("nfkc-flood", "\ufdfa" * 150_000)
_text("emoji-flood", "👩‍👩‍👧‍👦" * 30_000)
# -- transfer encodings
_encoded("base64-junk", "base64", b"!@#$%^&*()" * 100_000 + b"\r\n")
_encoded("base64-junk-lines", "base64", b"\r\n".join([b"QUJD-_=="] * 100_000))
_encoded("base64-equals", "base64", (b"=" * 76 + b"\r\n") * 20_000)
_encoded("base64-spaces", "base64", (b"Q " * 30_000 + b"\r\n") * 10)
_encoded("base64-one-letter-lines", "base64", b"Q\r\n" * 300_000)
_encoded("base64-pieces", "base64", b"QQ==\r\n" * 200_000)
_encoded("base64-nul", "base64", b"\0Q\0U\0J\0D" * 20_000)
_encoded("qp-soft-breaks", "quoted-printable", b"=\r\n" * 300_000)
_encoded("qp-equals", "quoted-printable", (b"=" * 60_000 + b"\r\n") * 10)
_encoded("qp-bad-hex", "quoted-printable", b"=ZZ=G=\r\n" * 100_000)
_encoded("qp-spaces", "quoted-printable", (b" " * 60_000 + b"\r\n") * 15)
_encoded("qp-nul", "quoted-printable", b"=00" * 20_000 + b"\r\n")
_encoded("encoding-unknown", "x-rot13", MARK.encode() * 100)
_encoded("encoding-long", "base64" * 5_000, MARK.encode())
_encoded("encoding-uuencode", "x-uuencode", b"begin 644 a\r\n" + b"M" + b"x" * 60 + b"\r\n")
_encoded("encoding-binary", "binary", bytes(b for b in dice("binary").randbytes(20_000) if b not in b"\r\n"))
# -- lines
for size in (5_000, 60_000, 65_000, 70_000, 4 << 20):
    attack(f"line-{size}", lambda n=size: plain(f"line-{n}", b"a" * n + b"\r\n"))  # type: ignore[misc]
attack("line-4MiB-header", lambda: plain("line-4MiB-header", subject="a" * (4 << 20)))
attack("line-bare-cr-1MiB", lambda: plain("line-bare-cr-1MiB", b"a\r" * (1 << 19) + b"\r\n"))
attack("line-bare-lf-2MiB", lambda: plain("line-bare-lf-2MiB", b"a\n" * (1 << 20) + b"\r\n"))
attack("line-cr-only-mail", lambda: plain("line-cr-only-mail", b"a\r\n" * 20_000).replace(b"\r\n", b"\r"))
attack("line-mixed-ends", lambda: plain("line-mixed-ends", b"a\r\rb\n\rc\n\n\r\r\n" * 40_000))
attack("body-crlf-4MiB", lambda: plain("body-crlf-4MiB", b"\r\n" * (2 << 20)))
attack("body-dots-4MiB", lambda: plain("body-dots-4MiB", b".\n" * (2 << 20) + b"\r\n"))
attack("body-stuffed-dots-2MiB", lambda: plain("body-stuffed-dots-2MiB", b".x\r\n" * (1 << 19)))
attack("body-spaces-4MiB", lambda: plain("body-spaces-4MiB", (b" " * 4_000 + b"\r\n") * 1_000))
attack("body-one-word-8MiB", lambda: plain("body-one-word-8MiB", (b"a" * 998 + b"\r\n") * 8_000))
attack(
    "body-24MiB", lambda: plain("body-24MiB", (MARK.encode() * 80 + b"\r\n") * ((24 << 20) // (80 * len(MARK) + 2) - 1))
)
attack("body-24MiB-crlf", lambda: plain("body-24MiB-crlf", b"\r\n" * (12 << 20)))
attack("body-empty", head("body-empty") + b"\r\n")
attack(
    "body-binary-1MiB",
    lambda: head("body-binary-1MiB") + b"\r\n" + dice("b").randbytes(1 << 20).replace(b"\n", b"\r\n") + b"\r\n",
)
# -- smuggling: what other servers take for the end of a mail
_SECOND = b"MAIL FROM:<mau@hostil.test>\r\nRCPT TO:<suporte@example.test>\r\nDATA\r\nSubject: contrabando\r\n\r\nx\r\n"
for name, end in {"lf-lf": b"\n.\n", "lf-crlf": b"\n.\r\n", "cr-cr": b"\r.\r", "cr-crlf": b"\r.\r\n", "crlf-cr": b"\r\n.\r", "crlf-lf": b"\r\n.\n",
                  "nul": b"\r\n.\0\r\n", "nul-before": b"\r\n\0.\r\n", "crlf-cr-lf": b"\r\n.\r\r\n"}.items():  # fmt: skip
    attack(f"smuggle-{name}", plain(f"smuggle-{name}", MARK.encode() + end + _SECOND))
attack("smuggle-header", plain("smuggle-header", subject=b"a\n.\r\n" + _SECOND.replace(b"\r\n", b"\n")))
# -- quotations, signatures, addresses on the web, in text
for name, text in {
    "quote-command-spaces": "#fechar a" + " " * 900_000 + "b\n",
    "quote-command-many": ("#a b" + " " * 9_000 + "c\n") * 100,
    "quote-depth": ">" * 100_000 + " a\n", "quote-depth-spaced": "> " * 50_000 + "a\n", "quote-lines": "> a\n" * 200_000, "quote-deepening": "".join(
        ">" * n + " a\n" for n in range(1_000)), "quote-alternating": "a\n> b\n" * 100_000, "quote-on-wrote": "On " * 100_000 + "wrote:\n",
    "quote-on-lines": "On 1/1/2025, a@b.test\n" * 50_000, "quote-wrote-lines": "On a wrote:\n" * 50_000, "quote-em-escreveu": "Em " * 80_000 + "escreveu:\n",
    "quote-em-lines": "Em ter., 4 de nov. de 2025 às 10:00, Ana <a@b.test>\n" * 20_000, "quote-header-blocks": "De: a\nPara: b\nAssunto: c\nEnviado: d\n" * 20_000,
    "quote-separators": "-----Mensagem original-----\n" * 40_000, "quote-underscores": "_" * 500_000, "quote-dashes": "-" * 500_000, "quote-dash-lines": "--\n" * 200_000,
    "quote-sig-lines": "-- \n" * 200_000, "quote-markers": "--- Responda acima desta linha ---\n" * 20_000, "quote-blank": "\n" * 900_000, "quote-space-lines": " \n" * 400_000,
    "quote-spaces": " " * 900_000 + "x", "quote-tabs": "\t" * 900_000 + "x", "quote-angle-mail": "<a@b.test> " * 60_000, "quote-angles-open": "<" * 500_000,
    "quote-colons": "a:" * 300_000, "quote-colon-lines": "a: b\n" * 150_000, "quote-brackets": "[" * 500_000, "quote-stars": "*" * 500_000, "quote-star-words": "*a* " * 150_000,
    "quote-sent-from": "Enviado do meu iPhone\n" * 40_000, "quote-digits": "1" * 900_000, "quote-dates": "04/11/2025 10:00 " * 50_000, "quote-commands": "#fechar\n" * 80_000,
    "quote-hashes": "#" * 500_000, "quote-pipes": "| a\n" * 200_000, "quote-thanks": "obrigado " * 90_000, "quote-ideographs": "发件人：" * 90_000, "quote-equals": "=" * 500_000,
    "quote-le-ecrit": "Le 1/1/2025 à 10:00, a a écrit" * 20_000, "quote-paren": "(" * 500_000, "quote-at": "@" * 500_000, "quote-dots": "." * 500_000, "quote-commas": "," * 500_000,
    "quote-letters-at": "a" * 400_000 + "@" + "b" * 400_000, "quote-mixed-space": " \t" * 400_000 + "wrote:", "quote-nbsp": "\u00a0" * 300_000 + ":", "quote-zwsp": "\u200b" * 300_000,
    "urls-20k": "http://a.test/x?y=z " * 20_000, "urls-glued": "http://" * 100_000, "urls-long": "http://" + "a" * 800_000, "urls-www": "www." * 200_000,
    "urls-dots": "http://a." + "b." * 300_000, "urls-parens": "http://a.test/" + "(" * 500_000, "urls-quotes": 'http://a.test/"' * 50_000, "urls-mailto": "mailto:a@b.test?subject=x " * 30_000,
    "urls-percent": "http://a.test/" + "%41" * 200_000, "urls-javascript": "javascript:alert(1) data:text/html,<script> vbscript:x\n" * 5_000, "urls-brackets": "<http://a.test>" * 50_000,
    "urls-entities": "http://a.test/&amp;&amp;" * 40_000, "urls-at": "http://a@b@c@" * 60_000, "urls-unicode": "http://é.test/ü " * 40_000, "urls-unsubscribe": "unsubscribe http://a.test\n" * 30_000,
    "names-tokens": "suporte+AAAAAAAAAAAAAAAAAAAAAAAA@example.test " * 15_000, "names-keys": "SUP-1 " * 120_000, "names-cnpj": "11.222.333/0001-81 " * 40_000, "names-phones": "+55 11 99999-9999 " * 40_000,
    "template-body": "{{7*7}} {% include '/etc/passwd' %} {{ config }} ${{7*7}} " * 3_000, "xss-text": f"<script>alert(1)</script><img src=x onerror=alert(1)>{MARK}\n" * 500,
    "markdown-flood": "![a](http://b.test/c.png) [x](javascript:alert(1)) **a** " * 9_000, "uu-begins": "begin 644 a\n" * 60_000, "uu-begin-end": "begin 644 a\nend\n" * 50_000,
    "uu-bomb": "begin 644 a\n" + ("M" + "`" * 60 + "\n") * 12_000 + "end\n", "uu-path": "begin 644 ../../../../tmp/vexame\n#86)C\n`\nend\n", "uu-name-long": "begin 644 " + "a" * 500_000 + "\n",
    "uu-no-end": "begin 644 a\n" + ("M" + "x" * 60 + "\n") * 12_000, "uu-many": "begin 644 a\n#86)C\n`\nend\n" * 20_000, "uu-spaces": "begin " + " " * 500_000 + "a\n",
    "yenc-flood": "=ybegin line=128 size=999999999999 name=a\n" * 20_000, "binhex-flood": "(This file must be converted with BinHex 4.0)\n:" + "!" * 700_000,
    "binhex-many": "(This file must be converted with BinHex 4.0)\n:abc:\n" * 15_000, "binhex-runs": "(This file must be converted with BinHex 4.0)\n:" + "N" * 63 + "\n" * 1 + ("8" * 64 + "\n") * 9_000 + ":",
    "pgp-flood": "-----BEGIN PGP MESSAGE-----\n" * 30_000, "pgp-open": "-----BEGIN PGP SIGNED MESSAGE-----\n" + "- " * 400_000, "forward-flood": "---------- Forwarded message ---------\nDe: a@b.test\n" * 10_000,
    "dsn-words": "Delivery to the following recipient failed permanently: <a@b.test> 550 5.1.1\n" * 10_000, "status-digits": "5.1." * 200_000, "ooo-words": "Estou de férias " * 50_000,
}.items():  # fmt: skip
    _text(name, text)
attack("flowed-flood", typed("flowed-flood", "text/plain; charset=utf-8; format=flowed; delsp=yes", b"a \n" * 250_000))
attack(
    "flowed-quotes",
    typed("flowed-quotes", "text/plain; charset=utf-8; format=flowed", b">" * 200_000 + b" \n" + b"> > a \n" * 50_000),
)
attack("flowed-stuffed", typed("flowed-stuffed", "text/plain; charset=utf-8; format=flowed", b"  a \n -- \n" * 60_000))
attack("enriched-flood", typed("enriched-flood", "text/enriched; charset=utf-8", b"<bold><<" * 100_000))
attack("richtext-flood", typed("richtext-flood", "text/richtext; charset=utf-8", b"<nl><lt>" * 100_000))
attack("text-100-of-1MiB", lambda: multi("text-100-of-1MiB", [part("text/plain", b"a b c d e\r\n" * 20_000)] * 100))
attack(
    "text-base64-in-words",
    plain("text-base64-in-words", base64.encodebytes(dice("w").randbytes(400_000)).replace(b"\n", b"\r\n")),
)
