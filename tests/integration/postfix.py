"""Postfix instances on free loopback ports: as the MTA in front of us (LMTP, pipe) and as the relay behind us.

Each has its own configuration, queue and data folder. Starting master needs root, so the tests are skipped without it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import smtplib
import stat
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.integration.machine import (
    LOOPBACK,
    Process,
    find_program,
    folder,
    free_port,
    greets,
    is_root,
    listens,
    missing,
    wait_until,
)

# Retries within a second, so that a refusal of ours is seen to be tried again.
_MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = {home}
myhostname = mx.example.test
mydestination =
inet_interfaces = {loopback}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
biff = no
append_dot_mydomain = no
disable_dns_lookups = yes
smtp_host_lookup = native
smtputf8_enable = yes
message_size_limit = 52428800
mailbox_size_limit = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
default_destination_concurrency_failed_cohort_limit = 0
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_rate_limit = 0
smtpd_tls_security_level = none
smtp_tls_security_level = none
"""

_MASTER = """\
{loopback}:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 1 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A running instance that takes SMTP on 127.0.0.1:port."""

    host = LOOPBACK

    def __init__(self, home: Path, port: int, process: Process) -> None:
        self.home = home
        self.port = port
        self._process = process

    def start(self) -> None:
        self._process.start(lambda: greets(self.port, b"220"), limit=40)

    def stop(self) -> None:
        """End master and its children; what is queued stays queued."""
        self._process.stop()

    def kill9(self) -> None:
        """As a crash, master and children. Waits until the last of them has let go of the port."""
        self._process.stop(signal.SIGKILL)
        wait_until(lambda: not listens(self.port), what="the port to be free")

    def send(self, raw: bytes, rcpt_tos: Sequence[str], mail_from: str) -> None:
        """Hand one mail in. Raises smtplib's errors."""
        with smtplib.SMTP(self.host, self.port, timeout=60) as client:  # the first one makes it start four programs
            client.sendmail(mail_from, list(rcpt_tos), raw)

    def queue(self) -> list[dict[str, object]]:
        """What is still to be delivered, as `postqueue -j` tells it."""
        done = self._run("postqueue", "-j")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def flush(self) -> None:
        """Try everything that waits now."""
        self._run("postqueue", "-f")

    def wait_empty(self, limit: float = 20.0) -> None:
        """Wait until everything left: delivered or returned. limit: seconds."""
        try:
            wait_until(lambda: not self.queue(), limit, "an empty queue", every=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from error

    def log(self) -> str:
        file = self.home / "log"
        return file.read_text(errors="replace") if file.exists() else self._process.tail()

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [find_program(program), "-c", str(self.home / "conf"), *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)


@contextlib.contextmanager
def running_postfix(main: Mapping[str, str], services: str = "") -> Iterator[Postfix]:
    """Run an instance with these settings on top of ours and these lines added to master.cf. Skips where it cannot."""
    program = find_program("postfix")
    if not is_root():
        missing("Postfix starts only as root")
    with folder("mta") as home:
        conf = home / "conf"
        for part in (conf, home / "queue", home / "data"):
            part.mkdir()
        shutil.chown(home / "data", "postfix")
        port = free_port()
        settings = _MAIN.format(home=home, loopback=LOOPBACK)
        settings += "".join(f"{name} = {value}\n" for name, value in main.items())
        (conf / "main.cf").write_text(settings)
        (conf / "master.cf").write_text(_MASTER.format(loopback=LOOPBACK, port=port) + services)
        # `postfix check` lays the queue's folders. `postfix start-fg` would put a shell between us and master, which
        # then outlives its stop; so master is started directly.
        command = [program, "-c", str(conf), "check"]
        checked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        master = Process([_daemon_folder() / "master", "-c", conf, "-d"], home / "output", cwd=home)
        server = Postfix(home, port, master)
        try:
            server.start()
            yield server
        except AssertionError as error:
            raise AssertionError(f"{error}\n{server.log()}") from error
        finally:
            server.stop()


def _daemon_folder() -> Path:
    told = subprocess.run([find_program("postconf"), "-dh", "daemon_directory"], capture_output=True, text=True)
    return Path(told.stdout.strip())


def lmtp_settings(to: int | str, returns_to: int | None) -> dict[str, str]:
    """Everything for example.test goes to a port or `unix:/path` by LMTP, non-delivery reports to the port given."""
    target = f"inet:{LOOPBACK}:{to}" if isinstance(to, int) else to
    return {
        "relay_domains": "example.test",
        "relay_transport": f"lmtp:{target}",
        "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination",
        "default_transport": f"smtp:[{LOOPBACK}]:{returns_to}" if returns_to else "discard:",
    }


def relay_settings(to: int) -> dict[str, str]:
    """Everything from loopback, wherever it goes, is handed to that port; so are our own non-delivery reports."""
    return {"relayhost": f"[{LOOPBACK}]:{to}"}


class PipeBridge:
    """Lets pipe(8), which runs as nobody, start a command that runs as ourselves, as a `sudo` rule would.

    pipe(8) refuses root, and nobody cannot enter a checkout or a data folder that is only ours. So it runs a shell
    script that lays the mail and the arguments into a folder and waits for the exit code; a thread here does the rest.
    """

    _SCRIPT = """\
#!/bin/sh
job=$(mktemp -d {jobs}/job.XXXXXX) && cat > "$job/mail" && printf '%s\\n' "$@" > "$job/new" || exit 75
chmod 755 "$job" && mv "$job/new" "$job/arguments" || exit 75
while [ ! -s "$job/exit" ]; do sleep 0.05; done
cat "$job/output"
exit "$(cat "$job/exit")"
"""

    def __init__(self, home: Path, cwd: Path | None = None) -> None:
        self._jobs = home / "jobs"
        self._jobs.mkdir()
        self._jobs.chmod(0o777)
        self._cwd = cwd
        self.script = home / "pipe.sh"
        self.script.write_text(self._SCRIPT.format(jobs=self._jobs))
        self.script.chmod(self.script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        self.exit_codes: list[int] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="pipe", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(10)

    def _serve(self) -> None:
        while not self._ended.wait(0.02):
            for arguments in sorted(self._jobs.glob("job.*/arguments")):
                self._run(arguments)

    def _run(self, arguments: Path) -> None:
        job = arguments.parent
        command = arguments.read_text().splitlines()
        arguments.unlink()
        with (job / "mail").open("rb") as mail, (job / "output").open("wb") as output:
            done = subprocess.run(command, stdin=mail, stdout=output, stderr=subprocess.STDOUT, cwd=self._cwd)
        self.exit_codes.append(done.returncode)
        (job / "exit.new").write_text(str(done.returncode))
        os.replace(job / "exit.new", job / "exit")


def pipe_service(script: Path, command: Sequence[str | Path], flags: str = "") -> str:
    """The master.cf line of a transport `gateway` that runs `command`; ${sender} and ${recipient} are pipe(8)'s."""
    words = [str(word) for word in command]
    assert not any(set(word) & set(" \t{}") for word in words if not word.startswith("${")), "pipe(8) splits at blanks"
    extra = f" flags={flags}" if flags else ""
    # null_sender= : without it pipe(8) writes MAILER-DAEMON for the null sender, RFC 5321 §4.5.5.
    return f"gateway unix - n n - 4 pipe{extra} null_sender= user=nobody argv={script} {' '.join(words)}\n"
