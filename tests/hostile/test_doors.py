"""Hostile mails and mutants by SMTP through the running program: it lives, others are served, nothing is lost (M1, M3, M7, P2).

The canary's second is asked for where the machine is ours alone; what a busy one took is printed.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from email.parser import BytesHeaderParser
from random import Random

import pytest

from mailgate.mail.limits import MIB
from tests.fuzz.mutate import mutated, seeds
from tests.hostile.mails import MARK, attacks
from tests.hostile.rig import Sent, Watch, children_of, outcomes, send_all
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until

SAMPLE = (
    "nested-3000", "parts-100k", "headers-100k", "to-20k", "subject-20k", "from-parens", "from-encoded-crlf", "subject-encoded-crlf",
    "subject-template", "subject-log", "subject-controls", "nul-everywhere", "nul-only", "body-crlf-4MiB", "line-70000", "smuggle-lf-crlf",
    "smuggle-cr-crlf", "smuggle-nul", "html-attributes", "html-entities-open", "xss-svg", "quote-command-spaces", "message-id-nul",
    "dkim-body-lines-simple", "tnef-rtf", "zip-bomb", "received-200", "report-groups-100k", "path-0", "headers-bare-lf",
)  # fmt: skip
SETTINGS = {
    "limits": {
        "acks_total": "off", "notices_per_address": "off", "connections_per_ip": "off", "mails_per_connection": "off",
        "acks_per_address": "off", "mails_per_sender": "off", "tickets_per_sender": "off",
    }
}  # fmt: skip
#: What one mail may make the whole program grow by, beside 64 MiB: as often as it lies in memory on its way.
_LARGEST = 25 * MIB
_FIELDS = frozenset(
    [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "reply-to",
        "in-reply-to",
        "references",
        "auto-submitted",
        "x-loop",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "list-id",
        "sender",
        "precedence",
        "content-transfer-encoding",
        "x-auto-response-suppress",
        "content-language",
    ]
)


def _quiet(gateway: Gateway) -> bool:
    """Whether every mail is decided."""
    found = [line for line in gateway.ops("/metrics")[1].splitlines() if line.startswith("mailgate_journal_rows{")]
    return bool(found) and not any('"pending"' in line and float(line.split()[-1]) for line in found)


def _export(gateway: Gateway) -> list[dict[str, object]]:
    return [json.loads(line) for line in gateway.run("export", "--json", limit=900).stdout.splitlines()]


def _through(gateway: Gateway, mails: Iterator[tuple[str, bytes]], limit: float) -> tuple[Sent, Watch, dict[str, str]]:
    """Send them all, wait until each is decided, account for them."""
    with Watch(gateway) as watch:
        sent = send_all(gateway, mails)
        watch.rest()
        wait_until(lambda: _quiet(gateway), limit, "every mail to be decided", every=0.5)
    assert gateway.is_running
    assert set(sent.codes()) <= {250, 552, 554}, [
        (n, r) for n, r in sent.replies.items() if r[0] not in (250, 552, 554)
    ]
    assert watch.failures == []
    became = outcomes(_export(gateway))
    assert [name for name, digest in sent.digests.items() if digest not in became] == []
    return sent, watch, became


def _check_far_end(gateway: Gateway) -> None:
    """No header of a stranger's, and no word of an unproven mail to anybody but our own people."""
    for mail in gateway.sink.mails:
        head = BytesHeaderParser().parsebytes(mail.raw)
        names = Counter(name.lower() for name in head)
        odd = {name for name in names if name not in _FIELDS and not name.startswith("x-mailgate-")}
        assert odd == set(), odd
        assert max(names.values()) == 1
        assert not any("fora.test" in rcpt for rcpt in mail.rcpt_tos)
        if "bruno@example.test" not in mail.rcpt_tos:
            assert MARK not in mail.raw.decode("latin-1").lower()


def _check_log(gateway: Gateway) -> None:
    """P2, M7: no word of a mail, no control character, nothing that went wrong by surprise."""
    log = gateway.log()
    assert MARK not in log.lower()
    assert [
        c for c in set(log) if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c in "\u202e\u2066\u2028"
    ] == []
    assert "Traceback" not in log
    assert '"mail failed"' not in log


def _said(what: str, sent: Sent, watch: Watch, became: dict[str, str]) -> str:
    kinds = Counter(became[digest] for digest in sent.digests.values())
    peak = (max(watch.weights) - watch.before) / MIB
    return (
        f"\n  {what}: {len(sent.replies)} mails, replies {dict(sent.codes())}, outcomes {dict(kinds)}, lost 0; "
        f"canary {len(watch.waits)} times, slowest 250 after {max(watch.waits):.2f} s; all processes together +{peak:.0f} MiB"
    )


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_a_sample_by_smtp(gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]) -> None:
    running = gateway(SETTINGS)
    sent, watch, became = _through(running, ((name, attacks()[name]()) for name in SAMPLE), 200)
    assert {name for name, (code, _) in sent.replies.items() if code != 250} == {
        "headers-100k",
        "subject-20k",
        "line-70000",
        "received-200",
    }
    _check_far_end(running)
    _check_log(running)
    print(_said("a sample", sent, watch, became))


@pytest.mark.long
@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_a_sample_by_pipe(gateway: Callable[..., Gateway]) -> None:
    """M13: accepted, or over a hard limit; nothing else, and never a traceback."""
    stopped = gateway(SETTINGS, start=False)
    stopped.run("migrate", limit=200)
    for name, code in {
        "nested-3000": 0,
        "nul-everywhere": 0,
        "line-70000": 65,
        "headers-100k": 65,
        "from-parens": 0,
    }.items():
        done = stopped.run("ingest", "--rcpt", "suporte@example.test", stdin=attacks()[name](), code=code, limit=200)
        assert b"Traceback" not in done.stderr


@pytest.mark.long
@pytest.mark.integration
@pytest.mark.timeout(3600)
def test_every_attack_by_smtp(gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]) -> None:
    running = gateway(SETTINGS)
    sent, watch, became = _through(running, ((name, write()) for name, write in attacks().items()), 1800)
    _check_far_end(running)
    _check_log(running)
    with capsys.disabled():
        print(_said("every attack", sent, watch, became))
    assert max(watch.weights) - watch.before < 6 * (64 * MIB + _LARGEST)


@pytest.mark.long
@pytest.mark.integration
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mutants_by_smtp(gateway: Callable[..., Gateway], seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    running = gateway(SETTINGS)
    dice = Random(seed)
    known = [*seeds(), *(raw for write in attacks().values() if len(raw := write()) < 20_000)]
    mails = ((f"mutante{n}", mutated(dice, known)) for n in range(2_000))
    sent, watch, became = _through(running, mails, 1800)
    _check_log(running)
    with capsys.disabled():
        print(_said(f"mutants of seed {seed}", sent, watch, became))


@pytest.mark.long
@pytest.mark.integration
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_workers_that_are_killed_lose_nothing(
    gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 of the reading processes, at random, while mails come in: each mail is a ticket or among the held."""
    running = gateway(SETTINGS)
    dice = random.Random(4)
    killed = 0

    def mails() -> Iterator[tuple[str, bytes]]:
        nonlocal killed
        names = [name for name, write in attacks().items() if name.startswith(("subject-", "from-", "date-", "path-"))]
        for name in names:
            yield name, attacks()[name]()
            if dice.random() < 0.2:
                killed += _kill_a_worker(running, dice)

    sent, watch, became = _through(running, mails(), 900)
    with capsys.disabled():
        print(_said(f"{killed} workers killed", sent, watch, became))
    assert killed > 10


def _kill_a_worker(gateway: Gateway, dice: random.Random) -> int:
    """SIGKILL to one of its parse processes, once there is one again: 1."""
    workers: list[int] = []

    def begun() -> bool:
        workers[:] = [pid for pid in children_of(gateway.pid) if _is_worker(pid)]
        return bool(workers)

    wait_until(begun, 20, "a process that reads mails")
    os.kill(dice.choice(workers), signal.SIGKILL)
    return 1


def _is_worker(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"spawn_main" in file.read()
    except OSError:  # it has ended since
        return False
