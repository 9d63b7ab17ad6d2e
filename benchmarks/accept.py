"""How many mails a second are accepted over SMTP, beside aiosmtpd's own null sink in the same run.

    python benchmarks/accept.py                                      null sinks: aiosmtpd as it comes, and ours
    python benchmarks/accept.py --server durable='mailgate serve …'  and any server that listens on {port}

Each server runs in a process of its own; the rounds of all servers alternate, so that a busy machine slows all alike.
The load is Postfix's smtp-source where it is installed (`apt-get install postfix`), else a generator of this file with
the same lock-step dialogue; both share the machine's cores with the server, so the ratio says more than the rate. CPU
is that of the server process (with its children) for a mail.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

SENDER, RECIPIENT = "ana@customer.test", "suporte@example.test"
SMTP_SOURCE = shutil.which("smtp-source") or shutil.which("smtp-source", path="/usr/sbin")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A server under test: its command, with {port} in it, and what was measured."""

    name: str
    command: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    rates: dict[int, list[float]] = field(default_factory=dict)
    cpu_ms: dict[int, list[float]] = field(default_factory=dict)


def serve_stock(port: int) -> None:
    """aiosmtpd 1.4 as its documentation says, on uvloop, throwing mail away."""
    from aiosmtpd.smtp import SMTP

    class Sink:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            return "250 OK"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        sink = Sink()
        await loop.create_server(lambda: SMTP(sink, hostname="mx.example.test", loop=loop), "127.0.0.1", port)
        await asyncio.Event().wait()

    run(main)


def serve_ours(port: int) -> None:
    """Our listener with its gate, throwing mail away where the journal would be."""
    from mailgate.ingest.gate import GateRules
    from mailgate.ingest.reception import SmtpConfig, SmtpLimits
    from mailgate.ingest.servers import Listener
    from mailgate.mail.envelope import Received

    async def accept(received: Received) -> str:
        return "J1"

    async def main() -> None:
        limits = SmtpLimits(connections_per_ip=None, mails_per_connection=None)
        config = SmtpConfig(f"127.0.0.1:{port}", "mx.example.test", limits=limits)
        await Listener(config, GateRules(lambda address: address == RECIPIENT), accept).start()
        await asyncio.Event().wait()

    run(main)


def run(main: object) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())  # type: ignore[operator]


@contextlib.contextmanager
def running(server: Server) -> Iterator[None]:
    """The server's process, from when it answers until it is ended by its id."""
    command = shlex.split(server.command.replace("{port}", str(server.port)))
    server.process = subprocess.Popen(command, start_new_session=True)
    try:
        wait_for(server)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGTERM)
        try:
            server.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


def wait_for(server: Server) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.process is not None
        if server.process.poll() is not None:
            raise SystemExit(f"{server.name} ended with {server.process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1) as peer:
            peer.settimeout(5)
            if peer.recv(100).startswith(b"220"):
                peer.sendall(b"QUIT\r\n")
                return
        time.sleep(0.05)
    raise SystemExit(f"{server.name} does not answer on port {server.port}")


def cpu_seconds(group: int) -> float:
    """User and system time of all processes of a group."""
    total = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry.name}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
                if int(fields[2]) == group:
                    total += sum(map(int, fields[11:15]))
    return total / TICK


def load(port: int, connections: int, mails: int, octets: int, reconnect: bool) -> float:
    """Send `mails` over so many connections at once; seconds."""
    began = time.perf_counter()
    if SMTP_SOURCE is not None:
        keep = [] if reconnect else ["-d"]
        sizes = ["-s", str(connections), "-m", str(mails), "-l", str(octets)]
        subprocess.run([SMTP_SOURCE, *keep, *sizes, "-f", SENDER, "-t", RECIPIENT, f"127.0.0.1:{port}"], check=True)
    else:
        asyncio.run(generate(port, connections, mails, octets, reconnect))
    return time.perf_counter() - began


async def generate(port: int, connections: int, mails: int, octets: int, reconnect: bool) -> None:
    """What smtp-source does, where there is none."""
    line = b"X" * 78 + b"\r\n"
    body = b"Subject: load\r\n\r\n" + line * (octets // len(line)) + b".\r\n"
    left = iter(range(mails))
    commands = [f"MAIL FROM:<{SENDER}>\r\n".encode(), f"RCPT TO:<{RECIPIENT}>\r\n".encode(), b"DATA\r\n", body]

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, octets: bytes) -> None:
        writer.write(octets)
        reply = await reader.readline()
        if reply[:1] not in (b"2", b"3"):
            raise SystemExit(f"refused: {reply.decode().strip()}")

    async def peer() -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await say(reader, writer, b"")
            await say(reader, writer, b"HELO load.test\r\n")
            for _ in left:
                for command in commands:
                    await say(reader, writer, command)
                if reconnect:
                    break
            else:
                writer.close()
                return
            writer.close()

    await asyncio.gather(*(peer() for _ in range(connections)))


def measure(server: Server, connections: int, options: argparse.Namespace) -> None:
    assert server.process is not None
    mails = options.mails if connections > 1 else max(1, options.mails // 4)
    before = cpu_seconds(server.process.pid)
    seconds = load(server.port, connections, mails, options.octets, options.reconnect)
    server.rates.setdefault(connections, []).append(mails / seconds)
    server.cpu_ms.setdefault(connections, []).append((cpu_seconds(server.process.pid) - before) / mails * 1000)


def report(servers: list[Server], options: argparse.Namespace) -> None:
    stock = servers[0]
    rows = [
        {
            "server": server.name,
            "connections": count,
            "mails_per_second": round(statistics.median(server.rates[count])),
            "cpu_ms_per_mail": round(statistics.median(server.cpu_ms[count]), 2),
            "times_stock": round(statistics.median(server.rates[count]) / statistics.median(stock.rates[count]), 2),
        }
        for count in options.connections
        for server in servers
    ]
    if options.json:
        for row in rows:
            print(json.dumps(row))
        return
    generator = "smtp-source" if SMTP_SOURCE else "own generator"
    print(f"{generator}, {options.octets} octets, {options.mails} mails a round, median of {options.rounds} rounds")
    print(f"{'server':<16}{'connections':>12}{'mails/s':>10}{'CPU ms':>9}{'x stock':>9}")
    for row in rows:
        print("{server:<16}{connections:>12}{mails_per_second:>10}{cpu_ms_per_mail:>9}{times_stock:>9}".format(**row))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", default=[], metavar="NAME=COMMAND", help="listens on {port}")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--mails", type=int, default=3000)
    parser.add_argument("--octets", type=int, default=5120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reconnect", action="store_true", help="one connection a mail")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=["stock", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if options.serve is not None:
        {"stock": serve_stock, "ours": serve_ours}[options.serve](options.port)
        return 0
    own = f"{shlex.quote(sys.executable)} {shlex.quote(__file__)} --port {{port}} --serve "
    servers = [Server("aiosmtpd", own + "stock", free_port()), Server("ours, null", own + "ours", free_port())]
    for each in options.server:
        name, _, command = each.partition("=")
        servers.append(Server(name, command, free_port()))
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(running(server))
        for connections in options.connections:
            for _ in range(options.rounds):
                for server in servers:
                    measure(server, connections, options)
    report(servers, options)
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
