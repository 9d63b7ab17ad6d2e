"""A record says enough to decide again, and a period can be gone through once more under other rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mailgate.decide.decide import decide
from mailgate.decide.ruling import Book
from mailgate.flows import customer, duedates, hooks, replaying, timers
from mailgate.flows.record import decision_json
from mailgate.flows.rests import Rests
from mailgate.flows.site import Site
from mailgate.flows.world import World
from mailgate.mail.limits import MailLimits
from mailgate.rules.book import RuleBook, RulesFile
from mailgate.yamlfile import parse, validate
from store import tickets
from store.tables import EVENT, JOURNAL, WEBHOOK
from tests.house import ANA, BRUNO, CARMEN, House, close_site, make_site, plain_mail

START = datetime.fromisoformat("2025-11-05T13:20:00+00:00")


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def on(self, **length: float) -> None:
        self.at += timedelta(**length)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    site = make_site(tmp_path, clock=clock)
    yield House(site)
    close_site(site)


def with_rules(site: Site, text: str) -> Site:
    """The site with these rules after those of the preset."""
    file, mistakes = validate(parse("rules:\n" + text, "rules.yaml"), RulesFile)
    assert file is not None, mistakes
    book = site.book()
    more = replace(book, rules=RuleBook((*book.rules.rules, *RuleBook.of(file).rules)))
    return replace(site, book=lambda: more)


def told(house: House, clock: Clock) -> list[replaying.Event]:
    """A few days of Ana's, Carmen's and Bruno's."""
    site = house.site
    house.receive(plain_mail(ANA, "suporte@example.test", "URGENTE: nota não sai", "Não sai."))
    clock.on(hours=1)
    house.receive(plain_mail(CARMEN, "suporte@example.test", "Una duda", "¿Cómo?", verified=False))
    house.receive(plain_mail(("", "eva@mal.test"), "suporte@example.test", "[SUP-1] oi", "x", verified=False))
    clock.on(hours=2)
    house.agent_answers("SUP-1", "#resolvido\nFeito.")
    clock.on(hours=2)
    house.receive(plain_mail(ANA, "suporte@example.test", "Re: URGENTE: nota não sai [SUP-1]", "Ainda não."))
    clock.on(days=1)
    customer.agent_action(site, "SUP-2", BRUNO[1], "reply", text="Así.", status="resolvido")
    for _ in range(8):
        clock.on(days=1)
        timers.sweep(site, "test")
    with site.writer.database.read() as connection:
        return replaying.events_since(connection, site, START - timedelta(hours=1), MailLimits())


def test_decided_again_from_the_stored_facts_it_is_the_same_byte_for_byte(house: House, clock: Clock) -> None:
    told(house, clock)
    seen = 0
    with house.site.writer.database.read() as connection:
        for row in connection.execute(select(JOURNAL)):
            facts = replaying.recalled(connection, house.site, row, MailLimits())
            assert facts is not None
            again = decision_json(decide(facts, house.site.book()))
            assert f'"decision":{again},"notices":' in row.record
            seen += 1
    assert seen == 5


def test_the_same_rules_make_no_difference_and_end_where_the_tickets_are(house: House, clock: Clock) -> None:
    events = told(house, clock)
    found = replaying.replay(events, house.site, house.site, START - timedelta(hours=1), clock.at)
    assert (found.mails, found.empty) == (5, True)
    world = World(house.site, START - timedelta(hours=1), frozenset(e.opened for e in events if e.opened), Rests())
    for event in events:
        world.take(event)
    world.until(clock.at)
    for ticket in world.tickets.values():
        row = house.ticket(ticket.key)
        mine = (ticket.status, ticket.department, ticket.priority, ticket.agent_id, ticket.due_at, ticket.version)
        assert mine == (row.status, row.department, row.priority, row.agent_id, row.due_at, row.version)
        assert (ticket.last_customer_at, ticket.last_agent_at) == (row.last_customer_at, row.last_agent_at)


def test_other_rules_and_what_they_would_have_made_of_it(house: House, clock: Clock) -> None:
    events = told(house, clock)
    other = with_rules(
        house.site,
        """
- {name: urgente, when: ticket_opened, if: {subject: {contains: urgente}}, then: {priority: high, due: 4h}}
- {name: eva, when: message_received, if: {sender: eva@mal.test}, then: {hold: spam}}
""",
    )
    found = replaying.replay(events, house.site, other, START - timedelta(hours=1), clock.at)
    changes = {(d.subject, d.what): (d.old, d.new) for d in found.tickets}
    assert changes["SUP-1", "priority"] == ("normal", "high")
    assert ("SUP-1", "due") in changes
    assert [(d.old, d.new) for d in found.outcomes] == [("opened", "held (rule)")]
    assert [(t.key, t.notice, n) for t, n in found.more] == [("SUP-1", "N19", 1)], "the earlier due date is spoken of"
    assert {t.notice for t, _ in found.fewer} == {"N1", "N19"}


def test_what_a_world_never_opened_gets_a_ticket_of_its_own(house: House, clock: Clock) -> None:
    """Held under the other rules, the first mail opens nothing; the second one, which answers it, does."""
    events = told(house, clock)
    other = with_rules(
        house.site, "- {name: h, when: message_received, if: {subject: {matches: ^URGENTE}}, then: {hold: x}}\n"
    )
    found = replaying.replay(events, house.site, other, START - timedelta(hours=1), clock.at)
    assert ("SUP-1", "ticket") in {(d.subject, d.what) for d in found.tickets}


def test_due_dates_are_spoken_of_once_each(house: House, clock: Clock) -> None:
    site = with_rules(
        house.site,
        """
- {name: prazo, when: ticket_opened, then: {due: 2026-01-05}}
- {name: perto, when: due_soon, then: {notify: agents, tags: perto}}
- {name: passou, when: overdue, then: {tags: passou, priority: urgent}}
""",
    )
    house = House(site)
    house.receive(plain_mail(ANA, "suporte@example.test", "Nota", "x"))
    due_at = house.ticket("SUP-1").due_at
    assert due_at == datetime.fromisoformat("2026-01-05T21:00:00+00:00")  # 18h in São Paulo
    assert duedates.sweep(site) == 0
    clock.at = due_at - timedelta(hours=1)
    assert [duedates.sweep(site), duedates.sweep(site)] == [1, 0]
    clock.at = due_at + timedelta(minutes=1)
    assert [duedates.sweep(site), duedates.sweep(site)] == [1, 0]
    assert (house.ticket("SUP-1").tags, house.ticket("SUP-1").priority) == (["perto", "passou"], "urgent")
    assert "due_soon" in [json.loads(row.body)["event"] for row in house.outbox("N19")]


def test_a_webhook_is_signed_sent_after_the_commit_and_tried_again(house: House, clock: Clock) -> None:
    site = with_rules(house.site, "- {name: w, when: ticket_opened, then: {webhook: erp}}\n")
    House(site).receive(plain_mail(ANA, "suporte@example.test", "Nota", "x"))
    hook = hooks.Hook("https://erp.example.test/hook", b"secret")
    sent: list[tuple[dict[str, str], bytes]] = []

    def far_end(answers: list[int]) -> hooks.Post:
        def send(_hook: hooks.Hook, headers: dict[str, str], body: bytes) -> int:
            sent.append((headers, body))
            return answers.pop(0)

        return send

    assert hooks.sweep(site, {"erp": hook}, "t", send=far_end([503])) == 0
    assert hooks.sweep(site, {"erp": hook}, "t", send=far_end([])) == 0  # not yet
    clock.on(minutes=1)
    assert hooks.sweep(site, {"erp": hook}, "t", send=far_end([204])) == 1
    (first, body), (second, _) = sent
    assert first["webhook-id"] == second["webhook-id"]
    stamp = int(second["webhook-timestamp"])
    assert second["webhook-signature"] == hooks.sign(b"secret", second["webhook-id"], stamp, body)
    assert json.loads(body)["data"]["ticket"]["key"] == "SUP-1"
    with site.writer.database.read() as connection:
        assert [(r.state, r.attempts) for r in connection.execute(select(WEBHOOK))] == [("accepted", 2)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/notificação?situação=já", "https://a..b.test/hook"])
def test_a_webhook_with_an_odd_address_stops_no_other(house: House, url: str) -> None:
    """An accent, or a host that is no name: the sweep ended at it, each time, and no other call was ever made."""
    site = with_rules(house.site, "- {name: w, when: ticket_opened, then: {webhook: erp}}\n")
    House(site).receive(plain_mail(ANA, "suporte@example.test", "Nota", "x"))
    assert hooks.sweep(site, {"erp": hooks.Hook(url, b"secret")}, "t") == 0
    with site.writer.database.read() as connection:
        (row,) = connection.execute(select(WEBHOOK))
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.answer.startswith(("ConnectionRefusedError", "UnicodeError", "gaierror"))


@pytest.mark.parametrize(("answer", "state"), [(302, "failed"), (410, "failed"), (429, "waiting")])
def test_a_redirect_is_not_followed_and_a_refusal_ends_it(house: House, answer: int, state: str) -> None:
    site = with_rules(house.site, "- {name: w, when: ticket_opened, then: {webhook: erp}}\n")
    House(site).receive(plain_mail(ANA, "suporte@example.test", "Nota", "x"))
    hook = hooks.Hook("https://erp.example.test/hook", b"secret")
    hooks.sweep(site, {"erp": hook}, "t", send=lambda *_: answer)
    with site.writer.database.read() as connection:
        assert [r.state for r in connection.execute(select(WEBHOOK))] == [state]


def test_a_web_form_speaks_for_the_person_in_reply_to_who_is_not_proven(house: House) -> None:
    site = with_rules(
        house.site,
        "- {name: form, when: message_received, if: {sender: form@site.test}, then: {requester: reply_to}}\n",
    )
    house = House(site)
    raw = plain_mail(("Site", "form@site.test"), "suporte@example.test", "Contato", "Olá")
    house.receive(raw.replace(b"Subject:", b"Reply-To: Ana <ana@cliente.test>\r\nSubject:", 1))
    ticket = house.ticket("SUP-1")
    assert (ticket.requester_address, ticket.verified) == (ANA[1], False)
    assert [r.recipient for r in house.outbox("N1")] == [ANA[1]]
    house.receive(
        raw.replace(b"Subject:", b"Reply-To: bruno@example.test\r\nSubject:", 1).replace(b"ID: <", b"ID: <2", 1)
    )
    assert house.ticket("SUP-2").requester_address == "form@site.test"


def test_draws_take_turns(tmp_path: Path) -> None:
    people = [{"name": n, "address": f"{n.lower()}@example.test", "departments": ["suporte"]} for n in ("Ada", "Bea")]
    site = make_site(tmp_path, agents=people)
    try:
        house = House(with_rules(site, "- {name: d, when: ticket_opened, then: {agent: round_robin}}\n"))
        for number in range(4):
            house.receive(plain_mail(ANA, "suporte@example.test", f"Nota {number}", "x"))
        assert [house.ticket(f"SUP-{n}").agent_name for n in range(1, 5)] == ["Ada", "Bea", "Ada", "Bea"]
    finally:
        close_site(site)


def test_rules_that_chase_each_other_end_and_the_history_says_so(house: House) -> None:
    site = with_rules(
        house.site,
        """
- {name: a, when: ticket_opened, then: {set_status: com_cliente}}
- {name: c, when: status_changed, if: {status: aberto}, then: {set_status: com_cliente, stop: yes}}
- {name: b, when: status_changed, if: {status: com_cliente}, then: {set_status: aberto}}
""",
    )
    House(site).receive(plain_mail(ANA, "suporte@example.test", "Nota", "x"))
    with site.writer.database.read() as connection:
        ticket = tickets.by_key(connection, "SUP-1")
        assert ticket is not None
        skipped = [e.data["why"] for e in connection.execute(select(EVENT)) if e.kind == "rule_skipped"]
    assert any("times in a row" in why for why in skipped)


def test_a_strangers_header_moves_nothing(house: House) -> None:
    rule = "- {name: p, when: ticket_opened, if: {header: {name: X-Priority}}, then: {priority: urgent, tags: p}}\n"
    house = House(with_rules(house.site, rule))
    for sender, proven in ((ANA, True), (CARMEN, False)):
        raw = plain_mail(sender, "suporte@example.test", f"Nota {sender[0]}", "x", verified=proven)
        house.receive(raw.replace(b"Subject:", b"X-Priority: 1\r\nSubject:", 1))
    assert [(house.ticket(k).priority, house.ticket(k).tags) for k in ("SUP-1", "SUP-2")] == [
        ("urgent", ["p"]), ("normal", ["p"]),
    ]  # fmt: skip


def test_a_book_without_a_calendar_is_always_open(house: House) -> None:
    book = house.site.book()
    plain = Book(book.rules, book.workflow)
    assert plain.clock.due(START, "4h") == START + timedelta(hours=4)
