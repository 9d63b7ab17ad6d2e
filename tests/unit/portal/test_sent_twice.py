"""A form that comes again, to another node or after a reply that was lost, is one that came."""

from __future__ import annotations

from typing import Any

import pytest

from mailgate.flows import tidying
from mailgate.portal.throttle import Once
from store.errors import StoreUnavailable
from store.tables import SEEN
from store.writer import Writer
from tests.house import ANA, BRUNO, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, form_fields
from tests.unit.portal.test_agentacts import fields as agents_fields
from tests.unit.portal.test_answers import comments
from tests.unit.portal.test_opening import contact, count, filled


@pytest.fixture
def another_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process remembers the other does not."""
    monkeypatch.setattr(Once, "take", lambda *_: True)


@pytest.mark.usefixtures("another_node")
def test_an_answer_of_a_customer_and_of_an_agent(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Não emite."))
    browser = portal.opened("SUP-1")
    form = {**form_fields(browser.get("/tickets/SUP-1").text), "text": "Uma vez só"}
    assert {browser.post("/tickets/SUP-1/comments", data=form).headers["location"] for _ in range(2)} == {
        "/tickets/SUP-1#last"
    }
    agent = portal.signed_in(BRUNO[1])
    answer = {**agents_fields(agent), "do": "send", "text": "Pronto, Ana."}
    assert [agent.post("/tickets/SUP-1/answer", data=answer).status_code for _ in range(2)] == [303, 303]
    assert comments(portal) == ["Não emite.", "Uma vez só", "Pronto, Ana."]
    assert len(portal.house.outbox("N5")) == 1


@pytest.mark.usefixtures("another_node")
def test_a_new_ticket(portal: Portal) -> None:
    contact(portal)
    browser = portal.signed_in()
    form = filled(browser)
    assert [browser.post("/new", data=form).status_code for _ in range(2)] == [303, 303]
    assert count(portal) == 1


def test_an_answer_whose_commit_was_not_heard_of(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection broke between the commit and its reply: the page says 503, and the person sends it again."""
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Não emite."))
    agent = portal.signed_in(BRUNO[1])
    answer = {**agents_fields(agent), "do": "send", "text": "Pronto, Ana."}
    real = Writer.call

    def unheard(writer: Writer, work: Any) -> Any:
        real(writer, work)
        monkeypatch.setattr(Writer, "call", real)
        raise StoreUnavailable("the connection broke")

    monkeypatch.setattr(Writer, "call", unheard)
    assert agent.post("/tickets/SUP-1/answer", data=answer).status_code == 503
    assert agent.post("/tickets/SUP-1/answer", data=answer).status_code == 303
    assert comments(portal) == ["Não emite.", "Pronto, Ana."]
    assert len(portal.house.outbox("N5")) == 1


def test_forms_are_forgotten(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Não emite."))
    browser = portal.opened("SUP-1")
    browser.post("/tickets/SUP-1/comments", data={**form_fields(browser.get("/tickets/SUP-1").text), "text": "Oi"})

    def marks() -> int:
        with portal.house.site.writer.database.read() as connection:
            return len(connection.execute(SEEN.select()).all())

    assert marks() == 2
    tidying.sweep(portal.house.site)
    assert marks() == 2
    portal.clock.now = portal.clock.now.replace(year=portal.clock.now.year + 1)
    tidying.sweep(portal.house.site)
    assert marks() == 1, "the mail's stays"
