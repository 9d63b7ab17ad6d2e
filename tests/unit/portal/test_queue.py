"""The agents' queue: who sees it, in what order, page by page, and the mails that are held."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from store import journal, queue, tickets
from store.queue import After
from store.tables import JOURNAL
from store.vocabulary import Outcome, Road
from tests.house import ANA, BRUNO, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, form_fields, words
from tests.unit.portal.test_agentacts import AGENTS, BIA


@pytest.fixture
def desk(make_portal: Any) -> Portal:
    portal: Portal = make_portal(agents=AGENTS, guests="held")
    return portal


def held_ids(portal: Portal) -> list[int]:
    with portal.house.site.writer.database.read() as connection:
        return [row.id for row in journal.held(connection)]


def hold(portal: Portal, text: str = "Quero falar.") -> int:
    portal.house.receive(plain_mail(("Zé", "ze@outra.test"), SUPPORT, "Estranho <b>", text))
    return held_ids(portal)[-1]


def _of(mail: int) -> Any:
    return JOURNAL.update().where(JOURNAL.c.id == mail)


def listed(page: str) -> list[str]:
    return re.findall(r'href="/tickets/(SUP-\d+)"', page)


def settle(browser: httpx.Client, mail: int, word: str) -> httpx.Response:
    token = form_fields(browser.get(f"/queue/held/{mail}").text)["token"]
    return browser.post(f"/queue/held/{mail}", data={"token": token, "do": word})


def open_tickets(portal: Portal, how_many: int) -> None:
    """Tickets SUP-1 … of Ana, each its own priority and due date, or none."""
    site = portal.house.site
    from store import people

    site.writer.call(lambda c: people.contact_for(c, site.ids.new(), ANA[1], ANA[0], None, site.clock()))
    for n in range(1, how_many + 1):
        portal.house.receive(plain_mail(ANA, SUPPORT, f"Assunto {n}", f"Texto {n}."))
        due = None if n % 3 == 0 else site.clock() + timedelta(hours=n - how_many // 2)
        values = {"priority": queue.PRIORITIES[n % 4], "due_at": due}
        ticket = portal.house.ticket(f"SUP-{n}")
        site.writer.call(lambda c, t=ticket, v=values: tickets.change(c, t.id, **v))


def test_only_agents_who_signed_in_have_a_queue(desk: Portal) -> None:
    open_tickets(desk, 1)
    assert desk.visit().get("/queue").headers["location"].startswith("/login?next=")
    assert desk.opened("SUP-1", BRUNO[1]).get("/queue").status_code == 303, "a link is no session"
    assert desk.signed_in().get("/queue").status_code == 404
    assert desk.signed_in(BRUNO[1]).get("/queue").status_code == 200
    assert desk.signed_in(BRUNO[1]).get("/queue?tab=x").status_code == 404


def test_who_has_nothing_sees_what_waits_for_somebody(desk: Portal) -> None:
    open_tickets(desk, 2)
    bruno = desk.signed_in(BRUNO[1])
    assert sorted(listed(bruno.get("/queue").text)) == ["SUP-1", "SUP-2"]
    desk.house.agent_answers("SUP-1", "#assumir")
    assert listed(bruno.get("/queue").text) == ["SUP-1"]


def test_the_most_urgent_first_then_the_due_date(desk: Portal) -> None:
    open_tickets(desk, 8)
    browser = desk.signed_in(BRUNO[1])
    page = browser.get("/queue?tab=unassigned").text
    assert listed(page) == ["SUP-4", "SUP-8", "SUP-1", "SUP-5", "SUP-2", "SUP-6", "SUP-7", "SUP-3"]
    assert "Atrasado" in words(page)
    assert listed(browser.get("/queue?tab=mine").text) == []
    assert "Nada com você" in words(browser.get("/queue?tab=mine").text)
    due = listed(browser.get("/queue?tab=due").text)
    assert due[0] == "SUP-1"
    assert {"SUP-3", "SUP-6"}.isdisjoint(due)


def test_pages_follow_each_other_without_gap_or_repeat(desk: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailgate.portal import queue as pages

    monkeypatch.setattr(pages, "_PAGE", 3)
    open_tickets(desk, 11)
    browser = desk.signed_in(BRUNO[1])
    for tab, many in (("unassigned", 11), ("due", None)):
        seen: list[str] = []
        path = f"/queue?tab={tab}"
        for _ in range(10):
            page = browser.get(path).text
            seen += listed(page)
            follows = re.search(r'rel="next" href="([^"]*)"', page)
            if follows is None:
                break
            path = follows[1].replace("&amp;", "&")
        assert len(seen) == len(set(seen))
        assert many is None or len(seen) == many
    for odd in (
        "x",
        "9.-.1",
        "0.20250101000000000000.99999999999999999999",
        "1.99999999999999999999.1",
        "²..3",
        "-1.-.0",
    ):
        assert browser.get(f"/queue?tab=unassigned&after={odd}").status_code == 200, odd


def test_the_next_page_begins_behind_the_ticket(desk: Portal) -> None:
    open_tickets(desk, 4)
    with desk.house.site.writer.database.read() as connection:
        until = desk.clock() + timedelta(days=1)
        rows = queue.page(connection, "unassigned", 0, until, 10)
        for place, row in enumerate(rows):
            after = After(queue.rank_of(row.priority), row.due_at, row.id)
            assert [r.key for r in queue.page(connection, "unassigned", 0, until, 10, after)] == [
                r.key for r in rows[place + 1 :]
            ]


def test_order_pages_counts_and_release_on_both_databases(make_portal: Any, house_url: str) -> None:
    portal: Portal = make_portal(url=house_url, agents=AGENTS)
    open_tickets(portal, 8)
    until = portal.clock() + timedelta(days=1)
    with portal.house.site.writer.database.read() as connection:
        rows = queue.page(connection, "unassigned", 0, until, 10)
        assert [row.key for row in rows[:3]] == ["SUP-4", "SUP-8", "SUP-1"]
        after = After(queue.rank_of(rows[2].priority), rows[2].due_at, rows[2].id)
        assert [r.id for r in queue.page(connection, "unassigned", 0, until, 10, after)] == [r.id for r in rows[3:]]
        counted = queue.counts(connection, 0, until)
    assert (counted["unassigned"], counted["held"]) == (8, 0)
    browser = portal.signed_in(BRUNO[1])
    form = {"token": form_fields(browser.get("/tickets/SUP-1").text)["token"], "do": "take"}
    assert browser.post("/tickets/SUP-1/orders", data=form).status_code == 303
    assert listed(browser.get("/queue").text) == ["SUP-1"]


def test_a_key_goes_to_its_ticket(desk: Portal) -> None:
    open_tickets(desk, 1)
    browser = desk.signed_in(BRUNO[1])
    for wanted in ("SUP-1", " sup-1 ", "[SUP-1]", "1"):
        assert browser.get("/queue", params={"key": wanted}).headers["location"] == "/tickets/SUP-1"
    unknown = browser.get("/queue", params={"key": "SUP-99'--"})
    assert unknown.headers["location"] == "/queue?done=no_ticket"


def test_a_held_mail_is_shown_as_text_and_released(desk: Portal) -> None:
    mail = hold(desk, "Quero <script>alert(1)</script> falar.\u202e")
    browser = desk.signed_in(BRUNO[1])
    page = browser.get("/queue?tab=held").text
    assert "Estranho &lt;b&gt;" in page
    assert "ze@outra.test" in page
    shown = browser.get(f"/queue/held/{mail}").text
    assert "Quero &lt;script&gt;alert(1)&lt;/script&gt; falar." in shown
    assert "\u202e" not in shown
    assert settle(browser, mail, "release").headers["location"] == "/queue?tab=held&done=release"
    desk.house.work()
    assert held_ids(desk) == []
    assert desk.house.ticket("SUP-1").subject == "Estranho <b>"
    again = browser.get(f"/queue/held/{mail}")
    assert again.status_code == 404


#: What is kept of each mail that is held, and what Bruno reads of it.
_DETAILS = {
    "the sender is not a known contact": ("o remetente não é um contato conhecido", "el remitente no es"),
    "From is one of our own addresses": ("o remetente é um endereço nosso", "es una dirección nuestra"),
    "the ticket changed since the notice that is answered": ("o ticket mudou depois do aviso", "el ticket cambió"),
    "the answer still holds a reply address of ours": (
        "a resposta ainda traz um endereço de resposta nosso", "trae una dirección de respuesta nuestra",
    ),
    "more than 2 comments on this ticket within 1440 minutes": ("mais de 2 comentários neste", "más de 2 comentarios"),
    "zq-regra: a palavra do administrador": ("zq-regra: a palavra do administrador", "zq-regra: a palavra"),
}  # fmt: skip


def test_why_a_mail_is_held_is_said_in_the_viewers_language(make_portal: Any) -> None:
    """Its numbers are carried along; the record and its JSON stay as they were written."""
    desk = make_portal(agents=AGENTS, guests="held", limits={"comments_per_ticket": 2})
    house = desk.house
    open_tickets(desk, 2)
    hold(desk)
    house.receive(plain_mail(("Nós", SUPPORT), SUPPORT, "Eco", "Somos nós."))
    copy = house.agents_copy("SUP-1")
    house.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Assunto 1", "Mais um dado."))
    for text in ("Instale a versão 8.2.", f"Escreva para {copy}, por favor."):
        mail = plain_mail(BRUNO, copy, "Re: [SUP-1]", text, verified=False)
        house.receive(mail, [copy], road=Road.SUBMISSION, auth_user=BRUNO[1])
    for number in range(3):
        house.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-2] Assunto 2", f"Detalhe {number}."))
    ruled, site = hold(desk, "Outra."), house.site
    detail = "zq-regra: a palavra do administrador"
    site.writer.call(lambda c: c.execute(_of(ruled).values(outcome="held", reason="rule", detail=detail)))
    with site.writer.database.read() as connection:
        kept = {row.detail: row.id for row in journal.held(connection)}
    assert set(kept) == set(_DETAILS)
    for number, language in enumerate(("pt-BR", "es")):
        browser = desk.signed_in(BRUNO[1], language)
        listing = browser.get("/queue?tab=held").text
        for detail, said in _DETAILS.items():
            assert said[number] in listing
            assert (detail in listing) == (detail in said)
            assert said[number] in browser.get(f"/queue/held/{kept[detail]}").text


def test_only_who_leads_drops(desk: Portal) -> None:
    mail = hold(desk)
    bruno = desk.signed_in(BRUNO[1])
    assert 'value="drop"' not in bruno.get(f"/queue/held/{mail}").text
    assert settle(bruno, mail, "drop").status_code == 403
    assert held_ids(desk) == [mail]
    bia = desk.signed_in(BIA[1])
    assert settle(bia, mail, "drop").status_code == 303
    assert held_ids(desk) == []
    with desk.house.site.writer.database.read() as connection:
        row = journal.by_id(connection, mail)
    assert row is not None
    assert (row.outcome, row.reason) == (Outcome.REJECTED, "dropped by a person")
    assert BIA[1] in row.detail


def test_two_people_settle_it_once_and_only_what_is_held(desk: Portal) -> None:
    mail = hold(desk)
    bia = desk.signed_in(BIA[1])
    token = form_fields(bia.get(f"/queue/held/{mail}").text)["token"]
    assert settle(desk.signed_in(BRUNO[1]), mail, "retry").headers["location"].endswith("done=retry")
    late = bia.post(f"/queue/held/{mail}", data={"token": token, "do": "drop"})
    assert late.headers["location"].endswith("done=gone")
    assert bia.post(f"/queue/held/{mail}", data={"token": token, "do": "explode"}).status_code == 400
    assert bia.post(f"/queue/held/{mail}", data={"do": "drop"}).status_code == 403
    assert bia.post("/queue/held/5", data={"token": token, "do": "drop"}).headers["location"].endswith("done=gone")
    assert desk.signed_in(BRUNO[1]).get("/queue/held/99999999999999999999").status_code == 404


def test_a_mail_that_broke_the_parser_is_not_parsed_here(desk: Portal) -> None:
    mail = hold(desk)
    site = desk.house.site
    site.writer.call(lambda c: c.execute(_of(mail).values(outcome="held", reason="poison")))
    page = desk.signed_in(BRUNO[1]).get(f"/queue/held/{mail}").text
    assert "não foi interpretado" in page
    assert "Authentication-Results:" in page


def test_held_mails_page_by_page(desk: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailgate.portal import queue as pages

    monkeypatch.setattr(pages, "_PAGE", 2)
    mails = [hold(desk, f"Texto {n}") for n in range(3)]
    browser = desk.signed_in(BRUNO[1])
    first = browser.get("/queue?tab=held").text
    follows = re.search(r'rel="next" href="([^"]*)"', first)
    assert follows is not None
    second = browser.get(follows[1].replace("&amp;", "&")).text
    for mail, page in zip(mails, (first, first, second), strict=True):
        assert f'href="/queue/held/{mail}"' in page
    assert browser.get(f"/queue?tab=held&after={'9' * 19}").status_code == 200
