"""One installation of the real program for a measurement: its folder, far ends, `mailgate serve`, and what it costs.

Every process is started in a session of its own and ended by its id.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store.engine import Database
from tests.integration.machine import LOOPBACK, Process, folder, free_port, greets
from tests.integration.postgres import Postgres, running_postgres

SUPPORT = "suporte@example.test"
AGENT = "bruno@example.test"
BIN = Path(sys.executable).parent
PROGRAM = BIN / "mailgate"
TICK = os.sysconf("SC_CLK_TCK")
#: Measured is the work, not the brakes: every cap that would hold mails or acknowledgements back.
NO_BRAKES = dict.fromkeys(
    (
        "acks_per_address", "acks_per_verified_address", "acks_total", "mails_per_sender", "tickets_per_sender",
        "comments_per_ticket", "notices_per_address", "connections_per_ip", "mails_per_connection",
    ),
    "off",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """What a group of processes used. cpu: seconds of user and system time since they began; peaks in bytes."""

    main_cpu: float
    other_cpu: float
    main_peak: int
    other_peak: int

    @property
    def cpu(self) -> float:
        return self.main_cpu + self.other_cpu


class Installation:
    """A configuration with its far ends. `database` is `sqlite` or a URL."""

    def __init__(self, home: Path, database: str, profile: Path | None = None) -> None:
        self.home = home
        self.taken = home / "taken"
        ports = {name: free_port() for name in ("smtp", "submission", "portal", "ops", "relay", "dns")}
        self.port = ports["smtp"]
        self._ops = ports["ops"]
        self.settings: dict[str, Any] = {
            "base_url": f"http://{LOOPBACK}:{ports['portal']}",
            "data": str(home / "data"),
            "database": database,
            "company": {"name": "Exemplo Sistemas", "site": "https://example.test"},
            "addresses": [{"address": SUPPORT, "department": "suporte", "plus": True}],
            "agents": [{"name": "Bruno", "address": AGENT, "departments": ["suporte"], "role": "agent"}],
            "smtp": {"listen": f"{LOOPBACK}:{self.port}", "hostname": "mx.example.test"},
            "submission": {"listen": f"{LOOPBACK}:{ports['submission']}"},
            "relay": {"host": LOOPBACK, "port": ports["relay"], "tls": "none", "retry": ["1s"]},
            "auth": {"resolver": f"{LOOPBACK}:{ports['dns']}"},
            "portal": {"listen": f"{LOOPBACK}:{ports['portal']}"},
            "ops": {"listen": f"{LOOPBACK}:{self._ops}"},
            "dkim": {"domain": "example.test", "selector": "s1", "key_file": str(home / "dkim.pem")},
            "limits": {**NO_BRAKES, "connections": 200},
        }
        far = [sys.executable, "-m", "benchmarks.far"]
        here = Path(__file__).resolve().parent.parent
        self._relay = Process([*far, "relay", str(ports["relay"]), str(self.taken)], home / "relay.log", cwd=here)
        self._dns = Process([*far, "dns", str(ports["dns"])], home / "dns.log", cwd=here)
        self._ports = ports
        program = [str(PROGRAM)]
        if profile is not None:
            program = [sys.executable, "-m", "benchmarks.profiled", str(profile)]
        self._serve_command = [*program, "serve", "--config", str(home), "--log-level", "warning"]
        self._here = here
        self._serve: Process | None = None

    def install(self) -> None:
        """Keys, settings, schema."""
        self._run("init", str(self.home))
        self.write_settings()
        (self.home / "users").write_text(f"{AGENT}:{{PLAIN}}secret\n")
        (self.home / "users").chmod(0o600)
        self._run("dkim", "keygen", "--config", str(self.home))
        self._run("migrate", "--config", str(self.home))

    def write_settings(self) -> None:
        """Put `settings` into force for the next start."""
        (self.home / "mailgate.yaml").write_text(json.dumps(self.settings, indent=2) + "\n")

    @contextlib.contextmanager
    def serving(self, *, roles: str = "") -> Iterator[None]:
        """`mailgate serve` with its relay and DNS, ready, and ended with what it says at the end checked."""
        more = ["--roles", roles] if roles else []
        self._serve = Process([*self._serve_command, *more], self.home / "serve.log", cwd=self._here)
        try:
            self._relay.start(lambda: greets(self._ports["relay"], b"220"))
            self._dns.start(lambda: True)
            self._serve.start(self._is_ready, limit=60)
            yield
        finally:
            for process in (self._serve, self._relay, self._dns):
                process.stop(signal.SIGTERM, limit=20)

    def database(self) -> Database:
        """A connection of our own to look at what became of the mails."""
        url = self.settings["database"]
        return Database(f"sqlite:///{self.home}/data/mailgate.sqlite" if url == "sqlite" else url)

    def cost(self) -> Cost:
        """What `serve` and its worker processes used."""
        assert self._serve is not None
        main = self._serve.pid
        others = [pid for pid, fields in processes() if int(fields[2]) == main and pid != main]
        return Cost(cpu_of(main), sum(map(cpu_of, others)), peak_of(main), sum(map(peak_of, others)))

    @property
    def pid(self) -> int:
        """The process id of `serve`, which leads its workers' group."""
        assert self._serve is not None
        return self._serve.pid

    def log_tail(self) -> str:
        return self._serve.tail(20) if self._serve is not None else ""

    def _is_ready(self) -> bool:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self._ops}/readyz", timeout=5) as response:
            return bool(response.status == 200)

    def _run(self, *arguments: str) -> None:
        done = subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True, timeout=120, cwd=self._here)
        if done.returncode:
            raise SystemExit(f"mailgate {' '.join(arguments)}: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def installed(database: str, profile: Path | None = None) -> Iterator[Installation]:
    """An installation in a new folder, gone afterwards. A database that is given must be empty."""
    with folder("bench") as home:
        home.chmod(0o700)
        made = Installation(home, database, profile)
        made.install()
        yield made


@contextlib.contextmanager
def postgres(url: str | None) -> Iterator[Databases]:
    """Databases on PostgreSQL: on a cluster of our own, or the one given."""
    if url is not None:
        yield Databases(None, url)
        return
    with running_postgres() as server:
        yield Databases(server, "")


class Databases:
    """Hands out empty databases, and knows what the server uses where it is ours."""

    def __init__(self, server: Postgres | None, url: str) -> None:
        self._server = server
        self._url = url

    def new(self) -> str:
        """The URL of an empty database; of the one given, if one was, which is then used once only."""
        if self._server is not None:
            return self._server.new_database()
        if not self._url:
            raise SystemExit("the database given serves one measurement; leave --postgres out for several")
        url, self._url = self._url, ""
        return url

    def cpu(self) -> float | None:
        """CPU seconds of the server and its sessions so far; None for one that is not ours."""
        if self._server is None:
            return None
        main = int((self._server.home / "data/postmaster.pid").read_text().split()[0])
        return cpu_of(main, ended=True) + sum(cpu_of(pid) for pid, fields in processes() if int(fields[1]) == main)


def processes() -> Iterator[tuple[int, list[str]]]:
    """Every process: its id, and the fields of /proc/ID/stat from the state on (proc(5): fields 3 and up)."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(entry.name), _stat(int(entry.name))


def cpu_of(pid: int, *, ended: bool = False) -> float:
    """User and system seconds of a process; 0 when it is gone. ended: and of its children that have ended."""
    with contextlib.suppress(OSError):
        return sum(map(int, _stat(pid)[11 : 15 if ended else 13])) / TICK
    return 0.0


def peak_of(pid: int) -> int:
    """The most memory a process had resident, in bytes."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _stat(pid: int) -> list[str]:
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()


def send(port: int, connections: int, rate: float, load: Path) -> dict[str, Any]:
    """Send what `sender.write_load` laid out; its figures. Ends the program with the replies when mails are refused."""
    command = [sys.executable, "-m", "benchmarks.sender", str(port), str(connections), str(rate), str(load)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise SystemExit(f"the sender failed: {done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout)
    if figures["refused"]:
        raise SystemExit(f"{len(figures['refused'])} mails were refused, the first: {figures['refused'][0]}")
    return figures
