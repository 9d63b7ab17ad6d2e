"""The ten minutes of docs/rules.md, done as the page says: its files, its commands, a gateway that runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.gateway import PROGRAM, Gateway
from tests.integration.machine import wait_until

_PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_PEOPLE = [
    {"name": "Bruno", "address": "bruno@example.test", "departments": ["suporte"], "role": "agent"},
    {"name": "Marta", "address": "marta@example.test", "departments": ["suporte"], "role": "manager"},
]


def _blocks(kind: str) -> list[str]:
    """The page's blocks of one kind, in the walk-through, as an admin copies them."""
    text = _PAGE.read_text(encoding="utf-8")
    text = text[text.index("## A rule in ten minutes") : text.index("## How a rule is read")]
    return [textwrap.dedent(body) for found, body in _BLOCK.findall(text) if found == kind]


def _mail(number: int) -> bytes:
    return (
        f"From: Enfermaria <ana{number}@hospital.br>\r\nTo: suporte@example.test\r\n"
        f"Subject: URGENTE: nota parada {number}\r\nMessage-ID: <u{number}@hospital.br>\r\n\r\nA nota nao sai.\r\n"
    ).encode()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
@pytest.mark.long
def test_the_ten_minutes(gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    running = gateway({"agents": _PEOPLE})
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"

    def shell(block: str, code: int = 0) -> str:
        """What the page's commands print; the system's own ones stand for themselves."""
        said = ""
        for line in block.replace("/etc/mailgate/", f"{running.home}/").splitlines():
            if line.startswith("systemctl reload"):
                running.signal(signal.SIGHUP)
                continue
            done = subprocess.run(
                line.split(), cwd=tmp_path, capture_output=True, text=True, timeout=200,
                env=running.env | {"MAILGATE_CONFIG": str(running.home), "PATH": path},
            )  # fmt: skip
            assert done.returncode == code, done.stdout + done.stderr
            said += done.stdout + done.stderr
        return said

    running.send(_mail(1), mail_from="ana1@hospital.br")
    running.wait_export(lambda rows: any(r["key"] == "SUP-1" for r in rows))
    (tmp_path / "urgente.eml").write_bytes(_mail(2))
    copy, test, replay, apply = _blocks("sh")
    rule, department = _blocks("yaml")

    shell(copy)
    rules, departments = tmp_path / "new/rules.yaml", tmp_path / "new/departments.yaml"
    rules.write_text(rules.read_text() + textwrap.indent(rule, "  "))
    assert "new/rules.yaml" in shell(test, code=78), "the department is not there yet"
    last = department.splitlines()[-1]
    departments.write_text(departments.read_text().rstrip() + f"\n{last}\n")
    tried = shell(test)
    assert "hospital-urgente" in tried
    assert "financeiro-fiscal" in tried.partition("O que seria diferente de agora")[2]
    found = shell(replay)
    assert "financeiro-fiscal" in found
    assert "normal → high" in found

    shell(apply)
    wait_until(lambda: "templates read again" in running.log(), 20, "the rules to be read again")
    running.send(_mail(2), mail_from="ana2@hospital.br")
    rows = running.wait_export(lambda rows: any(r["key"] == "SUP-2" for r in rows))
    (before,) = [r for r in rows if r["key"] == "SUP-1"]
    (after,) = [r for r in rows if r["key"] == "SUP-2"]
    assert (before["department"], before["priority"]) == ("suporte", "normal")
    assert (after["department"], after["priority"]) == ("financeiro-fiscal", "high")
    assert after["due_at"]
    assert "marta@example.test" in {m.get("recipient") for m in after["messages"]}

    (running.home / "rules.yaml").write_text("rules: [{name: x, when: nunca, then: {tags: x}}]\n")
    running.signal(signal.SIGHUP)
    wait_until(lambda: "the last good ones stay" in running.log(), 20, "the mistake to be said")
    assert "mistakes" in running.ops("/readyz")[1]
    running.send(_mail(3), mail_from="ana3@hospital.br")
    rows = running.wait_export(lambda rows: any(r["key"] == "SUP-3" for r in rows))
    assert [r["priority"] for r in rows if r["key"] == "SUP-3"] == ["high"]
