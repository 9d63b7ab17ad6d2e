"""Stopping, starting twice, and a database that goes away: nothing is lost, and a person reads a sentence."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.load import Load, mail, sender_of
from tests.faults.test_kill_loop import SETTINGS, check
from tests.integration.gateway import PROGRAM, Gateway
from tests.integration.machine import LOOPBACK, wait_until
from tests.integration.postgres import Postgres
from tests.integration.sink import Mood

sqlite_only = pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("gateway_db", ["postgresql"], indirect=True)
SUPPORT = ["suporte@example.test"]


@sqlite_only
def test_stopped_in_the_middle_of_a_load_it_drains_and_loses_nothing(gateway: Callable[..., Gateway]) -> None:
    running = gateway(SETTINGS)
    load = Load([running], 60)
    load.start()
    wait_until(lambda: len(load.accepted) >= 20, 120, "a third of the load", every=0.002)
    for _ in range(3):  # as an impatient supervisor does, and to every process of it
        os.killpg(running.pid, signal.SIGTERM)
    running.stop()  # asserts exit code 0
    assert in_hand(running) == 0
    running.start()
    wait_until(lambda: load.is_done, 120, "the rest of the load")
    load.stop()
    assert check(running, load)["mails"] == 60


def in_hand(gateway: Gateway) -> int:
    """How many rows are under a lease."""
    tables = ("journal", "outbox", "timer", "webhook")
    with sqlite3.connect(f"file:{gateway.home / 'data' / 'mailgate.sqlite'}?mode=ro", uri=True) as connection:
        counts = [
            connection.execute(f"select count(*) from {table} where lease_owner is not null").fetchone()[0]
            for table in tables
        ]
    return sum(counts)


@sqlite_only
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sign", ["serve-0.lock", "mailgate.sqlite", "mailgate.sqlite-wal", "node.id"])
def test_stopped_while_it_starts_and_while_it_migrates(gateway: Callable[..., Gateway], sign: str) -> None:
    """The first start makes the whole schema, in one transaction: it is told to stop a little later each time."""
    idle = gateway(start=False)
    for tenths in range(8):
        with (idle.home / "serve.log").open("ab") as log:
            started = subprocess.Popen(
                [PROGRAM, "serve", "--config", idle.home], env=idle.env, cwd=idle.home, stdout=log, stderr=log
            )
        try:
            wait_until(partial(_listens_to_sigterm, started.pid), 120, "the program to begin", every=0.001)
            wait_until((idle.home / "data" / sign).exists, 120, f"{sign} to be there", every=0.001)
            threading.Event().wait(tenths / 10)
            started.send_signal(signal.SIGTERM)
            assert started.wait(60) == 0
        finally:
            started.kill()
            started.wait()
        if tenths % 2:
            for path in (idle.home / "data").glob("*.*"):
                path.unlink()
    idle.start()
    idle.send(mail(1), mail_from=sender_of(1))
    idle.sink.wait_for(1, to=sender_of(1))
    assert "Traceback" not in idle.log()


def _listens_to_sigterm(pid: int) -> bool:
    """Whether our own code runs already: before it does, SIGTERM ends a process as it ends any."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) & 1 << signal.SIGTERM - 1)
    return False


@pytest.mark.long
@sqlite_only
def test_a_mail_that_never_ends_does_not_keep_it_from_stopping(gateway: Callable[..., Gateway]) -> None:
    running = gateway()
    with socket.create_connection((LOOPBACK, running.port("smtp")), timeout=30) as slow:
        wire = slow.makefile("rwb")
        wire.readline()
        for line in (b"HELO a.test", b"MAIL FROM:<a@cliente.test>", b"RCPT TO:<suporte@example.test>", b"DATA"):
            wire.write(line + b"\r\n")
            wire.flush()
            reply = wire.readline()
        assert reply.startswith(b"354")
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < 20
        assert wire.readline() in (b"", b"421 4.3.2 mx.example.test closing\r\n")
    assert running.export() == []


@sqlite_only
def test_a_mail_under_way_is_finished_and_new_ones_are_sent_away(gateway: Callable[..., Gateway]) -> None:
    running = gateway()
    with socket.create_connection((LOOPBACK, running.port("smtp")), timeout=10) as slow:
        wire = slow.makefile("rwb")

        def ask(line: bytes) -> bytes:
            wire.write(line + b"\r\n")
            wire.flush()
            return wire.readline()

        wire.readline()
        ask(b"HELO mta.cliente.test")
        ask(b"MAIL FROM:<ana@cliente.test>")
        ask(b"RCPT TO:<suporte@example.test>")
        assert ask(b"DATA").startswith(b"354")
        wire.write(mail(1))
        wire.flush()
        running.signal(signal.SIGTERM)
        wait_until(lambda: not takes_mail(running), 10, "the door to be closed")
        assert ask(b".").startswith(b"250")
    running.stop()
    [row] = running.export()
    assert (row["key"] or row["outcome"]) in ("SUP-1", "pending")


def takes_mail(gateway: Gateway) -> bool:
    try:
        with smtplib.SMTP(LOOPBACK, gateway.port("smtp"), timeout=5) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


@pytest.mark.long
@sqlite_only
def test_a_relay_that_never_answers_does_not_keep_it_from_stopping(gateway: Callable[..., Gateway]) -> None:
    running = gateway()
    running.sink.next(*[Mood(hang_after_data=True)] * 2)
    running.send(mail(1), mail_from=sender_of(1))
    running.sink.wait_for(2)
    began = time.monotonic()
    running.stop()
    assert time.monotonic() - began < 15
    running.start()
    relayed = running.sink.wait_for(4)
    assert len({m.raw for m in relayed}) == 2  # each once more, the same bytes


@postgresql_only
def test_a_database_that_goes_away_is_451_and_comes_back_by_itself(
    gateway: Callable[..., Gateway], postgres: Postgres
) -> None:
    running = gateway()
    running.send(mail(1), mail_from=sender_of(1))
    running.sink.wait_for(1, to=sender_of(1))
    postgres.stop()
    try:
        for _ in range(3):
            with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as refused:
                running.send(mail(2), mail_from=sender_of(2))
            assert code_of(refused.value) == 451
        assert running.ops("/readyz")[0] == 503
        assert running.ops("/healthz")[0] == 200
    finally:
        postgres.start()
    wait_until(lambda: accepts(running, 2), 30, "mail 2 to be accepted", every=0.2)
    running.sink.wait_for(1, to=sender_of(2))
    rows = running.wait_export(lambda rows: len([r for r in rows if r["key"]]) == 2)
    assert {r["requester"] for r in rows} == {sender_of(1), sender_of(2)}
    wait_until(running.is_ready, 30, "readyz")


def code_of(error: Exception) -> int:
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code
    assert isinstance(error, smtplib.SMTPRecipientsRefused)
    return next(iter(error.recipients.values()))[0]


def accepts(gateway: Gateway, number: int) -> bool:
    try:
        gateway.send(mail(number), mail_from=sender_of(number))
    except smtplib.SMTPException:
        return False
    return True


@sqlite_only
def test_a_second_serve_is_refused_in_a_sentence(gateway: Callable[..., Gateway]) -> None:
    running = gateway()
    said = running.run("serve", code=75).stderr.decode()
    assert "another `mailgate serve` works on" in said
    assert "Traceback" not in said
    running.send(mail(1), mail_from=sender_of(1))  # the first does not mind
    running.sink.wait_for(1, to=sender_of(1))


@sqlite_only
@pytest.mark.parametrize("door", ["smtp", "portal"])
def test_a_port_that_is_taken_is_one_sentence(gateway: Callable[..., Gateway], door: str) -> None:
    idle = gateway(start=False)
    with socket.socket() as squatter:
        squatter.bind((LOOPBACK, idle.port(door)))
        squatter.listen()
        said = idle.run("serve", code=69).stderr.decode()
    sentences = [line for line in said.splitlines() if line.startswith("mailgate: ")]
    assert len(sentences) == 1, said
    assert str(idle.port(door)) in sentences[0]
    assert "Traceback" not in said


@sqlite_only
def test_a_missing_key_and_a_folder_that_is_none_are_sentences(gateway: Callable[..., Gateway]) -> None:
    idle = gateway({"dkim": {"domain": "example.test", "selector": "s1", "key_file": "nowhere.pem"}}, start=False)
    said = idle.run("serve", code=78).stderr.decode()
    assert "nowhere.pem" in said
    assert "Traceback" not in said
    (idle.home / "a-file").write_text("")
    idle.write_settings({"dkim": None, "data": str(idle.home / "a-file" / "data")})
    said = idle.run("serve", code=69).stderr.decode()
    assert f"the data folder {idle.home / 'a-file' / 'data'} cannot be used: Not a directory" in said
