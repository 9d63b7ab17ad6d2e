"""Deliveries into a `serve` that dies at a chosen system call; what a sender saw of each."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.faults.load import SUPPORT, sender_of
from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Zygote:
    """Serving processes of one installation, one after the other, each ready in a fraction of a second."""

    def __init__(self, gateway: Gateway, roles: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py"), str(gateway.home), roles],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=gateway.env | {"PYTHONPATH": str(ROOT)},
            cwd=gateway.home,
        )
        self._gateway = gateway
        self.pid = 0

    def start(self) -> int:
        """Begin another; its process id once it listens. Raises AssertionError when it does not."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        word, pid = self._line().split()[:2]
        assert word == "PID", (word, pid, (self._gateway.home / "serve.log").read_text()[-2000:])
        self.pid = int(pid)
        return self.pid

    def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        code = int(self._line().split()[2])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # its parse processes
        self.pid = 0
        return code

    def close(self) -> None:
        """End what runs and the zygote itself."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.communicate(timeout=20)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode()


@contextlib.contextmanager
def dying(pid: int, number: int, *, accepting: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """The process will die at its `number`th system call once somebody has connected (`killat.py`)."""
    command = [sys.executable, str(HERE / "killat.py"), str(pid), str(number), *(["accepting"] if accepting else [])]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert tracer.stdout is not None
    try:
        assert tracer.stdout.readline() == b"ready\n"
        yield tracer
    finally:
        tracer.kill()
        tracer.communicate(timeout=20)


def deliver(gateway: Gateway, number: int, raw: bytes, road: str) -> bool:
    """Hand a mail in once; whether its 250 was seen. Raises smtplib's errors for a refusal."""
    kind = smtplib.LMTP if road == "lmtp" else smtplib.SMTP
    try:
        client = kind(LOOPBACK, gateway.port(road), "mta.cliente.test", timeout=30)
    except (smtplib.SMTPServerDisconnected, OSError):
        return False
    try:
        client.sendmail(sender_of(number), [SUPPORT], raw)
    except (smtplib.SMTPServerDisconnected, ConnectionError):
        return False
    finally:
        client.close()
    return True


def knock(gateway: Gateway, road: str) -> None:
    """Connect and leave: a few more system calls."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, gateway.port(road)), timeout=2) as peer:
        peer.settimeout(2)
        peer.recv(64)


def copies(gateway: Gateway, raw: bytes) -> int:
    """How many rows of the journal hold these bytes and are no duplicate."""
    path = gateway.home / "data" / "mailgate.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(
            connection.execute(
                "select count(*) from journal where raw_sha256 = ? and outcome <> 'duplicate'",
                (hashlib.sha256(raw).hexdigest(),),
            ).fetchone()[0]
        )
