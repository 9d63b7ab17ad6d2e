"""Who signed in: the session in a cookie, its end, and what it opens."""

from __future__ import annotations

from datetime import timedelta

from mailgate.flows import sessions
from tests.house import ANA, BRUNO, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, words


def test_a_session_opens_the_persons_tickets_and_nobody_elses(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Socorro."))
    portal.house.receive(plain_mail(("Zé", "ze@outra.test"), SUPPORT, "Outra coisa", "Socorro."))
    browser = portal.signed_in()
    assert browser.get("/tickets/SUP-1").status_code == 200
    assert browser.get("/tickets/SUP-2").status_code == 404
    agent = portal.signed_in(BRUNO[1])
    assert agent.get("/tickets/SUP-2").status_code == 200


def test_a_session_ends_by_time_by_word_and_with_the_person(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Socorro."))
    site = portal.house.site
    first, second = portal.signed_in(), portal.signed_in()
    assert "Olá, Ana" in words(first.get("/").text)
    with site.writer.database.read() as connection:
        found = sessions.find(connection, site, first.cookies["mailgate-session"])
    assert found is not None
    assert sessions.end(site, found.session_id)
    assert "Olá, Ana" not in words(first.get("/").text)
    assert "Olá, Ana" in words(second.get("/").text)
    portal.clock.advance(timedelta(hours=13))
    assert "Olá, Ana" not in words(second.get("/").text)


def test_a_forged_cookie_is_nobodys(portal: Portal) -> None:
    browser = portal.visit()
    for token in ("", "x", "A" * 32, portal.house.site.mint.access_token(5, "session")):
        browser.cookies.set("mailgate-session", token)
        assert "Olá" not in words(browser.get("/").text)


def test_looking_writes_nothing(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Socorro."))
    browser = portal.signed_in()
    before = portal.state()
    for path in ("/", "/tickets/SUP-1", "/manifest.webmanifest"):
        assert browser.get(path).status_code == 200
    assert portal.state() == before


def test_the_portal_can_be_put_on_the_home_screen(portal: Portal) -> None:
    browser = portal.visit()
    found = browser.get("/manifest.webmanifest").json()
    assert (found["display"], found["start_url"], found["lang"]) == ("standalone", "/", "pt-BR")
    for icon in found["icons"]:
        answer = browser.get(icon["src"])
        width, height = (int.from_bytes(answer.content[16 + n : 20 + n]) for n in (0, 4))
        assert (answer.headers["content-type"], f"{width}x{height}") == ("image/png", icon["sizes"])
