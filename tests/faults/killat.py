"""SIGKILL at the Nth system call of a process after a peer has reached it: `python killat.py PID N [accepting]`.

All threads are held by ptrace(2) and their calls are counted together, from the first `accept4` that succeeds on;
`accepting`: only those of the thread that accepted. The process dies before the Nth call is carried out. Prints
"ready" once every thread is held, then "killed CALLS" or "gone CALLS". Standard library only; x86-64 and arm64 Linux.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from pathlib import Path

_SEIZE, _SYSCALL, _INTERRUPT, _LISTEN, _INFO = 0x4206, 24, 0x4207, 0x4208, 0x420E
_SYSGOOD, _CLONE = 0x01, 0x08
_ALL = 0x40000000  # __WALL
_ACCEPT = {"x86_64": (43, 288), "aarch64": (202, 242)}
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info: what stopped it (1: a call begins, 2: it ends) and its number or result."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("at", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 7),
    )


def _ptrace(request: int, thread: int, address: int = 0, data: object = None) -> bool:
    return bool(_LIBC.ptrace(request, thread, address, data) != -1)


def _info(thread: int) -> tuple[int, int]:
    info = _Info()
    _LIBC.ptrace(_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info))
    return info.op, info.value


def _hold(pid: int) -> None:
    held: set[int] = set()
    while True:
        new = {int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()} - held
        if not new:
            break
        for thread in new:
            _ptrace(_SEIZE, thread, 0, _SYSGOOD | _CLONE)
            _ptrace(_INTERRUPT, thread)
        held |= new
    print("ready", flush=True)


def run(pid: int, number: int, accepting: bool) -> None:
    """Hold the process and end it at the call."""
    _hold(pid)
    accepts = _ACCEPT[platform.machine()]
    calls, who, last = 0, 0, {}
    while True:
        try:
            thread, status = os.waitpid(-1, _ALL)
        except ChildProcessError:
            print("gone", calls, flush=True)
            return
        if not os.WIFSTOPPED(status):
            continue
        stop, event = os.WSTOPSIG(status), status >> 16
        deliver = 0
        if stop == signal.SIGTRAP | 0x80:
            op, value = _info(thread)
            if op == 1:
                last[thread] = value
                if who and (not accepting or thread == who):
                    calls += 1
                    if calls == number:
                        os.kill(pid, signal.SIGKILL)
                        print("killed", calls, flush=True)
            elif op == 2 and not who and last.get(thread) in accepts and value < 1 << 63:
                who = thread
        elif event == 0:
            deliver = stop
        elif event == 128 and stop in (signal.SIGSTOP, signal.SIGTSTP):  # PTRACE_EVENT_STOP, of the whole group
            _ptrace(_LISTEN, thread)
            continue
        _ptrace(_SYSCALL, thread, 0, deliver)


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), "accepting" in sys.argv[3:])
