"""The DATA phase: octets up to <CRLF>.<CRLF>, dots taken out, in memory that is counted.

aiosmtpd keeps one bytearray for every line (932 MB for 20 MB of empty lines) and refuses lines beyond 1,001 octets;
here the octets are taken as the transport delivers them. Only <CRLF>.<CRLF> ends a mail: any other mixture of CR, LF
and dots is content, so that no second mail can be smuggled in. Sources: RFC 5321 §4.1.1.4, RFC 5321 §4.5.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailgate.errors import SmtpReply
from mailgate.ingest.gate import TOO_BIG

NO_ROOM = SmtpReply(452, "4.3.1", "Too much mail at once, please try again later")

_END = b"\r\n.\r\n"
_STUFFED = b"\r\n."
_READ_BYTES = 1 << 20
_UNSTUFF_BYTES = 1 << 20


class InFlight:
    """Octets of mail in memory that are not durable yet, over all connections. limit: None = no bound."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.used = 0

    def has_room(self, size: int) -> bool:
        """Whether `size` octets more would fit now."""
        return self.limit is None or self.used + size <= self.limit

    def take(self, size: int) -> bool:
        """Count `size` octets in; False (and nothing counted) when there is no room."""
        if not self.has_room(size):
            return False
        self.used += size
        return True

    def give(self, size: int) -> None:
        """Count `size` octets out."""
        self.used -= size


class DataReader:
    """Reads one mail off a connection.

    limit: octets of content, None = no bound.  on_bytes: told the size of every piece; it may raise to end it all.
    `held` octets stay counted in `in_flight` after `read`: the caller gives them back when the mail is durable.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        limit: int | None,
        in_flight: InFlight,
        on_bytes: Callable[[int], None],
    ) -> None:
        self.held = 0
        self._reader = reader
        self._limit = limit
        self._in_flight = in_flight
        self._on_bytes = on_bytes
        self._refusal: SmtpReply | None = None
        self._stuffed = 0
        self._counted = 0

    async def read(self) -> bytes | SmtpReply:
        """The content, or why it is refused (552 5.3.4, 452 4.3.1); all of it has been read off the wire either way.

        Raises ConnectionResetError when the peer leaves first: then there is no mail.
        """
        piece = await self._more()
        end = piece.find(_END)
        if end < 0 or piece.startswith(b".\r\n"):
            return await self._read_on(piece)
        self._unread(piece[end + 5 :])
        raw = unstuff(piece[: end + 2])
        if self._limit is not None and len(raw) > self._limit:
            return TOO_BIG
        return raw if self._take(len(raw)) else NO_ROOM

    def drop(self) -> None:
        """Give back what is still held."""
        self._in_flight.give(self.held)
        self.held = 0

    async def _read_on(self, piece: bytes) -> bytes | SmtpReply:
        """The mail that comes in several pieces. A CRLF is set in front: the first line may be the end, or stuffed."""
        data = bytearray(b"\r\n")
        dotted = False
        while True:
            start = max(0, len(data) - 4)
            data += piece
            end = data.find(_END, start)
            dotted = dotted or data.find(_STUFFED, start, end if end >= 0 else len(data)) >= 0
            if end >= 0:
                break
            self._weigh(data, len(piece))
            if self._refusal is not None:
                del data[:-4]
            piece = await self._more()
        self._unread(bytes(memoryview(data)[end + 5 :]))
        del data[end + 2 :]
        self._weigh(data, len(piece))
        if self._refusal is not None:
            return self._refusal
        if dotted:
            data = await _unstuff_long(data)
        if self._limit is not None and len(data) - 2 > self._limit:
            return TOO_BIG
        return bytes(memoryview(data)[2:])

    def _weigh(self, data: bytearray, size: int) -> None:
        """Count a piece in; the first bound that breaks decides the reply, and from then on octets are thrown away."""
        if self._refusal is not None:
            return
        if self._is_beyond(data):
            self._refusal = TOO_BIG
        elif not self._take(size):
            self._refusal = NO_ROOM
        else:
            return
        self.drop()

    def _is_beyond(self, data: bytearray) -> bool:
        """Whether the content so far is surely over the limit; doubled dots do not count (RFC 1870 §5).

        What has come last may be part of the end of DATA: that does not count either.
        """
        size = len(data) - 2 - len(_END)
        if self._limit is None or size <= self._limit:
            return False
        self._stuffed += data.count(_STUFFED, max(0, self._counted - 2))
        self._counted = len(data)
        return size - self._stuffed > self._limit

    def _take(self, size: int) -> bool:
        if not self._in_flight.take(size):
            return False
        self.held += size
        return True

    async def _more(self) -> bytes:
        piece = await self._reader.read(_READ_BYTES)
        if not piece:
            raise ConnectionResetError("peer left during DATA")
        self._on_bytes(len(piece))
        return piece

    def _unread(self, rest: bytes) -> None:
        """Put pipelined commands back in front; `feed_data` would refuse them once the peer has half-closed."""
        if rest:
            self._reader._buffer[:0] = rest  # type: ignore[attr-defined]


def unstuff(content: bytes) -> bytes:
    """Content with the doubled dots taken out. content: whole lines that hold no <CRLF>.<CRLF> (RFC 5321 §4.5.2)."""
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(_STUFFED, b"\r\n")


async def _unstuff_long(content: bytearray) -> bytearray:
    """`unstuff` by the megabyte, so that 25 MB of dots do not hold up the other sessions."""
    out = bytearray()
    at = 0
    while True:
        cut = content.find(_STUFFED, at + _UNSTUFF_BYTES)
        if cut < 0:
            return out + content[at:].replace(_STUFFED, b"\r\n")
        out += content[at:cut].replace(_STUFFED, b"\r\n")
        at = cut
        await asyncio.sleep(0)
