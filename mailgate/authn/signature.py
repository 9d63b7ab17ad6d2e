"""One signature of DKIM or ARC against its key in DNS: what both have in common (RFC 6376 §6.1).

dkimpy believes SHA-1 (against RFC 8301 §3.1), keys of any width, which a stranger could use to keep a processor busy,
and a signature that covers only the first `l=` octets of the body; and its expressions are quadratic in white space.
"""

from __future__ import annotations

import binascii
import re
from typing import Any

import dkim
import dkim.util

from mailgate.authn.resolver import Resolver
from mailgate.authn.results import Result
from mailgate.authn.wire import relaxed_body, simple_body

#: How long a signature field may be, how many colons (of the names in h=) and how much white space in one place it may
#: have. dkimpy looks for each name among all fields: without a bound that would be a second for a mail of 100 KB.
FIELD_BYTES = 8 * 1024
COLONS = 250
_WHITE = re.compile(rb"\s{200}")
#: Key records tried for one signature.
KEYS = 3
KEY_BITS_LEAST = 1024
KEY_BITS_MOST = 8192
EXPONENT_BITS_MOST = 64

Tags = dict[bytes, bytes]


def bearable(value: bytes) -> bool:
    """Whether a field may be given to dkimpy: 8 KiB of white space would take it 0.2 s, for each signature anew."""
    return len(value) <= FIELD_BYTES and value.count(b":") <= COLONS and _WHITE.search(value) is None


def canonical_body(body: bytes, tags: Tags) -> bytes:
    """The body as the c= of a signature wants it; dkimpy's own pass then changes nothing (`wire`)."""
    return relaxed_body(body) if tags.get(b"c", b"").endswith(b"/relaxed") else simple_body(body)


def cut_short(tags: Tags, length: int) -> bool:
    """Whether l= leaves a part of the canonical body, `length` octets long, unsigned (RFC 6376 §8.2)."""
    return b"l" in tags and int(tags[b"l"]) != length


def try_keys(message: Any, tags: Tags, signed: list[bytes], field: Any, resolver: Resolver) -> tuple[Result, str]:
    """Result and note of one signature, by each key record of its selector in turn.

    message: a dkimpy object whose headers and canonical body are what was signed. signed: field names, lower case.
    field: name and value of the signature itself. Raises DnsTemporaryError, what dkimpy raises, and Python's own errors
    on hostile tags.
    """
    tried: tuple[Result, str] = ("permerror", "there is no key in DNS")
    for record in _key_records(f"{tags[b's'].decode()}._domainkey.{domain_of(tags)}", resolver):
        try:
            tried = _try_key(message, tags, list(signed), field, record)
        except (dkim.KeyFormatError, dkim.util.InvalidTagValueList, binascii.Error):
            tried = "permerror", "the key is malformed"
        if tried[0] == "pass":
            break
    return tried


def domain_of(tags: Tags) -> str:
    """The d= of a signature in lower case."""
    return tags[b"d"].decode().lower().rstrip(".")


def _key_records(name: str, resolver: Resolver) -> list[bytes]:
    """The TXT records that look like keys. More than one is undefined (RFC 6376 §3.6.2.2), yet seen with two kinds."""
    return [text for text in resolver.txt(name) if re.search(rb"(?:^|;)\s*p\s*=", text)][:KEYS]


def _try_key(message: Any, tags: Tags, signed: list[bytes], field: Any, record: bytes) -> tuple[Result, str]:
    """Result and note for one key. The two halves of dkimpy's verify_sig, taken apart: whole, it calls every unusable
    key a plain failure and takes the first TXT record for the key."""
    key, bits, kind, tlsrpt = dkim.evaluate_pk(tags[b"d"], record)
    if not tags[b"a"].startswith(kind + b"-"):
        return "permerror", "the key is of another algorithm"
    if kind == b"rsa" and not _usable(key, bits):
        return "policy", f"a key of {bits} bits is not accepted"
    if _forbidden(record, tags):
        return "permerror", "the key is not for this use"
    message.pk, message.keysize, message.ktag, message.seqtlsrpt = key, bits, kind, tlsrpt
    if message.verify_sig_process(tags, signed, field, None):
        return "pass", ""
    return "fail", "the signature does not match"


def _usable(key: dict[str, int], bits: int) -> bool:
    return KEY_BITS_LEAST <= bits <= KEY_BITS_MOST and key["publicExponent"].bit_length() <= EXPONENT_BITS_MOST


def _forbidden(record: bytes, tags: Tags) -> bool:
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
