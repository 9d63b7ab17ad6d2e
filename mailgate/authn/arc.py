"""ARC (RFC 8617): what servers on the way say they verified, sealed one upon the other. The cryptography is dkimpy's.

Anyone can seal, and a valid chain proves only who sealed. So it is believed from configured sealers alone, and their
reports count only as far as every later seal is of a configured one too: each hop after a report could have rewritten
the mail. dkimpy's own walk over a chain is not used: it takes `header.i=1.test` for an instance, raises IndexError for
fields in unusual spacing, and verifies every message signature of a chain where only the newest one has to hold.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import dkim
import dkim.util

from mailgate.authn.reported import Reported, read_value
from mailgate.authn.resolver import DnsTemporaryError, Resolver
from mailgate.authn.results import Result
from mailgate.authn.signature import Tags, bearable, canonical_body, cut_short, domain_of, try_keys
from mailgate.authn.wire import Wire

#: Sets looked at in one mail. RFC 8617 §4.2.1 allows 50, but each costs a key from DNS; real chains have one to four.
SETS = 10

_KINDS = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
_INSTANCE = re.compile(rb"\s*i\s*=\s*([1-9][0-9]?)\s*(;|$)")
_RELAXED = b"relaxed/relaxed"

Field = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Seal:
    """One set of a valid chain. domain: d= of the seal. report: what that server says it verified."""

    domain: str
    report: Reported


@dataclass(frozen=True, slots=True)
class Arc:
    """A chain. seals: newest first, [] unless pass. sealer: of the newest set, "" when unknown. covers: the newest
    message signature covers From and the whole body, without which a seal says nothing about the mail at hand."""

    result: Result = "none"
    sealer: str = ""
    seals: tuple[Seal, ...] = ()
    covers: bool = False
    note: str = ""

    def believed(self, sealers: Collection[str]) -> Iterator[Seal]:
        """The seals whose reports may be believed, newest first; `sealers` are domains in lower case."""
        for seal in self.seals if self.covers else ():
            if seal.domain not in sealers:
                return
            yield seal


def check_arc(wire: Wire, resolver: Resolver) -> Arc:
    """The chain of a mail as RFC 8617 §5.2 validates it; none when there is no ARC field. Never raises."""
    if b"\narc-" not in wire.names():
        return Arc()
    try:
        message = dkim.ARC(wire.headers, logger=logging.getLogger("mailgate.authn.arc"))
    except Exception:  # a line that is no header field; nobody can have sealed that
        return Arc("fail", note="the header is malformed")
    fields = [(name, value) for name, value in message.headers if name.lower() in _KINDS]
    if not fields:
        return Arc()
    if len(fields) > len(_KINDS) * SETS or not all(bearable(value) for _, value in fields):
        return Arc("policy", note="the chain is too long")
    sets = _sets(fields)
    if not sets:
        return Arc("fail", note="the chain is incomplete")
    sealer = ""
    try:
        tags = [dkim.util.parse_tag_value(one[2][1]) for one in sets]
        sealer = domain_of(tags[-1])
        return _validate(message, sets, tags, wire.body, resolver)
    except DnsTemporaryError:
        return Arc("temperror", sealer, note="DNS did not answer for a key")
    except Exception:  # dkimpy raises its own and Python's errors alike on hostile fields and keys
        return Arc("fail", sealer, note="a field or its key is malformed, or the body was changed")


def _sets(fields: list[Field]) -> list[tuple[Field, Field, Field]]:
    """Results, message signature and seal of instance 1, 2, …; [] unless each is there once (RFC 8617 §5.2 step 3)."""
    found: dict[tuple[int, int], Field] = {}
    for name, value in fields:
        kind = _KINDS.index(name.lower())
        number = _instance(value, kind)
        if not number or (number, kind) in found:
            return []
        found[number, kind] = (name, value)
    last = max(number for number, _ in found)
    if len(found) != last * len(_KINDS):
        return []
    return [(found[n, 0], found[n, 1], found[n, 2]) for n in range(1, last + 1)]


def _instance(value: bytes, kind: int) -> int:
    """The i= of a field: the first word of the results (RFC 8617 §4.1.1), a tag among others elsewhere; 0 for none."""
    if kind == 0:
        match = _INSTANCE.match(value)
        return int(match[1]) if match else 0
    try:
        number = dkim.util.parse_tag_value(value).get(b"i", b"")
    except dkim.util.InvalidTagValueList:
        return 0
    return int(number) if re.fullmatch(rb"[1-9][0-9]?", number) else 0


def _validate(
    message: Any, sets: list[tuple[Field, Field, Field]], seals: list[Tags], body: bytes, resolver: Resolver
) -> Arc:
    """Steps 2 and 4 to 6 of RFC 8617 §5.2; raises what the parts raise."""
    sealer = domain_of(seals[-1])
    for number, tags in enumerate(seals, 1):
        dkim.validate_signature_fields(tags, [b"i", b"a", b"b", b"cv", b"d", b"s"], True)
        if b"h" in tags or tags[b"cv"] != (b"none" if number == 1 else b"pass"):
            return Arc("fail", sealer, note=f"seal {number} says {tags[b'cv'].decode('ascii', 'replace')}")
    result, covers, note = _message_signature(message, sets[-1][1], body, resolver)
    for number in range(len(sets), 0, -1):
        if result != "pass":
            break
        result, note = _seal(message, sets[:number], seals[number - 1], resolver)
    if result != "pass":
        return Arc("fail", sealer, note=note)
    said = (Seal(domain_of(tags), _report(one[0])) for one, tags in zip(sets, seals, strict=True))
    return Arc("pass", sealer, tuple(said)[::-1], covers)


def _message_signature(message: Any, field: Field, body: bytes, resolver: Resolver) -> tuple[Result, bool, str]:
    """Result of a message signature, whether it covers From and the whole body, and why it is no pass."""
    tags = dkim.util.parse_tag_value(field[1])
    dkim.validate_signature_fields(tags, [b"i", b"a", b"b", b"bh", b"d", b"h", b"s"], True)
    signed = [name.lower() for name in re.split(rb"\s*:\s*", tags[b"h"])]
    if b"arc-seal" in signed:
        return "fail", False, "the message signature covers a seal"  # RFC 8617 §4.1.2
    tags.setdefault(b"c", _RELAXED)
    message.body = canonical_body(body, tags)
    covers = b"from" in signed and not cut_short(tags, len(message.body))
    result, note = try_keys(message, _without_instance(tags), signed, field, resolver)
    return result, covers, note


def _seal(message: Any, sets: list[tuple[Field, Field, Field]], tags: Tags, resolver: Resolver) -> tuple[Result, str]:
    """A seal covers every ARC field up to its own, in order, in relaxed form (RFC 8617 §5.1.1)."""
    fields = [field for one in sets for field in one]
    sealed = dkim.ARC(logger=message.logger)
    # dkimpy picks fields of one name from the last to the first, as DKIM wants it; a seal wants the first one first.
    sealed.headers, sealed.body = fields[-2::-1], b""
    names = [name.lower() for name, _ in fields[:-1]]
    tags = _without_instance(tags) | {b"c": _RELAXED}
    tags.pop(b"bh", None)
    return try_keys(sealed, tags, names, fields[-1], resolver)


def _without_instance(tags: Tags) -> Tags:
    """Tags without i=, which in DKIM is an identity that the key may have a word about."""
    return {name: value for name, value in tags.items() if name != b"i"}


def _report(field: Field) -> Reported:
    text = field[1].decode("utf-8", "replace").replace("\r\n", "")
    return read_value(text.partition(";")[2])
