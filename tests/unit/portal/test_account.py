"""Signing in, by password and by a link, the way to a new password, and out again; and those who try to get in."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
import structlog

from mailgate.flows import sessions
from mailgate.links.tokens import digest
from mailgate.people import passwords
from mailgate.portal.limits import PortalLimits
from mailgate.yamltypes import Rate
from store import links, people
from tests.house import ANA, BRUNO, SUPPORT, plain_mail
from tests.unit.portal.accounts import OTHER, SECRET, ana, change, fill, link_of, sign_in, wait_for, with_ana
from tests.unit.portal.conftest import Portal, form_fields, words

NOBODY = "ninguem@nada.test"


@pytest.fixture
def known(portal: Portal, quick: None) -> Portal:
    """A portal where Ana has a ticket and a password."""
    return with_ana(portal)


def greets(browser: httpx.Client) -> bool:
    """Whether pages are Ana's."""
    return "Ana Souza" in words(browser.get("/").text)


# --- with a password -------------------------------------------------------------------------------------------------


def test_who_signs_in_is_brought_to_where_he_wanted_to_go(known: Portal) -> None:
    browser = known.visit()
    page = browser.get("/login", params={"next": "/tickets/SUP-1"})
    fields = form_fields(page.text)
    assert fields["next"] == "/tickets/SUP-1"
    assert "Exibir senha" in page.text
    done = browser.post("/login", data={**fields, "address": " Ana@Cliente.TEST ", "password": SECRET})
    assert (done.status_code, done.headers["location"]) == (303, "/tickets/SUP-1")
    cookie = next(c for c in done.headers.get_list("set-cookie") if c.startswith("mailgate-session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert browser.get("/tickets/SUP-1").status_code == 200
    assert browser.get("/login").headers["location"] == "/", "whoever is signed in goes on"


def test_nobody_learns_who_has_an_account(known: Portal) -> None:
    known.house.receive(plain_mail(("Zé", "ze@outra.test"), SUPPORT, "Outra", "Oi."))
    change(known, "ze@outra.test", active=False, password=passwords.hashed(SECRET))
    known.house.receive(plain_mail(("Li", "li@outra.test"), SUPPORT, "Outra", "Oi."))
    tries = [
        (ANA[1], OTHER),
        (NOBODY, SECRET),
        ("ze@outra.test", SECRET),
        ("li@outra.test", SECRET),
        (BRUNO[1], SECRET),
    ]
    answers = []
    for address, password in tries:
        found = sign_in(known.visit(), address, password)
        assert found.status_code == 422
        answers.append(words(found.text))
    assert len(set(answers)) == 1
    assert "E-mail ou senha não conferem" in answers[0]


@pytest.mark.long
def test_an_address_that_nobody_has_takes_as_long(make_portal: Callable[..., Portal]) -> None:
    """The hash is what takes time, and it is looked at for everybody: medians differ by noise only."""
    open_to_all = with_ana(make_portal(PortalLimits(logins=())))
    spent: dict[str, list[float]] = {ANA[1]: [], NOBODY: [], BRUNO[1]: []}
    browser = open_to_all.visit()
    fields = form_fields(browser.get("/login").text)
    for _ in range(5):
        for address, times in spent.items():
            began = time.perf_counter()
            assert browser.post("/login", data={**fields, "address": address, "password": OTHER}).status_code == 422
            times.append(time.perf_counter() - began)
    usual, *others = (statistics.median(times) for times in spent.values())
    assert all(usual / 3 < other < usual * 3 for other in others), spent
    assert min(min(times) for times in spent.values()) > 0.01, "nobody is answered without a hash"


def test_tries_are_bounded_for_an_account_and_for_a_peer(make_portal: Callable[..., Portal], quick: None) -> None:
    portal = with_ana(make_portal(PortalLimits(logins=(Rate(3, timedelta(minutes=15)),)), proxies=("127.0.0.1",)))

    def come(peer: str, address: str = ANA[1], password: str = OTHER) -> httpx.Response:
        return sign_in(portal.visit(**{"X-Forwarded-For": peer}), address, password)

    for peer in ("198.51.100.1", "198.51.100.2", "198.51.100.3"):
        assert come(peer).status_code == 422
    refused = come("198.51.100.4", password=SECRET)
    assert refused.status_code == 429, "the right password does not come in either"
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert "Foram muitas tentativas" in words(refused.text)
    assert come("198.51.100.4", NOBODY).status_code == 422, "others are not in its way"
    assert [come("198.51.100.5", f"a{n}@nada.test").status_code for n in range(4)] == [422, 422, 422, 429]
    subnet = [come(f"2001:db8:1:2::{n}", f"b{n}@nada.test").status_code for n in range(1, 5)]
    assert subnet == [422, 422, 422, 429], "one subscriber has many addresses"
    portal.clock.advance(timedelta(minutes=16))
    assert come("198.51.100.4", password=SECRET).status_code == 303


@pytest.mark.parametrize("address", ["ana\u200b@cliente.test", "ana@cliente\u200d.test"])
def test_an_invisible_letter_makes_another_address(known: Portal, address: str) -> None:
    """With it not even the right password opens anything, so it is no second chance to guess one."""
    assert sign_in(known.visit(), address).status_code == 422
    assert sign_in(known.visit()).status_code == 303


def test_whoever_knows_his_password_is_not_counted(make_portal: Callable[..., Portal], quick: None) -> None:
    portal = with_ana(make_portal(PortalLimits(logins=(Rate(2, timedelta(minutes=15)),))))
    assert [sign_in(portal.visit()).status_code for _ in range(4)] == [303] * 4


def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(known: Portal) -> None:
    victim, attacker = known.visit(), known.visit()
    planted = known.signed_in().cookies["mailgate-session"]
    victim.cookies.set("mailgate-session", planted, domain="127.0.0.1")
    victim.cookies.delete("mailgate-session")
    victim.cookies.set("mailgate-session", "A" * 32)
    assert sign_in(victim).status_code == 303
    attacker.cookies.set("mailgate-session", "A" * 32)
    assert not greets(attacker)


def test_signing_in_ends_the_session_that_the_browser_had(known: Portal) -> None:
    site = known.house.site
    browser = known.signed_in()
    old = browser.cookies["mailgate-session"]
    with site.writer.database.read() as connection:
        person = sessions.find(connection, site, old)
    assert person is not None
    # The page of a browser that signs in anew without signing out first, as its back button shows it.
    stranger = known.visit()
    fields = form_fields(stranger.get("/login").text)
    headers = {"Cookie": f"mailgate-session={old}; mailgate={stranger.cookies['mailgate']}"}
    done = known.visit().post("/login", data={**fields, "address": ANA[1], "password": SECRET}, headers=headers)
    assert done.status_code == 303
    with site.writer.database.read() as connection:
        assert sessions.find(connection, site, old) is None


def test_only_our_own_pages_sign_in(known: Portal) -> None:
    browser = known.visit()
    fields = {**form_fields(browser.get("/login").text), "address": ANA[1], "password": SECRET}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}):
        assert browser.post("/login", data=fields, headers=headers).status_code == 403
    assert browser.post("/login", data={**fields, "token": "0" * 32}).status_code == 403
    assert known.visit().post("/login", data=fields).status_code == 403, "the token is that browser's"
    assert "Meu perfil" not in words(browser.get("/").text)


@pytest.mark.parametrize(
    "wanted",
    ["//evil.test", "https://evil.test/", "/\\evil.test", "\\\\evil.test", "javascript:alert(1)",
     "/a\r\nSet-Cookie: x=1", "/login?next=//evil.test", "/%0d%0aX: y\x00", " //evil.test", "/ä", "x" * 3000],
)  # fmt: skip
def test_no_page_but_ours_follows(known: Portal, wanted: str) -> None:
    browser = known.visit()
    fields = form_fields(browser.get("/login", params={"next": wanted[:1500]}).text)
    done = browser.post("/login", data={**fields, "next": wanted, "address": ANA[1], "password": SECRET})
    assert done.status_code == 303
    assert done.headers["location"] == "/"


def test_hostile_forms_are_answered(known: Portal) -> None:
    browser = known.visit()
    token = form_fields(browser.get("/login").text)["token"]
    for fields in (
        {"address": "a@b", "password": "x" * 4000},
        {"address": "\0@\0", "password": "\0"},
        {"address": "@" * 320, "password": "\udcff".encode("utf-8", "surrogatepass").decode("latin-1")},
        {"address": "a" * 4000 + "@b", "password": SECRET},
        {"address": "", "password": ""},
        {"address": ANA[1], "password": SECRET + " "},
    ):
        assert browser.post("/login", data={"token": token, **fields}).status_code == 422
    assert browser.post("/login", data={"token": token, "password": "x" * 9000}).status_code in (400, 422)
    assert browser.post("/login", files={"address": ("a", b"b")}).status_code in (400, 403)
    assert browser.post("/login", content=b"\xff\xfe").status_code == 403


# --- by a link -------------------------------------------------------------------------------------------------------


def test_a_link_by_mail_signs_in_by_its_button_once(known: Portal) -> None:
    browser = known.visit()
    asked = fill(browser, "/login", "/enter", address=ANA[1], password="")
    assert asked.status_code == 200
    assert asked.headers["connection"] == "close", "the next question must not wait for the mail"
    (row,) = wait_for(known, "LOGIN")
    assert (row.recipient, row.state) == (ANA[1], "waiting")
    link, before = link_of(known, "LOGIN"), known.state()
    for _ in range(2):
        assert browser.get(link).status_code == browser.head(link).status_code == 200
    assert known.state() == before, "a scanner opens it as often as it likes"
    assert browser.post(link).status_code == 403, "nor does a robot that posts"
    assert known.state() == before
    other = known.visit()
    done = fill(other, link)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert greets(other)
    assert ana(known).verified_at is not None
    assert browser.post(link, data=form_fields(browser.get("/login").text)).status_code == 410
    assert browser.get(link).status_code == 410


def test_agents_come_in_by_a_link_only(known: Portal) -> None:
    browser = known.visit()
    assert fill(browser, "/login", "/enter", address=BRUNO[1]).status_code == 200
    (row,) = wait_for(known, "LOGIN")
    assert (row.recipient, row.recipient_role) == (BRUNO[1], "agent")
    assert fill(browser, link_of(known, "LOGIN")).status_code == 303
    assert browser.get("/tickets/SUP-1").status_code == 200
    assert browser.get("/").headers["location"] == "/queue"
    fill(known.visit(), "/forgotten", address=BRUNO[1])
    assert wait_for(known, "LOGIN", 2)[-1].recipient == BRUNO[1], "who has no password gets the link"


def test_a_link_that_signs_in_ends_soon_and_with_its_person(known: Portal) -> None:
    fill(known.visit(), "/login", "/enter", address=ANA[1])
    wait_for(known, "LOGIN")
    link = link_of(known, "LOGIN")
    known.clock.advance(timedelta(minutes=31))
    assert known.visit().get(link).status_code == 410
    fill(known.visit(), "/login", "/enter", address=ANA[1])
    wait_for(known, "LOGIN", 2)
    link = link_of(known, "LOGIN")
    browser = known.visit()
    fields = form_fields(browser.get(link).text)
    change(known, active=False)
    assert browser.get(link).status_code == 404
    assert browser.post(link, data=fields).status_code == 404


@pytest.mark.parametrize(
    ("page", "path", "notice"), [("/login", "/enter", "LOGIN"), ("/forgotten", "/forgotten", "N3")]
)
def test_the_same_answer_for_every_address_and_three_mails_an_hour(
    known: Portal, page: str, path: str, notice: str
) -> None:
    known.house.receive(plain_mail(("Zé", "ze@outra.test"), SUPPORT, "Outra", "Oi."))
    change(known, "ze@outra.test", active=False)
    answers = set()
    for address in (ANA[1], NOBODY, "ze@outra.test", SUPPORT, "not an address", "", ANA[1].upper(), ANA[1], ANA[1]):
        found = fill(known.visit(), page, path, address=address)
        answers.add((found.status_code, words(found.text)))
    assert len(answers) == 1
    assert [row.recipient for row in wait_for(known, notice, 3)] == [ANA[1]] * 3
    known.clock.advance(timedelta(hours=1, minutes=1))
    fill(known.visit(), page, path, address=ANA[1])
    wait_for(known, notice, 4)


def test_who_asks_for_many_addresses_is_stopped(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(PortalLimits(misses=(Rate(4, timedelta(hours=1)),)))
    browser = portal.visit()
    fields = form_fields(browser.get("/forgotten").text)
    found = [browser.post("/forgotten", data={**fields, "address": f"a{n}@nada.test"}).status_code for n in range(6)]
    assert found == [200] * 4 + [429] * 2


def test_capitals_are_no_other_address_unless_somebody_has_it(known: Portal) -> None:
    known.house.receive(plain_mail(("Rui Lima", "Rui.Lima@cliente.test"), SUPPORT, "Oi", "Oi."))
    change(known, "Rui.Lima@cliente.test", password=passwords.hashed(SECRET), preferences={"started": True})
    assert sign_in(known.visit(), "rui.lima@CLIENTE.test").status_code == 303
    assert sign_in(known.visit(), "Ana@cliente.test").status_code == 303
    known.house.receive(plain_mail(("Outro", "rui.Lima@cliente.test"), SUPPORT, "Oi", "Oi."))
    assert sign_in(known.visit(), "rui.lima@cliente.test").status_code == 422, "two people: which one?"
    assert sign_in(known.visit(), "Rui.Lima@cliente.test").status_code == 303


# --- a new password --------------------------------------------------------------------------------------------------


def reset_link(portal: Portal, count: int = 1, **headers: str) -> str:
    fill(portal.visit(**headers), "/forgotten", address=ANA[1])
    wait_for(portal, "N3", count)
    return link_of(portal, "N3")


def test_a_forgotten_password_is_replaced_and_every_session_ends(known: Portal) -> None:
    signed, agent = known.signed_in(), known.signed_in(BRUNO[1])
    first, second = reset_link(known), reset_link(known, 2)
    fill(known.visit(), "/login", "/enter", address=ANA[1])
    wait_for(known, "LOGIN")
    before, browser = known.state(), known.visit()
    page = browser.get(first)
    assert "pelo menos 10 caracteres" in words(page.text)
    assert browser.head(first).status_code == 200
    assert known.state() == before
    done = fill(browser, first, password=OTHER, again=OTHER)
    assert done.status_code == 303
    assert greets(browser)
    assert not greets(signed)
    assert agent.get("/tickets/SUP-1").status_code == 200, "other people's go on"
    for link in (first, second, link_of(known, "LOGIN")):
        assert known.visit().get(link).status_code == 410, "all the other links are spent with it"
    assert sign_in(known.visit()).status_code == 422
    assert sign_in(known.visit(), password=OTHER).status_code == 303


def test_a_reset_link_is_used_once_and_for_an_hour(known: Portal) -> None:
    link = reset_link(known)
    one, two = known.visit(), known.visit()
    fields = [{**form_fields(b.get(link).text), "password": p, "again": p} for b, p in ((one, OTHER), (two, SECRET))]
    assert one.post(link, data=fields[0]).status_code == 303
    assert two.post(link, data=fields[1]).status_code == 410
    link = reset_link(known, 2)
    known.clock.advance(timedelta(minutes=61))
    assert known.visit().get(link).status_code == 410
    assert known.visit().get(link.replace("/reset/", "/enter/")).status_code == 404, "a link does one thing"
    assert known.visit().get(link.replace("/reset/", "/invite/")).status_code == 404


def test_a_weak_new_password_is_refused_with_the_reason_and_the_link_still_opens(known: Portal) -> None:
    link = reset_link(known)
    browser = known.visit()
    for password, said in (
        ("curta", "pelo menos 10"), ("Senha@2024!", "primeiras que se tentam"), ("ana.souza99", "quase o seu nome"),
        ("x" * 201, "no máximo 200"),
    ):  # fmt: skip
        found = fill(browser, link, password=password, again=password)
        assert found.status_code == 422
        assert said in words(found.text)
        assert password not in found.text
    assert "não são iguais" in words(fill(browser, link, password=OTHER, again=SECRET).text)
    assert fill(browser, link, password=OTHER, again=OTHER).status_code == 303


def test_the_link_in_the_mail_is_on_our_own_host_whatever_the_browser_says(known: Portal) -> None:
    browser = known.visit()
    fields = form_fields(browser.get("/forgotten").text)
    evil = browser.post("/forgotten", data={**fields, "address": ANA[1]}, headers={"Host": "evil.test"})
    assert evil.status_code == 400
    for name in ("X-Forwarded-Host", "X-Host", "Forwarded"):
        browser.post("/forgotten", data={**fields, "address": ANA[1]}, headers={name: "evil.test"})
    for row in wait_for(known, "N3", 3):
        assert "evil" not in row.body
        assert "://" not in row.body, "the address is made of base_url when the mail is"


def test_what_the_database_keeps_opens_nothing(known: Portal) -> None:
    link = reset_link(known)
    token = link.rpartition("/")[2]
    with known.house.site.writer.database.read() as connection:
        row = links.one_use(connection, digest(token))
    assert row is not None
    assert token not in str(tuple(row))
    assert all(known.visit().get(f"/reset/{guess}").status_code == 404 for guess in (row.digest[:32], "x", "A" * 32))


def test_tokens_and_passwords_are_not_in_the_log(known: Portal, caplog: pytest.LogCaptureFixture) -> None:
    with structlog.testing.capture_logs() as events:
        link = reset_link(known)
        fill(known.visit(), link, password=OTHER, again=OTHER)
        fill(known.visit(), "/login", "/enter", address=ANA[1])
        wait_for(known, "LOGIN")
        enter = link_of(known, "LOGIN")
        browser = known.visit()
        fill(browser, enter)
        sign_in(known.visit(), password=SECRET)
    said = f"{events}{caplog.text}"
    assert "/login" in said
    for hidden in (link, enter):
        assert hidden.rpartition("/")[2] not in said
    for hidden in (OTHER, SECRET, ANA[1], browser.cookies["mailgate-session"]):
        assert hidden not in said


# --- and out ---------------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_forgets_the_links(known: Portal) -> None:
    browser = known.opened("SUP-1")
    assert sign_in(browser).status_code == 303
    kept = browser.cookies["mailgate-session"]
    page = browser.get("/").text
    assert browser.post("/logout", data={"token": "0" * 32}).status_code == 403
    token = re.findall(r'action="/logout"><input type="hidden" name="token" value="(\w+)"', page)[0]
    assert browser.post("/logout", data={"token": token}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.get("/logout").status_code == 405
    out = browser.post("/logout", data={"token": token})
    assert (out.status_code, out.headers["location"]) == (303, "/login?out")
    assert "Você saiu" in words(browser.get("/login?out").text)
    assert browser.get("/tickets/SUP-1").status_code == 404, "somebody else sits there now"
    thief = known.visit()
    thief.cookies.set("mailgate-session", kept)
    assert not greets(thief)


def test_who_was_switched_off_is_out_at_once(known: Portal) -> None:
    browser, agent = known.signed_in(), known.signed_in(BRUNO[1])
    assert browser.get("/tickets/SUP-1").status_code == agent.get("/tickets/SUP-1").status_code == 200
    change(known, active=False)
    known.house.site.writer.call(lambda c: people.put_agents(c, []))
    assert browser.get("/tickets/SUP-1").status_code == agent.get("/tickets/SUP-1").status_code == 404
    assert sign_in(known.visit()).status_code == 422


def test_the_pages_change_nothing_and_have_no_forms_for_others(known: Portal) -> None:
    before, browser = known.state(), known.visit()
    for path in ("/login", "/login?next=/requests", "/forgotten"):
        found = browser.get(path)
        assert (found.status_code, found.headers["cache-control"]) == (200, "no-store")
        assert browser.head(path).status_code == 200
    assert known.state() == before


def test_the_whole_way_on_both_databases(make_portal: Callable[..., Portal], house_url: str, quick: None) -> None:
    portal = with_ana(make_portal(url=house_url), None)
    link = reset_link(portal)
    browser = portal.visit()
    assert fill(browser, link, password=OTHER, again=OTHER).status_code == 303
    assert greets(browser)
    assert sign_in(portal.visit(), password=OTHER).status_code == 303
    fill(portal.visit(), "/login", "/enter", address=ANA[1])
    wait_for(portal, "LOGIN")
    other = portal.visit()
    assert fill(other, link_of(portal, "LOGIN")).status_code == 303
    assert greets(other)
