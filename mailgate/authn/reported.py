"""What another server says it verified: Authentication-Results (RFC 8601), believed from named servers only.

Anyone can write this field into a mail. It is believed when its authserv-id is configured as trusted, and of those only
the topmost counts: a server puts its own above everything that came from outside (RFC 8601 §4.1), and it should have
removed older ones with its name (RFC 8601 §5), but nobody's safety hangs on that here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast, get_args

import authres  # type: ignore[import-untyped]

from mailgate.authn.results import Result

#: A field longer than this is not read, and not more fields than this are looked through.
FIELD_BYTES = 8 * 1024
FIELDS = 50

_FIELD = re.compile(rb"^authentication-results[ \t]*:((?:[^\r\n]|\r\n(?=[ \t]))*)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Claim:
    """One method's result. domain: lower-case ASCII, what it is about. selector: DKIM's s=, "" elsewhere."""

    method: str
    result: Result
    domain: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """The topmost trusted field. authserv_id: "" when there is none; claims: of spf, dkim and dmarc."""

    authserv_id: str = ""
    claims: tuple[Claim, ...] = ()


def read_reported(headers: bytes, trusted: Collection[str]) -> Reported:
    """The topmost Authentication-Results of a trusted authserv-id; empty when there is none or it is malformed.

    headers: the header block with CRLF. trusted: authserv-ids, compared without regard to case. Never raises.
    """
    wanted = {name.lower() for name in trusted if name}
    if not wanted or b"authentication-results" not in headers.lower():
        return Reported()
    for number, match in enumerate(_FIELD.finditer(headers)):
        if number >= FIELDS:
            break
        value = match[1].decode("utf-8", "replace").replace("\r\n", "")
        if _authserv_id(value) not in wanted:
            continue
        # From here on there is no second chance: were a malformed field passed over, a forged one below would speak.
        return read_value(value)
    return Reported()


def _authserv_id(value: str) -> str:
    """The first word, comments before it left out; enough to know whose field this is."""
    bare = re.sub(r"\([^()]*\)", " ", value[:1000]).strip()
    return re.split(r"[\s;(]", bare, maxsplit=1)[0].strip('"').lower()


def read_value(value: str) -> Reported:
    """A field's unfolded value, whoever wrote it; empty when it is too long or malformed. Never raises."""
    if len(value) > FIELD_BYTES:
        return Reported()
    try:
        # The semicolon that some servers put behind the last result is no result (RFC 8601 §2.2).
        field = authres.AuthenticationResultsHeader.parse_value(value.rstrip(" \t\r\n;"))
    except Exception:  # SyntaxError of authres, RecursionError of nested comments, ...
        return Reported()
    claims = tuple(claim for result in field.results if (claim := _claim(result)) is not None)
    return Reported(str(field.authserv_id).lower(), claims)


def _claim(result: Any) -> Claim | None:
    verdict = str(result.result).lower()
    if result.method not in ("spf", "dkim", "dmarc") or verdict not in get_args(Result):
        return None
    said = {f"{prop.type}.{prop.name}".lower(): str(prop.value) for prop in reversed(result.properties)}
    match result.method:
        case "spf":
            about = said.get("smtp.mailfrom") or said.get("smtp.mail") or said.get("smtp.helo", "")
        case "dkim":
            about = said.get("header.d") or said.get("header.i", "")
        case _:
            about = said.get("header.from", "")
    domain = about.rpartition("@")[2].lower().strip().rstrip(".")
    return Claim(result.method, cast(Result, verdict), domain if domain.isascii() else "", said.get("header.s", ""))
