"""What is pasted into a shell does what it says, whatever a customer wrote into the subject."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailgate.demo import lines
from mailgate.demo.mailbox import Letter
from mailgate.demo.ports import Ports
from mailgate.demo.words import TEXTS, Words
from tests.integration.sink import Sink

PT = Words("pt-BR")
HOSTILE = [
    "'; touch owned; '",
    '"$(touch owned)" `touch owned` $HOME !! \\',
    "não é \U0001f600 fácil: it's \\n \\",
    '"); import os; os.system("touch owned"); ("',
]


def letter(subject: str, to: str = "bruno@example.test", reply_to: str = "suporte+abc@example.test") -> Letter:
    raw = f"From: suporte@example.test\r\nReply-To: {reply_to}\r\nMessage-ID: <one@example.test>\r\n"
    content = f"{raw}Subject: {subject}\r\nMIME-Version: 1.0\r\n\r\nHello\r\n".encode()
    return Letter(1, to, "", datetime(2026, 11, 22, tzinfo=UTC), content)


def ports_of(port: int) -> Ports:
    return Ports(smtp=port, submission=port)


def paste(line: str, folder: Path) -> None:
    """As a person does: into a shell, with the python3 of this environment."""
    script = line.replace("python3", shlex.quote(sys.executable), 1)
    subprocess.run(["sh", "-c", script], cwd=folder, check=True, timeout=30)


@pytest.mark.parametrize("subject", HOSTILE)
def test_the_python_line_sends_what_it_says_and_runs_nothing(
    subject: str, tmp_path: Path, make_sink: Callable[..., Sink]
) -> None:
    sink = make_sink(login=("bruno@example.test", "demo"))
    draft = lines.reply(letter(subject), PT, "resolve")
    paste(lines.python_line(draft, ports_of(sink.port)), tmp_path)
    [mail] = sink.wait_for(1)
    assert mail.user == "bruno@example.test"
    assert mail.rcpt_tos == ("suporte+abc@example.test",)
    assert mail.message["Subject"] == f"Re: {subject}"
    assert mail.message["In-Reply-To"] == "<one@example.test>"
    assert mail.text.rstrip().endswith("#resolvido")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("subject", HOSTILE)
def test_the_swaks_line_is_words_of_a_shell(subject: str) -> None:
    line = lines.swaks_line(lines.reply(letter(subject), PT, "answer"), Ports())
    words = shlex.split(line)
    assert words[0] == "swaks"
    assert words[words.index("--auth-user") + 1] == "bruno@example.test"
    assert words[words.index("--to") + 1] == "suporte+abc@example.test"
    headers = [words[i + 1] for i, word in enumerate(words) if word == "--header"]
    assert "In-Reply-To: <one@example.test>" in headers
    assert "\n" not in line


def test_a_customer_needs_no_password_and_writes_to_the_smtp_port() -> None:
    draft = lines.reply(letter("Re: x [SUP-1]", to="ana@cliente.test"), PT, "thanks")
    line = lines.python_line(draft, Ports())
    assert "2525" in line
    assert "login" not in line
    assert draft.subject == "Re: x [SUP-1]", "no second Re:"


def test_a_letter_without_a_way_back_offers_no_line() -> None:
    raw = b"Subject: x\r\n\r\ny\r\n"
    assert lines.answers(Letter(1, "ana@cliente.test", "", datetime(2026, 1, 1, tzinfo=UTC), raw), PT) == []


def test_both_languages_say_the_same_things() -> None:
    holes = re.compile(r"\{(\w+)\}")
    pt, en = TEXTS["pt-BR"], TEXTS["en"]
    assert pt.keys() == en.keys()
    assert [k for k in pt if set(holes.findall(pt[k])) != set(holes.findall(en[k]))] == []
