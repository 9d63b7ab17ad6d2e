"""The far ends, processes of their own, as cheap as can be: a relay that takes all mail, a DNS that knows nothing.

python -m benchmarks.far relay PORT FILE     the header of each mail goes to FILE, with the time of its last octet
python -m benchmarks.far dns PORT            every name: NXDOMAIN, to be remembered for five minutes
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path
from typing import BinaryIO, cast

import uvloop

from benchmarks.mix import Acknowledged

_FRAME = struct.Struct(">dI")
_END = b"\r\n.\r\n"


class Relay(asyncio.Protocol):
    """Says yes to everything, offers PIPELINING."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._read = bytearray()
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 relay.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._read += data
        while self._take_mail() if self._in_data else self._take_command():
            pass

    def _take_mail(self) -> bool:
        end = self._read.find(_END)
        if end < 0:
            return False
        header = bytes(self._read[: self._read.find(b"\r\n\r\n") + 4])
        self._file.write(_FRAME.pack(time.time(), len(header)) + header)
        del self._read[: end + len(_END)]
        self._in_data = False
        self._transport.write(b"250 2.0.0 taken\r\n")
        return True

    def _take_command(self) -> bool:
        end = self._read.find(b"\r\n")
        if end < 0:
            return False
        verb = bytes(self._read[:4]).upper()
        del self._read[: end + 2]
        if verb == b"EHLO":
            self._transport.write(b"250-relay.test\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n")
        elif verb == b"DATA":
            self._in_data = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 2.0.0 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 2.0.0 yes\r\n")
        return True


class Dns(asyncio.DatagramProtocol):
    """NXDOMAIN with the SOA that lets a resolver remember it (RFC 2308 §5)."""

    _SOA = b"\0" + struct.pack(">HHIH", 6, 1, 300, 22) + b"\0\0" + struct.pack(">5I", 1, 300, 300, 300, 300)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = 12
        while data[end]:
            end += 1 + data[end]
        head = data[:2] + b"\x85\x83" + struct.pack(">HHHH", 1, 0, 1, 0)
        self._transport.sendto(head + data[12 : end + 5] + self._SOA, addr)


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that reached the relay. at: seconds since 1970."""

    at: float
    to: str
    signed: bool
    automatic: bool
    acknowledged: Acknowledged


def read_taken(file: Path, skip: int = 0) -> Iterator[Taken]:
    """What the relay noted, but for the first `skip` mails."""
    parser = BytesHeaderParser(policy=default)
    for at, header in list(_frames(file))[skip:]:
        message = parser.parsebytes(header)
        to = message["To"].addresses[0].addr_spec
        known = Acknowledged(
            to,
            message["Reply-To"].addresses[0].addr_spec if message["Reply-To"] else "",
            str(message["Message-ID"]).strip(),
            " ".join(str(message["References"] or "").split()),
            str(message["Subject"]),
        )
        yield Taken(at, to, message["DKIM-Signature"] is not None, message["Auto-Submitted"] == "auto-replied", known)


def count_taken(file: Path) -> int:
    """How many mails the relay has taken."""
    return sum(1 for _ in _frames(file))


def last_taken(file: Path) -> float:
    """When the last mail came; 0.0 before the first."""
    return max((at for at, _ in _frames(file)), default=0.0)


def _frames(file: Path) -> Iterator[tuple[float, bytes]]:
    data = file.read_bytes() if file.exists() else b""
    start = 0
    while start + _FRAME.size <= len(data):
        at, length = _FRAME.unpack_from(data, start)
        start += _FRAME.size + length
        yield at, data[start - length : start]


async def _serve(what: str, port: int, file: str = "") -> None:
    loop = asyncio.get_running_loop()
    if what == "dns":
        await loop.create_datagram_endpoint(Dns, local_addr=("127.0.0.1", port))
        await asyncio.Event().wait()
    with open(file, "ab", buffering=0) as out:
        server = await loop.create_server(lambda: Relay(out), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
