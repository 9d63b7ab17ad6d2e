"""Who has an account, which numbers exist: neither words, nor status, nor headers, nor time tell (T11, T12, T16)."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from mailgate.people import passwords
from mailgate.portal.limits import PortalLimits
from mailgate.yamltypes import Rate
from store import people
from tests.house import ANA, BRUNO, SUPPORT, plain_mail
from tests.unit.portal.attacks.town import EVA, LIA, OLGA, UNBOUND, Town
from tests.unit.portal.conftest import Portal

NOBODY = "ninguem@nada.test"
_FORM = re.compile(r'name="token" value="([^"]*)"')


def told(answer: httpx.Response) -> tuple[object, ...]:
    """All of an answer that could tell something."""
    words = re.sub(r'value="[^"]*"', "", answer.text)
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "set-cookie")}
    headers.pop("content-length", None)
    return answer.status_code, words, tuple(sorted(headers.items()))


def asked(portal: Portal, page: str, path: str, **fields: str) -> httpx.Response:
    browser = portal.visit()
    token = _FORM.search(browser.get(page).text)
    return browser.post(path, data={"token": token[1] if token else "", **fields})


@pytest.mark.parametrize(
    ("page", "path", "more"),
    [
        ("/login", "/login", {"password": "errada de todo"}),
        ("/forgotten", "/forgotten", {}),
        ("/login", "/enter", {}),
        ("/", "/links", {"key": "SUP-1"}),
    ],
)
def test_one_answer_for_everybody(town: Town, page: str, path: str, more: dict[str, str]) -> None:
    """A contact, an agent, one who was switched off, our own address, nobody: the same words, status and headers."""
    addresses = (LIA[1], OLGA[1], BRUNO[1], EVA[1], NOBODY, "suporte@example.test", LIA[1].upper())
    answers = [asked(town.portal, page, path, address=address, **more) for address in addresses]
    assert len({told(answer) for answer in answers}) == 1, [a.status_code for a in answers]


def test_numbers_tell_nothing(town: Town) -> None:
    """A stranger counts tickets by their keys, whatever the spelling (T16)."""
    answers = {told(town.ask("nobody", "GET", f"/tickets/{key}")) for key in ("SUP-1", "SUP-2", "SUP-3", "SUP-99999")}
    assert len(answers) == 1


@pytest.mark.long
def test_one_time_for_everybody(town: Town) -> None:
    """Medians of interleaved tries: a password is hashed where there is none to compare with (T11)."""
    site = town.house.site
    with site.writer.database.read() as connection:
        lia = people.contact_by_address(connection, LIA[1])
    assert lia is not None
    kept = passwords.hashed("uma senha bem comprida 9")
    site.writer.call(lambda c: people.change_contact(c, lia.id, password=kept))
    spent: dict[str, list[float]] = {LIA[1]: [], NOBODY: [], OLGA[1]: []}
    browser = town.portal.visit()
    token = _FORM.findall(browser.get("/login").text)[0]
    for _ in range(12):
        for address, times in spent.items():
            began = time.perf_counter()
            answer = browser.post("/login", data={"token": token, "address": address, "password": "errada de todo"})
            times.append(time.perf_counter() - began)
            assert answer.status_code == 422
    best = {address: statistics.quantiles(times, n=4)[0] for address, times in spent.items()}
    assert max(best.values()) < 1.6 * min(best.values()), best


def test_what_comes_after_tells_nothing(town: Town) -> None:
    """The mail is written after the answer; a second question on the same connection would wait for it."""
    for page, path, more in (
        ("/", "/links", {"key": "SUP-1"}),
        ("/forgotten", "/forgotten", {}),
        ("/login", "/enter", {}),
    ):
        answer = asked(town.portal, page, path, address=OLGA[1], **more)
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close", path


def _bound(make_portal: Callable[..., Portal]) -> Portal:
    bounds = {**{name: getattr(UNBOUND, name) for name in ("misses", "resets", "requests_per_ip")}}
    limits = PortalLimits(logins=(Rate(5, timedelta(minutes=15)),), requests_per_token=(), **bounds)
    portal = make_portal(limits, proxies=("127.0.0.1",))
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    return portal


def test_spelling_is_no_second_chance(make_portal: Callable[..., Portal]) -> None:
    """Tries are counted for the account, however its address is spelt and wherever they come from."""
    portal = _bound(make_portal)
    spellings = (
        "ana@cliente.test", "Ana@CLIENTE.test", "ana@cliente.test.", " ana@cliente.test", "ANA@cliente.TEST..",
        "aNa@cliente.test", "ana@CLIENTE.TEST ",
    )  # fmt: skip
    codes = []
    for number, address in enumerate(spellings):
        browser = portal.visit(**{"X-Forwarded-For": f"192.0.2.{number}"})
        token = _FORM.findall(browser.get("/login").text)[0]
        codes.append(browser.post("/login", data={"token": token, "address": address, "password": "x"}).status_code)
    assert codes == [422] * 5 + [429] * 2


def test_nobody_is_locked_out_for_long(make_portal: Callable[..., Portal]) -> None:
    """Somebody who tries wrong passwords for an account keeps its person out for minutes at most, and not at all from
    the link by mail (T11)."""
    portal = _bound(make_portal)
    for number in range(9):
        browser = portal.visit(**{"X-Forwarded-For": f"192.0.2.{number}"})
        token = _FORM.findall(browser.get("/login").text)[0]
        last = browser.post("/login", data={"token": token, "address": ANA[1], "password": "x"})
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) <= 15 * 60
    assert asked(portal, "/login", "/enter", address=ANA[1]).status_code == 200
    portal.clock.advance(timedelta(minutes=15))
    browser = portal.visit(**{"X-Forwarded-For": "198.51.100.7"})
    token = _FORM.findall(browser.get("/login").text)[0]
    assert browser.post("/login", data={"token": token, "address": ANA[1], "password": "x"}).status_code == 422
