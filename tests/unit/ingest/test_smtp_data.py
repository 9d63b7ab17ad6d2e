"""DATA: whatever the pieces, the same mail comes out, and the counted memory goes back to nothing."""

from __future__ import annotations

import asyncio

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailgate.errors import SmtpReply
from mailgate.ingest.smtp_data import DataReader, InFlight, unstuff

_BITS = st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"\r\n.", b"\r\n..", b"x", b"yz", b"\n.\n", b"\0"])
CONTENTS = st.lists(_BITS, max_size=30).map(b"".join)
CUTS = st.lists(st.integers(1, 7), max_size=40)


def stuff(content: bytes) -> bytes:
    """A careful sender (RFC 5321 §4.5.2): lines end with CRLF, a dot in front is doubled."""
    lines = content.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    out, at = [], 0
    for cut in [*cuts, len(octets)]:
        if octets[at : at + cut]:
            out.append(octets[at : at + cut])
        at += cut
    return out


async def receive(
    octets: bytes, cuts: list[int], limit: int | None = None, room: int | None = None
) -> tuple[bytes | SmtpReply, bytes, InFlight, int]:
    """What is read, what is left for the next command, the room, and what is still held of it."""
    reader = asyncio.StreamReader()
    in_flight = InFlight(room)
    data = DataReader(reader, limit, in_flight, lambda count: None)
    reading = asyncio.ensure_future(data.read())
    for piece in pieces(octets, cuts):
        reader.feed_data(piece)
        await asyncio.sleep(0)
    reader.feed_eof()
    return await reading, await reader.read(), in_flight, data.held


@settings(max_examples=400, deadline=None)
@given(CONTENTS, CUTS)
@example(b"", [1, 1, 1])
@example(b".", [1, 1, 1, 1, 1])
@example(b"a\r\n.", [4, 1, 1, 1])
def test_what_was_stuffed_comes_out_whole_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    mail = content + b"\r\n"
    wire = stuff(mail) + b".\r\n"
    raw, rest, in_flight, held = asyncio.run(receive(wire + b"QUIT\r\n", cuts))
    assert raw == mail
    assert rest == b"QUIT\r\n"
    assert in_flight.used == held


def test_no_mail_at_all_is_an_empty_mail() -> None:
    for cuts in ([], [1], [2], [1, 1]):
        raw, rest, _, _ = asyncio.run(receive(b".\r\nQUIT\r\n", cuts))
        assert (raw, rest) == (b"", b"QUIT\r\n")


@settings(max_examples=200, deadline=None)
@given(CONTENTS, CUTS, st.integers(0, 40))
@example(b"\r\r\r\r", [1, 7], 6)
def test_the_size_is_that_of_the_mail_not_of_its_doubled_dots(content: bytes, cuts: list[int], limit: int) -> None:
    mail = content + b"\r\n"
    raw, rest, in_flight, held = asyncio.run(receive(stuff(mail) + b".\r\nQUIT\r\n", cuts, limit=limit))
    assert rest == b"QUIT\r\n"
    if len(mail) <= limit:
        assert raw == mail
    else:
        assert isinstance(raw, SmtpReply)
        assert raw.code == 552
    assert in_flight.used == held


@settings(max_examples=100, deadline=None)
@given(CONTENTS, CUTS)
def test_without_room_the_mail_is_read_away_and_refused_for_now(content: bytes, cuts: list[int]) -> None:
    wire = stuff(content + b"x\r\n") + b".\r\nQUIT\r\n"
    raw, rest, in_flight, held = asyncio.run(receive(wire, cuts, room=0))
    assert isinstance(raw, SmtpReply)
    assert raw.code == 452
    assert rest == b"QUIT\r\n"
    assert in_flight.used == held == 0


def test_a_mail_is_smaller_than_its_pieces_by_the_dots_only() -> None:
    assert unstuff(b"..\r\n...\r\n.x\r\n") == b".\r\n..\r\nx\r\n"


def test_a_long_mail_of_dots_comes_out_whole() -> None:
    mail = b".\r\nx\r\n..y\r\n" * 300_000
    raw, rest, _, _ = asyncio.run(receive(stuff(mail) + b".\r\nQUIT\r\n", [262_143] * 20))
    assert raw == mail
    assert rest == b"QUIT\r\n"
