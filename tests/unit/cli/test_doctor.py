"""`doctor` on a gateway that is well, and on one that is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from mailgate.authn.resolver import DictResolver
from mailgate.cli import health, probing
from mailgate.settings import load_settings
from tests.unit.cli.conftest import Shell
from tests.unit.notify.scripted import ScriptedRelay


@pytest.fixture(autouse=True)
def dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS where every record of ours is as it should be."""
    zone = {
        "example.test": {"MX": ["10 mx.example.test"], "TXT": ["v=spf1 mx -all"]},
        "_dmarc.example.test": {"TXT": ["v=DMARC1; p=none"]},
    }
    monkeypatch.setattr(probing, "resolver_of", lambda settings: DictResolver(zone))


@contextmanager
def node(answer: dict[str, Any] | bytes) -> Iterator[int]:
    """A running node's /readyz; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def looks(shell: Shell) -> tuple[int, dict[str, dict[str, Any]]]:
    ran = shell("doctor", "--json")
    return ran.code, {v["what"].split()[0]: v for v in ran.values}


def test_all_is_well(shell: Shell) -> None:
    with ScriptedRelay({"EHLO": b"250 relay.test\r\n"}) as relay, node({"ready": True, "troubles": []}) as port:
        shell.change("  port: 25\n", f"  port: {relay.port}\n")
        shell.change("127.0.0.1:8026", f"127.0.0.1:{port}")
        code, found = looks(shell)
    assert code == 0
    assert {name: look["state"] for name, look in found.items() if look["state"] != "ok"} == {"DKIM": "warning"}


def test_nobody_serves_and_the_relay_is_gone(shell: Shell) -> None:
    shell.change("  port: 25\n", "  port: 1\n")
    shell.change("127.0.0.1:8026", "127.0.0.1:1")
    code, found = looks(shell)
    assert code == 69
    assert {name for name, look in found.items() if look["state"] == "failed"} == {"relay", "serve"}
    assert "mailgate serve" in found["serve"]["text"]
    ran = shell("doctor")
    assert ran.code == 69
    assert "✗ relay" in ran.out


def test_the_nodes_own_troubles_are_told(shell: Shell) -> None:
    with node({"ready": False, "troubles": ["mailbox vendas, folder INBOX: login refused"]}) as port:
        shell.change("127.0.0.1:8026", f"127.0.0.1:{port}")
        assert "mailbox vendas" in looks(shell)[1]["serve"]["text"]
    with node(b"<html>") as port:
        shell.change("ops:", f"ops: {{listen: '127.0.0.1:{port}'}}\n#")
        shell.change("\n  listen: 127.0.0.1", "\n#  listen: 127.0.0.1")
        assert looks(shell)[1]["serve"]["state"] == "failed"


def test_no_database_is_a_finding_and_no_fault(bare: Shell) -> None:
    code, found = looks(bare)
    assert code == 69
    assert found["database"]["state"] == "failed"
    assert "relay" in found


def test_a_broken_database_hides_nothing_else(shell: Shell) -> None:
    (shell.folder / "data/mailgate.sqlite").write_bytes(b"nonsense" * 1000)
    code, found = looks(shell)
    assert code == 69
    assert found["database"]["state"] == "failed"
    assert "relay" in found


def test_what_waits(shell: Shell) -> None:
    shell("ingest", stdin=shell.mail())
    shell.open_ticket()
    (shell.folder / "offset").write_text("+2h")
    shell.monkeypatch.setenv("MAILGATE_TEST", "1")
    shell.file.write_text(shell.file.read_text() + "clock: file:offset\n")
    found = looks(shell)[1]
    assert found["journal"]["state"] == "failed"
    assert found["journal"]["text"] == "1 not decided, the oldest for 2 hours"
    assert found["outbox"]["state"] == "warning"
    assert found["clock"]["state"] == "warning"


def test_a_clock_that_went_back(shell: Shell) -> None:
    shell("ingest", stdin=shell.mail())
    settings = load_settings(shell.file)
    behind = settings.now()() - timedelta(hours=1)
    shell.monkeypatch.setattr(type(settings), "now", lambda _: lambda: behind)
    found = {look.what: look for look in health.examine(settings)}
    assert found["clock"].state == "failed"


def test_a_health_check_asks_only_the_node(shell: Shell) -> None:
    with node({"ready": True, "troubles": []}) as port:
        shell.change("127.0.0.1:8026", f"127.0.0.1:{port}")
        ran = shell("doctor", "--node", "--json")
        assert (ran.code, [look["what"] for look in ran.values]) == (0, ["serve"])
    assert shell("doctor", "--node").code == 69, "nobody answers"


def test_a_node_that_cannot_be_asked_is_not_called_well(shell: Shell) -> None:
    shell.change("\nops: ", "\n# ops: ")
    shell.change("\n  listen: 127.0.0.1:8026", "")
    assert shell("doctor", "--node").code == 69
