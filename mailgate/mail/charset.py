"""Bytes in whatever charset a mail claims → text. Total: every input gives a str that is valid UTF-8.

The ladder, measured on mails of many clients: a byte order mark; UTF-8 where it fits and is not plain ASCII (a
mislabelled `iso-8859-1` is far more common than a Latin text that happens to be valid UTF-8); the declared charset,
widened to the superset that its senders really use (`gb2312` → gb18030, `iso-8859-1` → windows-1252); UTF-8; where
no charset or a Western one is named, an East Asian or Cyrillic one that fits far better (`charsetguess`); then
windows-1252. Only codecs of a list are ever used: Python would also run `zlib_codec` or `idna` for a sender.
Sources: RFC 2045 §2.2, RFC 6532 §3.2.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from mailgate.mail.charsetguess import likely
from mailgate.mail.phrases import words

_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb2312-80": "gb18030",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso8859-1": "cp1252",
    "l1": "cp1252",
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "default": "utf-8",
    "unicode": "utf-8",
    "utf8mb4": "utf-8",
    "x-utf-8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "big5": "big5hkscs",
    "x-big5": "big5hkscs",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-ms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext",
    "cp50222": "iso2022_jp_ext",
    "x-windows-iso2022jp": "iso2022_jp_ext",
    "csiso2022jp": "iso2022_jp_ext",
    "ms_kanji": "cp932",
    "ms932": "cp932",
    "x-ms-cp932": "cp932",
    "csshiftjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-euc": "euc_jp",
    "eucjp-ms": "euc_jp",
    "eucjp-win": "euc_jp",
    "x-euc-kr": "cp949",
    "windows-949": "cp949",
    "x-windows-949": "cp949",
    "ms949": "cp949",
    "ksc_5601": "cp949",
    "ks_c_5601": "cp949",
    "korean": "cp949",
    "iso-ir-149": "cp949",
    "gb_2312-80": "gb18030",
    "cn-gb": "gb18030",
    "csgb2312": "gb18030",
    "euc-cn": "gb18030",
    "x-euc-cn": "gb18030",
    "chinese": "gb18030",
    "cp936": "gb18030",
    "x-cp20936": "gb18030",
    "hz-gb-2312": "hz",
    "x-x-big5": "big5hkscs",
    "cn-big5": "big5hkscs",
    "csbig5": "big5hkscs",
    "x-windows-950": "big5hkscs",
    "cp950": "big5hkscs",
    "koi8r": "koi8-r",
    "koi8": "koi8-r",
    "x-koi8-r": "koi8-r",
    "koi8-ru": "koi8-u",
    "koi8u": "koi8-u",
    "win-1251": "cp1251",
    "win1251": "cp1251",
    "x-viscii": "",
    "iso-8859-1-windows-1252-latin-1": "cp1252",
    "iso8859_1": "cp1252",
    "iso-latin-1": "cp1252",
    "isolatin1": "cp1252",
    "western": "cp1252",
    "iso-8859-12": "cp1252",
    "iso-8859-15-windows-1252": "cp1252",
    "thai": "cp874",
    "tis620": "cp874",
    "iso-8859-8-e": "iso8859-8",
    "x-mac-greek": "mac_greek",
    "x-mac-turkish": "mac_turkish",
    "x-mac-centraleurroman": "mac_latin2",
    "utf8-unicode": "utf-8",
    "unicode-2-0-utf-8": "utf-8",
    "ucs-2": "utf-16",
    "ucs-4": "utf-32",
    "iso-10646-ucs-2": "utf-16",
    "cp-850": "cp850",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ce": "mac_latin2",
    "x-user-defined": "cp1252",
    "x-unknown": "",
    "unknown": "",
    "unknown-8bit": "",
    "8bit": "",
    "none": "",
    "us-ascii": "",
    "ascii": "",
    "us": "",
    "ansi_x3.4-1968": "",
    "binary": "",
}

#: Codecs that turn bytes into text and do nothing else, by the name Python gives them.
_ALLOWED = words(
    """
    utf-8 utf-7 utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be gb18030 big5 big5hkscs hz cp949 euc_kr
    johab iso2022_kr euc_jp euc_jis_2004 cp932 shift_jis iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_3
    iso2022_jp_2004 iso2022_jp_ext koi8-r koi8-u koi8-t kz1048 ptcp154 tis-620 mac-roman mac-cyrillic
    mac-greek mac-latin2 mac-turkish mac-iceland cp037 cp500 cp1140 cp437 cp720 cp737 cp775 cp850 cp852 cp855
    cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865 cp866 cp869 cp874 cp1125 cp1250 cp1251 cp1252 cp1253
    cp1254 cp1255 cp1256 cp1257 cp1258 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8
    iso8859-9 iso8859-10 iso8859-11 iso8859-13 iso8859-14 iso8859-15 iso8859-16
    """
)

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ESCAPES = (b"\x1b$B", b"\x1b$@", b"\x1b(J", b"\x1b$(D")
_NUMBERED = re.compile(r"(?:x-)?(?:cp|windows|win|ms|ibm|oem)[-_ ]?(\d{3,4})")
_JIS_SHIFT = re.compile(rb"\x1b(\$[@B]|\$\(D|\([BJI])")


@lru_cache(maxsize=512)
def codec(declared: str) -> str:
    """The codec for a declared charset, widened; "" when it is unknown, not allowed, or says nothing (`us-ascii`)."""
    label = declared.strip(" \t\r\n'\"<>;").lower()[:40]
    label = _WIDER.get(label, label)
    if not label:
        return ""
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError, UnicodeError):
        numbered = _NUMBERED.fullmatch(label)  # `x-cp1252`, `cp-1252`, `windows1252`, `win-1250`, `ibm 850`
        if numbered is None:
            return ""
        name = f"cp{numbered.group(1)}"
    name = _WIDER.get(name, name)
    return name if name in _ALLOWED else ""


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """Text of `data` and a defect in words ("" for none). declared: the charset label as the mail gives it."""
    if data.isascii():
        return _decode_ascii(data, declared)
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _clean(
                data[len(bom) :].decode(name, "replace") if name == "utf-8" else data.decode(name, "replace")
            ), ""
    name = codec(declared)
    if not name.startswith(("utf-16", "utf-32")):
        try:
            return data.decode("utf-8"), "" if name == "utf-8" else _odd(declared, "utf-8")
        except UnicodeDecodeError:
            pass
    if name in ("", "cp1252") or (name == "utf-8" and not _mostly_utf8(data)):
        guess = likely(data)
        if guess:
            return _clean(data.decode(guess, "replace")), _odd(declared, guess)
    if name and name != "utf-8":
        try:
            return _clean(data.decode(name)), ""
        except (UnicodeError, ValueError):
            return _clean(data.decode(name, "replace")), f"charset {name}: some bytes do not fit"
    if name == "utf-8" and _mostly_utf8(data):
        return data.decode("utf-8", "replace"), "charset utf-8: some bytes do not fit"
    return data.decode("cp1252", "replace"), _odd(declared, "windows-1252")


def _decode_ascii(data: bytes, declared: str) -> tuple[str, str]:
    """7-bit bytes: still Japanese, Chinese or UTF-7 when they say so (ISO-2022-JP, HZ, UTF-7 are 7-bit charsets)."""
    if b"\x1b" in data and any(escape in data for escape in _ESCAPES):
        return _iso2022_jp(data), ""
    name = codec(declared)
    if name.startswith(("utf-16", "utf-32")) and b"\0" not in data:
        return data.decode("ascii"), _odd(declared, "us-ascii")
    if name in ("utf-7", "hz", "iso2022_kr") or name.startswith(("utf-16", "utf-32", "iso2022")):
        try:
            return _clean(data.decode(name, "replace")), ""
        except (UnicodeError, ValueError):
            return data.decode("ascii"), f"charset {name}: not readable"
    return data.decode("ascii"), ""


def _iso2022_jp(data: bytes) -> str:
    """ISO-2022-JP (RFC 1468) as senders use it: with the rows of NEC and IBM (①, ㈱, 髙), which Python's codecs for it
    do not know and its cp932 does; with half-width katakana; with ASCII and JIS X 0212 in between."""
    out: list[str] = []
    state, at = b"(B", 0
    for shift in _JIS_SHIFT.finditer(data):
        out.append(_jis(data[at : shift.start()], state))
        state, at = shift.group(1), shift.end()
    out.append(_jis(data[at:], state))
    return _clean("".join(out))


def _jis(run: bytes, state: bytes) -> str:
    """One run of ISO-2022-JP in one character set, 7-bit."""
    if state in (b"$B", b"$@"):
        lines = run.split(b"\n")  # a line end ends a set that the sender forgot to end
        return "\n".join(_kanji(lines[0]) if not n else line.decode("ascii", "replace") for n, line in enumerate(lines))
    if state == b"(I":
        return bytes(b | 0x80 if 0x20 < b < 0x60 else b for b in run).decode("cp932", "replace")
    if state == b"$(D":
        pairs = (run[i : i + 2] for i in range(0, len(run) - 1, 2))
        return "".join(bytes((0x8F, a | 0x80, b | 0x80)).decode("euc_jp", "replace") for a, b in pairs)
    return run.decode("ascii", "replace")


def _kanji(run: bytes) -> str:
    """JIS X 0208 pairs by way of Shift_JIS, which only moves the rows."""
    out = bytearray()
    for i in range(0, len(run) - 1, 2):
        row, cell = run[i], run[i + 1]
        if not (0x20 < row < 0x7F and 0x20 < cell < 0x7F):
            out += b"?"
            continue
        out.append((row + 1) // 2 + (0x70 if row < 0x5F else 0xB0))
        out.append(cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20))
    return bytes(out).decode("cp932", "replace")


def _mostly_utf8(data: bytes) -> bool:
    """A UTF-8 text with a few broken bytes (cut by a server in the middle of a character), not another charset."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    good = sum(1 for c in text[:20000] if c > "\x7f" and c != "\ufffd")
    return good > 2 * broken


def _odd(declared: str, used: str) -> str:
    return f"charset {declared[:40]!r} read as {used}" if codec(declared) or declared else ""


def _clean(text: str) -> str:
    """No lone surrogates: some codecs (UTF-7, UTF-16) can make them."""
    return text.encode("utf-8", "replace").decode("utf-8")
