"""Plays every `*.smtp` beside this file against a listener of ours.

# why this dialogue matters
@ road lmtp | tls | auth plain | limit recipients=3 | accept fails      the listener, before the first line
C: MAIL FROM:<>            a line sent, CRLF added;   C7: …  sent seven times;   {70000*x}  repeated text
R: a\\r\\n.\\r\\n              octets sent as they are, escapes as in Python;   {b64:\\0ana\\0secret}
S: 250 2.1.0               the start of the next line received;   S7: …  of the next seven
T:                         TLS handshake
X:                         the server closes
= mails 1                  at the end: how many were accepted;   = mail_from ''   = rcpt_tos 2   = raw b'…'
"""

from __future__ import annotations

import ast
import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailgate.ingest.reception import SmtpLimits
from mailgate.mail.envelope import Received

from .talk import ROADS, Journal, Peer, auth_policy, listening, server_context

DIALOGS = sorted(Path(__file__).parent.glob("*.smtp"))


def expand(text: str) -> str:
    text = re.sub(r"\{(\d+)\*([^}]*)\}", lambda found: found[2] * int(found[1]), text)
    return re.sub(
        r"\{b64:([^}]*)\}", lambda found: base64.b64encode(found[1].replace("\\0", "\0").encode()).decode(), text
    )


async def refuse(received: Received) -> None:
    raise RuntimeError("secret: postgres://admin:hunter2@db/var/lib")


def options_of(lines: list[str]) -> tuple[dict[str, Any], Journal]:
    options: dict[str, Any] = {"limits": SmtpLimits()}
    journal = Journal()
    for line in lines:
        word, _, rest = line.partition(" ")
        match word:
            case "road":
                options["road"] = ROADS[rest]
            case "tls":
                options["tls_context"] = server_context()
            case "auth":
                options["auth"] = auth_policy(require_tls=rest != "plain")
            case "limit":
                name, _, value = rest.partition("=")
                options["limits"] = replace(options["limits"], **{name: ast.literal_eval(value)})
            case "accept":
                journal.before = refuse
            case _:
                raise ValueError(f"unknown option {line!r}")
    return options, journal


async def step(peer: Peer, kind: str, times: int, text: str) -> None:
    match kind:
        case "C":
            await peer.send((expand(text) + "\r\n").encode() * times)
        case "R":
            await peer.send(expand(text).encode("latin-1").decode("unicode_escape").encode("latin-1") * times)
        case "S":
            for _ in range(times):
                line = await peer.line()
                assert line.startswith(text), f"expected {text!r}, got {line!r}"
                assert "secret" not in line
        case "T":
            await peer.start_tls()
        case "X":
            assert await peer.is_closed()


def check(journal: Journal, word: str, rest: str) -> None:
    value = ast.literal_eval(rest)
    if word == "mails":
        assert len(journal.mails) == value
        return
    last = journal.mails[-1]
    found = {
        "raw": last.raw,
        "mail_from": last.envelope.mail_from,
        "rcpt_tos": len(last.envelope.rcpt_tos),
        "auth_user": last.envelope.auth_user,
        "tls": last.envelope.tls,
        "road": last.road.value,
        "size": len(last.raw),
    }
    assert found[word] == value


@pytest.mark.parametrize("script", DIALOGS, ids=lambda script: script.stem)
async def test_dialog(script: Path) -> None:
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    options, journal = options_of([line[2:] for line in lines if line.startswith("@ ")])
    async with listening(journal, **options) as listener:
        peer = await Peer.connect(listener)
        for number, line in enumerate(lines, 1):
            found = re.fullmatch(r"([CRSTX])(\d*): ?(.*)", line)
            if found:
                try:
                    await step(peer, found[1], int(found[2] or 1), found[3])
                except (AssertionError, TimeoutError) as error:
                    raise AssertionError(f"{script.name}, step {number} ({line[:60]}): {error!r}") from error
        await peer.close()
    assert listener.reception.in_flight.used == 0
    for line in lines:
        if line.startswith("= "):
            check(journal, *line[2:].split(" ", 1))
