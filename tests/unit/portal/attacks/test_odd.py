"""Odd addresses, methods, headers, bodies: a refusal or a page, never a fault, never slow (T7, T14, R13, R14, C9)."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import SettableClock
from tests.house import close_site
from tests.unit.portal.attacks import town as places
from tests.unit.portal.attacks.town import Town, methods_of, params, path_of
from tests.webserver import serving

ODD = (
    "%00", "..%2f..%2fetc%2fpasswd", "%2e%2e", "A" * 3000, "%ff%fe", "9" * 40, "-1", "0", "%E2%80%AE", "'%20OR%201=1--",
    "{{7*7}}", "%0d%0aX-Evil:%201", "%25%5F", "SUP-%00", "%C0%AF", "١٢", "9223372036854775808", "%F0%9F%92%A9", "*",
)  # fmt: skip
METHODS = ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW")
#: Visitors whose turn costs as much as the others' and asks the same routes: for `make test-long`.
NOBODY, ANA = (pytest.param(who, marks=pytest.mark.long) for who in ("nobody", "ana"))
_SOURCE = Path(__file__).parents[4] / "mailgate/portal"


def names() -> list[str]:
    """Every name of a field or parameter that a page reads, out of the pages themselves."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in _SOURCE.glob("*.py"))
    found = set(re.findall(r"""(?:getlist|query_params\.get|values\.get|asked\.get|one\.get|word)\(f?"(\w+)""", code))
    found |= set(re.findall(r"""(?:line|secret)\(form, "(\w+)""", code))
    return sorted(found - {"token"})


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town on each database: what one takes as text the other refuses."""
    url, server = "", None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        url = server.new_database(request.getfixturevalue("migrated_database"))
    built = places.build(tmp_path_factory.mktemp("odd"), SettableClock(datetime(2025, 11, 5, 13, 30, tzinfo=UTC)), url)
    with serving(built.app, built.port):
        places.fill(built)
        yield built
    close_site(built.house.site)
    if server is not None:
        server.drop_database(url)


@pytest.mark.parametrize("who", [NOBODY, ANA, "bruno"])
def test_odd_words_in_addresses(town: Town, who: str) -> None:
    for route in town.routes:
        for method in sorted(methods_of(route)):
            for odd in ODD if params(route) else ():
                usual = {
                    "key": "SUP-2", "id": 1, "name": "x", "token": "A" * 32, "slug": "publico", "sha256": "a" * 64
                }  # fmt: skip
                for name in params(route):
                    path = path_of(route, {**usual, name: odd})
                    answer = town.ask(who, method, path)
                    assert answer.status_code in (303, 400, 403, 404, 405, 410, 414, 422), (method, path)
                    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("who", [ANA, "bruno"])
def test_odd_words_in_queries(town: Town, who: str) -> None:
    asked = names()
    assert {"q", "page", "text"} <= set(asked)
    for route in town.routes:
        if "GET" not in methods_of(route) or (params(route) and params(route) != ["key"]):
            continue
        path = path_of(route, {"key": "SUP-2"})
        for odd in ODD:
            word = odd[:100]
            query = "&".join(f"{name}={word}" for name in asked) + f"&q={word}&from=2025-{word}&to=9999-12-31"
            answer = town.ask(who, "GET", f"{path}?{query}")
            assert answer.status_code in (200, 303, 400, 403, 404, 414), (path, odd)


@pytest.mark.parametrize("who", ["nobody", "ana", "bruno"])
def test_odd_methods(town: Town, who: str) -> None:
    before = town.portal.state()
    for route in town.routes:
        path = path_of(route, {"key": "SUP-2", "id": 1, "name": "x", "token": "x", "slug": "x", "sha256": "x"})
        for method in METHODS:
            assert town.ask(who, method, path).status_code in (400, 404, 405), (method, path)
    assert town.portal.state() == before


@pytest.mark.parametrize("who", [NOBODY, "link", ANA, "bruno"])
def test_odd_forms(town: Town, who: str) -> None:
    """The right token, and nonsense in every field that any page reads; then too much of it, and other types."""
    token = town.token(who) if who in ("ana", "bruno") else "x"
    asked = names()
    for route in town.routes:
        if "POST" not in methods_of(route) or route.path == "/logout":
            continue
        path = path_of(route, {"key": "SUP-2", "id": town.olgas["held"], "token": "A" * 32, "name": "x"})
        for value in (
            "\0",
            "\ud7ff\U0001f4a9",
            "9" * 25,
            "-1",
            "[]",
            "' OR 1=1 --",
            "\u202e",
            "%",
            "a@b.test\r\nBcc: x@y",
        ):
            data = {**dict.fromkeys(asked, value), "token": token}
            answer = town.ask(who, "POST", path, data=data)
            assert answer.status_code < 500
            if route.path in ("/profile/sessions/end",) or answer.headers.get("location", "").startswith("/login?out"):
                break
        if route.path in ("/profile/sessions/end",):
            continue
        many = {"token": token, **{f"f{n}": "x" for n in range(201)}}
        assert town.ask(who, "POST", path, data=many).status_code in (303, 400, 403, 404), path
        parts = [("files", (f"{n}.txt", b"x", "text/plain")) for n in range(51)]
        assert town.ask(who, "POST", path, data={"token": token}, files=parts).status_code in (303, 400, 403, 404), path
        for kind, body in (
            ("application/json", b'{"token": []}'), ("text/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///'>]>"),
            ("multipart/form-data", b"--x"), ("multipart/form-data; boundary=" + "b" * 300, b"--b"),
            ("multipart/form-data; boundary=x; charset=zlib_codec", _PART),
            ("application/x-www-form-urlencoded", b"token=%ff%fe&%=&=&;;&token=\xff"), ("", b"\xff\xfe"),
        ):  # fmt: skip
            answer = town.ask(who, "POST", path, content=body, headers={"Content-Type": kind})
            assert answer.status_code in (200, 303, 400, 403, 404, 415, 422), (path, kind, answer.status_code)


def test_a_flood_of_empty_fields_is_cheap(town: Town) -> None:
    """The form parser took a second and a half for each MiB of `&`, on the loop that serves everybody."""
    began = time.perf_counter()
    for path in ("/login", "/links", "/new"):
        answer = town.ask("nobody", "POST", path, content=b"&" * (8 << 20), headers=_FORM)
        assert answer.status_code == 400
    assert time.perf_counter() - began < 4
    just = "&".join(["a=b"] * 9).encode() + b"&" * 50
    assert town.ask("nobody", "POST", "/links", content=just, headers=_FORM).status_code == 200


_PART = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\nx\r\n--x--\r\n'
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("length", ["-1", "1e9", "0x10", "99999999999999999999", "5, 6", ""])
def test_odd_lengths(town: Town, length: str) -> None:
    answer = _raw(town, f"POST /links HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: {length}\r\n\r\na=b")
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413")) or answer == b""


def test_one_answer_for_two_lengths_is_no_answer(town: Town) -> None:
    """Request smuggling: two lengths, a length and chunks, an odd coding."""
    for head in (
        "Content-Length: 3\r\nContent-Length: 30", "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity", "Transfer-Encoding: xchunked",
    ):  # fmt: skip
        answer = _raw(
            town, f"POST /links HTTP/1.1\r\nHost: {{host}}\r\n{head}\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"
        )
        assert answer.count(b"HTTP/1.1 ") <= 1, head
        assert b"ok\n" not in answer, head


def test_only_our_own_name(town: Town) -> None:
    """A forged Host, and the fields by which proxies name another: no answer, and no link of a mail names it (T7)."""
    host = urlsplit(town.portal.base).netloc
    forged = {
        "X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.test",
        "X-Original-URL": "/queue", "X-Rewrite-URL": "/queue", "X-Host": "evil.test", "X-HTTP-Method-Override": "POST",
    }  # fmt: skip
    for name, value in forged.items():
        page = town.ask("nobody", "GET", "/login", headers={name: value})
        assert page.status_code == 200
        assert "evil.test" not in page.text + str(page.headers)
    for wrong in ("evil.test", f"evil.test:{host.rpartition(':')[2]}", f"{host}.evil.test", f"{host}@evil.test", ""):
        assert _raw(town, f"GET /login HTTP/1.1\r\nHost: {wrong}\r\n\r\n").startswith(b"HTTP/1.1 400"), wrong
    assert b" 400 " in _raw(town, "GET http://evil.test/login HTTP/1.1\r\nHost: evil.test\r\n\r\n")[:20]


def _raw(town: Town, request: str) -> bytes:
    """What comes back for these very bytes."""
    parts = urlsplit(town.portal.base)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as connection:
        connection.sendall(request.replace("{host}", parts.netloc).encode())
        connection.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while piece := connection.recv(65536):
                found += piece
        except OSError:
            pass
        return found


def test_nothing_was_slow(town: Town) -> None:
    assert town.slowest < 5
