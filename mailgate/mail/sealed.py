"""Opaque S/MIME: what a signed message wraps is readable by anybody, and is read; what is encrypted is said to be.

Only lengths are followed to the wrapped bytes: no signature is checked, nothing is decrypted or decompressed, and the
reader is told so. BER, since streaming senders (OpenSSL, Apple) write indefinite lengths. Total, linear, bounded.
Sources: RFC 8551 §3.2 (application/pkcs7-mime), RFC 5652 §5.1 (SignedData), ITU-T X.690 §8.1.3 (lengths).
"""

from __future__ import annotations

from typing import NamedTuple

_OIDS = {
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02": "signed",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03": "encrypted",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17": "encrypted",  # AuthEnvelopedData
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09": "compressed",
}
_SEQUENCE, _OID, _OCTETS, _OCTETS_OF, _EXPLICIT_0 = 0x30, 0x06, 0x04, 0x24, 0xA0
_MOST_ELEMENTS = 200_000


class _Element(NamedTuple):
    """A tag, where its value begins, and where it ends; end -1: indefinite, up to an end-of-contents."""

    tag: int
    begin: int
    end: int


def kind_of(data: bytes) -> str:
    """signed | encrypted | compressed | "" (no CMS message)."""
    outer = _element(data, 0)
    if outer is None or outer.tag != _SEQUENCE:
        return ""
    oid = _element(data, outer.begin)
    if oid is None or oid.tag != _OID or oid.end < 0:
        return ""
    return _OIDS.get(data[oid.begin : oid.end], "")


def signed_content(data: bytes) -> bytes | None:
    """The message inside a signed one; None when it is something else, holds none, or is damaged."""
    if kind_of(data) != "signed":
        return None
    outer = _element(data, 0)
    at = outer.begin if outer else 0
    oid = _element(data, at)
    explicit = _element(data, oid.end) if oid else None
    if explicit is None or explicit.tag != _EXPLICIT_0:
        return None
    signed = _element(data, explicit.begin)
    if signed is None or signed.tag != _SEQUENCE:
        return None
    place = _after(data, _after(data, signed.begin))  # version, digestAlgorithms
    wrapped = _element(data, place) if place is not None else None
    if wrapped is None or wrapped.tag != _SEQUENCE:
        return None
    place = _after(data, wrapped.begin)  # eContentType
    holder = _element(data, place) if place is not None else None
    if holder is None or holder.tag != _EXPLICIT_0:
        return None
    return _octets(data, holder.begin)


def _octets(data: bytes, at: int) -> bytes | None:
    """An OCTET STRING, in one piece or in many (X.690 §8.7.3)."""
    first = _element(data, at)
    if first is None:
        return None
    if first.tag == _OCTETS and first.end >= 0:
        return data[first.begin : first.end]
    if first.tag != _OCTETS_OF:
        return None
    pieces: list[bytes] = []
    at = first.begin
    for _ in range(_MOST_ELEMENTS):
        if 0 <= first.end <= at or data[at : at + 2] == b"\0\0":
            break
        piece = _element(data, at)
        if piece is None or piece.tag != _OCTETS or piece.end < 0:
            break
        pieces.append(data[piece.begin : piece.end])
        at = piece.end
    return b"".join(pieces)


def _element(data: bytes, at: int) -> _Element | None:
    """The element that begins at `at`; one that is cut ends where the data ends."""
    if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
        return None
    tag, length, begin = data[at], data[at + 1], at + 2
    if length == 0x80:
        return _Element(tag, begin, -1)
    if length > 0x80:
        size = length - 0x80
        if size > 8 or begin + size > len(data):
            return None
        length = int.from_bytes(data[begin : begin + size], "big")
        begin += size
    return _Element(tag, begin, min(begin + length, len(data)))


def _after(data: bytes, at: int | None) -> int | None:
    """The place after the element at `at`."""
    depth = 0
    for _ in range(_MOST_ELEMENTS):
        if at is None:
            return None
        if depth and data[at : at + 2] == b"\0\0":
            depth -= 1
            at += 2
        else:
            one = _element(data, at)
            if one is None:
                return None
            at = one.begin if one.end < 0 else one.end
            depth += one.end < 0
        if not depth:
            return at
    return None
