"""Real worker processes that loop, hang, eat memory and are killed: one job pays, the others do not notice."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailgate.errors import MailgateError
from mailgate.flows import workers as module
from mailgate.flows.workers import Job, TooCostly, WorkerKilled, Workers
from mailgate.mail.limits import MIB
from tests.integration.machine import wait_until


class _Tools:
    """What jobs of these tests do."""

    def __init__(self) -> None:
        self._kept: list[bytearray] = []

    def echo(self, word: str) -> str:
        return word

    def pid(self, _: object) -> int:
        return os.getpid()

    def loop(self, _: object) -> None:
        while True:
            pass

    def loop_in_c(self, _: object) -> None:
        """Where no Python is run, so that no signal handler of Python would be either."""
        libc = ctypes.CDLL(None)
        buffer = ctypes.create_string_buffer(64)
        while True:
            libc.memset(buffer, 0, 64)

    def hang(self, _: object) -> None:
        time.sleep(60)

    def eat(self, size: int) -> int:
        self._kept.append(bytearray(size))
        return len(self._kept.pop())

    def die(self, _: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class _Maker:
    def __call__(self) -> _Tools:
        return _Tools()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    running = Workers(1, _Maker())
    yield running
    running.stop()


def _error(future: Future[Any]) -> str:
    error = future.exception(60)
    assert isinstance(error, MailgateError), error
    return f"{type(error).__name__}: {error}"


def test_a_loop_ends_with_its_processor_time_and_nobody_else_is_hurt(workers: Workers) -> None:
    futures = [workers.submit(Job("echo", "a", 60))]
    costly = [workers.submit(Job(kind, None, 60, cpu_seconds=0.3)) for kind in ("loop", "loop_in_c")]
    futures += [workers.submit(Job("echo", word, 60)) for word in "bcd"]
    assert [future.result(60) for future in futures] == list("abcd")
    assert {_error(future) for future in costly} == {"TooCostly: it used up its processor time"}


def test_who_only_waits_has_used_no_processor_time(workers: Workers) -> None:
    hanging = workers.submit(Job("hang", None, 0.3, cpu_seconds=5))
    after = workers.submit(Job("echo", "a", 60))
    assert _error(hanging) == "WorkerKilled: the process that worked on it took too long"
    assert after.result(60) == "a"


def test_memory_is_given_by_the_job(workers: Workers) -> None:
    pid = workers.submit(Job("pid", None, 60)).result(60)
    assert workers.submit(Job("eat", 60 * MIB, 60, grow_bytes=64 * MIB)).result(60) == 60 * MIB
    assert _error(workers.submit(Job("eat", 80 * MIB, 60, grow_bytes=64 * MIB))) == "TooCostly: it used up its memory"
    assert workers.submit(Job("eat", 80 * MIB, 60, grow_bytes=128 * MIB)).result(60) == 80 * MIB
    assert workers.submit(Job("pid", None, 60)).result(60) == pid


def test_a_process_that_was_killed_while_idle_costs_no_job_a_try(workers: Workers) -> None:
    pid = workers.submit(Job("pid", None, 60)).result(60)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z", 10, "it to be dead")
    assert workers.submit(Job("echo", "a", 60)).result(60) == "a"


def test_a_process_that_was_killed_at_work_costs_one_job_a_try(workers: Workers) -> None:
    killed = workers.submit(Job("die", None, 60))
    after = [workers.submit(Job("echo", word, 60)) for word in "ab"]
    assert _error(killed) == "WorkerKilled: the process that worked on it died"
    assert [future.result(60) for future in after] == ["a", "b"]
    assert not isinstance(killed.exception(), TooCostly)
    assert isinstance(killed.exception(), WorkerKilled)


def test_a_process_that_never_comes_costs_jobs_their_tries_and_the_leader_goes_on(
    monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    """Its second fresh process said `ready` to nobody once: the thread took that for a result, and ended."""
    real, sends = module._Process.send, iter([False, False, True, True, True])

    def sends_or_not(process: module._Process, calls: list[Any]) -> None:
        if not next(sends, True):
            raise TimeoutError
        real(process, calls)

    monkeypatch.setattr(module._Process, "send", sends_or_not)
    first = workers.submit(Job("echo", "a", 60))
    assert _error(first) == "WorkerKilled: the process that worked on it took too long"
    assert workers.submit(Job("echo", "b", 60)).result(60) == "b"
