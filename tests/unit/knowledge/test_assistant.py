"""An assistant that answers, that does not, and that means harm: the page never waits for long and never obeys."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailgate.knowledge.assistant import MOST_ANSWER, Assistant

ARTICLES = [("Segunda via do boleto", "Abra Financeiro.")]


@dataclass
class Model:
    """A server that plays the endpoint. act: what it does with one request; asked: what it was told."""

    url: str = ""
    act: Callable[[Any], None] = lambda request: None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def says(content: object, status: int = 200) -> Callable[[Any], None]:
    return answers(json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode(), status)


def answers(body: bytes, status: int = 200, **headers: str) -> Callable[[Any], None]:
    def act(request: Any) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return act


def drips(request: Any) -> None:
    """A byte now and then: no single wait is long."""
    request.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n{")
    for _ in range(200):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)


def drips_in_the_header(request: Any) -> None:
    request.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    for _ in range(200):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.05)


def endless(request: Any) -> None:
    request.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    for _ in range(1000):
        request.wfile.write(b"x" * 65536)


@pytest.fixture
def model() -> Iterator[Model]:
    playing = Model()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            playing.asked.append({"path": self.path, **json.loads(body)})
            playing.headers.append(dict(self.headers))
            with contextlib.suppress(OSError):  # it was hung up on
                playing.act(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    playing.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield playing
    server.shutdown()
    server.server_close()


def ask(model: Model, seconds: float = 5.0) -> str:
    assistant = Assistant(model.url, "pequeno", "chave", seconds)
    return assistant.answer("Exemplo", "pt-BR", "Boleto", "Quero a segunda via", ARTICLES)


def test_it_is_told_what_was_typed_and_the_articles_and_nothing_else(model: Model) -> None:
    model.act = says("Abra Financeiro e escolha o mês.")
    assert ask(model) == "Abra Financeiro e escolha o mês."
    (asked,) = model.asked
    assert asked["path"] == "/v1/chat/completions"
    assert asked["model"] == "pequeno"
    system, user = asked["messages"]
    assert user == {"role": "user", "content": "Boleto\n\nQuero a segunda via"}
    assert "Brazilian Portuguese" in system["content"]
    assert system["content"].endswith("## Segunda via do boleto\nAbra Financeiro.")
    assert model.headers[0]["Authorization"] == "Bearer chave"


def test_what_is_sent_is_bounded(model: Model) -> None:
    model.act = says("ok")
    Assistant(f"{model.url}/chat/completions", "m").answer("E", "en", "s" * 99_999, "t" * 99_999, [("a", "x" * 99_999)])
    (asked,) = model.asked
    assert asked["path"] == "/v1/chat/completions"
    assert len(json.dumps(asked)) < 9_000


@pytest.mark.parametrize(
    "act",
    [
        says("NONE"), says(" none. "), says(""), says(None), says(["x"]), says("x", 500), says("x", 401), answers(b""),
        answers(b"<html>oops"), answers(b"[" * 100_000), answers(b"{}"), answers(b'{"choices": []}'),
        answers(b'{"choices": [{"message": "x"}]}'), answers(b"\xff\xfe"), answers(b"x" * 300_000), endless,
        answers(b"", 302, Location="http://127.0.0.1:1/"), lambda request: None,
    ],
)  # fmt: skip
def test_without_an_answer_there_is_none(model: Model, act: Callable[[Any], None]) -> None:
    model.act = act
    assert ask(model) == ""
    assert len(model.asked) == 1


@pytest.mark.parametrize("act", [drips, drips_in_the_header, lambda request: time.sleep(5)])
def test_a_slow_one_is_not_waited_for(model: Model, act: Callable[[Any], None]) -> None:
    model.act = act
    began = time.monotonic()
    assert ask(model, 0.5) == ""
    assert time.monotonic() - began < 2


def test_nobody_there_and_no_such_host() -> None:
    assert Assistant("http://127.0.0.1:1/v1", "m", seconds=1).answer("E", "en", "a", "b", []) == ""
    assert Assistant("https://127.0.0.1:1/v1", "m", seconds=1).answer("E", "en", "a", "b", []) == ""


def test_a_hostile_answer_is_text_of_a_stranger_without_control_characters(model: Model) -> None:
    model.act = says("<script>alert(1)</script>\x1b[2J\0\r\nlinha 2\ud800")
    assert ask(model) == "<script>alert(1)</script>[2J\nlinha 2"
    model.act = says("palavra " * 10_000)
    assert len(ask(model)) <= MOST_ANSWER + 2


def test_few_ask_at_once(model: Model) -> None:
    """A model that hangs must not take every thread of the portal."""
    release = threading.Event()

    def wait(request: Any) -> None:
        release.wait(5)
        says("ok")(request)

    model.act = wait
    assistant = Assistant(model.url, "m", seconds=5)
    threads = [
        threading.Thread(target=assistant.answer, args=("E", "en", "a", "b", [])) for _ in range(4)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    while len(model.asked) < 4:
        time.sleep(0.01)
    began = time.monotonic()
    assert assistant.answer("E", "en", "a", "b", []) == ""
    assert time.monotonic() - began < 0.5
    release.set()
    for thread in threads:
        thread.join()
    model.act = says("ok")
    assert assistant.answer("E", "en", "a", "b", []) == "ok"
