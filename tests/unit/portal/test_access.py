"""Links: what opens, what does not, and that looking changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from mailgate.portal.limits import PortalLimits
from mailgate.yamltypes import Rate
from store import links, people
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail, png
from tests.integration.machine import wait_until
from tests.unit.portal.conftest import Portal, form_fields, words


@pytest.fixture
def two(portal: Portal) -> Portal:
    """Ana's SUP-1, with an image, a file and a note; Carmen's SUP-2."""
    house = portal.house
    house.receive(
        plain_mail(
            ANA, SUPPORT, "Erro na nota", "Não emite.", html='<p>Não emite: <img src="cid:tela@x"></p>',
            images=[("tela@x", "png", png())], files=[("log.txt", "text/plain", b"linha 1\n")],
        )
    )  # fmt: skip
    house.receive(
        plain_mail(CARMEN, SUPPORT, "No puedo entrar", "Hola, no puedo entrar.", files=[("s.txt", "text/plain", b"x")])
    )
    house.agent_answers("SUP-1", "#nota o cliente não deve ler isto")
    return portal


def test_a_link_opens_its_ticket_and_leaves_the_address(two: Portal) -> None:
    browser = two.visit()
    first = browser.get(f"/t/{two.house.token('SUP-1')}")
    assert (first.status_code, first.headers["location"]) == (303, "/tickets/SUP-1")
    cookie = first.headers["set-cookie"].lower()
    assert cookie.startswith("mailgate=")
    assert all(mark in cookie for mark in ("httponly", "samesite=lax", "path=/"))
    assert "secure" not in cookie
    page = browser.get("/tickets/SUP-1")
    assert page.status_code == 200
    said = words(page.text)
    for shown in ("SUP-1", "Erro na nota", "Aberto", "Suporte", "Ana Souza", "ana@cliente.test", "Não emite"):
        assert shown in said
    assert "não deve ler" not in page.text


def test_a_link_opens_one_ticket_only(two: Portal) -> None:
    ana = two.opened("SUP-1")
    carmen = two.opened("SUP-2", CARMEN[1])
    page = carmen.get("/tickets/SUP-2").text
    file = page.split("/tickets/SUP-2/files/")[1].split('"')[0]
    assert carmen.get(f"/tickets/SUP-2/files/{file}").status_code == 200
    assert ana.get("/tickets/SUP-2").status_code == 404
    assert ana.get(f"/tickets/SUP-2/files/{file}").status_code == 404
    assert ana.get(f"/tickets/SUP-1/files/{file}").status_code == 404
    ana.get(f"/t/{two.house.token('SUP-2', CARMEN[1])}")
    assert ana.get("/tickets/SUP-1").status_code == 200
    assert ana.get("/tickets/SUP-2").status_code == 200


def test_what_opens_nothing_says_always_the_same(two: Portal) -> None:
    house = two.house
    good = house.token("SUP-1")
    revoked = house.token("SUP-2", CARMEN[1])
    house.site.writer.call(lambda c: links.revoke(c, house.ticket("SUP-2").id, two.clock()))
    tokens = [
        good[:-1] + ("A" if good[-1] != "A" else "B"), "A" * 32, "x", "%00", "é" * 32, revoked,
        house.site.mint.access_token(12345), house.site.mint.access_token(1, "confirm"), good + "A",
    ]  # fmt: skip
    answers = [two.visit().get(f"/t/{token}") for token in tokens] + [two.visit().get("/tickets/SUP-1")]
    answers += [two.visit().get("/tickets/SUP-99"), two.visit().get("/nada"), two.visit().get("/confirm/" + good)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert all("set-cookie" not in answer.headers for answer in answers)


@pytest.mark.parametrize("value", ["", "x", "W10.forged", "0" * 3000, '"a"'])
def test_a_forged_cookie_opens_nothing(two: Portal, value: str) -> None:
    answer = two.visit().get("/tickets/SUP-1", headers={"Cookie": f"mailgate={value}"})
    assert answer.status_code == 404


def test_an_expired_link_offers_a_new_one_and_mails_it(two: Portal) -> None:
    token = two.house.token("SUP-1")
    browser = two.opened("SUP-1")
    two.clock.advance(timedelta(days=31))
    for answer in (browser.get(f"/t/{token}"), browser.get("/tickets/SUP-1")):
        assert answer.status_code == 410
        assert "Este link expirou" in words(answer.text)
        assert "Erro na nota" not in answer.text
        assert form_fields(answer.text) == {"token": token}
    posted = browser.post("/links/renew", data={"token": token})
    assert "Novo link a caminho" in words(posted.text)
    wait_until(lambda: two.house.outbox("N4"), what="the new link is in the outbox")
    assert [row.recipient for row in two.house.outbox("N4")] == [ANA[1]]
    fresh = two.house.token("SUP-1")
    assert fresh != token
    assert browser.get(f"/t/{fresh}").status_code == 303
    assert browser.get("/tickets/SUP-1").status_code == 200


def test_a_renewed_link_for_a_forged_token_says_the_same_and_mails_nothing(two: Portal) -> None:
    good = two.visit().post("/links/renew", data={"token": two.house.token("SUP-1")})
    wait_until(lambda: two.house.outbox("N4"), what="the new link is in the outbox")
    bad = two.visit().post("/links/renew", data={"token": "A" * 32})
    assert (bad.status_code, bad.text) == (good.status_code, good.text)
    assert bad.headers["connection"] == good.headers["connection"] == "close"
    assert len(two.house.outbox("N4")) == 1


def test_asking_by_address_and_number_tells_nothing(two: Portal) -> None:
    right = [{"address": "ana@cliente.test", "key": key} for key in ("SUP-1", "sup-1", " [SUP-1] ")]
    wrong = [
        {"address": "ana@cliente.test", "key": "SUP-2"}, {"address": "x@y.test", "key": "SUP-1"},
        {"address": "ana@cliente.test", "key": "SUP-999"}, {"address": "", "key": ""}, {},
    ]  # fmt: skip
    answers = [two.visit().post("/links", data=data) for data in (*wrong, *right)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert {answer.headers["connection"] for answer in answers} == {"close"}
    assert "Se os dados conferem" in words(answers[0].text)
    wait_until(lambda: len(two.house.outbox("N4")) == 3, what="three links are in the outbox")
    assert {row.recipient for row in two.house.outbox("N4")} == {ANA[1]}


def test_a_number_alone_is_enough(two: Portal) -> None:
    two.visit().post("/links", data={"address": "carmen@cliente.test", "key": "2"})
    wait_until(lambda: two.house.outbox("N4"), what="the link is in the outbox")


def test_guessing_is_slowed_down(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(PortalLimits(misses=(Rate(5, timedelta(hours=1)),)))
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.visit()
    assert [browser.get("/t/" + "A" * 32).status_code for _ in range(7)] == [404] * 5 + [429] * 2
    assert int(browser.get("/t/" + "A" * 32).headers["retry-after"]) == 3600
    assert browser.get(f"/t/{portal.house.token('SUP-1')}").status_code == 303, "a right link is no guess"
    asked = [browser.post("/links", data={"address": "a@b.test", "key": str(n)}).status_code for n in range(6)]
    assert asked == [200] * 5 + [429]
    portal.clock.advance(timedelta(hours=1))
    assert browser.get("/t/" + "A" * 32).status_code == 404


def test_looking_changes_nothing(two: Portal) -> None:
    browser = two.opened("SUP-1")
    page = browser.get("/tickets/SUP-1").text
    file = "/tickets/SUP-1/files/" + page.split("/tickets/SUP-1/files/")[1].split('"')[0]
    comment = "/tickets/SUP-1/comments/" + page.split("/tickets/SUP-1/comments/")[1].split('"')[0]
    paths = [
        "/", f"/t/{two.house.token('SUP-1')}", "/t/" + "A" * 32, "/tickets/SUP-1", "/tickets/SUP-1?all",
        "/tickets/SUP-2", file, comment, f"{comment}/original", "/links", "/links/renew", "/tickets/SUP-1/comments",
        "/healthz", "/nada",
        "/confirm/" + "A" * 32, "/robots.txt",
    ]  # fmt: skip
    before = two.state()
    for path, method in itertools.product(paths, ("GET", "HEAD", "OPTIONS")):
        answer = browser.request(method, path)
        assert answer.status_code in (200, 303, 404, 405), path
        assert method != "HEAD" or not answer.content
    assert two.state() == before


def test_who_left_opens_nothing_any_more(two: Portal) -> None:
    ana, bruno = two.opened("SUP-1"), two.opened("SUP-1", BRUNO[1])
    assert (ana.get("/tickets/SUP-1").status_code, bruno.get("/tickets/SUP-1").status_code) == (200, 200)
    site, ticket = two.house.site, two.house.ticket("SUP-1")
    site.writer.call(lambda c: people.put_agents(c, []))
    assert bruno.get("/tickets/SUP-1").status_code == 404
    site.writer.call(lambda c: people.change_contact(c, ticket.requester_id, active=False))
    assert ana.get("/tickets/SUP-1").status_code == 404
    assert two.visit().get(f"/t/{two.house.token('SUP-1')}").status_code == 404


def test_an_agents_link_shows_the_notes_and_writes_no_answer(two: Portal) -> None:
    bruno = two.opened("SUP-1", BRUNO[1])
    page = bruno.get("/tickets/SUP-1").text
    assert "não deve ler" in page
    assert 'value="send"' not in page
    assert bruno.post("/tickets/SUP-1/comments", data={"text": "oi"}).status_code == 403


def test_many_tickets_in_one_browser(portal: Portal) -> None:
    for n in range(3):
        portal.house.receive(plain_mail(ANA, SUPPORT, f"Assunto {n}", f"Texto {n}"))
    browser = portal.opened("SUP-1")
    for n in (2, 3):
        browser.get(f"/t/{portal.house.token(f'SUP-{n}')}")
    assert [browser.get(f"/tickets/SUP-{n}").status_code for n in (1, 2, 3)] == [200] * 3


def test_https_has_the_host_cookie(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(base_url="https://suporte.example.test")
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    answer = httpx.get(f"{portal.base}/t/{portal.house.token('SUP-1')}", headers={"Host": "suporte.example.test"})
    assert answer.headers["set-cookie"].startswith("__Host-mailgate=")
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_who_is_counted_behind_a_proxy(make_portal: Callable[..., Portal]) -> None:
    bounds = PortalLimits(misses=(Rate(1, timedelta(hours=1)),))
    far, near = make_portal(bounds), make_portal(bounds, proxies=("127.0.0.1", "10.0.0.1"))

    def miss(portal: Portal, forwarded: str) -> int:
        return portal.visit().get("/t/x", headers={"X-Forwarded-For": forwarded}).status_code

    assert [miss(far, one) for one in ("192.0.2.1", "192.0.2.2")] == [404, 429], "anybody can write that field"
    assert [miss(near, one) for one in ("192.0.2.1", "192.0.2.2, 10.0.0.1")] == [404, 404]
    assert miss(near, "198.51.100.9, 192.0.2.1") == 429, "what a client made up does not help it"
