"""What the servers of the suite share: free ports, waiting, folders, and processes that end with the test.

Nothing here sleeps a fixed time: `wait_until` asks again until the condition holds or the limit is over.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

LOOPBACK = "127.0.0.1"
T = TypeVar("T")


def in_ci() -> bool:
    """True where a server that is missing is a failure, not a reason to skip."""
    return os.environ.get("MAILGATE_CI") == "1"


def missing(what: str) -> NoReturn:
    """Skip the test because `what` is not on this machine; in CI fail it."""
    reason = f"{what} (`make test` installs it by apt when root on Debian)"
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find_program(name: str, *places: str) -> str:
    """The absolute path of a program, looked for in PATH, the sbin folders and `places`; skips when there is none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/local/sbin", *places])
    found = shutil.which(name, path=path)
    return found if found else missing(f"{name} is not installed")


def is_root() -> bool:
    return os.geteuid() == 0


def account(preferred: str) -> str:
    """Who a server runs as: the system user `preferred` when we are root, else ourselves."""
    return preferred if is_root() else pwd.getpwuid(os.geteuid()).pw_name


# Ports above 32768 may be taken by any client between the look and the use, so they are asked for lower down. A worker
# goes through a part of its own from some place in it: what chance gives twice is given to two servers at once.
_FIRST_PORT, _PARTS, _PORTS_OF_A_PART = 20000, 4, 3000
_PART = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PARTS
_PLACES = itertools.count(int.from_bytes(os.urandom(2), "big"))


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody listens on now, outside the range given to outgoing connections.

    No other worker of this run is given it, and this one not again before all of its part were used.
    """
    for place in itertools.islice(_PLACES, 200):
        port = _FIRST_PORT + _PART * _PORTS_OF_A_PART + place % _PORTS_OF_A_PART
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise RuntimeError("two hundred ports between 20000 and 32000, and none is free")


def wait_until(condition: Callable[[], T], limit: float = 15.0, what: str = "", every: float = 0.02) -> T:
    """Ask `condition` until it is true and return what it said. limit, every: seconds.

    Raises AssertionError naming `what` once the limit is over. An OSError counts as not yet. On a machine that does
    much else, MAILGATE_TEST_PATIENCE multiplies every limit.
    """
    limit *= float(os.environ.get("MAILGATE_TEST_PATIENCE", "1"))
    end = time.monotonic() + limit
    last: object = None
    while True:
        try:
            answer = condition()
        except OSError as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit:g} s in vain for {what or condition}; last seen: {last!r}")
        threading.Event().wait(every)


def listens(port: int) -> bool:
    """True if something accepts TCP connections on 127.0.0.1:port."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=2):
        return True
    return False


def greets(port: int, greeting: bytes) -> bool:
    """True if the server on 127.0.0.1:port opens with `greeting`."""
    with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
        return connection.recv(512).startswith(greeting)


@contextlib.contextmanager
def folder(name: str, owner: str | None = None) -> Iterator[Path]:
    """A new folder straight below the system's temporary one, removed afterwards.

    Short on purpose (a unix socket's path holds 107 bytes) and not below pytest's own, which other users cannot enter.
    """
    path = Path(tempfile.mkdtemp(prefix=f"mg-{name}-"))
    path.chmod(0o755)
    if owner and is_root():
        shutil.chown(path, owner)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Process:
    """One server in the foreground, with its output in a file. Ends by `stop`, whatever happened before."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self.user = user if user and is_root() else None
        self.env = None if env is None else dict(env)
        self.cwd = cwd
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._running is not None, f"{self.command[0]} was not started"
        return self._running.pid

    @property
    def started(self) -> bool:
        return self._running is not None

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before it started."""
        return self._running.poll() if self._running else None

    def start(self, ready: Callable[[], bool], limit: float = 20.0) -> None:
        """Start and wait until `ready` says yes. Raises AssertionError with the log's end if it dies or is late."""
        identity: dict[str, object] = {}
        if self.user:
            entry = pwd.getpwnam(self.user)
            identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        with self.log.open("ab") as output:
            self._running = subprocess.Popen(  # type: ignore[call-overload]
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd or self.log.parent,
                start_new_session=True,
                **identity,
            )
        try:
            wait_until(lambda: self._is_ready(ready), limit, f"{Path(self.command[0]).name} to be ready")
        except BaseException as error:
            self.stop(signal.SIGKILL)
            raise AssertionError(f"{error}\n{' '.join(self.command)}\n{self.tail()}") from error

    def _is_ready(self, ready: Callable[[], bool]) -> bool:
        if self.returncode is not None:
            raise AssertionError(f"it ended with {self.returncode} before it was ready")
        return ready()

    def stop(self, how: signal.Signals = signal.SIGTERM, limit: float = 15.0) -> int | None:
        """Signal the process, wait, and kill its own session if it will not go. Returns the exit code."""
        running = self._running
        if running is None:
            return None
        if running.poll() is None:
            running.send_signal(how)
            try:
                running.wait(limit)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait(limit)
        # Children that outlive their parent (Dovecot's and Postfix's do for a moment) share the session we made.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
        return running.returncode

    def tail(self, lines: int = 40) -> str:
        """The last lines of what it printed."""
        return "\n".join(self.text().splitlines()[-lines:])

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""
