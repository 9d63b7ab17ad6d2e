"""The doors of the running program under attack: what a stranger on the network may do to SMTP, LMTP and the portal.

What a session answers to each line is told in tests/dialogs; here processes, memory, descriptors and mails count.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.peers import SUPPORT, Peer, canary, cpu_seconds, descriptors, forget_peak, mail, peak_rss, rss
from tests.integration.dnsstub import DnsStub
from tests.integration.gateway import Gateway, merged, sane_settings
from tests.integration.machine import LOOPBACK, folder, wait_until
from tests.integration.sink import Sink

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")

MIB = 1 << 20
#: Time, scaled: a minute of silence is two seconds here.
QUICK = {"idle": "2s", "data_gap": "2s", "transaction": "4s", "portal_head": "2s", "portal_stall": "2s"}
NO_RATES = {"mails_per_sender": "off", "tickets_per_sender": "off", "requests_per_ip": "off"}


@contextlib.contextmanager
def running(limits: dict[str, Any] | None = None, *, start: bool = True) -> Iterator[Gateway]:
    with ExitStack() as ends:
        sink, stub = Sink(), DnsStub()
        for far in (sink, stub):
            far.start()
            ends.callback(far.stop)
        home = ends.enter_context(folder("door"))
        settings = sane_settings(home, "sqlite", sink.port, stub.address)
        gateway = Gateway(home, merged(settings, {"limits": {**NO_RATES, **(limits or {})}}), sink)
        gateway.install()
        if start:
            gateway.start(limit=100)
        yield gateway
        print(gateway.log())
        if gateway.is_running:
            gateway.stop()


@pytest.fixture(scope="module")
def door() -> Iterator[Gateway]:
    """One program for the attacks that leave it as it was."""
    with running(QUICK) as gateway:
        yield gateway


def page(gateway: Gateway, source: str = "127.0.0.9", path: str = "/login") -> tuple[int, float]:
    """Status of a page and the seconds it took, for somebody else."""
    began = time.monotonic()
    browser = http.client.HTTPConnection(LOOPBACK, gateway.port("portal"), timeout=60, source_address=(source, 0))
    browser.request("GET", path)
    answer = browser.getresponse()
    answer.read()
    browser.close()
    return answer.status, time.monotonic() - began


def subjects(gateway: Gateway) -> list[str]:
    return [row["subject"] for row in gateway.tickets()]


# --- what every suite provokes --------------------------------------------------------------------------------------

ENDS = {
    "lf.lf": b"\n.\n", "lf.crlf": b"\n.\r\n", "cr.cr": b"\r.\r", "crlf.lf": b"\r\n.\n", "crlf.cr": b"\r\n.\r",
    "lf.cr": b"\n.\r", "cr.crlf": b"\r.\r\n", "cr.lf": b"\r.\n", "crlf.nul": b"\r\n.\0\r\n", "nul": b"\r\n\0.\r\n",
}  # fmt: skip


def test_no_second_mail_is_smuggled_in(door: Gateway) -> None:
    """M3: whatever another server may take for the end of a mail, the rest of it is content."""
    second = f"MAIL FROM:<ceo@bank.test>\r\nRCPT TO:<{SUPPORT}>\r\nDATA\r\nFrom: ceo@bank.test\r\nSubject: in\r\n\r\nx"
    for road, verb in (("smtp", "EHLO"), ("lmtp", "LHLO")):
        for name, end in ENDS.items():
            with Peer(door.port(road)) as peer:
                peer.greet(verb)
                peer.begin()
                peer.send(mail(f"{road}-{name}", b"hello") + end + second.encode() + b"\r\n.\r\n")
                assert peer.reply().startswith("250")
                assert peer.ask("NOOP").startswith("250"), "one mail, one reply"
    wanted = {f"{road}-{name}" for road in ("smtp", "lmtp") for name in ENDS}
    rows = door.wait_export(lambda found: wanted <= {row.get("subject") for row in found if row["key"]}, limit=100)
    assert not [row for row in rows if row["key"] and "ceo@bank.test" in str(row["requester"])]
    assert sum(1 for row in rows if row["key"]) == len(wanted)


def test_it_relays_for_nobody(door: Gateway) -> None:
    """I11: the percent hack, source routes, bang paths, quoted addresses, and the other ports."""
    foreign = (
        "x@other.test", "suporte%other.test@example.test", "@example.test:x@other.test", '"x@other.test"@example.test',
        "other.test!x@example.test", "x@other.test@example.test", "suporte@[127.0.0.1]", "suporte@localhost", "suporte",
        "x@other.test\\@example.test", "suporte@example.test.other.test", "<x@other.test>",
        "x@other.test,suporte@example.test",
    )  # fmt: skip
    for port, verb in ((door.port("smtp"), "EHLO"), (door.port("lmtp"), "LHLO")):
        for address in foreign:
            with Peer(port) as peer:
                peer.greet(verb)
                assert peer.ask("MAIL FROM:<ana@example.org>").startswith("250")
                assert peer.ask(f"RCPT TO:<{address}>")[:2] in ("55", "50"), address
                assert peer.ask("DATA").startswith("503")
    with Peer(door.port("submission")) as peer:
        peer.greet()
        assert peer.ask("MAIL FROM:<bruno@example.test>").startswith("530")
    assert door.settings["lmtp"]["listen"].startswith(LOOPBACK)


def test_who_dawdles_is_sent_away(door: Gateway) -> None:
    """R3: in a command letter by letter, in a mail without a word, in a mail that never ends."""

    def command(peer: Peer) -> None:
        for _ in range(20):
            peer.send(b"N")
            time.sleep(0.3)

    def nothing(peer: Peer) -> None:
        peer.begin()
        peer.send(b"Subject: x\r\n")

    def endless(peer: Peer) -> None:
        peer.begin()
        for _ in range(30):
            peer.send(b"X: y\r\n")
            time.sleep(0.3)

    took: dict[str, float] = {}

    def attack(name: str, dawdle: Callable[[Peer], None]) -> None:
        with Peer(door.port("smtp"), source="127.0.0.3") as peer:
            peer.greet()
            began = time.monotonic()
            with contextlib.suppress(OSError):
                dawdle(peer)
            peer.is_closed()
            took[name] = time.monotonic() - began

    threads = [threading.Thread(target=attack, args=(f.__name__, f)) for f in (command, nothing, endless)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(took) == {"command", "nothing", "endless"}
    assert took["command"] > 1.5


def test_other_protocols_and_peers_that_vanish_leave_nothing_behind(door: Gateway) -> None:
    """R3, I10: HTTP and TLS on the SMTP port, resets within a mail: no descriptor, no memory, no mail."""
    port = door.port("smtp")
    before = descriptors(door.pid)
    for first in (
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    ):
        with Peer(port) as peer:
            peer.send(first)
            peer.send(b"\r\n" * 20)
            assert peer.is_closed()
    for _ in range(20):
        peer = Peer(port)
        peer.greet()
        peer.begin()
        peer.send(b"x" * 100_000)
        peer.reset()
    wait_until(lambda: descriptors(door.pid) <= before + 3, what="their descriptors are free")
    assert door.send(mail("after-resets")) == {}


def test_an_idle_crowd_at_the_portal_keeps_out_neither_pages_nor_mail(door: Gateway) -> None:
    """R13: more than there are places, from many addresses, some within a body."""
    host = door.settings["base_url"].partition("//")[2]
    half = f"POST /links HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\na".encode()
    with ExitStack() as ends:
        for number in range(260):
            source = (f"127.0.2.{number % 26 + 1}", 0)
            idle = ends.enter_context(socket.create_connection((LOOPBACK, door.port("portal")), 10, source))
            if number % 2:
                with contextlib.suppress(OSError):
                    idle.sendall(half)
        assert page(door)[0] == 200
        assert door.send(mail("beside-a-crowd")) == {}
        wait_until(lambda: descriptors(door.pid) < 100, what="they are sent away", limit=20)


# --- what takes minutes ---------------------------------------------------------------------------------------------


@pytest.mark.long
def test_huge_mails_and_empty_lines_cost_what_they_weigh() -> None:
    """R1, R2: a hundred MiB is refused without being kept, 20 MB of empty lines are one mail, bytes may come singly."""
    with running() as gateway:
        port, pid = gateway.port("smtp"), gateway.pid
        with Peer(port) as peer:
            peer.greet()
            assert peer.ask("MAIL FROM:<ana@example.org> SIZE=104857600").startswith("552 5.3.4")
        line = (b"y" * 70 + b"\r\n") * 14_563
        figures: dict[str, tuple[float, float, float]] = {}
        for name, pieces, code in (
            ("100 MiB", [line] * 100, "552 5.3.4"),
            ("4 MiB of CRLF", [mail("crlf4") + b"\r\n" * (2 * MIB)], "250"),
            ("20 MB of CRLF", [mail("crlf20") + b"\r\n" * 10_000_000], "250"),
            ("single bytes", [bytes([b]) for b in mail("single", b"z" * 20_000 + b"\r\n")], "250"),
        ):
            with Peer(port, limit=120) as peer, canary(port) as took:
                peer.greet()
                peer.begin()
                forget_peak(pid)
                before, cpu = rss(pid), cpu_seconds(pid)
                for piece in pieces:
                    peer.send(piece)
                peer.send(b".\r\n")
                assert peer.reply().startswith(code), name
                figures[name] = ((peak_rss(pid) - before) / MIB, cpu_seconds(pid) - cpu, max(took, default=0.0))
        print(figures)
        for grew, cpu, _ in figures.values():
            assert grew <= 64 + 20
            assert cpu < 5
        assert figures["100 MiB"][0] <= 64


@pytest.mark.long
def test_memory_for_mails_on_their_way_is_one_budget() -> None:
    """R6: forty mails of 20 MiB at once: what does not fit into 256 MiB is put off, and all of it comes in the end."""
    with running({"connections_per_ip": "off"}) as gateway:
        pid = gateway.pid
        forget_peak(pid)
        before = rss(pid)
        replies: list[str] = []

        def send(number: int) -> None:
            body = (b"%04d" % number + b"y" * 70 + b"\r\n") * (20 * MIB // 76)
            while True:
                with Peer(gateway.port("smtp"), limit=300) as peer:
                    peer.greet()
                    peer.begin()
                    peer.send(mail(f"big{number}", body) + b".\r\n")
                    replies.append(peer.reply())
                if replies[-1].startswith("250"):
                    return
                time.sleep(1)

        with canary(gateway.port("smtp")) as took:
            threads = [threading.Thread(target=send, args=(number,)) for number in range(40)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(600)
        said = Counter(reply[:9] for reply in replies)
        print(said, (peak_rss(pid) - before) / MIB, max(took))
        assert set(said) <= {"250 2.0.0", "452 4.3.1"}
        assert said["250 2.0.0"] == 40
        assert (peak_rss(pid) - before) / MIB < 2 * 256 + 64
        rows = gateway.wait_export(lambda found: sum(1 for row in found if row["key"]) == 40, limit=300)
        assert len(rows) == 40


@pytest.mark.long
def test_five_hundred_idle_sockets() -> None:
    """R3: from one address, then from thirty: somebody else is served in two seconds, or as soon as they have idled."""
    with running() as gateway, ExitStack() as ends:
        port = gateway.port("smtp")
        for _ in range(500):
            ends.enter_context(socket.create_connection((LOOPBACK, port), 10))
        began = time.monotonic()
        with Peer(port, source="127.0.0.9") as peer:
            peer.greet()
        alone = time.monotonic() - began
        assert alone < 2
        for number in range(500):
            ends.enter_context(socket.create_connection((LOOPBACK, port), 10, (f"127.0.1.{number % 30 + 1}", 0)))

        def served() -> bool:
            with Peer(port, source="127.0.0.9") as peer:
                return peer.reply().startswith("220")

        began = time.monotonic()
        wait_until(served, limit=15, what="a place is made")
        print("alone", alone, "against thirty", time.monotonic() - began)
        assert gateway.send(mail("against-a-crowd")) == {}


@pytest.mark.long
def test_with_sixty_four_descriptors() -> None:
    """R4: the door waits without spinning and says so once; who is inside hands in his mail; all are served later."""
    with running({"connections_per_ip": "off"}, start=False) as gateway:
        process = gateway._process
        process.command = ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *process.command]
        gateway.start(limit=100)
        pid, port = gateway.pid, gateway.port("smtp")
        with ExitStack() as ends:
            peers = [ends.enter_context(contextlib.closing(Peer(port).socket)) for _ in range(90)]
            first = peers[0]
            first.settimeout(10)
            assert first.recv(100).startswith(b"220")
            cpu, began = cpu_seconds(pid), time.monotonic()
            time.sleep(5)
            share = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
            print("share of a core", share, "descriptors", descriptors(pid))
            assert share < 0.2
            first.sendall(b"EHLO a\r\nMAIL FROM:<ana@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n" % SUPPORT.encode())
            seen = b""
            while b"354" not in seen:
                seen += first.recv(1000)
            first.sendall(mail("within") + b".\r\n")
            assert first.recv(1000).startswith(b"250"), "there is a descriptor for the database"
        wait_until(lambda: gateway.send(mail("afterwards")) == {}, limit=15, what="it recovers", every=0.5)
        gateway.wait_export(lambda rows: sum(1 for row in rows if row["key"]) == 2)
        lines = [line for line in gateway.log().splitlines() if "cannot accept" in line]
        assert len(lines) == 1
        assert not [line for line in gateway.log().splitlines() if '"sweep failed' in line or "loop failed" in line]


@pytest.mark.long
def test_two_hundred_mails_from_a_victim() -> None:
    """R9: within the hour five acknowledgements leave at most, with whatever subject, over SMTP and the real relay."""
    with running() as gateway:
        words = [f"palavra{number}x" for number in range(200)]
        for number, word in enumerate(words):
            raw = mail(str(number), f"clique {word}\r\n".encode(), sender="vitima@example.org")
            for field in (b"From: Ana", b"Subject: "):  # its Message-ID stands in References, which nobody reads
                raw = raw.replace(field, field.partition(b" ")[0] + f" {word} ".encode())
            assert gateway.send(raw) == {}
        gateway.wait_export(lambda rows: sum(1 for row in rows if row["key"]) == 200, limit=120)
        wait_until(lambda: not gateway.json("outbox", "list"), limit=60, what="all has left")
        out = [one for one in gateway.sink.mails if "vitima@example.org" in one.rcpt_tos]
        print("acknowledgements", len(out))
        assert 1 <= len(out) <= 5
        assert not [word for word in words for one in out if word.encode() in one.raw]
