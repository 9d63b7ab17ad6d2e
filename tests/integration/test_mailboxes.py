"""The program itself reads a real Dovecot: UIDs change, the server dies, Junk holds a mail; the audit finds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.load import mail
from tests.integration.dovecot import Dovecot
from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK, wait_until

#: Seconds: other tests may run beside.
_PATIENCE = 240.0


def mailbox(dovecot: Dovecot, name: str, **more: Any) -> dict[str, Any]:
    user = dovecot.new_user()
    return {
        "name": name, "host": LOOPBACK, "port": dovecot.port, "tls": "none", "user": user, "password": "secret",
        "poll": "1s", **more,
    }  # fmt: skip


def metric(gateway: Gateway, name: str) -> float:
    """The value of a line of /metrics that begins so."""
    lines = [line for line in gateway.ops("/metrics")[1].splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else -1.0


def opened(gateway: Gateway) -> float:
    return metric(gateway, 'mailgate_journal_rows{outcome="opened"}')


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_every_mail_of_every_folder_is_accounted_for(gateway: Callable[..., Gateway], dovecot: Dovecot) -> None:
    mails = [mail(number) for number in range(9)]
    good, bad = mailbox(dovecot, "boa"), mailbox(dovecot, "ruim")
    user = good["user"]
    limits = {"imap_timeout": "2s", "imap_backoff": "1s", "imap_backoff_max": "2s", "acks_total": "off"}
    running = gateway({"imap": [good, bad], "limits": limits}, start=False).start(_PATIENCE)
    place = 'mailgate_imap_last_success_timestamp{account="boa",folder="INBOX"}'
    wait_until(lambda: metric(running, place) > 0, _PATIENCE, "a first look")

    dovecot.add_user(bad["user"], "changed")
    for raw in mails[:5]:
        dovecot.append(raw, user)
    dovecot.forget_uids(user)
    dovecot.append(mails[5], user)
    wait_until(lambda: opened(running) == 6, _PATIENCE, "six tickets")
    dovecot.restart()
    dovecot.append(mails[6], user)
    wait_until(lambda: opened(running) == 7, _PATIENCE, "seven tickets")

    def named() -> bool:
        status, body = running.ops("/readyz")
        return status == 503 and "mailbox ruim, folder INBOX: logging in" in body and "boa" not in body

    wait_until(named, _PATIENCE, "the mailbox that is ill, by its name")
    assert metric(running, 'mailgate_imap_well{account="boa",folder="INBOX"}') == 1
    assert metric(running, 'mailgate_imap_well{account="ruim",folder="INBOX"}') == 0
    dovecot.add_user(bad["user"], "secret")
    wait_until(running.is_ready, _PATIENCE, "both well again")

    dovecot.append(mails[7], user, to="Junk")
    dovecot.append(mails[8], user, to="Projetos/Novos")
    dovecot.append(mails[2], user, to="Arquivo")  # moved by a person since it was taken
    found = [json.loads(line) for line in running.run("audit", "--json", code=65, limit=_PATIENCE).stdout.splitlines()]
    assert {(v["folder"], v["reason"]) for v in found if v["kind"] == "stray"} == {
        ("Junk", "in the folder for junk"), ("Projetos/Novos", "in a folder that is not read"),
    }  # fmt: skip
    folders = [v for v in found if v["kind"] == "folder" and v["account"] == "boa"]
    assert {(v["folder"], v["seen"], v["accounted"]) for v in folders} == {
        ("INBOX", 7, 7), ("Junk", 1, 0), ("Projetos/Novos", 1, 0), ("Arquivo", 1, 1),
    }  # fmt: skip
    running.run("audit", "--take-in", limit=_PATIENCE)
    wait_until(lambda: opened(running) == 9, _PATIENCE, "nine tickets")
    assert sorted(row["subject"] for row in running.tickets()) == [f"Pedido {n}" for n in range(9)]
    assert running.json("audit")[-1]["strays"] == 0
    assert metric(running, "mailgate_audit_overdue") == 0
    assert metric(running, 'mailgate_audit_found{what="seen"}') == 10
