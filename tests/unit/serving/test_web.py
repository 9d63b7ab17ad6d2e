"""Peers of a web port that are slow, many, or endless (R13): the others are served, and everybody has an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mailgate.serving import web
from mailgate.serving.web import WebDoor, WebServer
from mailgate.yamltypes import Listen

QUICK = 0.2
GET = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


class Peer:
    """One connection. Every wait has a limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def all(self) -> bytes:
        """What comes until the other side closes."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(), 10)
        return b"reset"

    async def status(self) -> bytes:
        line = await asyncio.wait_for(self.reader.readline(), 10)
        return line[9:12]

    async def answer(self) -> bytes:
        """One whole answer's status."""
        status = await self.status()
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await asyncio.wait_for(self.reader.readexactly(length), 10)
        return status


class House:
    """A port that runs for a test, and what its app saw."""

    def __init__(self, address: str) -> None:
        self.port = int(address.rpartition(":")[2])
        self.left: list[str] = []
        self._peers: list[Peer] = []

    async def peer(self, *sent: bytes, source: str = "127.0.0.1") -> Peer:
        streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        peer = Peer(*streams)
        self._peers.append(peer)
        for piece in sent:
            peer.writer.write(piece)
        return peer

    def close(self) -> None:
        for peer in self._peers:
            peer.writer.transport.abort()


@asynccontextmanager
async def served(door: WebDoor) -> AsyncIterator[House]:
    async def small(request: Request) -> Response:
        try:
            size = len(await request.body())
        except ClientDisconnect:
            house.left.append(request.url.path)
            return Response(status_code=400)
        return PlainTextResponse(f"{size} octets\n")

    async def large(request: Request) -> Response:
        return Response(b"x" * (30 << 20))

    async def slow(request: Request) -> Response:
        await asyncio.sleep(2 * QUICK)
        return PlainTextResponse("at last\n")

    both = ["GET", "POST"]
    app = Starlette(routes=[Route("/small", small, methods=both), Route("/large", large), Route("/slow", slow)])
    server = WebServer("web", app, Listen(host="127.0.0.1", port=0), door)
    house = House(await server.start())
    try:
        yield house
    finally:
        house.close()
        await server.stop(5)


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /small HT", GET[:-2], b"\r\n\r\n", POST + b"a"],
    ids=["nothing", "half a line", "half a head", "empty lines", "a body that stops"],
)
async def test_who_sends_too_slowly_is_told_so_and_ends(sent: bytes) -> None:
    async with served(WebDoor(head_seconds=QUICK, stall_seconds=QUICK)) as house:
        peer = await house.peer(sent)
        assert (await peer.status()) == b"408"
        await peer.all()


async def test_a_body_that_drips_ends_and_one_that_flows_does_not() -> None:
    async with served(WebDoor(stall_seconds=QUICK)) as house:
        drips, flows = await house.peer(POST), await house.peer(POST)
        ended = asyncio.create_task(drips.all())
        for _ in range(20):
            drips.writer.write(b"a")
            flows.writer.write(b"a" * 5000)
            await asyncio.sleep(QUICK / 8)
        assert await flows.answer() == b"200"
        assert b" 408 " in await ended
        assert house.left == ["/small"], "its page knew, too"


async def test_a_page_that_takes_its_time_is_not_the_visitors_fault() -> None:
    async with served(WebDoor(head_seconds=QUICK / 2, stall_seconds=QUICK / 2)) as house:
        peer = await house.peer(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await peer.answer() == b"200"


async def test_who_does_not_read_is_cut_off_and_who_reads_slowly_is_not() -> None:
    large = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    async with served(WebDoor(stall_seconds=QUICK)) as house:
        never, slowly = await house.peer(large), await house.peer(large)
        size = 0
        async with asyncio.timeout(30):
            while size < (30 << 20):
                size += len(await slowly.reader.read(1 << 20))
                await asyncio.sleep(QUICK / 20)
            read = await never.all()
            assert len(read) < (30 << 20)


async def test_heads_without_end_are_refused_where_they_stand() -> None:
    async with served(WebDoor()) as house:
        fields = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(3000))
        for sent, status in (
            (b"GET /small HTTP/1.1\r\nHost: x\r\n" + fields, b"431"),
            (b"GET /small HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 10_000_000, b"431"),
            (b"GET /" + b"a" * 10_000_000 + b" HTTP/1.1\r\n", b"414"),
        ):
            peer = await house.peer(sent)
            assert await peer.status() == status
        trailers = b"POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + fields + b"\r\n"
        assert b" 200 " in (await (await house.peer(trailers)).reader.readline())


async def test_requests_without_waiting_for_answers_are_few() -> None:
    async with served(WebDoor()) as house:
        few = await house.peer(GET * 10)
        assert [await few.answer() for _ in range(10)] == [b"200"] * 10
        assert b" 400 " in await (await house.peer(GET * 5000)).all()


async def test_who_stands_there_makes_room_for_who_comes() -> None:
    """Two hundred idle connections kept everybody out."""
    async with served(WebDoor(connections=5, connections_per_ip=None)) as house:
        idle = [await house.peer(GET[:10]) for _ in range(5)]
        for _ in range(3):
            assert await (await house.peer(GET)).answer() == b"200"
        assert await idle[0].all() == b""
        idle[4].writer.write(GET[10:])
        assert await idle[4].answer() == b"200"


async def test_the_places_of_one_address_are_bounded() -> None:
    async with served(WebDoor(connections_per_ip=2)) as house:
        one, _two = await house.peer(GET), await house.peer()
        assert await one.answer() == b"200"
        busy = [await house.peer(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", source="127.0.0.2") for _ in range(2)]
        await asyncio.sleep(QUICK / 2)
        assert b" 503 " in await (await house.peer(GET, source="127.0.0.2")).all(), "both are being answered"
        assert await (await house.peer(GET, source="127.0.0.3")).answer() == b"200"
        assert [await peer.answer() for peer in busy] == [b"200", b"200"]
        third = await house.peer(GET)
        assert await third.answer() == b"200"
        assert await one.all() == b"", "it had waited for longest"


async def test_proxies_may_come_as_often_as_they_like() -> None:
    async with served(WebDoor(connections_per_ip=1, trusted=("127.0.0.1",))) as house:
        slow = [await house.peer(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(5)]
        assert [await peer.answer() for peer in slow] == [b"200"] * 5


async def test_an_idle_connection_ends_even_if_it_says_empty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_KEEP_ALIVE_SECONDS", QUICK)
    async with served(WebDoor(stall_seconds=QUICK)) as house:
        peer = await house.peer(GET)
        assert await peer.answer() == b"200"
        peer.writer.write(b"\r\n")
        assert await peer.all() in (b"", b"reset")


@pytest.mark.parametrize(
    "sent", [b"EHLO x\r\nMAIL FROM:<a@b>\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9]
)
async def test_other_protocols_get_a_400(sent: bytes) -> None:
    async with served(WebDoor()) as house:
        assert b" 400 " in await (await house.peer(sent)).all()
