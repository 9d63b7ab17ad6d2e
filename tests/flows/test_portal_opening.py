"""A ticket of the portal's form goes the line of a mail's: the same events, the same notices, nothing asked again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from mailgate.decide.decide import decide
from mailgate.decide.files import facts_of
from mailgate.errors import NotAllowed, TooMany
from mailgate.flows import opening, replaying
from mailgate.flows.customer import comment
from mailgate.flows.opening import OwnAddress, Wanted, open_as_guest, open_as_member, vouch
from mailgate.flows.recall import facts_of as facts_of_record
from mailgate.flows.rests import Rests
from mailgate.flows.world import World
from mailgate.i18n import Translations
from mailgate.mail.attachments import of_bytes
from mailgate.mail.limits import MailLimits
from mailgate.notify import explained
from mailgate.resources import data_folder
from store import happenings, people, tickets
from store.vocabulary import Channel
from tests.conftest import SettableClock
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, House, close_site, make_site, plain_mail, png

TEXT = "Não emite a nota; a tela mostra o erro 42."


@pytest.fixture
def make_house(tmp_path: Path, house_url: str, clock: SettableClock) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def create(**settings: Any) -> House:
        house = House(make_site(tmp_path, house_url, clock=clock, **settings))
        made.append(house)
        return house

    yield create
    for one in made:
        close_site(one.site)


def contact(house: House, address: str = ANA[1]) -> Any:
    with house.site.writer.database.read() as connection:
        return people.contact_by_address(connection, address)


def known(house: House, who: tuple[str, str] = ANA) -> int:
    """Ana is a contact."""
    found = house.site.writer.call(
        lambda c: people.contact_for(c, house.site.ids.new(), who[1], who[0], "pt-BR", house.site.clock())
    )
    return int(found.id)


def history(house: House, key: str) -> list[Any]:
    with house.site.writer.database.read() as connection:
        return list(tickets.events(connection, house.ticket(key).id))


def told(house: House, key: str) -> list[tuple[str, str]]:
    ticket = house.ticket(key)
    return sorted((row.notice, row.recipient) for row in house.outbox() if row.ticket_id == ticket.id)


def test_the_same_as_a_mail(make_house: Callable[..., House], clock: SettableClock) -> None:
    house = make_house()
    ana = known(house)
    house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", TEXT))
    clock.advance(timedelta(minutes=5))
    done = open_as_member(house.site, ana, Wanted("Erro na nota", TEXT, "suporte"))
    mailed, filed = house.ticket("SUP-1"), house.ticket(done.key)
    same = ("subject", "status", "category", "department", "topic", "priority", "requester_id", "verified", "version")
    assert [getattr(filed, name) for name in same] == [getattr(mailed, name) for name in same]
    assert filed.channel == Channel.PORTAL
    assert [(e.kind, e.role, e.actor) for e in history(house, done.key)] == [
        (e.kind, e.role, e.actor) for e in history(house, "SUP-1")
    ]
    assert told(house, done.key) == told(house, "SUP-1") == [("N1", ANA[1]), ("N19", BRUNO[1])]
    ack = next(row for row in house.outbox("N1") if row.ticket_id == filed.id)
    assert json.loads(ack.body)["key"] == done.key
    assert ack.verified
    assert house.token(done.key)


def test_what_the_form_answered_is_not_asked_again(make_house: Callable[..., House]) -> None:
    house = make_house(preset="totvs")
    ana = known(house)
    file = of_bytes(png(), "image/png", "tela.png", 1, False, None)
    house.site.blobs.put(file.content, file.sha256)
    fields = (("versao", "12.1.2410"), ("base", "SQL"), ("processo", TEXT))
    done = open_as_member(house.site, ana, Wanted("Erro", TEXT, "suporte", "suporte", fields), (file,))
    ticket = house.ticket(done.key)
    assert ticket.topic == "suporte"
    assert dict(ticket.fields) == dict(fields)
    agents = json.loads(house.outbox("N19")[-1].body)
    assert ["Base de dados", "SQL"] in [list(pair) for pair in agents["form"]]
    house.receive(plain_mail(ANA, SUPPORT, f"Re: Erro [{done.key}]", "Mais um detalhe: só na filial 2."))
    assert house.outbox("N8") == []
    assert facts_of([file])[0].name == "tela.png"


def test_a_topic_brings_its_priority_and_its_due_date(make_house: Callable[..., House]) -> None:
    house = make_house()
    ana = known(house)
    stopped = open_as_member(house.site, ana, Wanted("Parou", "Ninguém entra", "suporte", "parada_do_sistema"))
    question = open_as_member(house.site, ana, Wanted("Como faço", "…", "suporte", "duvida"))
    assert house.ticket(stopped.key).priority == "urgent"
    assert house.ticket(stopped.key).due_at < house.ticket(question.key).due_at


def network(house: House) -> tuple[int, int, int, int]:
    """Ana in the shop Centro of the network Farmácias; its other shop is Norte; Sul is a shop of somebody else."""
    site, now = house.site, house.site.clock()
    ids = [site.ids.new() for _ in range(5)]

    def work(connection: Any) -> None:
        for number, (name, domain, net) in enumerate(
            (("Farmácia Vida", "cliente.test", "vida"), ("Outra", "outra.test", "")), 3
        ):
            people.add_organisation(
                connection,
                {"id": ids[number], "name": name, "domains": [domain], "network": net, "created_at": now},
            )
        for number, (name, organisation) in enumerate((("Centro", ids[3]), ("Norte", ids[3]), ("Sul", ids[4]))):
            people.add_branch(
                connection,
                {"id": ids[number], "organisation_id": organisation, "name": name, "created_at": now},
            )

    site.writer.call(work)
    ana = known(house)
    site.writer.call(lambda c: people.change_contact(c, ana, branch_id=ids[0], organisation_id=ids[3]))
    return ana, ids[0], ids[1], ids[2]


def test_shared_with_chosen_shops_and_never_with_foreign_ones(make_house: Callable[..., House]) -> None:
    house = make_house(preset="zetti")
    ana, _, north, foreign = network(house)
    wanted = Wanted(
        "Caixa parado", TEXT, "pdv-orcamento", "suporte", visibility="branches", branch_ids=(north, foreign)
    )
    done = open_as_member(house.site, ana, wanted)
    with house.site.writer.database.read() as connection:
        shared = tickets.shared_branches(connection, [done.ticket_id])
    assert [branch for _, branch in shared] == [north]
    assert house.ticket(done.key).visibility == "branches"
    private = open_as_member(house.site, ana, Wanted("x", TEXT, "comercial", visibility="private"))
    assert house.ticket(private.key).visibility == "private"
    forged = open_as_member(house.site, ana, Wanted("x", TEXT, "comercial", visibility="organisation"))
    assert house.ticket(forged.key).visibility == ""
    only = open_as_member(house.site, ana, Wanted("x", TEXT, "comercial", visibility="branches", branch_ids=(foreign,)))
    assert house.ticket(only.key).visibility == ""


def test_a_colleague_follows_and_a_stranger_does_not(make_house: Callable[..., House]) -> None:
    house = make_house(preset="provedor")
    ana, *_ = network(house)
    carmen = known(house, CARMEN)
    house.site.writer.call(lambda c: people.change_contact(c, carmen, organisation_id=contact(house).organisation_id))
    followers = ((CARMEN[1], False), ("novo@cliente.test", True), ("eva@outra.test", True), (SUPPORT, True))
    done = open_as_member(house.site, ana, Wanted("x", TEXT, "suporte", followers=followers))
    with house.site.writer.database.read() as connection:
        found = {p.address: p.contributes for p in tickets.participants(connection, [done.ticket_id])}
    assert found == {CARMEN[1]: False, "novo@cliente.test": True}
    assert ("N15", CARMEN[1]) in told(house, done.key)


def test_a_guest_is_not_believed(make_house: Callable[..., House], clock: SettableClock) -> None:
    house = make_house()
    known(house)
    done = open_as_guest(
        house.site, "ANA@cliente.test", "Fulano de Tal", Wanted("Comprem já", "<b>spam</b>", "suporte")
    )
    ticket = house.ticket(done.key)
    assert (ticket.verified, ticket.requester_name) == (False, ANA[0])
    ack = house.outbox("N1")[-1]
    body = json.loads(ack.body)
    assert (ack.verified, body["verified"]) == (False, False)
    agents = json.loads(house.outbox("N19")[-1].body)
    assert agents["verified"] is False
    clock.advance(timedelta(minutes=1))
    house.receive(plain_mail(ANA, SUPPORT, f"Re: [{done.key}]", "Não fui eu."))
    assert house.ticket(done.key).verified, "whoever reads the address's mail answered"
    with house.site.writer.database.read() as connection:
        assert [c.verified for c in tickets.comments(connection, ticket.id)] == [False, True]


def test_a_guests_acknowledgement_says_nothing_that_he_typed(tmp_path: Path, clock: SettableClock) -> None:
    story = Story(make_site(tmp_path, clock=clock), clock=clock)
    wanted = Wanted("COMPREM AGORA", "visitem http://golpe.test", "suporte", phone="11912345678")
    open_as_guest(story.site, "vitima@longe.test", "Golpista da Silva", wanted)
    (mail,) = [one for one in story.deliver() if one.recipient == "vitima@longe.test"]
    close_site(story.site)
    shown = message_from_bytes(mail.raw, policy=default)
    said = " ".join(f"{part.get_content()}" for part in shown.walk() if part.get_content_maintype() == "text")
    said += " ".join(str(value) for value in shown.values())
    assert "SUP-1" in shown["Subject"]
    for typed in ("COMPREM", "golpe.test", "Golpista", "Silva", "11912345678"):
        assert typed not in said


def test_the_requester_vouches_and_nobody_else(make_house: Callable[..., House]) -> None:
    house = make_house()
    done = open_as_guest(house.site, ANA[1], ANA[0], Wanted("Dúvida", TEXT, "suporte"))
    carmen = known(house, CARMEN)
    with pytest.raises(NotAllowed):
        vouch(house.site, done.ticket_id, carmen)
    ana = contact(house)
    assert vouch(house.site, done.ticket_id, ana.id)
    assert not vouch(house.site, done.ticket_id, ana.id)
    assert house.ticket(done.key).verified
    with house.site.writer.database.read() as connection:
        assert all(c.verified for c in tickets.comments(connection, done.ticket_id))
    assert contact(house).verified_at is not None
    assert "vouched" in [e.kind for e in history(house, done.key)]


def test_two_hundred_guests_in_the_name_of_one_address(make_house: Callable[..., House], clock: SettableClock) -> None:
    house = make_house(limits={"tickets_per_sender": "20/h"})
    refused = 0
    for n in range(40):
        try:
            open_as_guest(house.site, ANA[1], "x", Wanted(f"spam {n}", "spam", "suporte"))
        except TooMany:
            refused += 1
        clock.advance(timedelta(seconds=1))
    assert refused == 20
    assert len(house.outbox("N1")) <= 5
    ana = contact(house).id
    assert open_as_member(house.site, ana, Wanted("De verdade", TEXT, "suporte")), "she is not locked out"


def test_who_may_not_open(make_house: Callable[..., House]) -> None:
    house = make_house(guests="held")
    wanted = Wanted("x", "y", "suporte")
    with pytest.raises(NotAllowed):
        open_as_guest(house.site, ANA[1], "", wanted)
    ana = known(house)
    house.site.writer.call(lambda c: people.change_contact(c, ana, may=["answer"]))
    with pytest.raises(NotAllowed):
        open_as_member(house.site, ana, wanted)
    house.site.writer.call(lambda c: people.change_contact(c, ana, may=None, active=False))
    with pytest.raises(NotAllowed):
        open_as_member(house.site, ana, wanted)
    for ours in (SUPPORT, "suporte+abc@example.test", BRUNO[1]):
        with pytest.raises(OwnAddress):
            open_as_guest(house.site, ours, "", wanted)
    assert opening.MOST_FOLLOWERS >= 1


def test_an_answer_on_the_page_of_the_link_proves_the_ticket_not_the_words(make_house: Callable[..., House]) -> None:
    house = make_house()
    done = open_as_guest(house.site, ANA[1], "x", Wanted("Dúvida", TEXT, "suporte"))
    comment(house.site, done.ticket_id, contact(house).id, "Não fui eu que escrevi isto.")
    assert house.ticket(done.key).verified
    with house.site.writer.database.read() as connection:
        assert [c.verified for c in tickets.comments(connection, done.ticket_id)] == [False, True]


def test_the_record_says_what_was_chosen_and_decides_the_same_again(make_house: Callable[..., House]) -> None:
    house = make_house(preset="zetti")
    ana, _, north, _ = network(house)
    known(house, CARMEN)
    fields = (("contato", "(11) 91234-5678"),)
    wanted = Wanted(
        "Caixa", TEXT, "pdv-orcamento", "suporte", fields, "branches", (north,), ((CARMEN[1], True),), language="es"
    )
    done = open_as_member(house.site, ana, wanted)
    with house.site.writer.database.read() as connection:
        record = json.loads(happenings.of_ticket(connection, done.ticket_id)[0].record)
    assert record["facts"]["action"]["filed"]["fields"] == [list(pair) for pair in fields]
    again = decide(facts_of_record(record), house.site.book())
    assert [type(a).__name__ for a in again.actions] == [a["action"] for a in record["decision"]["actions"]]
    speaker = Translations.load(data_folder("templates") / "translations").translator("pt-BR")
    lines = [line.text for line in explained._filed(record["facts"], speaker)]
    assert lines == [
        "  no formulário: tópico suporte; campos contato: (11) 91234-5678; visibilidade branches; arquivos –"
    ]


def test_a_replay_ends_where_the_tickets_are(make_house: Callable[..., House], clock: SettableClock) -> None:
    house = make_house(preset="zetti")
    ana, _, north, _ = network(house)
    began = house.site.clock() - timedelta(hours=1)
    wanted = Wanted("Caixa", TEXT, "pdv-orcamento", "suporte", visibility="branches", branch_ids=(north,))
    open_as_member(house.site, ana, wanted)
    done = open_as_guest(house.site, "x@longe.test", "x", Wanted("Oi", TEXT, "comercial"))
    clock.advance(timedelta(minutes=2))
    vouch(house.site, done.ticket_id, contact(house, "x@longe.test").id)
    clock.advance(timedelta(minutes=2))
    with house.site.writer.database.read() as connection:
        events = replaying.events_since(connection, house.site, began, MailLimits())
    world = World(house.site, began, frozenset(event.opened for event in events if event.opened), Rests())
    for event in events:
        world.take(event)
    assert len(world.tickets) == 2
    for one in world.tickets.values():
        row = house.ticket(one.key)
        same = ("status", "department", "topic", "verified", "visibility", "due_at", "version")
        assert [getattr(one, name) for name in same] == [getattr(row, name) for name in same], one.key
