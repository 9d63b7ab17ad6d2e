"""A small disk that fills and is freed: mail is put off with 452, the rest goes on, nothing promised is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.load import SUPPORT, sender_of
from tests.faults.test_errors import Peer
from tests.faults.test_kill_loop import SETTINGS
from tests.faults.test_stop import sqlite_only
from tests.faults.test_syscalls import told
from tests.integration.gateway import Gateway
from tests.integration.machine import folder, is_root, wait_until
from tests.integration.sink import Mood
from tests.unit.ingest.fake_imap import FakeImap
from tests.unit.ingest.imap_house import mail as folder_mail

MIB = 1024 * 1024
DISK, RESERVE = 64 * MIB, 16 * MIB
_LARGE = 300_000


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system of 64 MiB."""
    if not is_root():
        pytest.skip("only root may mount a file system of its own (in CI we are root)")
    with folder("disk") as place:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(place)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)


def free_bytes(disk: Path) -> int:
    stat = os.statvfs(disk)
    return stat.f_bavail * stat.f_frsize


@contextlib.contextmanager
def filled(disk: Path, leave: int) -> Iterator[None]:
    """While this lasts, only so much is free, at the moment when it begins."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while (left := free_bytes(disk) - leave) > 0:
            file.write(bytes(min(left, MIB)))
            file.flush()
    try:
        yield
    finally:
        ballast.unlink()


def on(disk: Path, gateway: Callable[..., Gateway], reserve: str, **more: object) -> Gateway:
    """A gateway whose data folder is on that file system."""
    limits = {**SETTINGS["limits"], "free_disk_bytes": reserve}
    one = gateway({"data": str(disk / "data"), "limits": limits, **more}, start=False)
    shutil.copytree(one.home / "data", disk / "data")  # its keys
    return one.start(limit=120)


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(300)
def test_below_the_reserve_mail_waits_and_the_rest_goes_on(gateway: Callable[..., Gateway], disk: Path) -> None:
    with FakeImap() as mailbox:
        account = {
            "name": "suporte", "host": "127.0.0.1", "port": mailbox.port, "tls": "none", "user": "suporte",
            "password": "secret", "since": "all", "poll": "1s",
        }  # fmt: skip
        running = on(disk, gateway, "16MiB", imap=[account])
        running.sink.mood = Mood(at_mail="451 4.3.2 come later")  # so that the outbox has something to send
        peer = Peer(running)
        assert [peer.send_new() for _ in range(8)] == [250] * 8
        wait_until(lambda: len(running.tickets()) == 8, 120, "the tickets")
        with filled(disk, RESERVE - MIB):
            wait_until(lambda: running.ops("/readyz")[0] == 503, 10, "readyz to say so")
            assert "less room than limits.free_disk_bytes" in running.ops("/readyz")[1]
            assert running.ops("/healthz")[0] == 200
            assert [peer.send_new(size) for size in (0, _LARGE)] == [452, 452]
            mailbox.deliver(folder_mail("in the folder"), datetime.now(UTC))
            running.sink.peace()
            for number in range(1, 9):
                running.sink.wait_for(1, to=sender_of(number))
            running.run("ticket", "note", "SUP-1", "--agent", "bruno@example.test", "--text", "Anotado.")
            assert running.run("ingest", "--rcpt", SUPPORT, stdin=peer.mails[9], code=75).returncode == 75
            wait_until(lambda: "mailbox suporte" in running.ops("/readyz")[1], 20, "the mailbox to rest")
            assert len(running.tickets()) == 8
        wait_until(peer.send_left, 10, "mail to be taken without a restart", every=0.5)
        wait_until(lambda: len(running.tickets()) == 11, 60, "the mail of the folder as well", every=0.5)
        wait_until(running.is_ready, 30, "readyz")


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(600)
def test_full_to_the_last_octet(
    gateway: Callable[..., Gateway], disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = on(disk, gateway, "off")
    peer = Peer(running)
    assert [peer.send_new() for _ in range(5)] == [250] * 5
    for left in (0, 4096, 20_000, 100_000, 200_000):
        with filled(disk, left):
            for size in (0, _LARGE, 0, 50_000, 0, 0):
                assert peer.send_new(size) in (250, 451, 452), left
            assert running.is_running
            assert running.ops("/healthz")[0] == 200
        wait_until(peer.send_left, 10, "mail to be taken without a restart", every=0.3)
        wait_until(running.is_ready, 10, "readyz")
    with filled(disk, 0):
        peer.send_new()
        running.kill9()
    running.start(limit=120)
    wait_until(peer.send_left, 20, "mail to be taken", every=0.3)
    told(capsys, "a full disk", peer.check())
