"""Worker processes that cannot begin, and tools that are renewed while mails wait."""

from __future__ import annotations

import errno
import os
import signal
from concurrent.futures import wait
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from mailgate.flows import workers
from mailgate.flows.workers import Job, Workers
from tests.integration.machine import wait_until


@dataclass(frozen=True)
class _Tools:
    name: str

    def say(self, word: str) -> str:
        return f"{self.name}: {word}"

    def pid(self, _: object) -> int:
        return os.getpid()


@dataclass(frozen=True)
class _Maker:
    """Makes tools, but not while the file is there."""

    name: str
    broken: Path

    def __call__(self) -> _Tools:
        if self.broken.exists():
            raise RuntimeError("no tools today")
        return _Tools(self.name)


def test_a_worker_that_cannot_begin_costs_no_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """K3: the job waits until a process has its tools; it is not the mail that failed."""
    monkeypatch.setattr(workers, "_PAUSE_SECONDS", 0.01)
    broken = tmp_path / "broken"
    broken.touch()
    pool = Workers(1, _Maker("one", broken))
    job = Job("say", "olá", 5.0)
    first = pool.submit(job)
    assert not wait([first], timeout=1.0).done
    broken.unlink()
    assert first.result(20) == "one: olá"
    pool.renew(_Maker("two", broken))
    assert pool.submit(job).result(20) == "two: olá"
    broken.touch()
    pool.renew(_Maker("three", broken))
    last = pool.submit(job)
    pool.stop()
    assert isinstance(last.exception(20), workers.WorkerKilled)


def test_a_machine_that_makes_no_processes_for_a_while_costs_no_job_and_no_leader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EAGAIN of fork, EMFILE of a pipe: the thread that leads a process must outlive what it cannot make."""
    monkeypatch.setattr(workers, "_PAUSE_SECONDS", 0.01)
    real, left = BaseProcess.start, [0]

    def started_or_not(process: BaseProcess) -> None:
        if left[0]:
            left[0] -= 1
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        real(process)

    monkeypatch.setattr(BaseProcess, "start", started_or_not)
    left[0] = 2
    pool = Workers(1, _Maker("one", tmp_path / "broken"))
    assert pool.submit(Job("say", "a", 20.0)).result(20) == "one: a"
    left[0] = 2
    pool.renew(_Maker("two", tmp_path / "broken"))
    assert pool.submit(Job("say", "b", 20.0)).result(20) == "two: b"
    pid, left[0] = pool.submit(Job("pid", None, 20.0)).result(20), 2
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z", 10, "it to be dead")
    assert pool.submit(Job("say", "c", 20.0)).result(20) == "two: c"
    pool.stop()
