"""Postfix really delivers: by LMTP, through pipe(8) with its exit codes, and onward as a relay."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.machine import wait_until
from tests.integration.postfix import Postfix
from tests.integration.sink import Mood, Sink

MAIL = (
    b"From: ana@example.org\r\nTo: suporte@example.test\r\nSubject: boleto\r\nMessage-ID: <1@example.org>\r\n"
    b"Date: Wed, 5 Nov 2025 10:22:00 -0300\r\n\r\nBom dia\r\n"
)
ANA = "ana@example.org"


def test_mail_for_us_comes_by_lmtp_to_each_recipient(
    make_sink: Callable[..., Sink], postfix_lmtp: Callable[..., Postfix]
) -> None:
    lmtp = make_sink(lmtp=True)
    lmtp.next(Mood(at_data="451 4.3.0 later"))
    mta = postfix_lmtp(lmtp.port)
    mta.send(MAIL, ["suporte@example.test", "vendas@example.test"], ANA)
    [mail] = lmtp.wait_for(1)
    assert (mail.mail_from, set(mail.rcpt_tos)) == (ANA, {"suporte@example.test", "vendas@example.test"})
    assert mail.message["Received"]
    assert lmtp.transactions == 2
    mta.wait_empty()


def test_a_recipient_refused_by_lmtp_comes_back_as_a_report(
    make_sink: Callable[..., Sink], sink: Sink, postfix_lmtp: Callable[..., Postfix]
) -> None:
    lmtp = make_sink(lmtp=True)
    lmtp.mood = Mood(at_rcpt={"*": "550 5.1.1 no such address"})
    mta = postfix_lmtp(lmtp.port, returns_to=sink.port)
    mta.send(MAIL, ["nobody@example.test"], ANA)
    [report] = sink.wait_for(1, to=ANA)
    assert (report.mail_from, report.message.get_content_type()) == ("", "multipart/report")


READER = """\
import os, pathlib, sys
home = pathlib.Path(sys.argv[1])
tries = home / "tries"
tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
if len(tries.read_text()) == 1:
    sys.exit(75)
(home / "mail").write_bytes(sys.stdin.buffer.read())
(home / "arguments").write_text(" ".join(sys.argv[2:]))
"""


def test_pipe_hands_the_mail_over_and_tries_again_after_75(
    tmp_path: Path, postfix_pipe: Callable[..., Postfix]
) -> None:
    program = tmp_path / "reader.py"
    program.write_text(READER)
    mta = postfix_pipe(
        [sys.executable, program, tmp_path, "--mail-from", "${sender}", "--rcpt", "${recipient}"],
    )
    mta.send(MAIL, ["suporte@example.test"], ANA)
    mta.wait_empty()
    assert (tmp_path / "arguments").read_text() == f"--mail-from {ANA} --rcpt suporte@example.test"
    # pipe(8) writes LF line ends and puts nothing in front but trace fields.
    assert (tmp_path / "mail").read_bytes().endswith(MAIL.replace(b"\r\n", b"\n"))
    assert (tmp_path / "tries").read_text() == "xx"


def test_the_relay_takes_mail_for_anybody_and_hands_it_on(sink: Sink, postfix_relay: Callable[..., Postfix]) -> None:
    sink.next(Mood(at_rcpt={"*": "451 4.7.1 greylisted"}))
    mta = postfix_relay(sink.port)
    mta.send(MAIL, ["ana@example.org"], "suporte@example.test")
    [mail] = sink.wait_for(1)
    assert (mail.mail_from, mail.rcpt_tos) == ("suporte@example.test", ("ana@example.org",))
    assert mail.message_id == "1@example.org"
    mta.wait_empty()
    assert "greylisted" in mta.log()


def test_a_refusal_behind_the_relay_comes_back_to_the_envelope_sender(
    sink: Sink, postfix_relay: Callable[..., Postfix]
) -> None:
    sink.mood = Mood(at_rcpt={"gone@example.org": "550 5.1.1 no such person"})
    mta = postfix_relay(sink.port)
    mta.send(MAIL, ["gone@example.org"], "suporte+b1@example.test")
    [report] = sink.wait_for(1, to="suporte+b1@example.test")
    assert report.mail_from == ""
    assert b"5.1.1" in report.raw


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_what_is_queued_survives_a_stop(way: str, sink: Sink, postfix_relay: Callable[..., Postfix]) -> None:
    sink.stop()
    mta = postfix_relay(sink.port)
    mta.send(MAIL, ["ana@example.org"], "suporte@example.test")
    wait_until(lambda: mta.queue(), what="a queued mail")
    mta.stop() if way == "stop" else mta.kill9()
    sink.start()
    mta.start()
    sink.wait_for(1)
