"""What people do on a page or at a terminal, on both databases: the same line as a mail."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import cycle

import pytest

from mailgate.decide.ruling import Book
from mailgate.errors import DataError, NotAllowed
from mailgate.flows import customer
from store import links
from store.tables import ACCESS_LINK, TICKET
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail


@pytest.fixture
def opened(story: Story) -> Story:
    """Ana's ticket SUP-1."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    return story


def _on_page(story: Story, text: str, key: str = "SUP-1") -> customer.Done:
    ticket = story.ticket(key)
    return customer.comment(story.site, ticket.id, ticket.requester_id, text)


def test_an_answer_on_the_page_reopens_as_one_by_mail_does(opened: Story) -> None:
    customer.agent_action(opened.site, "SUP-1", BRUNO[1], "reply", text="Corrigido.", status="Resolvido")
    done = _on_page(opened, "Continua.")
    assert (done.status, opened.ticket("SUP-1").status) == ("reaberto", "reaberto")
    assert opened.told()[2:] == [("N10", ANA[1]), ("N11", ANA[1]), ("N19", BRUNO[1])]


def test_an_answer_on_the_page_of_a_closed_ticket_opens_a_linked_one(opened: Story) -> None:
    customer.agent_action(opened.site, "SUP-1", BRUNO[1], "set_status", status="fechado")
    done = _on_page(opened, "Voltou.")
    assert (done.key, opened.ticket("SUP-1").status) == ("SUP-2", "fechado")
    (second,) = opened.rows(TICKET, TICKET.c.key == "SUP-2")
    assert second.follow_up_of == opened.ticket("SUP-1").id


def test_a_contact_who_was_switched_off_writes_nothing(opened: Story) -> None:
    opened.switch_off(ANA[1])
    with pytest.raises(NotAllowed):
        _on_page(opened, "Oi")
    with opened.site.writer.database.read() as connection:
        assert customer.open_link(connection, opened.site, opened.token("SUP-1")) is None
    customer.agent_action(opened.site, "SUP-1", BRUNO[1], "reply", text="Corrigido.")
    assert opened.told("N5") == [], "nor is anything mailed to her"
    held = opened.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", "Oi"))
    assert (str(held.outcome), opened.journal(held.journal_id).reason) == ("held", "unknown_sender")


@pytest.mark.parametrize(
    ("key", "agent", "values", "error"),
    [
        ("SUP-9", BRUNO[1], {"text": "x"}, DataError),
        ("SUP-1", ANA[1], {"text": "x"}, NotAllowed),
        ("SUP-1", "suporte@example.test", {"text": "x"}, NotAllowed),
        ("SUP-1", BRUNO[1], {"text": "x", "status": "resovido"}, DataError),
        ("SUP-1", BRUNO[1], {"text": "x", "status": "reaberto"}, NotAllowed),
        ("SUP-1", BRUNO[1], {"assign_to": "quem@example.test"}, DataError),
    ],
    ids=["no ticket", "a customer", "not a person", "no such status", "no way there", "no such agent"],
)
def test_what_a_terminal_refuses_changes_nothing(
    opened: Story, key: str, agent: str, values: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        customer.agent_action(opened.site, key, agent, "reply", **values)  # type: ignore[arg-type]
    assert len(opened.comments("SUP-1")) == 1
    assert len(opened.told()) == 2


def test_a_ticket_for_a_customer_on_the_phone(story: Story) -> None:
    done = customer.open_ticket(story.site, "Helena@NOVA.test", "Helena", "Sem acesso", "Ligou.", BRUNO[1])
    ticket = story.ticket(done.key)
    assert (ticket.requester_address, ticket.agent_name) == ("Helena@nova.test", "Bruno")
    assert story.told() == [("N2", "Helena@nova.test")]


def test_a_new_link_goes_to_the_stored_address_of_who_may_see_the_ticket(opened: Story) -> None:
    """R052: whoever asks; the same on the screen."""
    before = opened.token("SUP-1")
    assert customer.send_link(opened.site, ANA[1], " sup-1 ")
    assert not customer.send_link(opened.site, CARMEN[1], "SUP-1")
    assert not customer.send_link(opened.site, ANA[1], "SUP-2")
    assert opened.told()[2:] == [("N4", ANA[1])]
    assert opened.token("SUP-1") != before


def test_a_link_to_a_closed_ticket_opens_it_too(opened: Story) -> None:
    customer.agent_action(opened.site, "SUP-1", BRUNO[1], "set_status", status="fechado")
    assert customer.send_link(opened.site, ANA[1], "SUP-1")
    row = opened.outbox("N4")[0]
    assert (row.ticket_id, json.loads(row.body)["key"]) == (opened.ticket("SUP-1").id, "SUP-1")
    sent = [m for m in opened.deliver() if m.id == row.id]
    assert f"/t/{opened.token('SUP-1')}".encode() in sent[0].raw.replace(b"=\r\n", b"")


def test_nobodys_mailbox_is_filled_with_links(opened: Story) -> None:
    assert [customer.send_link(opened.site, ANA[1], "SUP-1") for _ in range(5)] == [True] * 3 + [False] * 2


def test_links_live_thirty_days_after_the_last_word(opened: Story) -> None:
    token = opened.token("SUP-1")
    opened.later(days=29)
    _on_page(opened, "E então?")
    opened.later(days=29)
    with opened.site.writer.database.read() as connection:
        assert isinstance(customer.open_link(connection, opened.site, token), customer.Grant)
    opened.later(days=2)
    with opened.site.writer.database.read() as connection:
        assert isinstance(customer.open_link(connection, opened.site, token), customer.Expired)
    (link,) = [r for r in opened.rows(ACCESS_LINK) if r.contact_id]
    assert customer.renew_link(opened.site, link.id)


def test_a_revoked_link_opens_nothing_and_is_not_renewed(opened: Story) -> None:
    token = opened.token("SUP-1")
    (link,) = [r for r in opened.rows(ACCESS_LINK) if r.contact_id]
    opened.site.writer.call(lambda c: links.revoke(c, opened.ticket("SUP-1").id, opened.clock()))
    with opened.site.writer.database.read() as connection:
        assert customer.open_link(connection, opened.site, token) is None
    assert not customer.renew_link(opened.site, link.id)


def test_an_agent_who_left_opens_nothing_by_his_old_link(opened: Story) -> None:
    token = opened.token("SUP-1", BRUNO[1])
    opened.dismiss(BRUNO[1])
    with opened.site.writer.database.read() as connection:
        assert customer.open_link(connection, opened.site, token) is None


def test_one_version_of_the_rules_for_the_whole_of_one_mail(opened: Story) -> None:
    """K3: files reloaded in the middle of a mail are for the next one."""
    book = opened.site.book()
    other = Book(book.rules, replace(book.workflow, states={}, transitions=()))
    books = cycle([book, other])
    opened.site = replace(opened.site, book=lambda: next(books))
    assert opened.receive(plain_mail(ANA, SUPPORT, "Outra nota", "Erro 657.")).key == "SUP-2"
    next(books)
    assert opened.told()[2:] == [("N1", ANA[1]), ("N19", BRUNO[1])]
    assert _on_page(opened, "E o log.").status == "aberto"
