"""Every kind of token at every place that takes one, and what tokens may not do (T1 to T3, T6, T8, T12)."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from mailgate.links.tokens import SECRET_WORDS
from mailgate.portal.limits import PortalLimits
from mailgate.portal.members import local_path
from mailgate.portal.said import without_tokens
from mailgate.portal.shield import redacted
from mailgate.yamltypes import Rate
from tests.unit.portal.attacks.town import Town, one_use_tokens, params, path_of
from tests.unit.portal.conftest import Portal

#: Where somebody might be sent after signing in.
TRICKS = (
    "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "\\/evil.test", "https://evil.test",
    "http:evil.test", "https:/evil.test", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x",
    "/\t/evil.test", "/\n/evil.test", "/\r\nLocation: https://evil.test", "\t//evil.test", " //evil.test",
    "/%0d%0a\r\nSet-Cookie: a=b", "evil.test", ".evil.test", "@evil.test", "//evil.test@127.0.0.1", "",
    "/\x00/evil.test", "/ok\x7f", "/\u2028/evil.test", "/\uff0f\uff0fevil.test", "\uff0f\uff0fevil.test", "/é",
    "?next=//evil.test", "#//evil.test", "//127.0.0.1:1/", "//\u3002evil.test", "/\\\\evil.test", "/" + "a" * 3000,
    "vbscript:x", "//[::1]/", "/login", "/logout", "/login?next=//evil.test", "mailto:x@evil.test", "/a\\..\\evil",
    "blob:https://evil.test/x",
)  # fmt: skip


def test_a_token_opens_what_it_was_made_for_and_nothing_else(town: Town) -> None:
    """Purposes are part of what is signed: an invitation is no reset, a session no link."""
    tokens = one_use_tokens(town)
    routes = [route for route in town.routes if params(route) == ["token"]]
    assert {route.path.split("/")[1] for route in routes} <= set(SECRET_WORDS)
    missing = town.ask("nobody", "GET", "/t/" + "A" * 32)
    for route in routes:
        word = route.path.split("/")[1]
        for kind, token in tokens.items():
            if kind == word:
                continue
            for method in sorted(set(route.methods or ()) - {"HEAD"}):
                answer = town.portal.visit().request(method, path_of(route, {"token": token}))
                assert answer.status_code in (403, 404), (route.path, kind, method)
                assert method != "GET" or answer.text == missing.text, (route.path, kind)
    for kind, token in tokens.items():
        for name in ("mailgate", "mailgate-session"):
            if (kind, name) == ("session", "mailgate-session"):
                continue
            answer = httpx.get(f"{town.portal.base}/organisation", headers={"Cookie": f"{name}={token}"})
            assert answer.status_code == 303, (kind, name)


def test_every_token_is_alive_where_it_belongs(town: Town) -> None:
    """Else the test above would prove nothing."""
    tokens = one_use_tokens(town)
    for kind in set(tokens) - {"session"}:
        assert town.portal.visit().get(f"/{kind}/{tokens[kind]}").status_code in (200, 303), kind


def test_no_token_is_logged_or_passed_on(town: Town) -> None:
    """Not in a log line, under whatever spelling of the path; not in an address we send the browser to (T3)."""
    tokens = one_use_tokens(town)
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        for kind, token in tokens.items():
            for path in (f"/{kind}/{token}", f"//{kind}/{token}", f"/suporte/{kind}/{token}", f"/x/{token}?t={token}"):
                answer = town.portal.visit().get(path)
                assert token not in answer.headers.get("location", ""), path
                assert answer.headers["referrer-policy"] == "no-referrer"
    for kind, token in tokens.items():
        assert token not in written.getvalue(), kind
        for path in (f"/suporte/{kind}/{token}", f"//{kind}//{token}", f"/{kind}/{token}/x", f"/{token}"):
            assert token not in redacted(path), path
        if kind != "session":
            quoted = f"Em 5 de nov., Suporte escreveu: > http://x.test/{kind}/{token} e %2F{kind}%2F{token}"
            assert token not in without_tokens(quoted), f"whoever sees the ticket would have the {kind} link"


@pytest.mark.parametrize("wanted", TRICKS)
def test_after_signing_in_one_stays_here(wanted: str) -> None:
    """A log-in that ends on somebody else's page is a fishing rod (T8)."""
    assert local_path(wanted) == "/" or (local_path(wanted).startswith("/%0d%0a") is False and wanted == "/ok")


def test_good_paths_are_gone_to(town: Town) -> None:
    for path in ("/requests?q=a%20b&tab=done", "/tickets/SUP-2", "/"):
        assert local_path(path) == path
        assert town.ask("ana", "GET", "/login", params={"next": path}).headers["location"] == path
    for wanted in ("//evil.test", "/\\evil.test", "https://evil.test"):
        assert town.ask("ana", "GET", "/login", params={"next": wanted}).headers["location"] == "/"


def test_guessing_ends(make_portal: Callable[..., Portal]) -> None:
    """Thirty wrong tokens an hour of one peer, whatever their kind; an IPv6 peer is its whole network (T1)."""
    portal = make_portal(PortalLimits(misses=(Rate(5, timedelta(hours=1)),)), proxies=("127.0.0.1",))

    def miss(number: int) -> int:
        path = f"/{SECRET_WORDS[number % len(SECRET_WORDS)]}/{number:032d}"
        return portal.visit().get(path, headers={"X-Forwarded-For": f"2001:db8:1:2::{number:x}"}).status_code

    assert [miss(n) for n in range(8)] == [404] * 5 + [429] * 3
    other = portal.visit().get("/t/x", headers={"X-Forwarded-For": "2001:db8:1:3::1"})
    assert other.status_code == 404, "the neighbour is somebody else"


def test_a_new_session_at_each_sign_in(town: Town) -> None:
    """A session that somebody planted in the browser is not the one that is signed in (T6)."""
    browser = town.portal.visit()
    planted = one_use_tokens(town)["session"]
    browser.cookies.set("mailgate-session", planted)
    enter = one_use_tokens(town)["enter"]
    page = browser.get(f"/enter/{enter}").text
    token = page.split('name="token" value="')[1].split('"')[0]
    done = browser.post(f"/enter/{enter}", data={"token": token})
    assert done.status_code == 303
    fresh = done.headers["set-cookie"]
    assert planted not in fresh
    assert all(mark in fresh.lower() for mark in ("httponly", "samesite=lax", "path=/"))
    old = httpx.get(f"{town.portal.base}/organisation", headers={"Cookie": f"mailgate-session={planted}"})
    assert old.status_code == 303, "what the browser had before is over"


def test_cookies_under_https(make_portal: Callable[..., Portal]) -> None:
    """`__Host-`: of no other host, of no plain connection, of no path (T6)."""
    portal = make_portal(base_url="https://suporte.example.test")
    answer = httpx.get(f"{portal.base}/login", headers={"Host": "suporte.example.test"})
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-mailgate"), cookie
        marks = {one.strip().lower() for one in cookie.split(";")}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= marks
        assert not any(one.startswith("domain") for one in marks)
    assert answer.headers["strict-transport-security"]


def test_a_slash_too_many_sends_nobody_to_an_address_in_the_clear(make_portal: Callable[..., Portal]) -> None:
    """Behind a proxy that ends TLS, below a path: the token must not be named in an `http:` address (T3, T7)."""
    portal = make_portal(base_url="https://suporte.example.test/ajuda")
    with portal.visit(Host="suporte.example.test") as browser:
        plain = browser.get("/ajuda/login")
        answer = browser.get("/ajuda/login/")
        assert (answer.status_code, answer.headers.get("location")) == (plain.status_code, None)
        for path in ("/ajuda/t/abc/", "/ajuda/reset/abc/", "/t/abc%2f", "/ajuda//", "/tickets/SUP-1//"):
            answer = browser.get(path)
            assert (answer.status_code, answer.headers.get("location")) == (404, None), path


def test_a_new_password_makes_older_links_useless(town: Town) -> None:
    """Links that sign in, and invitations, which set a password themselves (T12)."""
    tokens = one_use_tokens(town)
    browser = town.portal.visit()
    hidden = dict(_hidden(browser.get(f"/reset/{tokens['reset']}").text))
    word = {"password": "cavalo bateria grampo 7", "again": "cavalo bateria grampo 7"}
    assert browser.post(f"/reset/{tokens['reset']}", data={**hidden, **word}).status_code == 303
    for kind in ("enter", "invite", "reset"):
        assert town.portal.visit().get(f"/{kind}/{tokens[kind]}").status_code == 410, kind


def test_once_is_once(town: Town) -> None:
    """A link of one use, used again; and one whose person was invited again, or got another password (T12)."""
    tokens = one_use_tokens(town)
    browser = town.portal.visit()
    for kind in ("verify", "address"):
        page = browser.get(f"/{kind}/{tokens[kind]}").text
        hidden = dict(_hidden(page))
        assert browser.post(f"/{kind}/{tokens[kind]}", data=hidden).status_code in (200, 303), kind
        assert browser.post(f"/{kind}/{tokens[kind]}", data=hidden).status_code == 410, kind


def _hidden(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
