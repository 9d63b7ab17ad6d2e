"""DKIM (RFC 6376) by dkimpy, with our resolver, and what dkimpy lets through kept out (`signature`): a signature that
covers only the first `l=` octets of the body, one that does not sign From, SHA-1."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

import dkim

from mailgate.authn.domains import aligned
from mailgate.authn.resolver import DnsTemporaryError, Resolver
from mailgate.authn.results import Result
from mailgate.authn.signature import FIELD_BYTES, Tags, bearable, canonical_body, cut_short, domain_of, try_keys
from mailgate.authn.wire import Wire

#: Signatures looked at in one mail (RFC 6376 §6.1 lets a verifier stop).
SIGNATURES = 5


@dataclass(frozen=True, slots=True)
class Dkim:
    """One signature and what came of it. domain, selector: its d= and s=. note: why it is not a pass, in words."""

    result: Result = "none"
    domain: str = ""
    selector: str = ""
    note: str = ""


def check_dkim(wire: Wire, author_domain: str, resolver: Resolver) -> list[Dkim]:
    """The results of up to five signatures, those of the author's organisation first; [] when there is none.

    Stops at the first pass whose domain is exactly the author's, for more can no longer change anything. Never raises.
    """
    if b"\ndkim-signature:" not in wire.names():
        return []
    logger = logging.getLogger("mailgate.authn.dkim")
    try:
        message = dkim.DKIM(wire.headers, logger=logger)
    except Exception:  # a line that is no header field; nobody can have signed that
        return [Dkim("permerror", note="the header is malformed")]
    results: list[Dkim] = []
    for index in _order(message.headers, author_domain):
        results.append(_check_one(message, index, wire.body, resolver))
        if results[-1].result == "pass" and results[-1].domain == author_domain:
            break
    return results


def _order(headers: list[tuple[bytes, bytes]], author_domain: str) -> list[int]:
    """Indexes among the signatures, topmost first, but those of the author's organisation before the others."""
    values = [value for name, value in headers if name.lower() == b"dkim-signature"][: 4 * SIGNATURES]
    found = [re.search(rb"(?:^|;)\s*d\s*=\s*([^\s;]+)", value[:FIELD_BYTES]) for value in values]
    domains = [match[1].decode("ascii", "replace") if match else "" for match in found]
    order = sorted(range(len(values)), key=lambda i: not aligned(domains[i], author_domain, strict=False))
    return order[:SIGNATURES]


def _check_one(message: Any, index: int, body: bytes, resolver: Resolver) -> Dkim:
    domain = selector = ""
    try:
        value = [value for name, value in message.headers if name.lower() == b"dkim-signature"][index]
        if not bearable(value):
            return Dkim("policy", note="the signature field is too long")
        tags, signed, fields = message.verify_headerprep(index)
        domain = domain_of(tags)
        selector = tags[b"s"].decode()
        message.body = canonical_body(body, tags)
        if refused := _refused(tags, signed, len(message.body)):
            return Dkim("policy", domain, selector, refused)
        result, note = try_keys(message, tags, signed, fields[index], resolver)
        return Dkim(result, domain, selector, note)
    except DnsTemporaryError:
        return Dkim("temperror", domain, selector, "DNS did not answer for the key")
    except dkim.ValidationError as error:
        fault: Result = "fail" if "body hash" in str(error) else "permerror"
        return Dkim(fault, domain, selector, "the body was changed" if fault == "fail" else "the signature is invalid")
    except Exception:  # dkimpy raises its own and Python's errors alike on hostile fields and keys
        return Dkim("permerror", domain, selector, "the signature or its key is malformed")


def _refused(tags: Tags, signed: list[bytes], length: int) -> str:
    """Why a signature proves too little even if it verifies; "" when it may be tried."""
    if b"from" not in signed:
        return "From is not signed"
    if cut_short(tags, length):
        return "l= leaves a part of the body unsigned"
    if tags[b"a"] == b"rsa-sha1":
        return "SHA-1 is not accepted"
    return ""
