"""A replay knows what the gateway knows: each story is lived, and then gone through again, and comes out the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailgate.flows import duedates, replaying
from mailgate.flows.world import World
from mailgate.mail.limits import MailLimits
from store import people
from store.tables import TICKET
from tests.flows.story import Story
from tests.flows.test_bounces import report
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

_BEFORE = timedelta(minutes=1)


def lives(story: Story, **length: float) -> None:
    """Time passes, an hour at a time, with the sweeps of it."""
    until = story.clock.now + timedelta(**length)
    while story.clock.now < until:
        story.clock.now = min(until, story.clock.now + timedelta(hours=1))
        story.sweep()
        duedates.sweep(story.site)


def again(story: Story, since: datetime) -> World:
    """The period once more: the same books differ in nothing, and the world ends where the tickets are."""
    with story.site.writer.database.read() as connection:
        events = replaying.events_since(connection, story.site, since, MailLimits())
        rests = replaying.rests_since(connection, since)
    found = replaying.replay(events, story.site, story.site, since, story.clock.now, rests=rests)
    assert found.empty
    world = World(story.site.pinned(), since, frozenset(e.opened for e in events if e.opened), rests)
    for event in events:
        world.take(event)
    world.until(story.clock.now)
    rows = {row.key: row for row in story.rows(TICKET)}
    for ticket in world.tickets.values():
        row = rows[ticket.key]
        mine = (ticket.status, ticket.agent_id, ticket.due_at, ticket.version, ticket.tags, ticket.joined_into)
        assert mine == (row.status, row.agent_id, row.due_at, row.version, tuple(row.tags), row.joined_into), ticket.key
    keys = {row.id: row.key for row in rows.values()}
    told = Counter(
        (keys.get(row.ticket_id, ""), row.notice, row.recipient) for row in story.outbox() if row.created_at >= since
    )
    assert Counter({(t.key, t.notice, t.to): n for t, n in world.told.items()}) == told
    return world


@pytest.mark.parametrize("begin", [-1, 60, 110])
def test_reminders_go_on_counting(make_story: Callable[..., Story], begin: int) -> None:
    """begin: hours after the answer; by then none, one, or both of the two reminders have gone out."""
    story = make_story(preset="provedor")
    story.receive(plain_mail(ANA, SUPPORT, "E-mail", "Não recebo."))
    lives(story, hours=1)
    story.agent_answers("SUP-1", "Tente agora.")
    answered = story.clock.now
    lives(story, hours=150)
    assert len(story.told("N8")) == 2
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] E-mail", "Agora sim."))
    lives(story, hours=1)
    story.agent_answers("SUP-1", "Conseguiu?")
    lives(story, hours=50)
    assert len(story.told("N8")) == 3
    again(story, answered + timedelta(hours=begin) - _BEFORE)


def test_an_answer_moves_the_next_look(make_story: Callable[..., Story], tmp_path: Path) -> None:
    (tmp_path / "sla.yaml").write_text("targets: [{first_check: 4h, next_check: 2bd}]\n")
    story = make_story()
    since = story.clock.now - _BEFORE
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    first = story.ticket("SUP-1").due_at
    story.agent_answers("SUP-1", "Estou olhando.")
    assert story.ticket("SUP-1").due_at > first
    lives(story, days=1)
    story.agent_answers("SUP-1", "#prazo 20/11/2025\nSegue.")
    lives(story, days=1)
    story.agent_answers("SUP-1", "#com-cliente\nE agora?")
    lives(story, hours=3)
    again(story, since)


def test_due_dates_are_spoken_of_in_quiet_weeks_too(make_story: Callable[..., Story]) -> None:
    story = make_story(preset="totvs")
    since = story.clock.now - _BEFORE
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.agent_answers("SUP-1", "#aberto\n#prazo 10/11/2025\nVejo na segunda.")
    lives(story, days=9)
    told = [notice for notice, to in story.told("N19") if to == BRUNO[1]]
    assert len(told) == 3, "opened, near, past"
    again(story, since)


@pytest.mark.parametrize("begin", ["before all", "after the joining"])
def test_joined_tickets_stay_joined(make_story: Callable[..., Story], begin: str) -> None:
    story = make_story(preset="totvs")
    since = story.clock.now - _BEFORE
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.later(minutes=5)
    story.receive(plain_mail(ANA, SUPPORT, "Nota de novo", "Ainda o 656."))
    story.later(minutes=5)
    story.agent_answers("SUP-2", "#juntar SUP-1")
    assert story.ticket("SUP-2").joined_into == story.ticket("SUP-1").id
    if begin == "after the joining":
        since = story.clock.now + _BEFORE
    lives(story, hours=2)
    settled = story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-2] Nota de novo", "Segue o log."))
    assert settled.key == "SUP-1"
    lives(story, hours=2)
    story.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    lives(story, days=6)
    world = again(story, since)
    assert {t.key for t in world.tickets.values()} == ({"SUP-1", "SUP-2"} if begin == "before all" else {"SUP-1"})


def test_a_blocked_sender_stays_blocked_until_a_person_says_otherwise(make_story: Callable[..., Story]) -> None:
    story = make_story()
    since = story.clock.now - _BEFORE
    story.receive(plain_mail(CARMEN, SUPPORT, "Oferta", "Compre."))
    story.later(minutes=5)
    story.receive(plain_mail(CARMEN, SUPPORT, "Outra oferta", "Compre mais."))
    story.later(minutes=5)
    story.agent_answers("SUP-1", "#spam")
    story.later(minutes=5)
    assert story.receive(plain_mail(CARMEN, SUPPORT, "Terceira", "Compre já.")).outcome == "held"
    story.later(minutes=5)
    story.agent_answers("SUP-2", "#resolvido\nNão, obrigado.")
    assert CARMEN[1] not in [to for _, to in story.told("N10")]
    story.later(minutes=5)
    again(story, since)
    contact = story.ticket("SUP-1").requester_id
    story.site.writer.call(lambda c: people.change_contact(c, contact, active=True))
    assert story.receive(plain_mail(CARMEN, SUPPORT, "Una duda", "¿Cómo?")).outcome == "opened"
    story.later(minutes=5)
    again(story, since)


@pytest.mark.parametrize("begin", ["before all", "while it rests"])
def test_a_resting_address_rests_here_too(make_story: Callable[..., Story], begin: str) -> None:
    story = make_story()
    since = story.clock.now - _BEFORE
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.later(minutes=5)
    for answer in ("Instale a versão nova.", "Conseguiu?"):
        story.agent_answers("SUP-1", answer)
        story.deliver()
    story.later(minutes=5)
    for row in story.outbox("N5"):
        story.receive(report(row.message_id), [row.envelope_from], mail_from="")
    if begin == "while it rests":
        since = story.clock.now + _BEFORE
    story.later(hours=1)
    story.agent_answers("SUP-1", "Deu certo?")
    assert len(story.told("DELIVERY_FAILED")) == 3, "came back, came back, was not sent"
    story.later(hours=1)
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Minha caixa voltou."))
    story.later(hours=1)
    story.agent_answers("SUP-1", "Ótimo. E a nota?")
    assert len(story.told("N5")) == 3, "believed again"
    story.later(hours=1)
    again(story, since)


def test_who_stood_in_copy_may_answer_in_the_replay_as_well(make_story: Callable[..., Story], tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text("cc_becomes_participant: no\n")
    story = make_story()
    since = story.clock.now - _BEFORE
    mail = plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656.")
    story.receive(mail.replace(b"Subject:", b"Cc: carmen@cliente.test\r\nSubject:", 1))
    story.later(minutes=5)
    assert story.receive(plain_mail(CARMEN, SUPPORT, "Re: [SUP-1] Nota recusada", "Aqui também.")).key == "SUP-1"
    story.later(minutes=5)
    again(story, since)


def test_what_an_agent_passed_on_is_read_again_whole(make_story: Callable[..., Story]) -> None:
    story = make_story()
    text = f"""Vejam isso.

---------- Forwarded message ---------
De: {ANA[0]} <{ANA[1]}>
Date: qua., 5 de nov. de 2025 às 10:00
Subject: Nota recusada
To: <{BRUNO[1]}>

Erro 656 na nota.
"""
    settled = story.receive(plain_mail(BRUNO, SUPPORT, "Fwd: Nota recusada", text), auth_user=BRUNO[1])
    assert story.ticket(str(settled.key)).requester_address == ANA[1]
    with story.site.writer.database.read() as connection:
        (event,) = replaying.events_since(connection, story.site, story.clock.now - _BEFORE, MailLimits())
    assert event.facts.forwarded is not None
    assert event.facts.forwarded.text.strip() == "Erro 656 na nota."
    again(story, story.clock.now - _BEFORE)
