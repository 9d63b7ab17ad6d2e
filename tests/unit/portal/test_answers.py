"""The answer posted from the page: stored, told, and only from our own page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import httpx
import pytest

from mailgate.portal import views
from mailgate.portal.limits import PortalLimits
from mailgate.yamltypes import Rate
from store import tickets
from tests.house import ANA, SUPPORT, plain_mail, png
from tests.unit.portal.conftest import Portal, form_fields, words


@pytest.fixture
def solved(portal: Portal) -> Portal:
    """SUP-1 of Ana, which Bruno has resolved."""
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Não emite."))
    portal.clock.advance(timedelta(minutes=5))
    portal.house.agent_answers("SUP-1", "Pronto, Ana.\n\n#resolvido")
    portal.clock.advance(timedelta(minutes=5))
    return portal


def comments(portal: Portal, key: str = "SUP-1") -> list[str]:
    with portal.house.site.writer.database.read() as connection:
        return [row.reply for row in tickets.comments(connection, portal.house.ticket(key).id)]


def fields(browser: httpx.Client, key: str = "SUP-1") -> dict[str, str]:
    return form_fields(browser.get(f"/tickets/{key}").text)


def test_an_answer_on_the_page_reopens_and_is_told(solved: Portal) -> None:
    browser = solved.opened("SUP-1")
    page = words(browser.get("/tickets/SUP-1").text)
    assert "Resolvido" in page
    assert "Bruno assumiu o ticket" in page
    assert "Status alterado de “Aberto” para “Resolvido”" in page
    told = len(solved.house.outbox("N19"))
    answer = browser.post(
        "/tickets/SUP-1/comments",
        data={**fields(browser), "text": "Ainda não funciona.\r\nVeja a tela."},
        files=[("files", ("tela.png", png(), "image/png")), ("files", ("../../etc/pass\u202ewd", b"x", "text/html"))],
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/tickets/SUP-1#last")
    shown = browser.get("/tickets/SUP-1").text
    assert "Ainda não funciona.<br>\nVeja a tela." in shown
    assert "Reaberto" in words(shown)
    assert "pelo link do e-mail" in words(shown)
    assert comments(solved)[-1] == "Ainda não funciona.\nVeja a tela."
    assert len(solved.house.outbox("N19")) + len(solved.house.outbox("N11")) > told
    with solved.house.site.writer.database.read() as connection:
        ticket = solved.house.ticket("SUP-1")
        last = tickets.comments(connection, ticket.id)[-1]
        files = tickets.attachments(connection, [last.id])
    assert [(f.filename, f.content_type) for f in files] == [("tela.png", "image/png"), ("passwd", "text/html")]
    assert solved.house.site.blobs.get(files[0].sha256) == png()


def test_an_image_alone_is_an_answer_and_nothing_is_none(solved: Portal) -> None:
    browser = solved.opened("SUP-1")
    empty = browser.post("/tickets/SUP-1/comments", data={**fields(browser), "text": "  \r\n "})
    assert empty.status_code == 422
    assert "Escreva uma mensagem" in words(empty.text)
    long = browser.post("/tickets/SUP-1/comments", data={**fields(browser), "text": "linha <b>\n" * 11_000})
    assert long.status_code == 422
    assert "linha &lt;b&gt;" in long.text, "what was written is not lost"
    done = browser.post("/tickets/SUP-1/comments", data=fields(browser), files={"files": ("t.png", png(), "image/png")})
    assert done.status_code == 303
    assert len(comments(solved)) == 3


def test_a_double_click_says_it_once(solved: Portal) -> None:
    browser = solved.opened("SUP-1")
    form = {**fields(browser), "text": "Uma vez só"}
    answers = [browser.post("/tickets/SUP-1/comments", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert comments(solved).count("Uma vez só") == 1


def test_another_sites_form_is_refused(solved: Portal) -> None:
    browser = solved.opened("SUP-1")
    form = {**fields(browser), "text": "De outro lugar"}
    before = solved.state()
    for headers in (
        {"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ):  # fmt: skip
        answer = browser.post("/tickets/SUP-1/comments", data=form, headers=headers)
        assert answer.status_code == 403, headers
    for wrong in ({}, {"token": ""}, {"token": "0" * 32}, {"token": "é"}):
        assert browser.post("/tickets/SUP-1/comments", data={"text": "x", **wrong}).status_code == 403
    stranger = solved.visit()
    assert stranger.post("/tickets/SUP-1/comments", data=form).status_code == 404
    other = solved.opened("SUP-1")  # the same link in another browser: its token is another
    assert other.post("/tickets/SUP-1/comments", data=form).status_code == 403
    assert solved.state() == before
    own = {"Origin": solved.base, "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/tickets/SUP-1/comments", data=form, headers=own).status_code == 303


def test_links_are_not_asked_for_from_another_site(solved: Portal) -> None:
    data = {"address": ANA[1], "key": "SUP-1"}
    for path in ("/links", "/links/renew", "/confirm/" + "A" * 32):
        answer = solved.visit().post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
    assert solved.house.outbox("N4") == []


def test_an_answer_to_a_closed_ticket_opens_another_that_the_browser_may_see(solved: Portal) -> None:
    solved.house.agent_answers("SUP-1", "Encerrando.\n\n#fechado")
    browser = solved.opened("SUP-1")
    assert "abrimos um novo" in words(browser.get("/tickets/SUP-1").text)
    answer = browser.post("/tickets/SUP-1/comments", data={**fields(browser), "text": "Voltou a acontecer"})
    assert answer.headers["location"] == "/tickets/SUP-2#last"
    assert "Voltou a acontecer" in browser.get("/tickets/SUP-2").text
    assert solved.house.ticket("SUP-2").follow_up_of == solved.house.ticket("SUP-1").id


def test_too_large_is_refused_with_a_page(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(PortalLimits(body_bytes=200_000, parts=3))
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    form = fields(browser)

    def post(*sizes: int) -> httpx.Response:
        files = [("files", (f"{n}.bin", b"x" * size, "application/zip")) for n, size in enumerate(sizes)]
        return browser.post("/tickets/SUP-1/comments", data=form, files=files)

    big = post(300_000)
    assert big.status_code == 413
    assert "grandes demais" in words(big.text)

    def chunks() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.bin"\r\n\r\n'
        yield from (b"x" * 50_000 for _ in range(6))
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    dribbled = browser.post("/tickets/SUP-1/comments", content=chunks(), headers=headers)  # type: ignore[arg-type]
    assert dribbled.status_code == 413
    assert post(10, 10, 10, 10).status_code == 400
    assert post(10, 10).status_code == 303


def test_many_comments_a_day_are_enough(make_portal: Callable[..., Portal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "SHOWN_AT_FIRST", 3)
    portal = make_portal(limits={"comments_per_ticket": 3})
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    for n in range(2):
        portal.clock.advance(timedelta(minutes=1))
        answer = browser.post("/tickets/SUP-1/comments", data={**fields(browser), "text": f"nota {n}"})
        assert answer.status_code == 303, n
    refused = browser.post("/tickets/SUP-1/comments", data={**fields(browser), "text": "mais uma"})
    assert refused.status_code == 429
    assert "mais uma" in refused.text
    assert browser.get("/tickets/SUP-1").text.count("<article") == 3
    portal.clock.advance(timedelta(days=1))
    browser.post("/tickets/SUP-1/comments", data={**fields(browser), "text": "outro dia"})
    shorter = browser.get("/tickets/SUP-1").text
    assert shorter.count("<article") == 3
    assert "Mostrar mais 1" in shorter
    assert browser.get("/tickets/SUP-1?all").text.count("<article") == 4


def test_on_both_databases(make_portal: Callable[..., Portal], engine_url: str) -> None:
    portal = make_portal(url=engine_url)
    image = ("files", ("tela.png", png(), "image/png"))
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    done = browser.post("/tickets/SUP-1/comments", data={**fields(browser), "text": "Segue"}, files=[image])
    assert done.status_code == 303
    page = browser.get("/tickets/SUP-1").text
    assert "Segue" in page
    url = re.findall(r'src="(/tickets/SUP-1/files/[^"]+)"', page)[0]
    assert browser.get(url).content == png()
    assert browser.get("/tickets/SUP-1/files/99999999999999999999").status_code == 404


def test_one_link_asks_so_often_and_no_more(make_portal: Callable[..., Portal]) -> None:
    rate = (Rate(3, timedelta(minutes=1)),)
    portal = make_portal(PortalLimits(requests_per_token=rate, requests_per_ip=(Rate(12, timedelta(minutes=1)),)))
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    answers = [browser.get("/tickets/SUP-1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) <= 60
    assert "Um momento" in words(answers[-1].text)
    assert [portal.visit().get("/").status_code for _ in range(8)] == [200] * 7 + [429]
    assert portal.visit().get("/healthz").status_code == 200
    portal.clock.advance(timedelta(minutes=1))
    assert browser.get("/tickets/SUP-1").status_code == 200


def test_a_page_holds_so_many_letters_and_older_ones_are_a_page_further(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred mails of two megabytes, a day's worth, made each look at their ticket take a gigabyte and more."""
    monkeypatch.setattr(views, "_LETTERS_AT_FIRST", 1_000)
    monkeypatch.setattr(views, "_MOST_LETTERS", 3_000)
    for number in range(6):
        text = f"zq{number}zq " + "palavra " * 50
        portal.house.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Estoque" if number else "Estoque", text))
        portal.clock.advance(timedelta(minutes=1))
    browser = portal.opened("SUP-1")
    pages = ["/tickets/SUP-1", "/tickets/SUP-1?all"]
    seen = [re.findall("zq([0-9])zq", browser.get(page).text) for page in pages]
    assert seen == [["4", "5"], ["2", "3", "4", "5"]]
    [further] = re.findall(r'href="(\?all&amp;before=[0-9]+)"', browser.get(pages[1]).text)
    rest = browser.get(f"/tickets/SUP-1{unescape(further)}").text
    assert re.findall("zq([0-9])zq", rest) == ["0", "1"]
    assert 'class="older"' not in rest
    assert browser.get("/tickets/SUP-1?all&before=12345").text.count("<article") == 4
