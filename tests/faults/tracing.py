"""What a running program asks of the kernel, as `strace` writes it down, and the faults that `strace` puts in its way.

`read_trace` reads the file of `strace -f -yy`; `late_promises` is the judge: which mail got its 250 before its bytes,
and the entries of the files that hold them, had reached the disk. Threads are welcome: a sync counts for what was
written before it began, by whomever, and only once it has ended well.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.machine import find_program, wait_until

#: Everything that changes a file, makes one last, or speaks to a peer.
CALLS = (
    "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,write,pwrite64,writev,pwritev,"
    "sendto,sendmsg,fsync,fdatasync,exit_group"
)
_STRING_BYTES = 4200  # a page of the database, so that what it holds of a mail is seen

_LINE = re.compile(r"^(\d+) +[\d:.]+ (.*)$")
_CALL = re.compile(r"^(\w+)\((.*?)(?:\)\s+= (-?\d+|\?)(.*)| <unfinished \.\.\.>)$", re.DOTALL)
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*?)\)?\s+= (-?\d+|\?)(.*)$", re.DOTALL)
_FD = re.compile(r"^\d+<(TCP:\[[^\]]*\]|/[^>]*)>")
_PEER = re.compile(r"->127\.0\.0\.1:(\d+)\]$")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """One system call. begin, end: places in the file, `end` None for one that never came back."""

    thread: int
    name: str
    arguments: str
    begin: int
    end: int | None
    result: int

    @property
    def ok(self) -> bool:
        return self.end is not None and self.result >= 0

    @property
    def fd_path(self) -> str:
        """The path or socket of its first argument, a descriptor; "" for none."""
        found = _FD.match(self.arguments)
        return found[1] if found else ""

    @property
    def strings(self) -> list[str]:
        return _QUOTED.findall(self.arguments)


def read_trace(text: str) -> list[Call]:
    """The calls of a trace in the order in which they began."""
    calls: list[Call] = []
    open_calls: dict[int, tuple[str, str, int]] = {}
    for place, line in enumerate(text.splitlines()):
        found = _LINE.match(line)
        if found is None:
            continue
        thread, rest = int(found[1]), found[2]
        resumed = _RESUMED.match(rest)
        if resumed is not None:
            name, arguments, begin = open_calls.pop(thread, (resumed[1], "", place))
            calls.append(Call(thread, name, arguments + resumed[2], begin, place, _number(resumed[3])))
            continue
        call = _CALL.match(rest)
        if call is None:
            continue
        if call[3] is None:
            open_calls[thread] = (call[1], call[2], place)
        else:
            calls.append(Call(thread, call[1], call[2], place, place, _number(call[3])))
    calls += [Call(thread, *begun, None, -1) for thread, begun in open_calls.items()]
    return sorted(calls, key=lambda call: call.begin)


def _number(text: str) -> int:
    return int(text) if text != "?" else -1


@dataclass
class Disk:
    """What had been written, and what of it had reached the disk. Times are places in the trace."""

    root: str
    writes: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # path → (end, what)
    syncs: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # path → (begin, end)
    named: dict[str, int] = field(default_factory=dict)  # path made or renamed to → end
    was: dict[str, str] = field(default_factory=dict)  # path → the one before its renaming

    def note(self, call: Call) -> None:
        if not call.ok or call.end is None:
            return
        if call.name in ("write", "pwrite64", "writev", "pwritev") and call.fd_path.startswith(self.root):
            self.writes.setdefault(call.fd_path, []).append((call.end, call.arguments))
        elif call.name in ("fsync", "fdatasync"):
            self.syncs.setdefault(call.fd_path, []).append((call.begin, call.end))
        elif call.name in ("mkdir", "mkdirat", "creat") or ("open" in call.name and "O_CREAT" in call.arguments):
            path = call.strings[0] if call.strings else ""
            if path.startswith(self.root) and ("O_CREAT" not in call.arguments or "O_EXCL" in call.arguments):
                self.named[path] = call.end
        elif call.name.startswith(("rename", "link")) and len(call.strings) >= 2:
            before, after = call.strings[:2]
            if after.startswith(self.root):
                self.named[after] = call.end
                self.was[after] = before

    def is_synced(self, path: str, since: int, by: int) -> bool:
        """Whether a sync of that path began after `since` and ended well before `by`."""
        return any(since < begin and end < by for begin, end in self.syncs.get(path, ()))

    def troubles(self, marker: str, by: int) -> list[str]:
        """Why the mail with this marker was not safe at `by`; [] for one that was."""
        holding = [
            (path, [end for end, what in written if end < by and marker in what])
            for path, written in self.writes.items()
        ]
        holding = [(path, ends) for path, ends in holding if ends]
        if not holding:
            return ["nothing that holds it was written"]
        found, kept = [], False
        for path, ends in holding:
            if "sqlite" in Path(path).name:
                # A page may be written again for the next mail; once, with all that went before it, is enough.
                kept = kept or (any(self.is_synced(path, end, by) for end in ends) and not self._unnamed(path, by))
                continue
            last = max(end for end, _ in self.writes[path] if end < by)
            late = [] if self.is_synced(path, last, by) else [f"{path} was written and not synced"]
            late += self._unnamed(self._now(path), by)
            found += late
            kept = kept or not late
        return found if kept or found else ["no file of the database that holds it was synced"]

    def _now(self, path: str) -> str:
        """The name that a file was given after it was written."""
        return next((after for after, before in self.was.items() if before == path), path)

    def _unnamed(self, path: str, by: int) -> list[str]:
        """Which entries on the way to a file had not reached the disk."""
        found = []
        at = Path(path)
        while str(at).startswith(self.root):
            made = self.named.get(str(at))
            if made is not None and not self.is_synced(str(at.parent), made, by):
                found.append(f"the entry of {at} was not synced")
            at = at.parent
        return found


def disk_of(calls: Sequence[Call], root: Path) -> Disk:
    """What the calls wrote below `root`, and what of it they brought to the disk."""
    disk = Disk(str(root))
    for call in calls:
        disk.note(call)
    return disk


def late_promises(calls: Sequence[Call], root: Path, sent: Mapping[int, Sequence[str]]) -> list[str]:
    """Mails that were promised too early, a sentence each.

    root: the folder of all data. sent: the markers of the mails sent on each connection, by the client's port, in
    order; a marker stands in the first line of its mail and nowhere else.
    """
    disk = disk_of(calls, root)
    replies: dict[int, list[int]] = {}
    for call in calls:
        peer = _PEER.search(call.fd_path)
        if peer is not None and call.name in ("write", "writev", "sendto", "sendmsg"):
            promised = call.arguments.count("queued as")
            replies.setdefault(int(peer[1]), []).extend([call.begin] * promised)
    found = []
    for port, markers in sent.items():
        got = replies.get(port, [])
        if len(got) != len(markers):
            found.append(f"port {port}: {len(got)} replies 250 in the trace for {len(markers)} mails")
        for marker, at in zip(markers, got, strict=False):
            found += [f"{marker}: {trouble}" for trouble in disk.troubles(marker, at)]
    return found


# --- strace itself ---------------------------------------------------------------------------------------------------


def strace(log: Path, *options: str) -> list[str]:
    """The words before a command that is to be traced: it keeps its own place as our child."""
    return [find_program("strace"), "-D", "-f", "-tt", "-yy", "--seccomp-bpf", "-o", str(log), *options]


def everything(log: Path) -> list[str]:
    """As `strace`, for `late_promises`."""
    return strace(log, "-s", str(_STRING_BYTES), "-e", f"trace={CALLS}", "-e", "signal=none")


@contextlib.contextmanager
def failing(pid: int, inject: str, log: Path, calls: str = "") -> Iterator[None]:
    """While this lasts, calls of the process go wrong: `fdatasync:error=EIO:when=1..3` (counted in each thread).

    calls: what is written to `log`, by default what fails.
    """
    calls = calls or inject.partition(":")[0]
    command = [find_program("strace"), "-f", "-tt", "-qq", "-yy", "-s", "80", "-o", str(log), "-p", str(pid)]
    tracer = subprocess.Popen(
        [*command, "-e", f"trace={calls}", "-e", f"inject={inject}", "-e", "signal=none"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        wait_until(lambda: _all_traced(pid, tracer.pid), 10, "strace to hold every thread")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)


def _all_traced(pid: int, tracer: int) -> bool:
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    return all(f"TracerPid:\t{tracer}\n" in (task / "status").read_text() for task in tasks)
