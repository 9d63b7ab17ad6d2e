"""The kernel's view of durability: no promise before the disk, death at any system call, calls that fail."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.crashing import Zygote, copies, deliver, dying, knock
from tests.faults.load import SUPPORT, mail, sender_of
from tests.faults.test_kill_loop import SETTINGS
from tests.faults.tracing import disk_of, everything, late_promises, read_trace
from tests.integration.gateway import PROGRAM, Gateway
from tests.integration.machine import LOOPBACK, wait_until

sqlite_only = pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
_LARGE = 400_000


def marked(number: int, marker: str, size: int = 0) -> bytes:
    """A mail whose first line, and no other, holds a marker. number: of its sender and Message-ID."""
    filler = ("x" * 70 + "\r\n") * (size // 72)
    return f"X-Mark: {marker};\r\n".encode() + mail(number) + filler.encode()


# --- D2: nothing is promised before the disk -----------------------------------------------------------------------


class Senders:
    """Peers side by side, each with a few mails on one connection; which markers went over which port."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.sent: dict[int, list[str]] = {}
        self._failed: list[BaseException] = []

    def run(self, peers: int, mails: int) -> None:
        threads = [threading.Thread(target=self._peer, args=(number, mails)) for number in range(peers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        assert not self._failed, self._failed

    def _peer(self, number: int, mails: int) -> None:
        road = "lmtp" if number % 3 == 2 else "smtp"
        try:
            with socket.create_connection((LOOPBACK, self.gateway.port(road)), timeout=60) as peer:
                self._talk(peer, road, number, mails)
        except BaseException as error:
            self._failed.append(error)

    def _talk(self, peer: socket.socket, road: str, number: int, mails: int) -> None:
        wire = peer.makefile("rb")
        port = peer.getsockname()[1]
        answered(wire, "220")
        peer.sendall((b"LHLO" if road == "lmtp" else b"EHLO") + b" mta.cliente.test\r\n")
        answered(wire, "250")
        for n in range(mails):
            marker = f"mark-{number}-{n}"
            raw = marked(100 * number + n, marker, _LARGE if (number + n) % 4 == 3 else 0)
            stuffed = raw.replace(b"\r\n.", b"\r\n..")
            envelope = f"MAIL FROM:<{sender_of(n)}>\r\nRCPT TO:<{SUPPORT}>\r\nDATA\r\n".encode()
            peer.sendall(envelope)  # RFC 2920: three commands at once
            for code in ("250", "250", "354"):
                answered(wire, code)
            peer.sendall(stuffed + b".\r\n" + (b"NOOP\r\n" if n % 2 else b""))
            answered(wire, "250")
            self.sent.setdefault(port, []).append(marker + ";")
            if n % 2:
                answered(wire, "250")


def answered(wire: object, code: str) -> None:
    """Read a whole reply, and fail on another code."""
    while True:
        line = wire.readline().decode()  # type: ignore[attr-defined]
        assert line.startswith(code), line
        if line[3:4] == " ":
            return


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_250_before_the_disk(gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    log = tmp_path / "trace"
    running = gateway(SETTINGS, start=False)
    running.under(*everything(log))
    running.start(limit=90)
    senders = Senders(running)
    senders.run(peers=6, mails=5)
    running.stop()
    calls = read_trace(log.read_text(errors="replace"))
    assert late_promises(calls, running.home, senders.sent) == []
    assert sum(map(len, senders.sent.values())) == 30


@sqlite_only
@pytest.mark.parametrize("size", [0, _LARGE])
def test_the_pipe_ends_well_only_after_the_disk(gateway: Callable[..., Gateway], tmp_path: Path, size: int) -> None:
    log = tmp_path / "trace"
    idle = gateway(start=False)
    command = [*everything(log), str(PROGRAM), "ingest", "--rcpt", SUPPORT, "--config", str(idle.home)]
    done = subprocess.run(command, input=marked(1, "mark-p", size), env=idle.env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    wait_until(lambda: "exit_group" in log.read_text(errors="replace"), 10, "the end of the trace")
    calls = read_trace(log.read_text(errors="replace"))
    [end] = [call.begin for call in calls if call.name == "exit_group"]
    assert disk_of(calls, idle.home).troubles("mark-p;", end) == []


# --- D3: death at every system call --------------------------------------------------------------------------------


@contextlib.contextmanager
def zygote(gateway: Gateway, roles: str) -> Iterator[Zygote]:
    one = Zygote(gateway, roles)
    try:
        yield one
    finally:
        one.close()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Deaths:
    """Deliveries, each into a process that dies at another system call, over one data folder."""

    def __init__(self, gateway: Gateway, serving: Zygote, road: str, *, accepting: bool, size: int = 0) -> None:
        self.gateway, self.serving, self.road, self.accepting, self.size = gateway, serving, road, accepting, size
        self.mails: dict[int, bytes] = {}
        self.acked: set[int] = set()
        self.kept_unacked = 0

    def at(self, number: int) -> None:
        """Deliver, die at that call, start again, and send the same once more if no 250 was seen."""
        key = len(self.mails) + 1
        raw = self.mails[key] = marked(key, f"kill-{number}", self.size)
        pid = self.serving.pid or self.serving.start()
        with dying(pid, number, accepting=self.accepting):
            acked = deliver(self.gateway, key, raw, self.road)
            while not is_gone(pid):
                knock(self.gateway, self.road)  # for the calls that a delivery did not need
            assert self.serving.ended() == -9
        self.serving.start()
        kept = copies(self.gateway, raw)
        assert kept == 1 if acked else kept in (0, 1), f"killed at call {number}: {kept} copies, 250 seen: {acked}"
        if acked:
            self.acked.add(key)
            return
        self.kept_unacked += kept
        assert deliver(self.gateway, key, raw, self.road)

    def check(self, wait: float = 120) -> dict[str, int]:
        """Let everything be worked on, and count."""
        self.serving.close()
        self.gateway.start()
        rows = self.gateway.wait_export(
            lambda rows: not any(r.get("outcome") == "pending" for r in rows), limit=wait, what="all to be decided"
        )
        seen = Counter(m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"])
        wanted = {hashlib.sha256(raw).hexdigest() for raw in self.mails.values()}
        assert seen == Counter(wanted)
        doubles = Counter(row["of"] for row in rows if row.get("outcome") == "duplicate")
        assert sum(doubles.values()) == self.kept_unacked
        return {
            "kills": len(self.mails),
            "250 seen": len(self.acked),
            "kept without a 250": self.kept_unacked,
            "lost": len(wanted - set(seen)),
            "doubled": sum(n - 1 for n in seen.values()),
        }


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("road", "accepting", "size", "points"),
    [
        ("smtp", False, 0, range(1, 161)),
        ("smtp", True, 0, range(1, 61)),
        ("lmtp", False, _LARGE, range(1, 161, 2)),
    ],
)
def test_killed_at_every_system_call_of_a_delivery(
    gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str], road: str, accepting: bool, size: int,
    points: range,
) -> None:  # fmt: skip
    running = gateway(SETTINGS, start=False)
    with zygote(running, "smtp,lmtp") as serving:
        deaths = Deaths(running, serving, road, accepting=accepting, size=size)
        for number in points:
            deaths.at(number)
        figures = deaths.check()
    told(capsys, f"killed at system calls over {road}", figures)


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_at_system_calls_of_the_whole_line(
    gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first octet to the mail at the relay: reading, ticket, notices, sending."""
    running = gateway(SETTINGS, start=False)
    with zygote(running, "smtp,worker,delivery") as serving:
        deaths = Deaths(running, serving, "smtp", accepting=False)
        for number in range(40, 1640, 40):
            deaths.at(number)
        figures = deaths.check()
    for key in deaths.mails:
        acknowledged = running.sink.wait_for(1, to=sender_of(key), limit=90)
        assert len({m.raw for m in acknowledged}) == 1
    told(capsys, "killed at system calls of the whole line", figures)


def told(capsys: pytest.CaptureFixture[str], what: str, figures: dict[str, int]) -> None:
    with capsys.disabled():
        print(f"\n  {what}: " + ", ".join(f"{value} {name}" for name, value in figures.items()))
