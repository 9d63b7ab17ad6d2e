"""Attacks on the header: floods, encodings, addresses, dates, ids, trace. RFC 5322 §3.6, RFC 2047, RFC 2231."""

from __future__ import annotations

import base64

from tests.hostile.mails import MARK, SUPPORT, attack, dice, field, head, plain, sender_of

_Q = "=?utf-8?q?"


def _with(who: str, *fields: tuple[str, bytes | str], without: tuple[str, ...] = (), subject: bytes | str = "") -> None:
    extra = b"".join(field(name, value) for name, value in fields)
    attack(who, plain(who, extra=extra, without=without, subject=subject))


def _of(who: str, name: str, value: bytes | str) -> None:
    """That field, instead of the usual one of this name."""
    attack(who, plain(who, extra=field(name, value), without=(name.lower(),)))


def _flood(who: str, name: str, one: bytes, times: int, between: bytes = b",\r\n ") -> None:
    attack(who, lambda: plain(who, extra=field(name, between.join([one] * times)), without=(name.lower(),)))


# -- floods: many fields, long fields, many pieces in a field
attack("headers-100k", lambda: plain("headers-100k", extra=b"X-A: b\r\n" * 100_000))
attack("headers-5000-short", lambda: plain("headers-5000-short", extra=b"A:b\r\n" * 5_000))
attack("headers-999-long", lambda: plain("headers-999-long", extra=field("X-Long", "a" * 250) * 990))
attack("headers-fold-1", lambda: plain("headers-fold-1", extra=field("X-Fold", "\r\n ".join("a" * 50_000))))
attack("headers-fold-empty", lambda: plain("headers-fold-empty", extra=field("X-Fold", "a" + "\r\n " * 80_000 + "b")))
attack(
    "headers-fold-tabs",
    lambda: plain("headers-fold-tabs", extra=field("Subject", "\r\n\t" * 10_000), without=("subject",)),
)
attack("headers-one-200k", lambda: plain("headers-one-200k", extra=field("X-Big", "\r\n ".join(["a" * 70] * 3_000))))
attack("headers-block-255k", lambda: plain("headers-block-255k", extra=field("X-A", "b" * 300) * 830))
attack("headers-no-colon", lambda: plain("headers-no-colon", extra=b"no colon here\r\n" * 5_000))
attack("headers-no-name", lambda: plain("headers-no-name", extra=b": value\r\n" * 5_000))
attack("headers-only", head("headers-only"))
attack("headers-none", lambda: b"\r\n" + MARK.encode() * 1_000)
attack("headers-spaces-in-name", plain("headers-spaces-in-name", extra=b"X Y Z : v\r\nFrom : x@y.test\r\n"))
attack("headers-long-name", lambda: plain("headers-long-name", extra=b"X" * 60_000 + b": v\r\n"))
attack("headers-8bit-name", plain("headers-8bit-name", extra=b"X-\xff\xfe: v\r\n"))
attack("headers-bare-cr", plain("headers-bare-cr", extra=b"X-A: b\rBcc: vitima@fora.test\r\n"))
attack("headers-bare-lf", plain("headers-bare-lf", extra=b"X-A: b\nBcc: vitima@fora.test\n"))
attack("headers-junk-lines", lambda: b"\0\r\n" * 9 + plain("headers-junk-lines"))
attack("headers-mbox-from", lambda: b"From x@y Tue Nov  4 10:00:00 2025\r\n" * 300 + plain("headers-mbox-from"))
attack(
    "headers-going-on",
    lambda: plain("headers-going-on", extra=field("References", "<a@b>") + b"<aaaaaaaaaaaaaaaaaaaaaaaa@b>\r\n" * 5_000),
)
_flood("to-20k", "To", b"a@b.test", 20_000)
_flood("to-20k-one-line-each", "To", b"Nome Longo De Alguem <aaaaaaaaaaaa@bbbbbbbbbbb.test>", 4_000)
attack("to-2000-fields", lambda: plain("to-2000-fields", extra=field("To", "a@b.test") * 900))
_flood("cc-10k", "Cc", b"c@d.test", 10_000)
_flood("reply-to-10k", "Reply-To", b"c@d.test", 10_000)
_flood("to-comments", "To", b"(((((((((((", 2_000, b"")
_flood("to-quotes", "To", b'"\\', 8_000, b"")
_flood("to-groups", "To", b"g:a@b.test;", 2_000)
_flood("to-open-brackets", "To", b"<", 30_000, b"")
_flood("to-commas", "To", b",", 30_000, b"")
_flood("to-at", "To", b"@", 30_000, b"")
_flood("to-words", "To", b"=?utf-8?b?YQ==?=", 1_500, b"\r\n ")
_flood("to-semicolons", "To", b"a b c;", 5_000, b"\r\n ")
_of("from-parens", "From", "(" * 30_000 + "a@b.test")
_of("from-parens-closed", "From", "(" * 3_000 + ")" * 3_000 + " a@b.test")
_of("from-quotes", "From", '"' * 29_999 + " <a@b.test>")
_of("from-backslashes", "From", '"' + "\\" * 29_999 + '" <a@b.test>')
_of("from-brackets", "From", "<" * 15_000 + "a@b.test" + ">" * 15_000)
_of("from-spaces", "From", "a" + " " * 31_000 + "<a@b.test>")
_of("from-dots", "From", "." * 20_000 + "@" + "." * 10_000)
_of("from-words", "From", "=?utf-8?q?a?= " * 190 + "<a@b.test>")
_of("from-route", "From", "<@a.test,@b.test:bruno@example.test>")
_of("from-group", "From", "g: bruno@example.test, x@y.test;")
_of("from-two-addresses", "From", "bruno@example.test, mau@hostil.test")
_of("from-name-is-agent", "From", "bruno@example.test <mau@hostil.test>")
_of("from-encoded-address", "From", "=?utf-8?q?bruno=40example=2Etest?= <mau@hostil.test>")
_of("from-encoded-word-spec", "From", "=?utf-8?q?bruno?=@example.test")
_of("from-comment", "From", "bruno@example.test (mau@hostil.test)")
_of("from-nul", "From", b"bruno@example.test\0 <mau@hostil.test>")
_of("from-nul-inside", "From", b"bruno\0@example.test")
_of("from-empty", "From", "")
_of("from-angle-empty", "From", "Nome <>")
_of("from-only-name", "From", "Fulano")
_of("from-support", "From", f"Suporte <{SUPPORT}>")
_of("from-8bit", "From", b"Jo\xe3o <jo\xe3o@hostil.test>")
_of("from-surrogates", "From", b"\xed\xa0\x80 <a\xed\xbf\xbf@hostil.test>")
_of("from-idn", "From", "Nome <a@xn--" + "a" * 70 + ".test>")
_of("from-twin", "From", "mıke <mıke@exаmple.test>")
_of("from-long-address", "From", "a" * 15_000 + "@" + "b" * 15_000)
_of("from-encoded-crlf", "From", f"{_Q}x=0D=0ABcc=3A_vitima=40fora=2Etest?= <mau@hostil.test>")
_of(
    "from-encoded-crlf-raw",
    "From",
    "=?utf-8?b?" + base64.b64encode(b"x\r\nBcc: vitima@fora.test\r\n\r\ncorpo").decode() + "?= <mau@hostil.test>",
)
_with("from-missing", without=("from",))
_with("two-from", ("From", "bruno@example.test"))
_with("two-from-folded", ("From", "\r\n bruno@example.test"))
attack("from-20-fields", lambda: plain("from-20-fields", extra=field("From", "bruno@example.test") * 20))
# -- the subject
attack("subject-20k", lambda: plain("subject-20k", subject=" ".join(["=?utf-8?q?a?="] * 20_000).replace(" ", "\r\n ")))
attack("subject-200-words", lambda: plain("subject-200-words", subject="\r\n ".join(["=?iso-2022-jp?b?GyRC?="] * 199)))
for name, text in {
    "subject-long": MARK * 2_600,
    "subject-spaces": "a" + " " * 31_000 + "b",
    "subject-re": "Re: " * 8_000 + "x",
    "subject-brackets": "[" * 31_000,
    "subject-keys": "[SUP-1] " * 4_000,
    "subject-key-digits": "[SUP-" + "9" * 30_000 + "]",
    "subject-open-word": "=?utf-8?q?" + "a" * 30_000,
    "subject-open-words": "=?" * 390,
    "subject-question-marks": "=?" + "?" * 30_000,
    "subject-equal-signs": "=?utf-8?q?" + "=" * 30_000 + "?=",
    "subject-q-mixture": "=?a?q?" + "?=?" * 10_000,
    "subject-template": MARK + " {{7*7}} {% for x in range(10**9) %}x{% endfor %} ${7*7} <%= 7*7 %> #{7*7}",
    "subject-template-attributes": "{{ ''.__class__.__mro__[1].__subclasses__() }} {{ ticket._sa_instance_state }} %(x)s {0}",
    "subject-formula": "=cmd|' /C calc'!A0",
    "subject-formula-at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "subject-sql": f"{MARK}'; DROP TABLE ticket; -- \" ' OR 1=1",
    "subject-shell": f"$(touch /tmp/{MARK}) `id` ; rm -rf / | true",
    "subject-log": f"{MARK} %s %d %n {{}} \x1b[2J\x1b[31m",
    "subject-html": f"<script>alert(1)</script>{MARK}<img src=x onerror=alert(1)>",
    "subject-encoded-crlf": f"{_Q}x=0D=0ABcc=3A_vitima=40fora=2Etest=0D=0A=0D=0Acorpo?=",
    "subject-encoded-lf": f"{_Q}x=0ABcc=3A_vitima=40fora=2Etest?=",
    "subject-encoded-cr": f"{_Q}x=0DBcc=3A_vitima=40fora=2Etest?=",
    "subject-encoded-separators": f"{_Q}a=E2=80=A8b=E2=80=A9c=C2=85d=0Be=0Cf?=",
    "subject-encoded-nul": f"{_Q}a=00b?=",
    "subject-encoded-controls": "=?latin1?q?" + "".join(f"={n:02X}" for n in (*range(32), *range(127, 160))) + "?=",
    "subject-bidi": "\u202e" + MARK + "\u2066\u200f\ufeff",
    "subject-zalgo": "a" + "\u0301" * 10_000,
    "subject-emoji": "👩‍👩‍👧‍👦" * 900,
    "subject-surrogate-utf7": "=?utf-7?q?+2AA-+3AA-+AAA-?=",
    "subject-charset-nul": "=?utf-8\0?q?a?=",
    "subject-charset-zlib": "=?zlib_codec?b?eJxLBAAAYgBi?=",
    "subject-charset-none": "=??q?a?= =?x-unknown?b?/w==?=",
    "subject-charset-long": "=?" + "a" * 30_000 + "?q?a?=",
    "subject-charset-idna": "=?idna?q?" + "a." * 5_000 + "?=",
    "subject-charset-punycode": "=?punycode?q?" + "a" * 20_000 + "-" + "9" * 9_000 + "?=",
    "subject-empty": " ",
    "subject-base64-junk": "=?utf-8?b?" + "====" * 5_000 + "?=",
    "subject-language": "=?utf-8*pt?q?ol=C3=A1?=",
    "subject-digits": "9" * 30_000,
    "subject-dashes": "-" * 31_000,
    "subject-colons": "a:" * 15_000,
    "subject-fwd-brackets": "[Fwd: " * 5_000,
}.items():
    attack(name, plain(name, subject=text or " "))
_with("subject-nul", subject=b"a\0b" + MARK.encode())
_with("subject-8bit", subject=b"\xff\xfe\x80" * 300)
_with("subject-latin1", subject=b"Ol\xe1 jo\xe3o n\xe3o")
_with("subject-controls", subject=bytes(n for n in range(1, 32) if n not in (10, 13)) + MARK.encode())
_with("subject-osc", subject=b"\x1b]0;" + MARK.encode() + b"\x07\x1b[8m\x9b31m")
_with("subject-missing", without=("subject",))
attack("subject-900-fields", lambda: plain("subject-900-fields", extra=field("Subject", MARK) * 900))
# -- dates
for number, date in enumerate([
    "Fri, 31 Dec 9999 23:59:59 -1200", "Sat, 01 Jan 0001 00:00:00 +1400", "Tue, 04 Nov 2025 10:00:00 +9999", "Tue, 99 Foo 99999 99:99:99 -9999",
    "Mon, 01 Jan 1900 00:00:00 +0000", "Tue, 04 Nov 2025 10:00:00 " + "(" * 10_000, "9" * 5_000, "1" + " " * 20_000 + "x", "0", "",
    "Tue, 04 Nov 2025 10:00:00 -0000 " + "x" * 100, "\0", "Tue, 04 Nov 2025 24:60:61 +0000", "Thu, 01 Jan 1970 00:00:00 -2359",
    "Tue, 04 Nov 1e999 10:00:00 +0000", "Tue, 04 Nov 2025 10:00:00 " + "9" * 400, "Tue, -4 Nov -2025 -10:00:00 --0300", "٤ Nov ٢٠٢٥ 10:00:00 +0000",
]):  # fmt: skip
    _of(f"date-{number}", "Date", date)
_with("date-missing", without=("date",))
_with("date-twice", ("Date", "Fri, 31 Dec 9999 23:59:59 +0000"))
# -- ids
for name, value in {
    "empty": "", "angle": "<>", "many-angles": "<" * 20_000, "spaces": "<a b c @ d>", "8bit": b"<\xff@\xfe>", "nul": b"<a\0b@c>",
    "long": "<" + "a" * 20_000 + "@b>", "crlf": "<a@b>\r\n <c@d>", "sql": "<'; drop table journal; --@x>", "path": "<../../../../etc/passwd@x>",
    "comment": "(" * 3_000 + "<a@b>", "quoted": '<"' + "\\" * 5_000 + '"@b>', "html": "<script>alert(1)</script>@x", "unicode": "<\u202e@é>",
    "same": "<o-mesmo@hostil.test>", "surrogate": b"<\xed\xa0\x80@x>", "percent": "<%00%0d%0a@x>", "many": "<a@b> " * 3_000,
}.items():  # fmt: skip
    _of(f"message-id-{name}", "Message-ID", value)
_with("message-id-missing", without=("message-id",))
attack(
    "message-id-same-again",
    plain(
        "message-id-same-again",
        "outro texto",
        extra=field("Message-ID", "<o-mesmo@hostil.test>"),
        without=("message-id",),
    ),
)
_with("message-id-and-date-missing", without=("message-id", "date"))
attack(
    "references-100k",
    lambda: plain("references-100k", extra=field("References", "\r\n ".join(f"<{n}@x>" for n in range(10_000)))),
)
attack(
    "references-2000",
    lambda: plain("references-2000", extra=field("References", " ".join(f"<{n}@x.test>" for n in range(2_000)))),
)
_with("references-angles", ("References", "<" * 31_000))
_with("references-angles-closed", ("References", "<a" * 10_000 + ">" * 10_000))
_with("references-garbage", ("References", b"\xff\0<\0>\x1b" * 3_000), ("In-Reply-To", b"<\0> <> <<>>"))
_with("in-reply-to-long", ("In-Reply-To", "<" + "a" * 31_000 + ">"))
_with("in-reply-to-prose", ("In-Reply-To", 'Your message of "' + "x" * 20_000 + '" <a@b>'))
# -- trace, proofs, lists
attack("received-49", lambda: plain("received-49", extra=field("Received", "from x by y; " + "z " * 2_000) * 49))
attack(
    "received-200",
    lambda: plain("received-200", extra=field("Received", "from x by y; Tue, 04 Nov 2025 10:00:00 +0000") * 200),
)
attack("received-mixed-case", lambda: plain("received-mixed-case", extra=(b"rEcEiVeD: x\r\nReceived : y\r\n") * 200))
attack("received-folded", lambda: plain("received-folded", extra=field("Received", "from x\r\n\tby y" * 2_000) * 4))
_DKIM = "v=1; a=rsa-sha256; d=hostil.test; s=s1; h=from:to; bh=" + "A" * 43 + "=; b=" + "B" * 344
attack("dkim-1000", lambda: plain("dkim-1000", extra=field("DKIM-Signature", "v=1; d=x; s=y; h=from; bh=; b=") * 900))
attack("dkim-100-real-looking", lambda: plain("dkim-100-real-looking", extra=field("DKIM-Signature", _DKIM) * 100))
attack(
    "dkim-h-flood",
    lambda: plain("dkim-h-flood", extra=field("DKIM-Signature", _DKIM.replace("from:to", "from:" * 5_000 + "to")) * 5),
)
attack(
    "dkim-h-flood-headers",
    lambda: plain(
        "dkim-h-flood-headers",
        extra=field("X-A", "b" * 20) * 900
        + field("DKIM-Signature", _DKIM.replace("from:to", "x-a:" * 2_000 + "from")) * 5,
    ),
)
attack("dkim-tags-flood", lambda: plain("dkim-tags-flood", extra=field("DKIM-Signature", "a=b;" * 8_000) * 5))
attack("dkim-spaces", lambda: plain("dkim-spaces", extra=field("DKIM-Signature", "v=1;" + " " * 30_000 + "; d=x") * 5))
attack(
    "dkim-body-spaces",
    lambda: plain(
        "dkim-body-spaces",
        (b" " * 60_000 + b"x\r\n") * 80,
        extra=field("DKIM-Signature", _DKIM.replace("a=rsa", "c=relaxed/relaxed; a=rsa")) * 5,
    ),
)
attack(
    "dkim-body-lines",
    lambda: plain(
        "dkim-body-lines",
        b"\r\n" * 2_000_000 + b"x\r\n",
        extra=field("DKIM-Signature", _DKIM.replace("a=rsa", "c=relaxed/relaxed; a=rsa")) * 5,
    ),
)
attack(
    "dkim-body-lines-simple",
    lambda: plain("dkim-body-lines-simple", b"\r\n" * 2_000_000, extra=field("DKIM-Signature", _DKIM) * 5),
)
_with("dkim-selector-long", ("DKIM-Signature", _DKIM.replace("s=s1", "s=" + "a." * 5_000)))
_with("dkim-selector-odd", ("DKIM-Signature", _DKIM.replace("s=s1", "s=..").replace("d=hostil.test", "d=" + "a" * 300)))
_with("dkim-numbers", ("DKIM-Signature", _DKIM + "; t=" + "9" * 10_000 + "; x=" + "9" * 10_000 + "; l=" + "9" * 5_000))
_with("dkim-8bit", ("DKIM-Signature", b"v=1; d=\xff; s=\xfe; h=\0; b=\x80"))
_with("dkim-future", ("DKIM-Signature", _DKIM + "; t=99999999999; x=1"))
attack(
    "arc-50",
    lambda: plain(
        "arc-50",
        extra=b"".join(
            field("ARC-Seal", f"i={n}; a=rsa-sha256; cv=pass; d=x.test; s=s; b=AAAA")
            + field("ARC-Message-Signature", f"i={n}; a=rsa-sha256; d=x.test; s=s; h=from; bh=AAAA; b=AAAA")
            + field("ARC-Authentication-Results", f"i={n}; x.test; dkim=pass header.d=example.test")
            for n in range(1, 60)
        ),
    ),
)
attack(
    "arc-9",
    lambda: plain(
        "arc-9",
        extra=b"".join(
            field("ARC-Seal", f"i={n}; a=rsa-sha256; cv={'pass' if n > 1 else 'none'}; d=x{n}.test; s=s; b=AAAA")
            + field("ARC-Message-Signature", f"i={n}; a=rsa-sha256; d=x{n}.test; s=s; h=from; bh=AAAA; b=AAAA")
            + field("ARC-Authentication-Results", f"i={n}; x.test; dkim=pass header.d=example.test")
            for n in range(1, 10)
        ),
    ),
)
_with("arc-instance-huge", ("ARC-Seal", "i=" + "9" * 5_000 + "; cv=none"), ("ARC-Seal", "i=\u0661"))
attack(
    "auth-results-1000",
    lambda: plain(
        "auth-results-1000",
        extra=field("Authentication-Results", "mx.example.test; spf=pass smtp.mailfrom=bruno@example.test") * 900,
    ),
)
attack(
    "auth-results-comments",
    lambda: plain("auth-results-comments", extra=field("Authentication-Results", "mx.example.test; " + "(" * 30_000)),
)
attack(
    "auth-results-semicolons",
    lambda: plain(
        "auth-results-semicolons", extra=field("Authentication-Results", "mx.example.test" + "; dkim=pass" * 2_500)
    ),
)
_with(
    "auth-results-forged",
    ("Authentication-Results", "mx.example.test; dkim=pass header.d=example.test; dmarc=pass header.from=example.test"),
)
_with(
    "control-headers",
    ("X-Mailgate-Agent", "bruno@example.test"),
    ("X-Mailgate-Ticket", "SUP-1"),
    ("X-Mailgate-Status", "closed"),
    ("Delivered-To", "bruno@example.test"),
    ("X-Loop", "suporte@example.test"),
    ("X-Original-To", "outro@example.test"),
    ("Return-Path", "<bruno@example.test>"),
)
attack(
    "list-flood",
    lambda: plain(
        "list-flood", extra=field("List-Id", "x" * 500) * 200 + field("List-Unsubscribe", "<mailto:x@y>," * 1_000)
    ),
)
_with("list-odd", ("List-Id", "<" * 20_000), ("Precedence", "bulk " * 5_000), ("Auto-Submitted", "(" * 20_000 + "no"))
_with("auto-submitted-odd", ("Auto-Submitted", b"\0no\xff"), ("X-Auto-Response-Suppress", "All" * 5_000))
_with("reply-to-other", ("Reply-To", "vitima@fora.test"))
_with("reply-to-encoded-crlf", ("Reply-To", f"{_Q}a=0D=0ABcc=3A_v=40fora=2Etest?= <v@fora.test>"))
_with(
    "sender-odd",
    ("Sender", "<" * 10_000 + "bruno@example.test"),
    ("Resent-From", "bruno@example.test"),
    ("Bcc", "vitima@fora.test"),
)
_with("language-odd", ("Content-Language", "pt" * 10_000), ("Accept-Language", "*" * 10_000))
_with("mailer-long", ("X-Mailer", "x" * 31_000), ("User-Agent", "\u202e" * 9_000))
# -- parameters: RFC 2231 and its floods
attack(
    "ctype-continuations",
    lambda: plain(
        "ctype-continuations",
        extra=field("Content-Disposition", "attachment" + "".join(f";\r\n filename*{n}*=%41" for n in range(2_000))),
    ),
)
attack(
    "ctype-parameters-10k",
    lambda: (
        head(
            "ctype-parameters-10k",
            extra=field("Content-Type", "text/plain" + "".join(f"; a{n}=b" for n in range(3_000))),
        )
        + b"\r\n"
        + MARK.encode()
    ),
)
attack(
    "ctype-same-parameter",
    lambda: (
        head("ctype-same-parameter", extra=field("Content-Type", "text/plain" + "; charset=utf-8" * 2_000))
        + b"\r\nx\r\n"
    ),
)
attack(
    "ctype-quotes",
    lambda: head("ctype-quotes", extra=field("Content-Type", 'text/plain; charset="' + '\\"' * 15_000)) + b"\r\nx\r\n",
)
attack(
    "ctype-open-quote",
    lambda: (
        head("ctype-open-quote", extra=field("Content-Type", 'text/plain; charset="' + ";" * 30_000)) + b"\r\nx\r\n"
    ),
)
attack(
    "ctype-comments",
    lambda: head("ctype-comments", extra=field("Content-Type", "text/plain " + "(" * 30_000)) + b"\r\nx\r\n",
)
attack(
    "ctype-spaces",
    lambda: (
        head("ctype-spaces", extra=field("Content-Type", "text" + " " * 30_000 + "/plain;" + " " * 900 + "charset"))
        + b"\r\nx\r\n"
    ),
)
attack("ctype-slashes", lambda: head("ctype-slashes", extra=field("Content-Type", "/" * 30_000)) + b"\r\nx\r\n")
attack(
    "ctype-segments-gap",
    head(
        "ctype-segments-gap",
        extra=field(
            "Content-Disposition", "attachment; filename*9999999999=x; filename*0=a; filename*-1=b; filename*x=c"
        ),
    )
    + b"\r\nx\r\n",
)
attack(
    "ctype-charset-2231",
    head(
        "ctype-charset-2231",
        extra=field("Content-Disposition", "attachment; filename*=zlib_codec'x'%78%9c; filename*=" + "'" * 5_000),
    )
    + b"\r\nx\r\n",
)
attack(
    "filename-encoded-crlf",
    plain(
        "filename-encoded-crlf",
        extra=field("Content-Disposition", f'attachment; filename="{_Q}a=0D=0ABcc=3A_v=40fora=2Etest=2Etxt?="'),
    ),
)
attack(
    "filename-2231-crlf",
    plain(
        "filename-2231-crlf",
        extra=field("Content-Disposition", "attachment; filename*=utf-8''a%0D%0ABcc%3A%20v%40fora.test%00.txt"),
    ),
)
attack(
    "random-header",
    lambda: (
        head(
            "random-header",
            extra=b"".join(
                field(f"X-{n}", dice("random-header").randbytes(60).replace(b"\r", b"").replace(b"\n", b""))
                for n in range(300)
            ),
        )
        + b"\r\nx\r\n"
    ),
)
attack("sender-own-words", plain("sender-own-words", f"{MARK} {sender_of('sender-own-words')}\r\n"))
attack(
    "dkim-h-spaces",
    plain("dkim-h-spaces", extra=field("DKIM-Signature", _DKIM.replace("from:to", "from" + " " * 30_000 + "x")) * 5),
)
