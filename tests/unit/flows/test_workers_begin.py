"""Worker processes that cannot begin, and tools that are renewed while mails wait."""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate.flows import workers
from mailgate.flows.workers import Job, Workers


@dataclass(frozen=True)
class _Tools:
    name: str

    def say(self, word: str) -> str:
        return f"{self.name}: {word}"


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
