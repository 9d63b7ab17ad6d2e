"""The relay that keeps mails, the pages that show them, and the name server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest
from starlette.testclient import TestClient

from mailgate.demo.farend import NameServer
from mailgate.demo.mailbox import Mailbox
from mailgate.demo.ports import Ports
from mailgate.demo.web import make_web
from mailgate.demo.words import Words, words_for

NOW = datetime(2026, 11, 22, 13, 22, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"


def mail(subject: str = "Olá", html: str = "") -> bytes:
    message = EmailMessage()
    message["From"] = "Suporte <suporte@example.test>"
    message["To"] = "ana@cliente.test"
    message["Reply-To"] = "suporte+token@example.test"
    message["Subject"] = subject
    message["Message-ID"] = "<one@example.test>"
    message.set_content("Veja <b>http://127.0.0.1:8025/t/abc</b>, por favor.\n")
    if html:
        message.add_alternative(html, subtype="html")
        body = message.get_payload()[1]
        body.add_related(PNG, "image", "png", cid="<logo@x>")
    message.add_attachment(b"<script>alert(1)</script>", "text", "html", filename='nota "1"; é.html')
    return message.as_bytes(policy=SMTP)


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path, lambda: NOW)


@pytest.fixture
def browser(mailbox: Mailbox) -> TestClient:
    return TestClient(make_web(mailbox, Words("en"), Ports()), base_url="http://127.0.0.1:8027")


def test_letters_survive_a_restart_byte_for_byte(mailbox: Mailbox, tmp_path: Path) -> None:
    raw = mail()
    mailbox.keep("", ["Ana@cliente.test", "bruno@example.test"], raw)
    again = Mailbox(tmp_path, lambda: NOW)
    [ana] = again.letters("ana@cliente.test")
    assert (ana.raw, ana.mail_from, ana.at) == (raw, "", NOW)
    assert again.find("one@example.test", "bruno@example.test") is not None
    again.keep("x@y.test", ["ana@cliente.test"], raw)
    assert [letter.number for letter in again.letters()] == [3, 2, 1]


def test_everybody_has_a_box_and_strangers_get_one(mailbox: Mailbox, browser: TestClient) -> None:
    mailbox.keep("", ["zoe@else.test"], mail("Hi <i>there</i> [SUP-1]"))
    page = browser.get("/").text
    for address in ("ana@cliente.test", "bruno@example.test", "carla@example.test", "zoe@else.test"):
        assert address in page
    assert "Hi &lt;i&gt;there&lt;/i&gt;" in page


def test_a_mail_can_run_nothing_in_the_page(mailbox: Mailbox, browser: TestClient) -> None:
    html = '<html><head></head><body><script>1</script><img src="cid:logo@x"><img src="cid:none@x"></body></html>'
    mailbox.keep("", ["ana@cliente.test"], mail(html=html))
    page = browser.get("/m/1")
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    frame = browser.get("/m/1/html")
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert '<base target="_blank">' in frame.text
    assert '<img src="/m/1/file/0">' in frame.text
    image = browser.get("/m/1/file/0")
    assert (image.content, image.headers["content-type"]) == (PNG, "image/png")


def test_a_file_is_saved_and_not_opened(mailbox: Mailbox, browser: TestClient) -> None:
    mailbox.keep("", ["ana@cliente.test"], mail())
    got = browser.get("/m/1/file/0")
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''nota%20%221%22%3B%20%C3%A9.html"
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-security-policy"].startswith("sandbox")


def test_text_is_text_and_its_links_are_links(mailbox: Mailbox, browser: TestClient) -> None:
    mailbox.keep("", ["ana@cliente.test"], mail())
    page = browser.get("/m/1?view=text").text
    assert '&lt;b&gt;<a href="http://127.0.0.1:8025/t/abc" target="_blank"' in page
    assert "Message-ID: &lt;one@example.test&gt;" in browser.get("/m/1?view=source").text


@pytest.mark.parametrize("path", ["/m/9", "/m/9/html", "/m/1/file/7", "/m/x", "/../secret"])
def test_what_is_not_there_is_404(mailbox: Mailbox, browser: TestClient, path: str) -> None:
    mailbox.keep("", ["ana@cliente.test"], mail())
    assert browser.get(path).status_code == 404


def test_a_page_of_the_web_cannot_read_it_by_a_name_of_its_own(browser: TestClient) -> None:
    assert browser.get("/", headers={"Host": "evil.example"}).status_code == 400


ZONE = {"example.test": {"TXT": ["v=spf1 -all"], "A": ["127.0.0.1"]}, "s._domainkey.example.test": {"TXT": ["x" * 400]}}


class Wire:
    """Where the name server's answers go."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, _to: object) -> None:
        self.sent.append(data)


@pytest.fixture
def ask() -> Callable[[bytes], list[bytes]]:
    wire, server = Wire(), NameServer(ZONE)
    server.connection_made(wire)

    def question(data: bytes) -> list[bytes]:
        server.datagram_received(data, ("127.0.0.1", 1))
        return wire.sent

    return question


def test_the_name_server_answers_long_texts_whole(ask: Callable[[bytes], list[bytes]]) -> None:
    [raw] = ask(dns.message.make_query("S._domainkey.Example.test", "TXT").to_wire())
    answer = dns.message.from_wire(raw)
    assert b"".join(answer.answer[0][0].strings) == b"x" * 400
    assert answer.flags & dns.flags.AA


@pytest.mark.parametrize(
    ("name", "kind", "code"), [("other.test", "TXT", dns.rcode.NXDOMAIN), ("example.test", "MX", dns.rcode.NOERROR)]
)
def test_the_name_server_knows_what_it_does_not_know(
    ask: Callable[[bytes], list[bytes]], name: str, kind: str, code: dns.rcode.Rcode
) -> None:
    [raw] = ask(dns.message.make_query(name, kind).to_wire())
    answer = dns.message.from_wire(raw)
    assert (answer.rcode(), answer.answer) == (code, [])


def test_the_name_server_is_silent_to_noise(ask: Callable[[bytes], list[bytes]]) -> None:
    assert ask(b"\x00\x01noise") == []


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "pt-BR"),
        ({"LANG": "C.UTF-8"}, "pt-BR"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "pt_BR.UTF-8"}, "pt-BR"),
    ],
)
def test_the_language_is_that_of_the_environment(environ: dict[str, str], language: str) -> None:
    assert words_for(environ).language == language
