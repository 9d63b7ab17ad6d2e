"""Out of file descriptors, in a process of its own: no spin, no lost peer, one line a second, and it recovers (R4)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

SERVER = """
import asyncio, resource, sys
import uvloop
from mailgate.ingest.gate import GateRules
from mailgate.ingest.reception import SmtpConfig, SmtpLimits
from mailgate.ingest.servers import Listener

async def accept(received): return "J1"

async def main():
    limits = SmtpLimits(connections=None, connections_per_ip=None)
    listener = Listener(SmtpConfig("127.0.0.1:0", "mx.example.test", limits=limits), GateRules(lambda a: True), accept)
    print((await listener.start())[0], flush=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    await asyncio.sleep(60)

with asyncio.Runner(loop_factory=uvloop.new_event_loop if sys.argv[1] == "uvloop" else None) as runner:
    runner.run(main())
"""
PEERS = 60


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, request.param], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_without_descriptors_it_waits_and_comes_back(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    with ExitStack() as stack:
        peers = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)) for _ in range(PEERS)]
        assert peers[0].recv(100).startswith(b"220")
        before, began = cpu_seconds(process.pid), time.monotonic()
        peers[-1].settimeout(1.5)
        with pytest.raises(TimeoutError):  # not served, and not dropped
            peers[-1].recv(100)
        assert cpu_seconds(process.pid) - before < 0.3 * (time.monotonic() - began)
        for peer in peers[:-1]:
            peer.close()
        peers[-1].settimeout(5)
        assert peers[-1].recv(100).startswith(b"220")
    process.kill()
    assert process.stdout is not None
    lines = [line for line in process.stdout.read().splitlines() if "cannot accept" in line]
    assert 1 <= len(lines) <= 10
