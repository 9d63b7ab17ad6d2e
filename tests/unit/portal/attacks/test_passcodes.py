"""Somebody signs up elsewhere with an address of ours that he reads by his ticket: he learns nothing (T9)."""

from __future__ import annotations

import json

import pytest

from store import tickets
from tests.house import ANA, BRUNO, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal

_SERVICE = ("Chatty", "no-reply@chatty.test")
_CODE, _SECRET = "MV6-Q9X", "abcdef0123456789"
_LINK = f"https://chatty.test/join?token={_SECRET}"
_TEXT = f"Your confirmation code is {_CODE}. Or open {_LINK} to join the workspace of Exemplo Sistemas."


@pytest.fixture
def tricked(portal: Portal) -> Portal:
    """Ana gave the reply address of her own ticket to a service, which writes to it."""
    house = portal.house
    house.receive(plain_mail(ANA, SUPPORT, "Não abre", "O sistema não abre."))
    address = json.loads(house.outbox("N1")[0].body)["reply_to"]
    html = f"<p>{_TEXT}</p><a href='{_LINK}'>Join</a>"
    house.receive(plain_mail(_SERVICE, address, f"Chatty confirmation code: {_CODE}", _TEXT, html=html), (address,))
    return portal


def _comments(portal: Portal) -> list[int]:
    with portal.house.site.writer.database.read() as connection:
        return [row.id for row in tickets.comments(connection, portal.house.ticket("SUP-1").id)]


@pytest.mark.parametrize("enter", ["opened", "signed_in"])
def test_a_code_of_another_service_is_not_read_by_a_ticket(tricked: Portal, enter: str) -> None:
    browser = tricked.opened("SUP-1") if enter == "opened" else tricked.signed_in()
    page = browser.get("/tickets/SUP-1").text
    assert "O sistema não abre." in page
    assert "de outro serviço foi ocultado" in page
    pages = [f"comments/{one}{way}" for one in _comments(tricked) for way in ("", "/original", "/raw")]
    pages += [f"?text={one}" for one in _comments(tricked)]
    for path in pages:
        body = browser.get(f"/tickets/SUP-1/{path}" if path[0] != "?" else f"/tickets/SUP-1{path}").text
        assert _CODE not in body, path
        assert _SECRET not in body, path


def test_an_agent_sees_it_and_is_warned(tricked: Portal) -> None:
    page = tricked.signed_in(BRUNO[1]).get("/tickets/SUP-1").text
    assert _CODE in page
    assert "não repasse" in page


def test_ones_own_words_are_ones_own(portal: Portal) -> None:
    """Who writes of codes himself reads what he wrote."""
    portal.house.receive(plain_mail(ANA, SUPPORT, "Código", "O código de verificação 482913 não funciona."))
    assert "482913" in portal.opened("SUP-1").get("/tickets/SUP-1").text


def test_what_an_address_that_nobody_reads_sends_need_not_speak_of_codes(tricked: Portal) -> None:
    """ "Sign in", and a button."""
    house = tricked.house
    address = json.loads(house.outbox("N1")[0].body)["reply_to"]
    html = f"<p>Chatty</p><a href='https://chatty.test/in/{_SECRET}'>Sign in</a>"
    house.receive(plain_mail(_SERVICE, address, "Chatty", "Chatty\n\nSign in", html=html), (address,))
    browser = tricked.signed_in()
    for one in _comments(tricked):
        for way in ("", f"/comments/{one}", f"/comments/{one}/original"):
            assert _SECRET not in browser.get(f"/tickets/SUP-1{way}").text, way
