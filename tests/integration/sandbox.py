"""Run a command in the sandbox that `deploy/mailgate.service` describes, without systemd as process 1. As root.

    python -m tests.integration.sandbox UNIT WRITABLE COMMAND...

The unit's own lines are read and put in force by the same means of the kernel: seccomp (through libseccomp), prctl,
rlimits, a mount namespace. What is not listed in `_ENFORCED` or `_ELSEWHERE` is refused, so that a switch that is added
to the unit is added here, too. Source: systemd.exec(5).
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import subprocess
import sys
from ctypes import CDLL, POINTER, Structure, c_char_p, c_int, c_uint, c_uint32, c_uint64, c_void_p
from pathlib import Path

_ENFORCED = """SystemCallFilter SystemCallErrorNumber MemoryDenyWriteExecute RestrictAddressFamilies NoNewPrivileges
    UMask LimitNOFILE LimitCORE CapabilityBoundingSet ProtectSystem PrivateTmp ProcSubset"""
#: Switches that need an account, a cgroup or systemd itself, or that only take away more of what is gone already.
_ELSEWHERE = """Type User Group ExecStart ExecReload KillMode TimeoutStopSec Restart RestartSec RestartPreventExitStatus
    StateDirectory StateDirectoryMode RuntimeDirectory RuntimeDirectoryMode ConfigurationDirectory NoExecPaths
    ConfigurationDirectoryMode ProtectHome PrivateDevices PrivateMounts AmbientCapabilities ProtectClock
    ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectControlGroups ProtectProc RestrictNamespaces
    RestrictRealtime RestrictSUIDSGID LockPersonality RemoveIPC SystemCallArchitectures ProtectHostname"""
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EQUAL, _MASKED = 4, 7
_WRITE, _EXECUTE = 2, 4
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
_CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10}
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_NEW_MOUNTS, _MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18

_libc = CDLL(None, use_errno=True)


class _Comparison(Structure):
    _fields_ = (("arg", c_uint), ("op", c_int), ("datum_a", c_uint64), ("datum_b", c_uint64))


class Unit:
    """The [Service] section of a unit file; a key that comes twice keeps both values."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[str, list[str]] = {}
        section = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self.lines.setdefault(key, []).append(value)

    def one(self, key: str) -> str:
        """The value of a key that comes once; "" if it does not."""
        return " ".join(self.lines.get(key, []))


def system_calls(unit: Unit) -> set[str]:
    """The names of the system calls that `SystemCallFilter=` leaves, its sets taken apart by systemd-analyze(1)."""
    left: set[str] = set()
    for value in unit.lines["SystemCallFilter"]:
        names = {name for word in value.removeprefix("~").split() for name in _members(word)}
        left = left - names if value.startswith("~") else left | names
    return left


def _members(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    done = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
    inner = [line.strip() for line in done.stdout.splitlines() if line.startswith("    ") and "#" not in line]
    return {name for one in inner for name in _members(one)}


class _Filter:
    """One seccomp filter; filters that are loaded one after the other all hold."""

    def __init__(self, otherwise: int) -> None:
        self._lib = CDLL("libseccomp.so.2", use_errno=True)
        self._lib.seccomp_init.argtypes, self._lib.seccomp_init.restype = [c_uint32], c_void_p
        self._lib.seccomp_syscall_resolve_name.argtypes = [c_char_p]
        self._lib.seccomp_rule_add_array.argtypes = [c_void_p, c_uint32, c_int, c_uint, POINTER(_Comparison)]
        self._lib.seccomp_load.argtypes = [c_void_p]
        self._context = self._lib.seccomp_init(otherwise)

    def rule(self, action: int, name: str, *comparisons: _Comparison) -> None:
        number = self._lib.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # of another architecture
            return
        many = (_Comparison * len(comparisons))(*comparisons)
        code = self._lib.seccomp_rule_add_array(self._context, action, number, len(comparisons), many)
        assert code in (0, -errno.EACCES), (name, code)  # EACCES: the rule says what happens otherwise

    def load(self) -> None:
        code = self._lib.seccomp_load(self._context)
        assert code == 0, code


def _mounts(writable: list[Path], processes_only: bool) -> None:
    """A view of the file system of our own: everything read only but `writable` and /tmp (ProtectSystem=strict)."""
    _call(_libc.unshare(_NEW_MOUNTS), "unshare")
    _mount("none", "/", _MS_REC | _MS_PRIVATE)
    for path in writable:
        _mount(str(path), str(path), _MS_BIND | _MS_REC)
    for point in sorted({line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}):
        if not any(Path(point).is_relative_to(kept) for kept in (*writable, "/dev", "/proc", "/sys")):
            _libc.mount(None, point.encode(), None, _MS_RDONLY | _MS_REMOUNT | _MS_BIND, None)
    if processes_only:
        _mount("proc", "/proc", 0, "proc", "subset=pid")


def _mount(source: str, target: str, flags: int, kind: str = "none", options: str = "") -> None:
    _call(_libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()), f"mount {target}")


def _call(code: int, what: str) -> None:
    if code != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def enter(unit: Unit, writable: list[Path]) -> None:
    """Put the unit's switches in force for this process and what it starts. There is no way back."""
    unknown = unit.lines.keys() - set(_ENFORCED.split()) - set(_ELSEWHERE.split())
    assert not unknown, f"switches that the sandbox of the tests does not know: {unknown}"
    calls = system_calls(unit)
    os.umask(int(unit.one("UMask"), 8))
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(unit.one("LimitNOFILE")),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (int(unit.one("LimitCORE")),) * 2)
    if unit.one("ProtectSystem") == "strict":
        _mounts(writable, unit.one("ProcSubset") == "pid")
    kept = {_CAPABILITIES[name] for name in unit.one("CapabilityBoundingSet").split()}
    for number in range(64):
        if number not in kept:
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    if unit.one("NoNewPrivileges") == "yes":
        _call(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    denied = _Filter(_ALLOW)
    if unit.one("MemoryDenyWriteExecute") == "yes":
        both = _WRITE | _EXECUTE
        denied.rule(_ERRNO | errno.EPERM, "mmap", _Comparison(2, _MASKED, both, both))
        for name in ("mprotect", "pkey_mprotect"):
            denied.rule(_ERRNO | errno.EPERM, name, _Comparison(2, _MASKED, _EXECUTE, _EXECUTE))
    families = {_FAMILIES[name] for name in unit.one("RestrictAddressFamilies").split()}
    for family in set(range(46)) - families:
        denied.rule(_ERRNO | errno.EAFNOSUPPORT, "socket", _Comparison(0, _EQUAL, family, 0))
    allowed = _Filter(_ERRNO | errno.EPERM)
    for name in sorted(calls):
        allowed.rule(_ALLOW, name)
    denied.load()
    allowed.load()


if __name__ == "__main__":
    enter(Unit(Path(sys.argv[1])), [Path(sys.argv[2])])
    os.execv(sys.argv[3], sys.argv[3:])
