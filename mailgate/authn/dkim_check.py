"""DKIM (RFC 6376) by dkimpy, with our resolver, and what dkimpy lets through kept out.

dkimpy believes a signature that covers only the first `l=` octets of the body, one that does not sign From, SHA-1
(against RFC 8301 §3.1), and keys of any width, which a stranger could use to keep a processor busy.
"""

from __future__ import annotations

import binascii
import logging
import re
from dataclasses import dataclass
from typing import Any

import dkim
import dkim.util

from mailgate.authn.domains import aligned
from mailgate.authn.resolver import DnsTemporaryError, Resolver
from mailgate.authn.results import Result
from mailgate.authn.wire import Wire, relaxed_body, simple_body

#: Signatures looked at in one mail (RFC 6376 §6.1 lets a verifier stop), and how long one may be.
SIGNATURES = 5
SIGNATURE_BYTES = 8 * 1024
#: Key records tried for one signature.
KEYS = 3
KEY_BITS_LEAST = 1024
KEY_BITS_MOST = 8192
EXPONENT_BITS_MOST = 64


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
    found = [re.search(rb"(?:^|;)\s*d\s*=\s*([^\s;]+)", value[:SIGNATURE_BYTES]) for value in values]
    domains = [match[1].decode("ascii", "replace") if match else "" for match in found]
    order = sorted(range(len(values)), key=lambda i: not aligned(domains[i], author_domain, strict=False))
    return order[:SIGNATURES]


def _check_one(message: Any, index: int, body: bytes, resolver: Resolver) -> Dkim:
    domain = selector = ""
    try:
        value = [value for name, value in message.headers if name.lower() == b"dkim-signature"][index]
        # dkimpy's expressions are quadratic in white space: 8 KiB of it would take 0.2 s, five times over.
        if len(value) > SIGNATURE_BYTES or re.search(rb"\s{200}", value):
            return Dkim("policy", note="the signature field is too long")
        tags, signed, fields = message.verify_headerprep(index)
        domain = tags[b"d"].decode().lower().rstrip(".")
        selector = tags[b"s"].decode()
        message.body = _canonical(body, tags)
        if refused := _refused(tags, signed, len(message.body)):
            return Dkim("policy", domain, selector, refused)
        return _verify(message, tags, signed, fields[index], resolver)
    except DnsTemporaryError:
        return Dkim("temperror", domain, selector, "DNS did not answer for the key")
    except dkim.ValidationError as error:
        fault: Result = "fail" if "body hash" in str(error) else "permerror"
        return Dkim(fault, domain, selector, "the body was changed" if fault == "fail" else "the signature is invalid")
    except Exception:  # dkimpy raises its own and Python's errors alike on hostile fields and keys
        return Dkim("permerror", domain, selector, "the signature or its key is malformed")


def _canonical(body: bytes, tags: dict[bytes, bytes]) -> bytes:
    return relaxed_body(body) if tags.get(b"c", b"").endswith(b"/relaxed") else simple_body(body)


def _refused(tags: dict[bytes, bytes], signed: list[bytes], length: int) -> str:
    """Why a signature proves too little even if it verifies; "" when it may be tried."""
    if b"from" not in signed:
        return "From is not signed"
    if b"l" in tags and int(tags[b"l"]) != length:
        return "l= leaves a part of the body unsigned"
    if tags[b"a"] == b"rsa-sha1":
        return "SHA-1 is not accepted"
    return ""


def _verify(message: Any, tags: dict[bytes, bytes], signed: list[bytes], field: Any, resolver: Resolver) -> Dkim:
    domain, selector = tags[b"d"].decode().lower().rstrip("."), tags[b"s"].decode()
    tried = Dkim("permerror", domain, selector, "there is no key in DNS")
    for record in _key_records(f"{selector}._domainkey.{domain}", resolver):
        try:
            result, note = _try_key(message, tags, list(signed), field, record)
            tried = Dkim(result, domain, selector, note)
        except (dkim.KeyFormatError, dkim.util.InvalidTagValueList, binascii.Error):
            tried = Dkim("permerror", domain, selector, "the key is malformed")
        if tried.result == "pass":
            break
    return tried


def _key_records(name: str, resolver: Resolver) -> list[bytes]:
    """The TXT records that look like keys. More than one is undefined (RFC 6376 §3.6.2.2), yet seen with two kinds."""
    return [text for text in resolver.txt(name) if re.search(rb"(?:^|;)\s*p\s*=", text)][:KEYS]


def _try_key(
    message: Any, tags: dict[bytes, bytes], signed: list[bytes], field: Any, record: bytes
) -> tuple[Result, str]:
    """Result and note for one key. The two halves of dkimpy's verify_sig, taken apart: whole, it calls every unusable
    key a plain failure and takes the first TXT record for the key."""
    key, bits, kind, tlsrpt = dkim.evaluate_pk(tags[b"d"], record)
    if not tags[b"a"].startswith(kind + b"-"):
        return "permerror", "the key is of another algorithm"
    if kind == b"rsa" and not _bearable(key, bits):
        return "policy", f"a key of {bits} bits is not accepted"
    if _forbidden(record, tags):
        return "permerror", "the key is not for this use"
    message.pk, message.keysize, message.ktag, message.seqtlsrpt = key, bits, kind, tlsrpt
    if message.verify_sig_process(tags, signed, field, None):
        return "pass", ""
    return "fail", "the signature does not match"


def _bearable(key: dict[str, int], bits: int) -> bool:
    return KEY_BITS_LEAST <= bits <= KEY_BITS_MOST and key["publicExponent"].bit_length() <= EXPONENT_BITS_MOST


def _forbidden(record: bytes, tags: dict[bytes, bytes]) -> bool:
    """Whether the key's own tags forbid this signature: h= without SHA-256, s= not mail, t=s (RFC 6376 §3.6.1)."""
    limits = dkim.util.parse_tag_value(record)
    hashes = limits.get(b"h", b"sha256").split(b":")
    services = limits.get(b"s", b"*").split(b":")
    flags = [flag.strip() for flag in limits.get(b"t", b"").split(b":")]
    identity = tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2]
    return (
        b"sha256" not in [name.strip() for name in hashes]
        or not {b"*", b"email"} & {name.strip() for name in services}
        or (b"s" in flags and identity.lower() != tags[b"d"].lower())
    )
