"""`mailgate serve` with a sampler inside, for finding hot spots: what each thread and worker spends its CPU time on.

    python -m benchmarks.profiled FOLDER serve --config …     FOLDER/PROCESS.txt, written again every second

A thread wakes every 5 ms, reads every other thread's CPU clock and charges what it used since to the functions on its
stack: "self" to the innermost of our own program, "total" to each. Costs a few percent.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

_FOLDER = "MAILGATE_PROFILE"
_EVERY = 0.005
#: Else the sampler would only ever see threads where they let go by themselves: in a system call.
_SWITCH = 0.0002
_LINES = 45


class Sampler:
    """Charges CPU time to functions, by thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own: dict[str, Counter[str]] = {}
        self._total: dict[str, Counter[str]] = {}
        self._clocks: dict[int, tuple[int, float]] = {}
        threading.Thread(target=self._run, name="sampler", daemon=True).start()

    def _run(self) -> None:
        sys.setswitchinterval(_SWITCH)
        written = time.monotonic()
        while True:
            time.sleep(_EVERY)
            self._sample()
            if time.monotonic() - written > 1:
                self._path.write_text(self._text())
                written = time.monotonic()

    def _sample(self) -> None:
        names = {t.ident: t.name for t in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if ident == threading.get_ident() or ident not in names:
                continue
            try:
                clock, before = self._clocks.get(ident) or (time.pthread_getcpuclockid(ident), 0.0)
                now = time.clock_gettime(clock)
            except OSError:
                continue
            self._clocks[ident] = clock, now
            if now - before > 0.0002 and before:
                self._charge(str(names[ident]), frame, now - before)

    def _charge(self, thread: str, frame: FrameType, seconds: float) -> None:
        own, total = self._own.setdefault(thread, Counter()), self._total.setdefault(thread, Counter())
        seen = set()
        innermost: FrameType | None = frame
        own[_name(frame)] += seconds  # type: ignore[assignment]  # seconds are counted
        while innermost is not None:
            seen.add(_name(innermost))
            innermost = innermost.f_back
        for name in seen:
            total[name] += seconds  # type: ignore[assignment]

    def _text(self) -> str:
        lines = []
        for thread in sorted(self._own, key=lambda t: -sum(self._own[t].values())):
            own, total = self._own[thread], self._total[thread]
            everything = sum(own.values())
            if everything < 0.05:
                continue
            lines.append(f"\n{thread}: {everything:.2f} s of CPU")
            lines.append("    total s   self s  function")
            for name, seconds in total.most_common(_LINES):
                lines.append(f"   {seconds:8.2f} {own[name]:8.2f}  {name}")
            lines.append("    by self")
            lines += [f"   {seconds:8.2f}           {name}" for name, seconds in own.most_common(_LINES // 2)]
        return "\n".join(lines) + "\n"


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(code.co_filename.split('/')[-2:])}:{code.co_qualname}"


def serve_worker(pipe: Connection, make: Callable[[], Any], memory_bytes: int) -> None:
    """In place of the worker's own main function, in the spawned process."""
    from mailgate.flows import workers

    Sampler(Path(os.environ[_FOLDER]) / f"worker-{os.getpid()}.txt")
    workers._serve(pipe, make, memory_bytes)


def main(arguments: list[str]) -> None:
    from mailgate.cli import main as cli
    from mailgate.flows import workers

    os.environ[_FOLDER] = arguments[0]
    workers._serve = serve_worker
    Sampler(Path(arguments[0]) / f"main-{os.getpid()}.txt")
    sys.exit(cli.run(arguments[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
