"""Mails over several SMTP connections at once, as fast as they are accepted or at a steady rate; a process of its own.

    python -m benchmarks.sender PORT CONNECTIONS RATE FILE     RATE 0: as fast as they are accepted

FILE holds what `write_load` wrote: everything is made before the first octet leaves. Commands are pipelined (RFC 2920)
as Postfix does. Prints one JSON object: when the first octet left and the last 250 came, and what was refused.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import uvloop

from benchmarks.mix import Mail

Load = list[tuple[bytes, bytes]]


def write_load(file: Path, mails: Iterable[Mail]) -> dict[str, int]:
    """Lay out these mails for sending; how many there are of each kind, and `bytes`."""
    load: Load = []
    counts: dict[str, int] = {"bytes": 0}
    for mail in mails:
        commands = f"MAIL FROM:<{mail.mail_from}>\r\nRCPT TO:<{mail.rcpt_to}>\r\nDATA\r\n".encode()
        load.append((commands, mail.raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"))
        counts[mail.kind] = counts.get(mail.kind, 0) + 1
        counts["bytes"] += len(mail.raw)
    file.write_bytes(pickle.dumps(load))
    return counts


class Sending:
    """One run."""

    def __init__(self, port: int, rate: float, load: Load) -> None:
        self._port = port
        self._rate = rate
        self._left = iter(enumerate(load))
        self._began = 0.0
        self.refused: list[str] = []

    async def run(self, connections: int) -> dict[str, object]:
        """Send everything; the figures."""
        peers = [await self._connect() for _ in range(connections)]
        self._began = time.time()
        await asyncio.gather(*(self._send(*peer) for peer in peers))
        ended = time.time()
        for _, writer in peers:
            writer.write(b"QUIT\r\n")
            writer.close()
        return {"began": self._began, "ended": ended, "refused": self.refused}

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._reply(reader)
        writer.write(b"EHLO load.test\r\n")
        await self._reply(reader)
        return reader, writer

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, (commands, content) in self._left:
            if self._rate:
                await asyncio.sleep(self._began + number / self._rate - time.time())
            writer.write(commands)
            replies = [await self._reply(reader) for _ in range(3)]
            if replies[2][:1] == b"3":
                writer.write(content)
                await writer.drain()
                replies.append(await self._reply(reader))
            if replies[-1][:1] != b"2":
                self.refused.append(f"mail {number}: " + " / ".join(r.decode().strip() for r in replies))
                writer.write(b"RSET\r\n")
                await self._reply(reader)

    @staticmethod
    async def _reply(reader: asyncio.StreamReader) -> bytes:
        while True:
            line = await reader.readline()
            if line[3:4] != b"-":
                return line


def main(port: int, connections: int, rate: float, file: Path) -> None:
    load: Load = pickle.loads(file.read_bytes())  # our own file, written a moment ago
    print(json.dumps(uvloop.run(Sending(port, rate, load).run(connections))))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
