"""Sessions that a script of lines cannot tell: peers that leave, dawdle or flood, and a server that goes down."""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import socket
import stat
import struct
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.errors import Busy, SmtpReply, Unavailable
from mailgate.ingest import smtp_wire
from mailgate.ingest.gate import GateRules
from mailgate.ingest.reception import LMTP_LIMITS, SmtpLimits
from mailgate.ingest.smtp_data import DataReader, InFlight
from mailgate.mail.envelope import Received
from mailgate.yamltypes import Rate
from store.vocabulary import Road

from .talk import PATIENCE, Journal, Peer, auth_policy, client_context, listening, server_context, until

QUICK = 0.15


class Gate:
    """A commit that waits until it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, received: Received) -> None:
        self.entered.set()
        await self.open.wait()


# --- the promise ------------------------------------------------------------------------------------------------------


async def test_a_mail_that_cannot_be_read_to_its_end_is_put_off_for_each_and_ends_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There was no memory for it, say: what was left on the wire was read as commands, and LMTP heard one reply."""

    def no_memory(_reader: DataReader, _data: bytearray, _size: int) -> None:
        raise MemoryError

    monkeypatch.setattr(DataReader, "_weigh", no_memory)
    journal = Journal()
    async with listening(journal, road=Road.LMTP, limits=LMTP_LIMITS) as listener:
        peer = await Peer.connect(listener)
        await peer.greet("LHLO")
        await peer.envelope()
        assert (await peer.ask("RCPT TO:<suporte@example.test>")).startswith("250")
        assert (await peer.ask("DATA")).startswith("354")
        await peer.send(b".x\r\n" + b"y" * 70_000)
        assert [(await peer.line())[:9] for _ in range(2)] == ["451 4.3.0"] * 2
        assert await peer.is_closed()
    assert journal.mails == []


async def test_a_peer_that_resets_during_the_commit_still_has_its_mail_kept() -> None:
    slow = Gate()
    journal = Journal(slow)
    async with listening(journal) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.ask("DATA")).startswith("354")
        await peer.send(b"x\r\n.\r\n")
        await slow.entered.wait()
        linger = struct.pack("ii", 1, 0)
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        peer.writer.transport.abort()
        await until(lambda: not listener.reception.guests, "the session is gone")
        assert listener.reception.in_flight.used == 3
        slow.open.set()
        await until(lambda: len(journal.mails) == 1, "committed without its session")
        await until(lambda: listener.reception.in_flight.used == 0, "memory given back")


async def test_a_peer_that_leaves_before_the_dot_leaves_nothing() -> None:
    journal = Journal()
    async with listening(journal) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.ask("DATA")).startswith("354")
        await peer.send(b"half a mail\r\n.\r")
        await until(lambda: listener.reception.in_flight.used > 0, "octets are counted")
        await peer.close()
        await until(lambda: not listener.reception.guests, "the session is gone")
        assert journal.mails == []
        assert listener.reception.in_flight.used == 0


async def test_a_peer_that_says_all_and_closes_its_half_gets_every_reply() -> None:
    journal = Journal()
    async with listening(journal) as listener:
        peer = await Peer.connect(listener)
        await peer.send(
            b"HELO script.test\r\nMAIL FROM:<ana@customer.test>\r\nRCPT TO:<suporte@example.test>\r\nDATA\r\n"
            b"Subject: x\r\n\r\ny\r\n.\r\nQUIT\r\n"
        )
        peer.writer.write_eof()
        codes = [(await peer.reply())[:3] for _ in range(7)]
        assert codes == ["220", "250", "250", "250", "354", "250", "221"]
        assert await peer.is_closed()
    assert len(journal.mails) == 1


async def test_an_error_that_knows_its_reply_says_it_and_nothing_of_its_cause() -> None:
    class DiskFull(Busy):
        reply = SmtpReply(452, "4.3.1", "Not enough room, please try again later")

    async def full(received: Received) -> None:
        raise DiskFull("/var/lib/mailgate has 3 MiB left")

    async with listening(Journal(full)) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert await peer.data(b"x") == "452 4.3.1 Not enough room, please try again later"


async def test_a_commit_that_hangs_is_answered_451_and_may_still_succeed() -> None:
    slow = Gate()
    journal = Journal(slow)
    async with listening(journal, limits=SmtpLimits(accept_seconds=QUICK)) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.data(b"x")).startswith("451 4.3.0")
        assert (await peer.ask("NOOP")).startswith("250")
        slow.open.set()
        await until(lambda: len(journal.mails) == 1, "the late commit ends")


async def test_a_fault_at_rcpt_is_later_not_never() -> None:
    def broken(address: str) -> bool:
        raise OSError("/secret/path")

    async with listening(Journal(), rules=GateRules(broken)) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        assert (await peer.ask("MAIL FROM:<ana@customer.test>")).startswith("250")
        reply = await peer.ask("RCPT TO:<suporte@example.test>")
        assert reply.startswith("451 4.3.0")
        assert "secret" not in reply
        assert (await peer.ask("MAIL FROM:<ana@customer.test>")).startswith("250")


async def test_the_envelope_says_who_came_and_when() -> None:
    journal = Journal()
    async with listening(journal) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        await peer.data(b"x")
    received = journal.mails[0]
    assert received.envelope.peer == "127.0.0.1"
    assert received.envelope.helo == "client.test"
    assert received.received_at.utcoffset() is not None
    assert not received.envelope.tls


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "first"),
    [
        (SmtpLimits(idle_seconds=QUICK), b""),
        (SmtpLimits(idle_seconds=QUICK), b"NOOP without an end"),
        (SmtpLimits(data_gap_seconds=QUICK), b"DATA\r\n"),
        (SmtpLimits(transaction_seconds=QUICK), b"DATA\r\n"),
        (SmtpLimits(transaction_seconds=QUICK), b""),
    ],
    ids=["idle", "half a command", "gap in DATA", "transaction in DATA", "transaction between commands"],
)
async def test_a_peer_that_dawdles_is_told_so_and_closed(limits: SmtpLimits, first: bytes) -> None:
    async with listening(Journal(), limits=limits) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        await peer.send(first)
        if first.startswith(b"DATA"):
            assert (await peer.reply()).startswith("354")
        assert (await peer.reply()).startswith("421 4.4.2")
        assert await peer.is_closed()
        await until(lambda: not listener.reception.guests, "its place is free")


async def test_a_peer_that_dribbles_its_mail_is_closed() -> None:
    limits = SmtpLimits(data_rate_bytes=1_000_000, data_rate_seconds=QUICK, data_gap_seconds=5)
    async with listening(Journal(), limits=limits) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.ask("DATA")).startswith("354")
        reply = asyncio.ensure_future(peer.reply())
        while not reply.done():
            await peer.send(b"x")
            await asyncio.wait((reply,), timeout=0.01)
        assert (await reply).startswith("421 4.4.2")


async def test_a_long_mail_that_keeps_coming_outlives_the_idle_time() -> None:
    journal = Journal()
    limits = SmtpLimits(idle_seconds=QUICK, data_gap_seconds=5)
    async with listening(journal, limits=limits) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.ask("DATA")).startswith("354")
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < 3 * QUICK:
            await peer.send(b"x\r\n")
            await asyncio.wait((asyncio.ensure_future(asyncio.Event().wait()),), timeout=QUICK / 3)
        await peer.send(b".\r\n")
        assert (await peer.reply()).startswith("250")


# --- crowds -----------------------------------------------------------------------------------------------------------


async def test_the_places_of_one_address_are_bounded_and_come_free() -> None:
    async with listening(Journal(), limits=SmtpLimits(connections_per_ip=3)) as listener:
        inside = [await Peer.connect(listener) for _ in range(3)]
        for peer in inside:
            await peer.greet()
        late = await Peer.connect(listener)
        assert (await late.reply()).startswith("421 4.7.0")
        assert await late.is_closed()
        await inside[0].close()
        await until(lambda: len(listener.reception.guests) == 2, "a place is free")
        again = await Peer.connect(listener)
        await again.greet()


async def test_all_places_together_are_bounded() -> None:
    async with listening(Journal(), limits=SmtpLimits(connections=2, connections_per_ip=None)) as listener:
        inside = [await Peer.connect(listener) for _ in range(2)]
        for peer in inside:
            await peer.greet()
        for _ in range(50):
            late = await Peer.connect(listener)
            assert (await late.reply()).startswith("421 4.7.0")
            assert await late.is_closed()
        assert (await inside[0].ask("NOOP")).startswith("250")


async def test_far_too_many_mails_of_one_sender_are_left_with_his_server() -> None:
    """R11: 450, from ten times the hour's limit on; the null sender is everybody's."""
    limits = SmtpLimits(sender_rates=(Rate(2, timedelta(hours=1)),))
    async with listening(Journal(), limits=limits) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        for _ in range(2):
            await peer.envelope()
            assert (await peer.data(b"x")).startswith("250")
        assert (await peer.ask("MAIL FROM:<Ana@customer.test>")).startswith("450 4.7.1")
        assert (await peer.ask("MAIL FROM:<bia@customer.test>")).startswith("250")
        assert (await peer.ask("RSET")).startswith("250")
        for _ in range(3):
            assert (await peer.ask("MAIL FROM:<>")).startswith("250")
            assert (await peer.ask("RCPT TO:<suporte@example.test>")).startswith("250")
            assert (await peer.data(b"x")).startswith("250")


async def test_who_stands_there_without_a_word_makes_room() -> None:
    """R3: a crowd of idle peers kept everybody out for the whole of the idle time."""
    limits = SmtpLimits(connections=3, connections_per_ip=None, idle_seconds=12 * QUICK)
    async with listening(Journal(), limits=limits) as listener:
        in_mail, idle, other = [await Peer.connect(listener) for _ in range(3)]
        await in_mail.greet()
        await in_mail.envelope()
        for peer in (idle, other):
            await peer.greet()
        late = await Peer.connect(listener)
        assert (await late.reply()).startswith("421 4.7.0"), "everybody has just come"
        async with asyncio.timeout(PATIENCE):
            while True:
                canary = await Peer.connect(listener)
                if (await canary.reply()).startswith("220"):
                    break
                await asyncio.sleep(QUICK / 5)
        assert (await idle.reply()).startswith("421 4.7.0")
        assert await idle.is_closed()
        assert (await canary.ask("NOOP")).startswith("250")
        assert (await in_mail.data(b"x")).startswith("250"), "it was silent for as long, but within a mail"
        assert (await other.ask("NOOP")).startswith("250")


async def test_a_trusted_relay_may_come_as_often_as_it_likes() -> None:
    limits = SmtpLimits(connections_per_ip=1)
    async with listening(Journal(), limits=limits, trusted_peers=("127.0.0.0/8",)) as listener:
        for _ in range(5):
            await (await Peer.connect(listener)).greet()


async def test_mail_in_memory_is_bounded_over_all_connections() -> None:
    slow = Gate()
    journal = Journal(slow)
    room = InFlight(1_000_000)
    async with listening(journal, in_flight=room) as listener:
        first, second = await Peer.connect(listener), await Peer.connect(listener)
        for peer in (first, second):
            await peer.greet()
            await peer.envelope()
            assert (await peer.ask("DATA")).startswith("354")
        mail = b"0123456789abcd\r\n" * 40_000 + b".\r\n"
        await first.send(mail)
        await slow.entered.wait()
        await second.send(mail)
        assert (await second.reply()).startswith("452 4.3.1")
        assert (await second.ask("MAIL FROM:<ana@customer.test> SIZE=900000")).startswith("452 4.3.1")
        slow.open.set()
        assert (await first.reply()).startswith("250")
        await until(lambda: room.used == 0, "memory given back")
        await second.envelope()
        assert (await second.data(b"x")).startswith("250")


async def test_back_pressure_is_said_at_mail_before_any_octet() -> None:
    asked: list[int] = []

    def full(size: int) -> SmtpReply | None:
        asked.append(size)
        return SmtpReply(452, "4.3.1", "Disk is full")

    async with listening(Journal(), ready=full) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        assert (await peer.ask("MAIL FROM:<ana@customer.test> SIZE=77")) == "452 4.3.1 Disk is full"
    assert asked == [77]


async def test_twenty_megabytes_of_empty_lines_cost_their_own_size() -> None:
    async def drop(received: Received) -> None:
        assert received.raw == b"\r\n" * 10_000_000
        raise Busy("not kept")

    async with listening(Journal(drop)) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.ask("DATA")).startswith("354")
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(100):
            await peer.send(b"\r\n" * 100_000)
        await peer.send(b".\r\n")
        assert (await peer.reply()).startswith("451")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000


async def test_an_oversize_mail_is_not_kept_while_it_is_read_away() -> None:
    limits = SmtpLimits(message_bytes=1_000_000)
    async with listening(Journal(), limits=limits) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.ask("DATA")).startswith("354")
        for _ in range(100):
            await peer.send(b"0123456789abcd\r\n" * 4_000)
            assert listener.reception.in_flight.used <= 1_600_000
        await peer.send(b".\r\n")
        assert (await peer.reply()).startswith("552 5.3.4")
        assert listener.reception.in_flight.used == 0


# --- going down -------------------------------------------------------------------------------------------------------


async def test_drain_sends_the_idle_away_and_finishes_what_is_under_way() -> None:
    slow = Gate()
    journal = Journal(slow)
    async with listening(journal) as listener:
        idle, in_data, in_commit = [await Peer.connect(listener) for _ in range(3)]
        for peer in (idle, in_data, in_commit):
            await peer.greet()
        for peer in (in_data, in_commit):
            await peer.envelope()
            assert (await peer.ask("DATA")).startswith("354")
        await in_commit.send(b"x\r\n.\r\n")
        await slow.entered.wait()
        draining = asyncio.ensure_future(listener.drain(10))
        assert (await idle.reply()).startswith("421 4.3.2")
        assert await idle.is_closed()
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, by whatever number
            await Peer.connect(listener)
        slow.open.set()
        assert (await in_commit.reply()).startswith("250")
        assert (await in_commit.reply()).startswith("421 4.3.2")
        await in_data.send(b"y\r\n.\r\n")
        assert (await in_data.reply()).startswith("250")
        assert (await in_data.reply()).startswith("421 4.3.2")
        assert await draining == 0
    assert len(journal.mails) == 2


async def test_drain_ends_in_time_whatever_the_peers_do() -> None:
    async with listening(Journal(), drain=0.1) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        assert (await peer.ask("DATA")).startswith("354")
        assert await listener.drain(QUICK) == 1
        assert await peer.is_closed()


# --- other ways in ----------------------------------------------------------------------------------------------------


async def test_a_proxy_names_the_peer_and_starttls_does_not_forget_it() -> None:
    journal = Journal()
    limits = SmtpLimits(connections_per_ip=1)
    async with listening(journal, proxy_protocol=True, tls_context=server_context(), limits=limits) as listener:
        peers = [await Peer.connect(listener) for _ in range(2)]
        for number, peer in enumerate(peers):
            await peer.send(b"PROXY TCP4 203.0.113.%d 192.0.2.1 5555 25\r\n" % number)
            await peer.greet()
        assert (await peers[1].ask("STARTTLS")).startswith("220")
        await peers[1].start_tls()
        assert (await peers[1].ask("EHLO again.test")).startswith("250")
        await peers[1].envelope()
        assert (await peers[1].data(b"x")).startswith("250")
        same = await Peer.connect(listener)
        await same.send(b"PROXY TCP4 203.0.113.1 192.0.2.1 5556 25\r\n")
        assert (await same.reply()).startswith("421 4.7.0")
    assert journal.mails[0].envelope.peer == "203.0.113.1"


async def test_without_its_proxy_header_nobody_is_served() -> None:
    async with listening(Journal(), proxy_protocol=True) as listener:
        peer = await Peer.connect(listener)
        await peer.send(b"EHLO direct.test\r\n")
        assert await peer.is_closed()


async def test_tls_from_the_first_octet_is_tls_for_auth() -> None:
    journal = Journal()
    options = {"road": Road.SUBMISSION, "auth": auth_policy(), "tls_context": server_context(), "implicit_tls": True}
    async with listening(journal, **options) as listener:
        address: str = listener.address  # type: ignore[attr-defined]
        host, _, port = address.rpartition(":")
        streams = await asyncio.open_connection(
            host, int(port), ssl=client_context(), server_hostname="mx.example.test"
        )
        peer = Peer(*streams)
        await peer.greet()
        assert (await peer.ask("AUTH PLAIN AGJydW5vQGV4YW1wbGUudGVzdABzZWNyZXQ=")).startswith("235")
        assert (await peer.ask("MAIL FROM:<Bruno@example.test>")).startswith("250")
        assert (await peer.ask("RCPT TO:<suporte@example.test>")).startswith("250")
        assert (await peer.data(b"x")).startswith("250")
        await peer.close()
    assert journal.mails[0].envelope.tls
    assert journal.mails[0].envelope.auth_user == "bruno@example.test"


async def test_a_handshake_that_is_none_ends_the_session_only() -> None:
    async with listening(Journal(), tls_context=server_context()) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        assert (await peer.ask("STARTTLS")).startswith("220")
        await peer.send(b"NOOP\r\n" * 50)
        await until(lambda: not listener.reception.guests, "the session is gone")
        await (await Peer.connect(listener)).greet()


async def test_guessing_passwords_ends_after_so_many_tries_from_one_peer() -> None:
    policy = auth_policy(require_tls=False, failures=3)
    limits = SmtpLimits(errors=None)
    async with listening(Journal(), road=Road.SUBMISSION, auth=policy, limits=limits) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        for _ in range(3):
            assert (await peer.ask("AUTH PLAIN AGFAYgBjCg==")).startswith("535 5.7.8")
        assert (await peer.ask("AUTH PLAIN AGJydW5vQGV4YW1wbGUudGVzdABzZWNyZXQ=")).startswith("421 4.7.0")
        assert await peer.is_closed()
        again = await Peer.connect(listener)
        await again.greet()
        assert (await again.ask("AUTH PLAIN AGJydW5vQGV4YW1wbGUudGVzdABzZWNyZXQ=")).startswith("421 4.7.0")


async def test_lmtp_on_a_unix_socket_that_a_dead_process_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    journal = Journal()
    listen = f"unix:{path}"
    async with listening(journal, listen=listen, road=Road.LMTP, limits=LMTP_LIMITS) as listener:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        peer = await Peer.connect(listener)
        await peer.greet("LHLO")
        await peer.envelope()
        assert (await peer.data(b"x")).startswith("250")
        with pytest.raises(Unavailable, match="somebody else"):
            async with listening(Journal(), listen=listen, road=Road.LMTP):
                pass
        await peer.close()
    assert journal.mails[0].envelope.peer == ""
    assert not path.exists()


async def test_a_port_that_is_taken_is_one_sentence() -> None:
    async with listening(Journal()) as listener:
        address: str = listener.address  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match=f"cannot listen on {address}"):
            async with listening(Journal(), listen=address):
                pass


async def test_new_rules_hold_for_the_next_recipient() -> None:
    async with listening(Journal()) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        await peer.envelope()
        listener.rules = replace(listener.rules, is_ours=lambda address: address == "novo@example.test")
        assert (await peer.ask("RCPT TO:<suporte@example.test>")).startswith("550")
        assert (await peer.ask("RCPT TO:<novo@example.test>")).startswith("250")


# --- anything at all --------------------------------------------------------------------------------------------------

WORDS = [b"MAIL", b"RCPT", b"FROM:", b"TO:", b"<", b">", b"@", b"ana@customer.test", b"suporte@example.test", b" "]
WORDS += [b"\0", b"\r", b"\xff", b"\xc3\xa9", b"(", b'"', b"\\", b"SIZE=", b"9" * 400, b"BODY=", b"=", b":", b"[::1]"]
WORDS += [b"EHLO", b"HELO", b"RSET", b"VRFY", b"HELP", b"AUTH", b"STARTTLS", b"NOOP", b"PROXY", b"BDAT 3", b"\t", b","]


async def test_no_command_line_is_our_fault() -> None:
    dice = random.Random(20260105)
    limits = SmtpLimits(errors=None, unknown_commands=None, idle_commands=None, mails_per_connection=None)
    async with listening(Journal(), limits=limits) as listener:
        peer = await Peer.connect(listener)
        await peer.greet()
        for _ in range(1500):
            line = b"".join(dice.choice(WORDS) for _ in range(dice.randint(0, 8)))
            await peer.send(line + b"\r\n")
            reply = await peer.reply()
            assert reply[:1] in ("2", "5"), f"{line!r} was answered {reply!r}"
        assert (await peer.ask("RSET")).startswith("250")


async def test_a_peer_that_reads_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_wire, "_CLOSE_SECONDS", QUICK)
    async with listening(Journal(), limits=SmtpLimits(idle_seconds=QUICK, idle_commands=None)) as listener:
        reader, writer = await asyncio.open_connection(*listener.address.split(":"), limit=1)  # type: ignore[attr-defined]
        for _ in range(100):
            writer.write(b"HELP\r\n" * 10_000)
        await until(lambda: not listener.reception.guests, "it is gone")
        writer.transport.abort()
        assert reader is not None


async def test_a_peer_that_pipelines_thousands_of_commands_does_not_hold_up_the_others() -> None:
    async with listening(Journal()) as listener:
        flood, other = await Peer.connect(listener), await Peer.connect(listener)
        for peer in (flood, other):
            await peer.greet()
        await flood.envelope()
        await flood.send(b"RCPT TO:<suporte@example.test>\r\n" * 20_000)
        clock = asyncio.get_running_loop().time
        began = clock()
        assert (await other.ask("NOOP")).startswith("250")
        assert clock() - began < 0.5
        flood.writer.transport.abort()
