"""Processes that read and render: no database, bounded processor time and memory, a deadline for each job.

Each process is led by one thread. A job that uses up its processor time ends its process by a signal that the kernel
sends: no loop in a library of C can outlast it. One that uses up its memory gets a MemoryError, or takes the process
along. Either is `TooCostly`, for a second try would cost the same. A process that dies otherwise, or hangs beyond the
deadline, is `WorkerKilled` for the job it had in hand and nothing for the others. Spawned, never forked: the parent has
threads. Sources: setitimer(2), setrlimit(2).
"""

from __future__ import annotations

import contextlib
import queue
import resource
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing import active_children, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from mailgate import log
from mailgate.allocator import keep_freed_memory
from mailgate.errors import MailgateError
from mailgate.mail.limits import MIB

_LOG = log.get("workers")
#: Jobs handed over at once: the pipe's round trip is paid once for several small mails.
_CHUNK = 8
_CHUNK_BYTES = 1 * MIB
_START_SECONDS = 60.0
_LOOK_SECONDS, _LAST_SECONDS = 0.5, 3.0
_PAUSE_SECONDS = 1.0


class WorkerKilled(MailgateError):
    """The job took too long or too much memory, or the process died of it."""

    retryable = True


class TooCostly(MailgateError):
    """The job used up the processor time or the memory it was given: it would do so again."""


@dataclass(frozen=True, slots=True)
class Job:
    """One call in a worker: a method of the toolbox by name, with one argument.

    seconds: its deadline, by the clock.  cpu_seconds: processor time it may use, None for as much as its deadline.
    grow_bytes: by how much the process may grow for it, None for up to the bound of the process.
    """

    method: str
    argument: Any
    seconds: float
    size_bytes: int = 0
    cpu_seconds: float | None = None
    grow_bytes: int | None = None

    @property
    def call(self) -> _Call:
        """What of it goes to the process."""
        return self.method, self.argument, self.cpu_seconds or self.seconds, self.grow_bytes


#: A method, its argument, its processor time in seconds, its growth in bytes.
_Call = tuple[str, Any, float, int | None]


#: Makes, inside the process, the object whose methods are called.
ToolboxMaker = Callable[[], Any]


class Workers:
    """A few processes that work side by side. make_toolbox must be picklable (a dataclass with __call__)."""

    def __init__(self, count: int, make_toolbox: ToolboxMaker, memory_bytes: int = 512 * MIB) -> None:
        self._jobs: queue.SimpleQueue[tuple[Job, Future[Any]] | None] = queue.SimpleQueue()
        self._make = make_toolbox
        self._memory = memory_bytes
        self._generation = 0
        self._stopping = threading.Event()
        self._over = False
        self._threads = [
            threading.Thread(target=self._lead, name=f"worker-{n}", daemon=True) for n in range(max(1, count))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> Future[Any]:
        """Hand in a job. The future raises WorkerKilled, or what the method raised."""
        future: Future[Any] = Future()
        self._jobs.put((job, future))
        return future

    def renew(self, make_toolbox: ToolboxMaker) -> None:
        """Replace each process before its next job by one with other tools."""
        self._make = make_toolbox
        self._generation += 1

    def stop(self, seconds: float = 5.0) -> None:
        """Fail the jobs that nobody has begun, wait so long for those that somebody has, and end the processes."""
        self._stopping.set()
        with contextlib.suppress(queue.Empty):
            while True:
                item = self._jobs.get_nowait()
                if item is not None:
                    item[1].set_exception(WorkerKilled("the program stops"))
        for _ in self._threads:
            self._jobs.put(None)
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        self._over = True
        for process in active_children():  # what they had is somebody's again when its lease is given back
            process.kill()

    def _lead(self) -> None:
        generation, process = self._generation, _Process(self._make, self._memory)
        try:
            while True:
                first = self._jobs.get()
                if first is None:
                    return
                batch = self._more(first)
                stopping = batch and batch[-1] is None
                jobs = [item for item in batch if item is not None]
                if generation != self._generation:
                    process.end()
                    generation, process = self._generation, _Process(self._make, self._memory)
                process = self._run(process, jobs)
                if stopping:
                    return
        finally:
            process.end()

    def _more(self, first: tuple[Job, Future[Any]]) -> list[tuple[Job, Future[Any]] | None]:
        """Further small jobs that wait; fair to the other processes: at most an even share is there to take."""
        batch: list[tuple[Job, Future[Any]] | None] = [first]
        size = first[0].size_bytes
        share = min(_CHUNK, 1 + self._jobs.qsize() // len(self._threads))
        while len(batch) < share and size < _CHUNK_BYTES:
            try:
                item = self._jobs.get_nowait()
            except queue.Empty:
                break
            batch.append(item)
            if item is None:
                break
            size += item[0].size_bytes
        return batch

    def _run(self, process: _Process, jobs: list[tuple[Job, Future[Any]]]) -> _Process:
        """Run jobs in order; when one kills the process, the rest run in a fresh one."""
        left = list(jobs)
        innocent = True
        while left:
            if not process.starts(self._stopping):
                process = self._begin_again(process)
            try:
                process.send([job.call for job, _ in left])
            except OSError as error:
                # It died while it had nothing to do, or before it had begun: no job's fault, unless it happens again.
                process.end()
                if not innocent or self._stopping.is_set():
                    self._blame(left, _fault(error, spent=False))
                process, innocent = _Process(self._make, self._memory), not innocent
                continue
            try:
                while left:
                    job, future = left[0]
                    succeeded, value = process.receive(job.seconds)
                    left.pop(0)
                    if succeeded:
                        future.set_result(value)
                    else:
                        future.set_exception(value)
            except Exception as error:  # it is gone, late, or said what cannot be read: in no case does this thread end
                fault = _fault(error, process.end())
                if self._over:
                    return process
                if left:
                    self._blame(left, fault)
                process, innocent = _Process(self._make, self._memory), True
        return process

    def _begin_again(self, process: _Process) -> _Process:
        """Another process in place of one that could not even begin: no job's fault, so the jobs wait for it.

        Once the program stops, the process is given back as it is and its jobs fail.
        """
        while not self._stopping.is_set():
            _LOG.error("worker does not start, trying again")
            process.end()
            self._stopping.wait(_PAUSE_SECONDS)
            process = _Process(self._make, self._memory)
            if process.starts(self._stopping):
                break
        return process

    def _blame(self, left: list[tuple[Job, Future[Any]]], fault: MailgateError) -> None:
        """The first of these is what the process ended of."""
        job, future = left.pop(0)
        _LOG.warning("worker replaced", why=str(fault), method=job.method, size_bytes=job.size_bytes)
        future.set_exception(fault)


def _fault(error: Exception, spent: bool) -> MailgateError:
    """Why a job did not end. spent: its processor time was used up."""
    if spent:
        return TooCostly("it used up its processor time")
    why = "took too long" if isinstance(error, TimeoutError) else "died"
    return WorkerKilled(f"the process that worked on it {why}")


class _Process:
    """One spawned process and the pipe to it; or none, where the machine makes none now: then it never starts."""

    def __init__(self, make: ToolboxMaker, memory_bytes: int) -> None:
        self._ready = False
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        theirs: Connection | None = None
        try:
            self._pipe, theirs = get_context("spawn").Pipe()
            self._process = _spawned(theirs, memory_bytes)
        except OSError as error:  # too many processes, too little memory: for a while, and no job's fault
            _LOG.error("no process can be made", reason=error.strerror)
            if self._pipe is not None:
                self._pipe.close()
            self._pipe = None
            return
        finally:
            if theirs is not None:
                theirs.close()
        # Not as an argument: it is larger than a pipe holds, and a program that stops meanwhile would leave half of it,
        # of which the child would die with a traceback.
        with contextlib.suppress(OSError):
            self._pipe.send(make)

    def starts(self, stopping: threading.Event) -> bool:
        """Whether it has its tools; waits a minute for them, and once the program stops a few seconds more."""
        end = time.monotonic() + _START_SECONDS
        with contextlib.suppress(EOFError, OSError):
            while self._pipe is not None and not self._ready and time.monotonic() < end:
                if stopping.is_set():
                    end = min(end, time.monotonic() + _LAST_SECONDS)
                    self._ready = self._pipe.poll(_LAST_SECONDS) and bool(self._pipe.recv())
                else:
                    self._ready = self._pipe.poll(_LOOK_SECONDS) and bool(self._pipe.recv())
        return self._ready

    def send(self, calls: list[_Call]) -> None:
        """Hand over calls. Raises OSError when the process is gone or has not begun."""
        if self._pipe is None or not self._ready:
            raise TimeoutError
        self._pipe.send(calls)

    def receive(self, seconds: float) -> tuple[bool, Any]:
        """The result of the next call. Raises TimeoutError after `seconds`, EOFError when the process died."""
        if self._pipe is None or not self._pipe.poll(seconds):
            raise TimeoutError
        result: tuple[bool, Any] = self._pipe.recv()
        return result

    def end(self) -> bool:
        """End the process now. Whether the end of its processor time came first."""
        if self._pipe is None or self._process is None:
            return False
        with contextlib.suppress(OSError):
            self._pipe.close()
        spent = _exit_of(self._process) == -signal.SIGPROF
        self._process.kill()
        self._process.join(timeout=5)
        return spent


def _spawned(theirs: Connection, memory_bytes: int) -> BaseProcess:
    """A process that serves this end of a pipe. Raises OSError where none can be made."""
    process = get_context("spawn").Process(target=_serve, args=(theirs, memory_bytes), daemon=True)
    # Ctrl-C goes to the whole process group: a child that still imports would die of it with a traceback. The
    # tracker of multiprocessing is started first, since starting it lets the signal through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return process


def _exit_of(process: BaseProcess) -> int | None:
    """How it ended; its pipe may be seen to close a moment before it can be reaped."""
    if process.exitcode is None:
        process.join(timeout=0.2)
    return process.exitcode


def _serve(pipe: Connection, memory_bytes: int) -> None:
    """The life of a worker process: make the toolbox out of what comes first, answer calls until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A stop may be told to the whole group: who leads this process ends it when its mail is read.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keep_freed_memory()
    try:
        make: ToolboxMaker = pipe.recv()
    except (EOFError, OSError):
        return
    toolbox = make()
    _bound_memory(memory_bytes)
    with contextlib.suppress(EOFError, OSError):  # whoever led this process is gone, or ends it
        pipe.send("ready")
        while True:
            for method, argument, cpu_seconds, grow_bytes in pipe.recv():
                signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
                _bound_growth(grow_bytes)
                result = _call(toolbox, method, argument)
                _bound_growth(None)
                signal.setitimer(signal.ITIMER_PROF, 0)
                pipe.send(result)


def _call(toolbox: Any, method: str, argument: Any) -> tuple[bool, Any]:
    try:
        return True, getattr(toolbox, method)(argument)
    except MemoryError:
        return False, TooCostly("it used up its memory")
    except Exception as error:  # told to the parent, which decides; the process lives on
        return False, _portable(error)


def _portable(error: Exception) -> Exception:
    """The error itself where it can travel, else its words."""
    if isinstance(error, (OSError, MailgateError, ValueError)):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def _bound_memory(more_bytes: int) -> None:
    """Let this process grow by `more_bytes` of address space over what it has now, and never dump core."""
    with open("/proc/self/statm", "rb") as file:
        pages = int(file.read().split()[0])
    most = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bound_growth(more_bytes: int | None) -> None:
    """Let this process grow by `more_bytes` of memory of its own; None for any, up to the bound above."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = most
    if more_bytes is not None:
        with open("/proc/self/statm", "rb") as file:
            pages = int(file.read().split()[5])
        wanted = pages * resource.getpagesize() + more_bytes
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, most))


def deadline_for(size_bytes: int, small: float, large: float) -> float:
    """How long reading may take: `small` seconds up to 1 MiB, `large` beyond."""
    return small if size_bytes <= MIB else large
