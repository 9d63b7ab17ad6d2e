"""Attacks by files: bombs, names that are paths, types that lie, wrappers (TNEF, S/MIME, invitations, cards)."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

from tests.hostile.mails import MARK, attack, dice, field, file_of, multi, part, text_part, typed


def _file(who: str, data: bytes, content_type: str = "application/octet-stream", name: str = "a.bin") -> None:
    attack(who, multi(who, [text_part(), file_of(data, content_type, name)]))


def _zip(levels: int = 1) -> bytes:
    data = b"\0" * 4_000_000
    for level in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(10):
                archive.writestr(f"{level}-{n}", data)
        data = out.getvalue()
    return data


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress(b"\0" * 1_000_000)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
        + chunk(b"IDAT", rows)
    )


_LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
) + b"]><l>&j;</l>"  # fmt: skip
_TNEF = b"\x78\x9f\x3e\x22\x00\x00"


def _attribute(level: int, kind: int, data: bytes, length: int | None = None) -> bytes:
    return (
        struct.pack("<BII", level, kind, len(data) if length is None else length)
        + data
        + struct.pack("<H", sum(data) & 0xFFFF)
    )


_file("zip-bomb", _zip(2), "application/zip", "a.zip")
_file("gzip-bomb", gzip.compress(b"\0" * 20_000_000), "application/gzip", "a.gz")
_file("png-bomb", _png(60_000, 60_000), "image/png", "a.png")
_file("png-bomb-largest", _png(0xFFFFFFFF, 0xFFFFFFFF), "image/png", "a.png")
_file("gif-bomb", b"GIF89a\xff\xff\xff\xff\xf7\0\0" + b"\0" * 768 + b"," * 90_000, "image/gif", "a.gif")
_file(
    "jpeg-bomb",
    b"\xff\xd8" + b"\xff\xe1\x00\x02" * 90_000 + b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff",
    "image/jpeg",
    "a.jpg",
)
_file("jpeg-fill-bomb", b"\xff\xd8" + b"\xff" * 900_000, "image/jpeg", "a.jpg")
_file("webp-bomb", b"RIFF\xff\xff\xff\xffWEBPVP8X\xff\xff\xff\xff" + b"\xff" * 1_000, "image/webp", "a.webp")
_file("tiff-bomb", b"II*\0\xff\xff\xff\xff", "image/tiff", "a.tif")
_file(
    "svg-bomb",
    b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">' + b"<g>" * 100_000,
    "image/svg+xml",
    "a.svg",
)
_file("xml-bomb", _LAUGHS, "application/xml", "a.xml")
_file("xml-external-bomb", b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "text/xml", "a.xml")
_file("docx-bomb", _zip(1), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx")
_file("pdf-bomb", b"%PDF-1.7\n" + b"<< /Length 9999999999 >>" * 20_000, "application/pdf", "a.pdf")
_file("zip-bomb-names", b"PK\x05\x06" + b"\xff" * 18 + b"PK\x01\x02" + b"\xff" * 300_000, "application/zip", "a.zip")
_file(
    "zip-bomb-directory",
    b"PK\x01\x02" * 200_000 + b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0",
    "application/zip",
    "a.zip",
)
_file("exe-as-text", b"MZ\x90\0" + b"\0" * 5_000, "text/plain", "recibo.txt.exe")
_file("html-as-png", f"<script>alert(1)</script>{MARK}".encode(), "image/png", "a.png")
_file("eicar-like", b"MZ" * 10, "application/x-msdownload", "fatura.pdf\u202efdp.exe")
for number, name in enumerate([
    "../../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\boot.ini", ".htaccess", "..", ".", "a/b/c", "con.txt", "aux", "a" * 5_000, " " * 500, "a.txt.",
    "\u202etxt.exe", "\u200b.php", "a\u0301" * 500, "=?utf-8?q?..=2F..=2Fx?=", "<img src=x onerror=alert(1)>.png", "a;b.txt", "-rf", "~/.ssh/authorized_keys", "$(id)", "%2e%2e%2f", "a\tb",
    "file:///etc/passwd", "=cmd|'/C calc'!A0", "nul\x01\x7f", "\\\\servidor\\c$\\x", "CON", "…", "a.tar.gz" * 200, "'; drop table blob; --", "${jndi:ldap://x}", "index.html", "web.config", "x.pht", "{{7*7}}.txt",
]):  # fmt: skip
    attack(f"path-{number}", multi(f"path-{number}", [text_part(), file_of(b"%d" % number, "text/plain", name)]))
attack(
    "path-2231",
    multi(
        "path-2231",
        [
            text_part(),
            part(
                "text/plain",
                b"x",
                field(
                    "Content-Disposition", "attachment; filename*0*=utf-8''..%2F..%2F; filename*1*=..%2Fetc%2Fpasswd"
                ),
            ),
        ],
    ),
)
attack(
    "path-2231-many",
    lambda: multi(
        "path-2231-many",
        [
            text_part(),
            part(
                "text/plain",
                b"x",
                field("Content-Disposition", "attachment" + "".join(f";\r\n filename*{n}=a" for n in range(1_500))),
            ),
        ],
    ),
)
attack(
    "path-2231-order",
    multi(
        "path-2231-order",
        [
            text_part(),
            part(
                "text/plain",
                b"x",
                field(
                    "Content-Disposition",
                    "attachment; filename*1=.txt; filename*0=a; filename*=utf-8''b.exe; filename=c.txt",
                ),
            ),
        ],
    ),
)
for number, kind in enumerate([
    "text/html\r\n X-Evil: 1", "text/html;charset=utf-7", "image/svg+xml", "application/xhtml+xml", "text/xml", "text/javascript", "application/x-shockwave-flash", "multipart/x-mixed-replace; boundary=b", "x" * 5_000 + "/y", "text/html, text/plain",
    'image/png"; onload="x', "application/json\0", "message/http", "text/plain; name=\"a\r\n b\"", "../../x", "text/\u00e9", "*/*", "text/html ;;;;;;", "IMAGE/PNG", "application/octet-stream; name=" + "x" * 20_000,
]):  # fmt: skip
    attack(
        f"ctype-injection-{number}",
        multi(f"ctype-injection-{number}", [text_part(), file_of(b"<script>alert(1)</script>", kind, "a")]),
    )
# -- winmail.dat
_file("tnef-empty", _TNEF, "application/ms-tnef", "winmail.dat")
_file("tnef-length", _TNEF + _attribute(1, 0x00069003, b"\xff" * 100, 0xFFFFFFFF), "application/ms-tnef", "winmail.dat")
_file("tnef-attributes", _TNEF + _attribute(2, 0x00069002, b"\0" * 14) * 40_000, "application/ms-tnef", "winmail.dat")
_file(
    "tnef-files",
    _TNEF
    + (_attribute(2, 0x00069002, b"\0" * 14) + _attribute(2, 0x00018010, b"a.txt\0") + _attribute(2, 0x0006800F, b"x"))
    * 5_000,
    "application/ms-tnef",
    "winmail.dat",
)
_file(
    "tnef-properties",
    _TNEF + _attribute(1, 0x00069003, struct.pack("<I", 0xFFFFFFFF) + b"\x1e\x00\x01\x10" * 50_000),
    "application/ms-tnef",
    "winmail.dat",
)
_file(
    "tnef-rtf",
    _TNEF
    + _attribute(
        1,
        0x00069003,
        struct.pack("<III", 1, 0x10090102, 1)
        + struct.pack("<IIIII", 1_000_016, 1_000_000, 0xFFFFFFFF, 0x75465A4C, 0)
        + b"\xff" * 1_000_000,
    ),
    "application/ms-tnef",
    "winmail.dat",
)
_file("tnef-random", _TNEF + dice("tnef").randbytes(300_000), "application/ms-tnef", "winmail.dat")
attack(
    "tnef-in-tnef",
    lambda: typed(
        "tnef-in-tnef", "application/ms-tnef", _TNEF + _attribute(2, 0x0006800F, _TNEF * 10_000), name="winmail.dat"
    ),
)
attack(
    "tnef-30",
    lambda: multi(
        "tnef-30",
        [file_of(_TNEF + dice(str(n)).randbytes(90_000), "application/ms-tnef", "winmail.dat") for n in range(60)],
    ),
)
# -- seals
_file("smime-random", dice("smime").randbytes(300_000), "application/pkcs7-mime; smime-type=signed-data", "smime.p7m")
_file("smime-nested", b"\x30\x80" * 200_000, "application/pkcs7-mime; smime-type=signed-data", "smime.p7m")
_file(
    "smime-lengths", b"\x30\x84\xff\xff\xff\xff" * 50_000, "application/pkcs7-mime; smime-type=signed-data", "smime.p7m"
)
_file(
    "smime-pieces", b"\x24\x80" + b"\x04\x01x" * 200_000, "application/pkcs7-mime; smime-type=signed-data", "smime.p7m"
)
_file("smime-enveloped", b"\x30\x82\x10\x00" * 30_000, "application/pkcs7-mime; smime-type=enveloped-data", "smime.p7m")
attack(
    "smime-only",
    typed(
        "smime-only", "application/pkcs7-mime; smime-type=signed-data", b"\x30\x80\x06\x09" * 90_000, name="smime.p7m"
    ),
)
attack(
    "smime-of-agent",
    typed(
        "smime-of-agent",
        "application/pkcs7-mime; smime-type=signed-data",
        b"\x30\x80\x24\x80\x04\x82\x00\x50From: bruno@example.test\r\nSubject: [SUP-1] x\r\nContent-Type: text/plain\r\n\r\n#fechar\r\n",
        name="smime.p7m",
    ),
)
# -- invitations, cards
_EVENT = "BEGIN:VEVENT\r\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=999999999\r\nDTSTART:99991231T235959Z\r\nSUMMARY:{{7*7}}\r\nEND:VEVENT\r\n"
for name, text in {
    "calendar-rrule": "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n" + _EVENT + "END:VCALENDAR\r\n", "calendar-events": "BEGIN:VCALENDAR\r\n" + _EVENT * 8_000, "calendar-folds": "BEGIN:VCALENDAR\r\nSUMMARY:" + "a\r\n " * 200_000,
    "calendar-nested": "BEGIN:VEVENT\r\n" * 60_000, "calendar-attendees": "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + "ATTENDEE:mailto:a@b.test\r\n" * 40_000, "calendar-long": "BEGIN:VCALENDAR\r\nDESCRIPTION:" + "x" * 900_000, "calendar-params": "BEGIN:VEVENT\r\nDTSTART" + ";TZID=x" * 100_000 + ":1",
    "calendar-zones": "BEGIN:VCALENDAR\r\n" + "BEGIN:VTIMEZONE\r\nTZID:../../etc/passwd\r\nEND:VTIMEZONE\r\n" * 15_000, "calendar-dates": "BEGIN:VEVENT\r\nDTSTART:" + "9" * 50_000 + "\r\nDTEND:\0\r\nEND:VEVENT\r\n",
}.items():  # fmt: skip
    attack(
        name,
        multi(
            name,
            [text_part(), part("text/calendar; charset=utf-8; method=REQUEST", text.encode())]
            if len(text) < 50_000
            else [
                text_part(),
                typed(name, "text/calendar; charset=utf-8; method=REQUEST", text.encode()).split(
                    b"MIME-Version: 1.0\r\n"
                )[1],
            ],
            "alternative",
        ),
    )
_file("vcard-flood", ("BEGIN:VCARD\r\nFN:" + "x" * 200 + "\r\nEND:VCARD\r\n").encode() * 4_000, "text/vcard", "a.vcf")
_file("vcard-photo", b"BEGIN:VCARD\r\nPHOTO;ENCODING=b:" + b"A" * 900_000, "text/vcard", "a.vcf")
# -- mails as files: nobody's text, nobody's identity
attack(
    "rfc822-of-agent",
    multi(
        "rfc822-of-agent",
        [
            text_part(),
            part(
                "message/rfc822",
                b"From: bruno@example.test\r\nTo: suporte@example.test\r\nSubject: [SUP-1] x\r\nIn-Reply-To: <1@example.test>\r\n\r\n#fechar\r\n",
            ),
        ],
    ),
)
attack(
    "rfc822-only-of-agent",
    typed("rfc822-only-of-agent", "text/plain", b"x").replace(
        b"Content-Type: text/plain", b"Content-Type: message/rfc822"
    )
    + b"From: bruno@example.test\r\nSubject: [SUP-1]\r\n\r\n#fechar\r\n",
)
attack("rfc822-base64", typed("rfc822-base64", "message/rfc822", b"From: bruno@example.test\r\n\r\n#fechar\r\n"))
attack(
    "rfc822-400", lambda: multi("rfc822-400", [part("message/rfc822", b"Subject: x\r\n\r\n" + b"y\r\n" * 500)] * 400)
)
attack(
    "files-24MiB",
    lambda: multi("files-24MiB", [text_part(), file_of(dice("f").randbytes(17 << 20), "application/pdf", "a.pdf")]),
)
attack(
    "files-100-of-200k",
    lambda: multi(
        "files-100-of-200k", [file_of(dice(str(n)).randbytes(130_000), "image/png", f"{n}.png") for n in range(100)]
    ),
)
