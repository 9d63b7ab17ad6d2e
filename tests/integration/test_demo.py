"""The demo as a newcomer meets it: start it, paste what it prints, look at the pages it names."""

from __future__ import annotations

import html
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from mailgate.demo.ports import LOOPBACK, Ports, taken
from tests.integration.gateway import PROGRAM
from tests.integration.machine import Process, find_program, folder, wait_until

STORY_SECONDS = 30.0


class Newcomer:
    """Somebody with a terminal, a second one to paste into, and a browser."""

    def __init__(self, home: Path, language: str) -> None:
        self.home = home
        self.ports = next(one for n in range(12_000, 24_000, 20) if not taken(one := Ports.shifted(n)))
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        self.env = {**os.environ, "PATH": path, "LANG": language, "LC_ALL": language, "PYTHONUNBUFFERED": "1"}
        self.command = [PROGRAM, "demo", "--data", home / "demo", "--port-offset", str(self.ports.offset)]
        self.terminal = Process(self.command, home / "terminal.txt", env=self.env, cwd=home)
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def start(self) -> None:
        self.terminal.start(lambda: self.lines_to_paste(1), 40.0)

    def lines_to_paste(self, count: int, program: str = "python3 -c") -> list[str]:
        """The whole lines printed so far for a program, once there are `count`; one still being written is none."""
        lines = self.terminal.text().splitlines(keepends=True)
        found = [line.rstrip("\n") for line in lines if line.startswith(f"{program} ") and line.endswith("\n")]
        return found if len(found) >= count else []

    def paste(self, line: str) -> None:
        subprocess.run(["sh", "-c", line], check=True, timeout=30, env=self.env, cwd=self.home)

    def wait_line(self, count: int, program: str = "python3 -c") -> str:
        """The next line to paste, the `count`th of all."""
        printed = wait_until(lambda: self.lines_to_paste(count, program), STORY_SECONDS, f"line {count}\n{self.said()}")
        return printed[count - 1]

    def wait_said(self, words: str) -> None:
        wait_until(lambda: words in self.terminal.text(), STORY_SECONDS, f"{words!r}\n{self.said()}")

    def said(self) -> str:
        return self.terminal.text()[-3000:]

    def get(self, url: str) -> str:
        url = url if url.startswith("http") else f"http://{LOOPBACK}:{self.ports.mailbox}{url}"
        with self.browser.open(url, timeout=10) as response:
            text: str = response.read().decode()
            return text

    def box(self, address: str) -> list[str]:
        """The paths of a person's letters, the newest first, as the page lists them."""
        sections = self.get("/").split("<section")
        mine = next(s for s in sections if f">{address}<" in s)
        return re.findall(r'href="(/m/\d+)"', mine)

    def text(self, path: str) -> str:
        return html.unescape(re.sub(r"<[^>]+>", "", self.get(f"{path}?view=text").partition('<div class="text">')[2]))


@pytest.fixture(params=["pt_BR.UTF-8"])
def newcomer(request: pytest.FixtureRequest) -> Iterator[Newcomer]:
    with folder("demo") as home:
        one = Newcomer(home, request.param)
        yield one
        if one.terminal.started and one.terminal.returncode is None:
            one.terminal.stop(signal.SIGINT)
        print(one.terminal.text() if one.terminal.started else "")


def access_link(text: str) -> str:
    return re.findall(r"http://127\.0\.0\.1:\d+/t/[\w-]+", text)[0]


def test_the_story_is_one_copy_and_paste_after_the_other(newcomer: Newcomer) -> None:
    newcomer.start()
    assert newcomer.box("ana@cliente.test") == []

    newcomer.paste(newcomer.wait_line(1))
    newcomer.wait_line(2)
    [acknowledgement] = newcomer.box("ana@cliente.test")
    text = newcomer.text(acknowledgement)
    assert "SUP-1" in text
    portal = newcomer.get(access_link(text))
    assert "SUP-1" in portal
    assert "A nota 4711 não imprime" in portal
    assert "Bruno" not in portal

    newcomer.paste(newcomer.wait_line(2))
    newcomer.paste(newcomer.wait_line(3))
    newcomer.paste(newcomer.wait_line(4))
    newcomer.wait_said("Aberto → Resolvido")
    solved = newcomer.wait_line(5)
    answers = newcomer.box("ana@cliente.test")
    assert "Reinicie o serviço de impressão" in newcomer.text(answers[1])
    assert "#resolvido" not in newcomer.text(answers[0]), "the command is not the customer's to read"

    newcomer.paste(solved)
    newcomer.wait_said("Resolvido → Reaberto")
    newcomer.wait_said("a história está completa")
    newest = newcomer.box("ana@cliente.test")[0]
    portal = newcomer.get(access_link(newcomer.text(newest)))
    for words in ("Reaberto", "Reinicie o serviço", "agora imprimiu", "Parou de novo"):
        assert words in portal
    exported = subprocess.run(
        [PROGRAM, "export", "--json", "--config", newcomer.home / "demo"], capture_output=True, text=True, check=True
    ).stdout
    assert exported.count('"key": "SUP-') == 1
    assert exported.count('"status": "reaberto"') == 1

    assert newcomer.terminal.stop(signal.SIGINT, limit=20) == 0
    assert "Traceback" not in newcomer.terminal.text()
    newcomer.terminal.start(lambda: newcomer.get("/"), 40.0)
    assert newcomer.box("ana@cliente.test")[0] == newest, "the mailboxes are still there"


@pytest.mark.long
@pytest.mark.parametrize("newcomer", ["en_US.UTF-8"], indirect=True)
def test_the_mail_page_offers_the_line_and_swaks_does_the_same(newcomer: Newcomer) -> None:
    find_program("swaks")
    newcomer.start()
    newcomer.paste(newcomer.wait_line(1, "swaks"))
    newcomer.wait_said("Ana has the acknowledgement")
    letter = newcomer.box("bruno@example.test")[0]
    offered = [
        html.unescape(line) for line in re.findall(r"<pre class=\"line\"[^>]*>(.*?)</pre>", newcomer.get(letter))
    ]
    resolving = next(line for line in offered if line.startswith("swaks") and "#resolved" in line)
    newcomer.paste(resolving)
    newcomer.wait_said("Open → Resolved")
    wait_until(lambda: len(newcomer.box("ana@cliente.test")) == 2, STORY_SECONDS, "the answer")
    source = html.unescape(newcomer.get(f"{newcomer.box('ana@cliente.test')[0]}?view=source"))
    assert "DKIM-Signature: v=1; a=rsa-sha256" in source
    assert "X-Mailgate-Status: Resolved" in source


def test_a_taken_port_ends_in_one_sentence(newcomer: Newcomer) -> None:
    with socket.create_server((LOOPBACK, newcomer.ports.smtp)):
        done = subprocess.run(newcomer.command, env=newcomer.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 69
    assert re.fullmatch(
        rf"mailgate: port {newcomer.ports.smtp} \(smtp\) of 127\.0\.0\.1 is taken by another program; "
        r"take others: mailgate demo --port-offset \d+\n",
        done.stderr,
    )
    assert done.stdout == ""
    shutil.rmtree(newcomer.home / "demo")
