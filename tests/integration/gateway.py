"""The real program, as an admin runs it: a configuration folder, `mailgate serve` as a process, and its commands."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.integration.machine import LOOPBACK, Process, free_port, wait_until
from tests.integration.sink import Sink

Settings = dict[str, Any]
PROGRAM = Path(sys.executable).parent / "mailgate"


def sane_settings(home: Path, database: str, relay_port: int, resolver: str) -> Settings:
    """The `mailgate.yaml` of a test: every server on a free port, sweeps of a second, time that can be moved."""
    portal = free_port()
    in_three_days = f"{datetime.now(UTC) + timedelta(days=3):%a}".lower()

    def listen(port: int | None = None) -> dict[str, str]:
        return {"listen": f"{LOOPBACK}:{port or free_port()}"}

    return {
        "base_url": f"http://{LOOPBACK}:{portal}",
        "data": str(home / "data"),
        "database": database,
        "locale": "pt-BR",
        "timezone": "America/Sao_Paulo",
        "preset": "centrium",
        "company": {"name": "Exemplo Sistemas", "site": "https://example.test"},
        "addresses": [{"address": "suporte@example.test", "department": "suporte", "plus": True}],
        "agents": [
            {"name": "Bruno", "address": "bruno@example.test", "departments": ["suporte"], "role": "agent"},
        ],
        "smtp": {**listen(), "hostname": "mx.example.test"},
        "submission": listen(),
        "lmtp": listen(),
        "relay": {"host": LOOPBACK, "port": relay_port, "tls": "none", "retry": ["1s"]},
        "auth": {"resolver": resolver},
        "portal": listen(portal),
        "ops": listen(),
        "sweeps": {"journal": "1s", "outbox": "1s", "timers": "1s", "imap": "1s"},
        "digests": {name: {"days": [in_three_days]} for name in ("agents", "held")},  # whatever the hour is
        "clock": f"file:{home / 'offset'}",
    }


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Settings:
    """`base` with `changes` laid over it, key by key; a list or None replaces; None takes the key away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class Gateway:
    """One installation: its folder, its far end, and `serve` while it runs."""

    def __init__(self, home: Path, settings: Settings, sink: Sink) -> None:
        self.home = home
        self.settings = settings
        self.sink = sink
        self.env = {**os.environ, "MAILGATE_TEST": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "120"}
        self._process = Process([PROGRAM, "serve", "--config", home], home / "serve.log", env=self.env, cwd=home)
        self._offset = timedelta()

    # -- the installation ----------------------------------------------------------------------------------------

    def install(self) -> None:
        """`mailgate init`, with the keys it makes, and our settings in place of the ones it writes."""
        self.run("init", str(self.home), config=False)
        users = self.home / "users"
        users.write_text("".join(f"{agent['address']}:{{PLAIN}}secret\n" for agent in self.settings["agents"]))
        users.chmod(0o600)
        self.write_settings()

    def write_settings(self, changes: Mapping[str, Any] | None = None) -> None:
        """Write `mailgate.yaml`, with `changes` merged in first. JSON is YAML too."""
        self.settings = merged(self.settings, changes or {})
        (self.home / "mailgate.yaml").write_text(json.dumps(self.settings, indent=2, ensure_ascii=False) + "\n")

    def port(self, of: str) -> int:
        """The port of `smtp`, `submission`, `lmtp`, `portal` or `ops`."""
        return int(self.settings[of]["listen"].rsplit(":", 1)[1])

    @property
    def portal_url(self) -> str:
        return str(self.settings["base_url"])

    def under(self, *words: str) -> None:
        """Let `serve` run as the last words of another command, which must keep its process id."""
        self._process.command[:0] = words

    # -- serve -----------------------------------------------------------------------------------------------------

    def start(self, limit: float = 120.0) -> Gateway:
        """Start `serve` and wait for /readyz. Raises AssertionError with the log's end."""
        self._process.start(self.is_ready, limit)
        return self

    def stop(self) -> None:
        """SIGTERM, as systemd does. Raises AssertionError if it does not drain and end with 0."""
        code = self._process.stop(signal.SIGTERM, limit=40)
        assert code == 0, f"serve ended with {code} after SIGTERM\n{self._process.tail()}"

    def kill9(self) -> None:
        """As a crash: the program and its parse processes, at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP to the program and its parse processes: a virtual machine that is not scheduled."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT, after `freeze`."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def children(self) -> list[int]:
        """The processes that serve started and that still run: those that read and render mail, and their helper."""
        found: set[int] = set()
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that ended meanwhile
                found |= set(map(int, (task / "children").read_text().split()))
        return sorted(found)

    def beside(self, home: Path, copied: bool = True) -> Gateway:
        """Another node of the same company, not started: its own ports and data folder, our keys and blobs.

        copied: its data folder begins as a copy of ours, keys and all; else there is none.
        """
        own = sane_settings(home, self.settings["database"], self.sink.port, self.settings["auth"]["resolver"])
        doors = ("smtp", "submission", "lmtp", "portal", "ops", "base_url", "data")
        shared = {"blobs": str(self.home / "data" / "blobs")}
        other = Gateway(home, merged(self.settings, {name: own[name] for name in doors} | shared), self.sink)
        left_out = ("backup*", "blobs", "serve*") if copied else ("backup*", "data", "serve*")
        shutil.copytree(self.home, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*left_out))
        other.write_settings()
        return other

    def restart(self) -> None:
        """Start again, after `stop` if it runs."""
        if self.is_running:
            self.stop()
        self.start()

    def signal(self, what: signal.Signals) -> None:
        """Such as SIGHUP, which reloads rules and templates."""
        os.kill(self._process.pid, what)

    @property
    def is_running(self) -> bool:
        return self._process.started and self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_ready(self) -> bool:
        return self.ops("/readyz")[0] == 200

    def ops(self, path: str) -> tuple[int, str]:
        """Status and body of /healthz, /readyz or /metrics."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port('ops')}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def log(self) -> str:
        return self._process.text()

    def advance(self, by: timedelta) -> None:
        """Move the program's clock on."""
        self._offset += by
        (self.home / "offset").write_text(f"+{int(self._offset.total_seconds())}s")

    # -- mail in ---------------------------------------------------------------------------------------------------

    def send(
        self, raw: bytes, rcpts: Sequence[str] = ("suporte@example.test",), mail_from: str = "ana@example.org"
    ) -> dict[str, tuple[int, bytes]]:
        """Send by SMTP; returns the refused recipients. Raises smtplib's errors."""
        with smtplib.SMTP(LOOPBACK, self.port("smtp"), "mta.example.org", timeout=30) as client:
            return client.sendmail(mail_from, list(rcpts), raw)

    def submit(
        self, raw: bytes, rcpts: Sequence[str], user: str, password: str = "secret", mail_from: str | None = None
    ) -> dict[str, tuple[int, bytes]]:
        """Send as an agent's mail client does: AUTH on the submission port."""
        with smtplib.SMTP(LOOPBACK, self.port("submission"), "notebook", timeout=30) as client:
            client.login(user, password)
            return client.sendmail(mail_from or user, list(rcpts), raw)

    # -- commands --------------------------------------------------------------------------------------------------

    def run(
        self, *arguments: str, stdin: bytes = b"", code: int | None = 0, config: bool = True, limit: float = 180.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `mailgate ARGUMENTS --config FOLDER`. code: the exit code it must have, None for any."""
        command = [str(PROGRAM), *arguments, *(("--config", str(self.home)) if config else ())]
        done = subprocess.run(command, input=stdin, capture_output=True, env=self.env, cwd=self.home, timeout=limit)
        if code is not None:
            said = (done.stdout + done.stderr).decode(errors="replace")
            assert done.returncode == code, f"{' '.join(command)} ended with {done.returncode}, not {code}\n{said}"
        return done

    def json(self, *arguments: str) -> list[Settings]:
        """The objects that a command prints with `--json`."""
        return [json.loads(line) for line in self.run(*arguments, "--json").stdout.splitlines()]

    def export(self) -> list[Settings]:
        """`mailgate export --json`: tickets, then the mails that belong to none."""
        return self.json("export")

    def tickets(self) -> list[Settings]:
        """The tickets alone."""
        return [row for row in self.export() if row["key"]]

    def wait_export(
        self, condition: Callable[[list[Settings]], object], limit: float = 30.0, what: str = "that export"
    ) -> list[Settings]:
        """Export until `condition(rows)` is true; returns those rows. limit: seconds."""
        seen: list[Settings] = []

        def look() -> bool:
            seen[:] = self.export()
            return bool(condition(seen))

        try:
            wait_until(look, limit, what, every=0.2)
        except AssertionError as error:
            rows = "\n".join(json.dumps(row, ensure_ascii=False)[:500] for row in seen[-10:])
            raise AssertionError(f"{error}\n{rows}\n{self._process.tail()}") from error
        return seen
