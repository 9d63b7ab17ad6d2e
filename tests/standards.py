"""Gather the standards that the code cites into `docs/standards.md`, and refuse what is badly cited.

    python -m tests.standards            check: 1 if a citation is bad or the page is not what the code says
    python -m tests.standards --write    write the page (`make standards`)

Citations are read out of docstrings and comments. The one way to cite a section is `RFC 5321 §4.5.3.1.8`, with the RFC
named each time; `RFC 3834` alone means the whole. A number that is not in TITLES is taken for a slip of the pen.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("mailgate", "store", "scheduler")
PAGE = ROOT / "docs" / "standards.md"

TITLES = {
    1035: "Domain names: implementation and specification",
    1047: "Duplicate messages and SMTP",
    1741: "MIME content type for BinHex encoded files",
    1847: "MIME: multipart/signed and multipart/encrypted",
    1468: "Japanese Character Encoding for Internet Messages",
    1489: "Registration of a Cyrillic Character Set",
    1870: "SMTP: message size declaration",
    1912: "Common DNS operational and configuration errors",
    2033: "Local Mail Transfer Protocol",
    2034: "SMTP: enhanced error codes",
    2045: "MIME 1: format of message bodies",
    2046: "MIME 2: media types",
    2047: "MIME 3: header extensions for non-ASCII text",
    2049: "MIME 5: conformance criteria",
    2142: "Mailbox names for common services and roles",
    2177: "IMAP4 IDLE",
    2181: "Clarifications to the DNS specification",
    2183: "The Content-Disposition header field",
    2231: "MIME parameter values and encoded words: character sets, languages, continuations",
    2308: "Negative caching of DNS queries",
    2342: "IMAP4 Namespace",
    2369: "URLs for mail list commands in header fields",
    2387: "The MIME multipart/related content type",
    2392: "Content-ID and Message-ID URLs",
    2397: "The data URL scheme",
    2557: "MIME encapsulation of aggregate documents (MHTML)",
    2646: "The text/plain format parameter (obsolete)",
    2822: "Internet Message Format (obsolete)",
    2919: "List-Id",
    2920: "SMTP: command pipelining",
    3030: "SMTP: large and binary MIME messages",
    3156: "MIME security with OpenPGP",
    3207: "SMTP over TLS",
    3339: "Date and time on the Internet: timestamps",
    3461: "SMTP: delivery status notifications",
    3462: "The multipart/report content type (obsolete)",
    3463: "Enhanced mail system status codes",
    3464: "Delivery status notifications",
    3501: "IMAP4rev1",
    3629: "UTF-8",
    3676: "The text/plain format and delsp parameters",
    3696: "Checking and transformation of names",
    3834: "Automatic responses to electronic mail",
    3848: "ESMTP and LMTP transmission types",
    3864: "Registration of message header fields",
    3986: "URI: generic syntax",
    4021: "Registration of mail and MIME header fields",
    4155: "The application/mbox media type",
    4180: "Common format and MIME type for CSV files",
    4289: "MIME: registration procedures",
    4315: "IMAP: UIDPLUS",
    4422: "SASL",
    4551: "IMAP: conditional STORE",
    4616: "SASL PLAIN",
    4647: "Matching of language tags",
    4648: "Base16, Base32 and Base64",
    4954: "SMTP: authentication",
    5228: "Sieve",
    5230: "Sieve: vacation",
    5233: "Sieve: subaddress",
    5248: "A registry for SMTP enhanced status codes",
    5321: "Simple Mail Transfer Protocol",
    5322: "Internet Message Format",
    5429: "Sieve: reject",
    5451: "Authentication-Results (obsolete)",
    5545: "iCalendar",
    5546: "iTIP",
    5598: "Internet mail architecture",
    5646: "Tags for identifying languages",
    5652: "Cryptographic Message Syntax",
    5703: "Sieve: MIME part tests",
    5890: "Internationalised domain names: definitions",
    5891: "Internationalised domain names: protocol",
    5965: "Abuse reporting format",
    6068: "The mailto URI scheme",
    6125: "Verifying the name of a TLS server",
    6152: "SMTP: 8-bit MIME transport",
    6154: "IMAP: special-use mailboxes",
    6177: "IPv6 address assignment to end sites",
    6265: "HTTP state management (cookies)",
    6266: "Content-Disposition in HTTP",
    6376: "DomainKeys Identified Mail (DKIM) signatures",
    6409: "Message submission for mail",
    6522: "The multipart/report media type",
    6530: "Internationalised email: framework",
    6531: "SMTP: internationalised email",
    6532: "Internationalised email header fields",
    6533: "Internationalised delivery status notifications",
    6648: "Against X- in names",
    6655: "AES-CCM cipher suites for TLS",
    6585: "Additional HTTP status codes",
    6657: "Charset defaults of text media types",
    6710: "SMTP: transfer priorities",
    6713: "The application/zlib and application/gzip media types",
    6729: "The Received state field",
    6749: "OAuth 2.0",
    6750: "OAuth 2.0 bearer tokens",
    6797: "HTTP strict transport security",
    6838: "Media types: registration procedures",
    6851: "IMAP: MOVE",
    6854: "Group syntax in From and Sender",
    6891: "Extension mechanisms for DNS (EDNS0)",
    7001: "Authentication-Results (obsolete)",
    7103: "Advice for safe handling of malformed messages",
    7162: "IMAP: CONDSTORE and QRESYNC",
    7208: "Sender Policy Framework (SPF)",
    7231: "HTTP/1.1: semantics (obsolete)",
    7293: "Require-Recipient-Valid-Since",
    7372: "Email authentication status codes",
    7489: "DMARC",
    7505: "A null MX: no mail for a domain",
    7601: "Authentication-Results (obsolete)",
    7628: "SASL mechanisms for OAuth",
    7672: "SMTP security by DANE",
    7807: "Problem details for HTTP (obsolete)",
    7960: "DMARC and indirect mail flows",
    8030: "Web push",
    8058: "One-click unsubscribe",
    8098: "Message disposition notifications",
    8187: "Character set and language of HTTP header parameters",
    8259: "JSON",
    8301: "DKIM: algorithms and key sizes",
    8314: "Cleartext considered obsolete: TLS for submission and access",
    8460: "SMTP TLS reporting",
    8461: "SMTP MTA strict transport security",
    8463: "DKIM: Ed25519",
    8551: "S/MIME 4.0",
    8601: "Authentication-Results",
    8616: "Email authentication for internationalised mail",
    8617: "Authenticated Received Chain (ARC)",
    8620: "JMAP",
    9051: "IMAP4rev2",
    9106: "Argon2 memory-hard function",
    9110: "HTTP semantics",
    9111: "HTTP caching",
    9112: "HTTP/1.1",
    9457: "Problem details for HTTP",
    9562: "UUIDs",
    9580: "OpenPGP",
}

_CITATION = re.compile(r"\bRFC (?P<number>\d{3,5})(?: §(?P<section>[A-Z]?\d*(?:\.\d+)*)(?![\w§]|\.\w))?")
# Every attempt at a citation. `message/rfc822` and IMAP's RFC822.SIZE are names, not citations.
_ATTEMPT = re.compile(r"(?:\b[Rr][Ff][Cc]s?[\s\-_:.#]*\d{3,5}\b(?!\.[A-Z]))(?<!/rfc822)(?<!rfc822)(?<!RFC822)")
_AFTER_BAD = re.compile(r"\s*(?:,\s*)?(?:§|[Ss]ect?(?:ion|s)?\b\.?|[Ss]\.\s*\d|par\.|chapter\b)")
_CONTINUED = re.compile(r"RFC \d+ §[\w.]+?\.?(?:,| and| or| to|,? &|\s?[-–/])\s?§")
_FORM = "write it like `RFC 5321 §4.5.3.1.8`, the RFC named each time"


@dataclass(frozen=True, slots=True, order=True)
class Citation:
    """Where a standard is cited. section: "" for the whole RFC."""

    rfc: int
    section: str
    file: str


def prose(source: str) -> Iterator[tuple[int, str]]:
    """The docstrings and blocks of comments of a file: first line (1-based) and words, on one line each."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, " ".join(node.value.value.split())
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [(token.start[0], token.string.lstrip("#: ")) for token in tokens if token.type == tokenize.COMMENT]
    for _, block in groupby(enumerate(comments), key=lambda numbered: numbered[1][0] - numbered[0]):
        lines = [comment for _, comment in block]
        yield lines[0][0], " ".join(text for _, text in lines)


def read(words: str) -> tuple[list[tuple[int, str]], list[str]]:
    """The (RFC, section) pairs that a text cites, and what is wrong with the way it does."""
    cited: list[tuple[int, str]] = []
    wrong: list[str] = []
    for attempt in _ATTEMPT.finditer(words):
        match = _CITATION.match(words, attempt.start())
        shown = words[attempt.start() : attempt.end() + 18].strip()
        if match is None:
            wrong.append(f"`{shown}`: {_FORM}")
            continue
        section = match["section"]
        if section == "" or (section is None and _AFTER_BAD.match(words, match.end())):
            wrong.append(f"`{shown}`: {_FORM}")
        elif int(match["number"]) not in TITLES:
            wrong.append(f"`{shown}`: is there such an RFC? Then give it a title in tests/standards.py")
        else:
            cited.append((int(match["number"]), section or ""))
    wrong += [f"`{match[0]}`: {_FORM}" for match in _CONTINUED.finditer(words)]
    return cited, wrong


def gather(root: Path = ROOT) -> tuple[list[Citation], list[str]]:
    """All citations of the packages, sorted, and the bad ones as `file:line: what is wrong`."""
    found: set[Citation] = set()
    bad: list[str] = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            for line, words in prose(path.read_text()):
                cited, wrong = read(words)
                found |= {Citation(number, section, name) for number, section in cited}
                bad += [f"{name}:{line}: {reason}" for reason in wrong]
    return sorted(found, key=lambda one: (one.rfc, section_order(one.section), one.file)), bad


def section_order(section: str) -> list[tuple[int, str]]:
    """4.5.10 after 4.5.9, appendices last."""
    return [(int(part), "") if part.isdigit() else (10**6, part) for part in section.split(".") if part]


def page(citations: list[Citation]) -> str:
    """`docs/standards.md`: a row for each section, with the files that cite it."""
    files: dict[tuple[int, str], list[str]] = defaultdict(list)
    for one in citations:
        files[one.rfc, one.section].append(one.file)
    lines = [
        "# Standards",
        "",
        "Which section of which RFC stands behind which file. Gathered from the docstrings and comments by",
        "`make standards`; do not edit by hand.",
    ]
    for number, sections in groupby(files, key=lambda key: key[0]):
        lines += ["", f"## [RFC {number}](https://www.rfc-editor.org/rfc/rfc{number}): {TITLES[number]}", ""]
        lines += ["| section | files |", "| --- | --- |"]
        for _, section in sections:
            where = f"[§{section}]({_link(number, section)})" if section else "whole"
            lines.append(f"| {where} | {', '.join(f'`{file}`' for file in files[number, section])} |")
    return "\n".join(lines) + "\n"


def _link(number: int, section: str) -> str:
    kind = "section" if section[0].isdigit() else "appendix"
    return f"https://www.rfc-editor.org/rfc/rfc{number}#{kind}-{section}"


def main(arguments: list[str]) -> int:
    citations, bad = gather()
    if bad:
        print("\n".join(bad), file=sys.stderr)
        return 1
    text = page(citations)
    if "--write" in arguments:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)
        rfcs = len({one.rfc for one in citations})
        print(f"{PAGE.relative_to(ROOT)}: {rfcs} RFCs, {len({(o.rfc, o.section) for o in citations})} sections")
        return 0
    if not PAGE.exists() or PAGE.read_text() != text:
        print("docs/standards.md is not what the code cites; run `make standards`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
