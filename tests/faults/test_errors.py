"""Calls of the kernel that fail under a running program: 451 or 452, nothing promised is lost, and it mends itself."""

from __future__ import annotations

import hashlib
import smtplib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.load import SUPPORT, sender_of
from tests.faults.test_kill_loop import SETTINGS
from tests.faults.test_stop import code_of, sqlite_only
from tests.faults.test_syscalls import marked, told
from tests.faults.tracing import failing, read_trace
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until

_LARGE = 400_000
#: What fails, and the reply that it may have.
FAULTS = (
    ("fsync,fdatasync:error=EIO", {451}),
    ("fsync,fdatasync:error=EIO:when=1", {451}),
    ("fsync,fdatasync:error=EIO:when=2+3", {451}),
    ("fdatasync:error=ENOSPC", {451, 452}),
    ("pwrite64:error=EIO", {451}),
    ("pwrite64:error=EIO:when=3", {451}),
    ("pwrite64:error=ENOSPC", {452}),
    ("openat:error=EMFILE", {451}),
    ("openat:error=ENFILE", {451}),
    ("pread64:error=EIO", {451}),
    ("rename:error=EIO", {451}),
    ("ftruncate,fallocate:error=ENOSPC", {451, 452}),
    ("flock:error=ENOLCK", {451}),
)


class Peer:
    """Hands mails in, keeps what was refused, and remembers what got 250."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.mails: dict[int, bytes] = {}
        self.accepted: set[int] = set()
        self.refused: Counter[int] = Counter()

    def send_new(self, size: int = 0) -> int:
        """One more mail; the code of the reply, 0 for a connection that ended."""
        number = len(self.mails) + 1
        self.mails[number] = marked(number, f"fault-{number}", size)
        return self.send(number)

    def send(self, number: int) -> int:
        try:
            self.gateway.send(self.mails[number], [SUPPORT], sender_of(number))
        except smtplib.SMTPServerDisconnected:
            code = 0
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            code = code_of(error)
        except OSError:
            code = 0
        else:
            self.accepted.add(number)
            return 250
        self.refused[code] += 1
        return code

    def send_left(self) -> bool:
        """Everything that got no 250, again; whether all is accepted now."""
        left = [number for number in self.mails if number not in self.accepted]
        return [self.send(number) for number in left] == [250] * len(left)

    def check(self) -> dict[str, int]:
        """Nothing lost, nothing doubled; the figures."""
        rows = self.gateway.wait_export(
            lambda rows: not any(r.get("outcome") == "pending" for r in rows), limit=90, what="all to be decided"
        )
        seen = Counter(m["raw_sha256"] for row in rows for m in row["messages"] if m["raw_sha256"])
        assert seen == Counter(hashlib.sha256(raw).hexdigest() for raw in self.mails.values())
        assert all(row["key"] or row["outcome"] == "duplicate" for row in rows)
        return {"mails": len(self.mails), **{f"refused with {code}": n for code, n in sorted(self.refused.items())}}


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(900)
def test_calls_that_fail(gateway: Callable[..., Gateway], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = gateway(SETTINGS)
    peer = Peer(running)
    assert peer.send_new() == 250
    for number, (fault, codes) in enumerate(FAULTS):
        with failing(running.pid, fault, tmp_path / f"trace-{number}"):
            got = {peer.send_new(size) for size in (0, _LARGE, 0)}
        assert got <= codes | {250}, f"{fault}: {got}"
        wait_until(peer.send_left, 10, f"mail to be taken again after {fault}", every=0.2)
        wait_until(running.is_ready, 10, f"readyz after {fault}", every=0.2)
        assert peer.send_new(_LARGE) == 250
    running.kill9()  # what lay only in memory is gone
    running.start(limit=120)
    told(capsys, f"{len(FAULTS)} kinds of failing calls", peer.check())


@sqlite_only
@pytest.mark.long
def test_after_a_failed_sync_the_file_is_opened_anew(gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    """The kernel forgets what it could not write: a second fsync of the same descriptor says yes to nothing."""
    running = gateway(SETTINGS)
    peer = Peer(running)
    assert peer.send_new() == 250
    log = tmp_path / "trace"
    with failing(running.pid, "fdatasync:error=EIO:when=1", log, "openat,fdatasync,pwrite64,write"):
        wait_until(lambda: peer.send_new() == 250, 10, "a 250", every=0.1)
    calls = read_trace(log.read_text(errors="replace"))
    wal = str(running.home / "data" / "mailgate.sqlite-wal")
    failed = [c for c in calls if c.name == "fdatasync" and c.fd_path == wal and c.result == -1]
    assert failed
    good = next(c for c in calls if c.name == "fdatasync" and c.fd_path == wal and c.ok and c.begin > failed[-1].begin)
    opened = [c for c in calls if c.name == "openat" and wal in c.strings and failed[-1].begin < c.begin < good.begin]
    assert opened
    assert peer.refused[451] >= 1
