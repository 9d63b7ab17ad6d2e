"""Small writers of the formats that wrap mails and files, for tests: winmail.dat, CMS, zip, BinHex."""

from __future__ import annotations

import struct


def attribute(name: int, value: bytes, level: int = 1) -> bytes:
    return bytes([level]) + struct.pack("<II", name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def unicode_property(key: int, text: str) -> bytes:
    value = text.encode("utf-16-le") + b"\0\0"
    return struct.pack("<HHII", 0x1F, key, 1, len(value)) + value + b"\0" * (-len(value) % 4)


def binary_property(key: int, value: bytes, kind: int = 0x102) -> bytes:
    return struct.pack("<HHII", kind, key, 1, len(value)) + value + b"\0" * (-len(value) % 4)


def properties(*many: bytes) -> bytes:
    return struct.pack("<I", len(many)) + b"".join(many)


def winmail(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + attribute(0x00069007, struct.pack("<II", 1252, 0)) + b"".join(attributes)


def wrapped_file(name: str, data: bytes, long_name: str = "") -> bytes:
    pieces = [attribute(0x00069002, b"\1\0" + b"\0" * 12, 2), attribute(0x00018010, name.encode("cp1252") + b"\0", 2)]
    pieces.append(attribute(0x0006800F, data, 2))
    if long_name:
        pieces.append(attribute(0x00069005, properties(unicode_property(0x3707, long_name)), 2))
    return b"".join(pieces)


def der(tag: int, *values: bytes) -> bytes:
    value = b"".join(values)
    size = len(value)
    length = bytes([size]) if size < 128 else b"\x84" + size.to_bytes(4, "big")
    return bytes([tag]) + length + value


DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
SIGNED = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
ENVELOPED = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"


def signed(content: bytes) -> bytes:
    inner = der(0x30, der(6, DATA), der(0xA0, der(4, content)))
    return der(0x30, der(6, SIGNED), der(0xA0, der(0x30, der(2, b"\1"), der(0x31), inner, der(0x31))))


def signed_streaming(content: bytes, piece: int = 10) -> bytes:
    """As OpenSSL writes it with `-stream`: indefinite lengths, the content in pieces."""
    pieces = b"".join(der(4, content[k : k + piece]) for k in range(0, len(content), piece))
    end = b"\0\0"
    inner = b"\x30\x80" + der(6, DATA) + b"\xa0\x80\x24\x80" + pieces + end + end + end
    body = b"\x30\x80" + der(2, b"\1") + b"\x31\x80" + der(0x30, der(6, DATA)) + end + inner + der(0x31) + end
    return b"\x30\x80" + der(6, SIGNED) + b"\xa0\x80" + body + end + end


def enveloped() -> bytes:
    return der(0x30, der(6, ENVELOPED), der(0xA0, der(0x30, der(2, b"\0"))))


def mail(content_type: str, body: bytes, *extra: str, text: str = "") -> bytes:
    """A mail with one part in base64, after a text where there is one."""
    import base64

    part = "\r\n".join([f"Content-Type: {content_type}", "Content-Transfer-Encoding: base64", *extra]).encode()
    part += b"\r\n\r\n" + base64.encodebytes(body).replace(b"\n", b"\r\n")
    head = b"From: Ana <ana@cliente.test>\r\nTo: suporte@example.test\r\nSubject: Nota\r\nMIME-Version: 1.0\r\n"
    if not text:
        return head + part
    first = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()
    return head + (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + first + b"\r\n--b\r\n" + part + b"\r\n--b--\r\n"
    )
