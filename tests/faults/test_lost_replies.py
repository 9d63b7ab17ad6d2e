"""S1 by the running program: whoever sends lost our 250 and sends again, by the same road or another (RFC 1047)."""

from __future__ import annotations

import random
import smtplib
import socket
import struct
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.load import SUPPORT, mail, sender_of
from tests.faults.test_kill_loop import SETTINGS, all_told, check_relayed
from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK, wait_until

MAILS, LOSSES = 60, 3
#: What another server writes above the mail, by LMTP.
TRACE = (
    "Return-Path: <{}>\r\nDelivered-To: {}\r\n"
    "Received: from mx by imap with LMTP id {}; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
)


def send_and_go(port: int, number: int, raw: bytes, dice: random.Random) -> None:
    """Hand a mail in as far as its final dot, or nearly, and be gone before the reply: by a reset, or quietly."""
    with socket.create_connection((LOOPBACK, port), timeout=20) as peer:
        stream = peer.makefile("rb")
        hello = [b"EHLO mta.cliente.test\r\n", f"MAIL FROM:<{sender_of(number)}>\r\n".encode()]
        for command in (b"", *hello, f"RCPT TO:<{SUPPORT}>\r\n".encode(), b"DATA\r\n"):
            peer.sendall(command)
            while (line := stream.readline())[3:4] == b"-":
                pass
            assert line[:1] in (b"2", b"3"), line
        data = raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        peer.sendall(data if dice.random() < 0.8 else data[:-2])
        if dice.random() < 0.5:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_what_is_sent_again_by_any_road_after_a_lost_250_is_there_once(
    gateway: Callable[..., Gateway], capsys: pytest.CaptureFixture[str]
) -> None:
    running, dice = gateway(SETTINGS), random.Random(1)
    mails = [mail(number) for number in range(MAILS)]
    for number in [n for n in range(MAILS) for _ in range(dice.randint(1, LOSSES))]:
        send_and_go(running.port("smtp"), number, mails[number], dice)
    for number in range(MAILS):
        running.send(mails[number], [SUPPORT], sender_of(number))
    with smtplib.LMTP(LOOPBACK, running.port("lmtp"), "mx.example.test", timeout=30) as client:
        for number in range(MAILS):
            trace = TRACE.format(sender_of(number), SUPPORT, number).encode()
            assert client.sendmail("", [SUPPORT], trace + mails[number]) == {}
    rows = running.wait_export(all_told, limit=120, what="nothing left to do")
    tickets = [row for row in rows if row["key"]]
    assert Counter(t["requester"] for t in tickets) == Counter(sender_of(n) for n in range(MAILS))
    twice = Counter(row["outcome"] for row in rows if not row["key"])
    assert set(twice) == {"duplicate"}
    assert twice["duplicate"] >= 2 * MAILS - MAILS // 5
    wait_until(lambda: len(running.sink.mails) >= 2 * MAILS, 30, "all notices")
    assert sum(check_relayed(running.sink, ticket) for ticket in tickets) == 0
    with capsys.disabled():
        print(f"\n  {MAILS} mails, {twice['duplicate']} copies after lost replies by SMTP and LMTP: lost 0, doubled 0")
