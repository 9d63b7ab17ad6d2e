"""The unit's sandbox is whole, and the gateway does all its work inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import pytest

from tests.integration.gateway import PROGRAM, Gateway
from tests.integration.machine import Process, find_program, is_root
from tests.integration.sandbox import Unit, system_calls

UNIT = Path(__file__).parent.parent.parent / "deploy/mailgate.service"


def test_every_switch_is_there() -> None:
    unit = Unit(UNIT)
    wanted = {
        "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
        "PrivateMounts": "yes", "NoNewPrivileges": "yes", "MemoryDenyWriteExecute": "yes", "ProcSubset": "pid",
        "ProtectProc": "invisible", "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectKernelLogs": "yes",
        "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes",
        "RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
        "RemoveIPC": "yes", "SystemCallArchitectures": "native", "UMask": "0077", "StateDirectoryMode": "0700",
        "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE", "AmbientCapabilities": "CAP_NET_BIND_SERVICE",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "User": "mailgate",
    }  # fmt: skip
    assert {key: unit.one(key) for key in wanted} == wanted
    assert int(unit.one("LimitNOFILE")) >= 4096
    left = system_calls(unit)
    assert {"fsync", "prlimit64", "execve"} <= left
    assert not left & {"mount", "ptrace", "reboot", "bpf", "setuid", "chroot", "init_module", "setpriority"}


def test_systemd_reads_it_and_calls_it_ok(tmp_path: Path) -> None:
    analyze = find_program("systemd-analyze")
    copy = tmp_path / UNIT.name  # `verify` wants the program to be there
    copy.write_text(UNIT.read_text().replace("/usr/local/bin/mailgate", str(PROGRAM)))
    read = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    judged = [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", UNIT]
    done = subprocess.run(judged, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.skipif(not is_root(), reason="only root may make a mount namespace")
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_the_gateway_works_inside(gateway: Callable[..., Gateway]) -> None:
    running = gateway(start=False)
    inside = [sys.executable, "-m", "tests.integration.sandbox", UNIT, running.home, PROGRAM, "serve"]
    env = {**running.env, "PYTHONPATH": str(UNIT.parent.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    running._process = Process([*inside, "--config", running.home], running.home / "serve.log", env=env)
    running.start()

    running.send(_mail("ana@example.org", "A nota não imprime"))
    running.submit(_mail("bruno@example.test", "Outro assunto"), ["suporte@example.test"], "bruno@example.test")
    running.sink.wait_for(1, to="ana@example.org", limit=60)
    tickets = running.wait_export(lambda rows: sum(bool(row["key"]) for row in rows) == 2, limit=60)
    assert not [row for row in tickets if not row["key"]]
    with urllib.request.urlopen(f"{running.portal_url}/login", timeout=10) as page:
        assert page.status == 200

    status = Path(f"/proc/{running.pid}/status").read_text()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    limits = [Path(f"/proc/{child}/limits").read_text() for child in _children(running.pid)]
    bounded = [text for text in limits if "Max address space         unlimited" not in text]
    assert bounded, "the processes that read mails have their limit of memory inside the sandbox, too"
    assert "operation not permitted" not in running.log().casefold()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(word)
        for task in os.listdir(f"/proc/{pid}/task")
        for word in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        if task != str(pid)
    ]


def _mail(author: str, subject: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = author, "suporte@example.test", subject
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="example.org")
    mail.set_content("Bom dia, segue a foto.")
    mail.add_alternative("<p>Bom dia, <b>segue</b> a foto.</p>", subtype="html")
    mail.add_attachment(b"%PDF-1.4\n" * 4096, maintype="application", subtype="pdf", filename="nota.pdf")
    return mail.as_bytes()
