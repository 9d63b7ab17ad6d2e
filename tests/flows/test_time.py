"""Due times on both databases: once each, late rather than never, gone with the status they belong to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mailgate.flows import timers
from store import timers as timer_rows
from store.errors import StoreUnavailable
from store.tables import TIMER
from tests.flows.story import Broken, Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail


@pytest.fixture
def totvs(make_story: Callable[..., Story]) -> Story:
    """TOTVS's company, with Ana's ticket SUP-1."""
    story = make_story(preset="totvs")
    story.receive(plain_mail(ANA, SUPPORT, "Folha", "Erro no cálculo."))
    return story


def _says(story: Story, text: str) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Folha", text))


def test_resolved_is_closed_after_five_days_once(totvs: Story) -> None:
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    assert [t.name for t in totvs.armed("SUP-1")] == ["resolvido>fechado:5d:entered"]
    totvs.later(days=4, hours=23, minutes=59)
    assert (totvs.sweep(), totvs.ticket("SUP-1").status) == (0, "resolvido")
    totvs.later(minutes=2)
    assert (totvs.sweep(), totvs.sweep()) == (1, 0)
    ticket = totvs.ticket("SUP-1")
    assert (ticket.status, ticket.category, ticket.closed_at) == ("fechado", "closed", totvs.clock())
    assert totvs.told("N12") == [("N12", ANA[1])]
    totvs.later(days=30)
    assert totvs.sweep() == 0


def test_late_rather_than_never(totvs: Story) -> None:
    """D12: nothing ran for a month."""
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    totvs.later(days=30)
    assert (totvs.sweep(), totvs.ticket("SUP-1").status) == (1, "fechado")


def test_a_clock_that_jumps_back_fires_nothing_twice(totvs: Story) -> None:
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    totvs.later(days=6)
    totvs.sweep()
    totvs.later(days=-6)
    assert totvs.sweep() == 0
    totvs.later(days=6)
    assert totvs.sweep() == 0


def test_leaving_the_status_cancels_its_time(totvs: Story) -> None:
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    totvs.later(days=4)
    _says(totvs, "Continua.")
    assert (totvs.ticket("SUP-1").status, totvs.armed("SUP-1")) == ("aberto", [])
    totvs.agent_answers("SUP-1", "#resolvido\nAgora sim.")
    totvs.later(days=2)
    assert totvs.sweep() == 0, "entering again starts anew"
    totvs.later(days=3, minutes=1)
    assert totvs.sweep() == 1
    # the first is that of Pendente, where the ticket waited for what its topic asks for
    assert sorted(t.state for t in totvs.rows(TIMER)) == ["cancelled", "cancelled", "fired"]


def test_pending_seven_days_then_validation_then_five_without_a_word(totvs: Story) -> None:
    totvs.agent_answers("SUP-1", "#pendente\nQual é a versão?")
    totvs.later(days=7, minutes=1)
    assert (totvs.sweep(), totvs.ticket("SUP-1").status) == (1, "validacao")
    totvs.later(days=4)
    totvs.agent_answers("SUP-1", "Ainda aguardo.")
    totvs.later(days=2)
    assert (totvs.sweep(), totvs.ticket("SUP-1").status) == (0, "validacao"), "a word moves it"
    (moved,) = totvs.armed("SUP-1")
    totvs.later(days=2, hours=23, minutes=58)
    assert totvs.sweep() == 0
    totvs.clock.now = moved.due_at
    assert (totvs.sweep(), totvs.ticket("SUP-1").status) == (1, "fechado")


@pytest.mark.parametrize("word", ["a note", "an absence notice"])
def test_what_is_no_interaction_moves_nothing(totvs: Story, word: str) -> None:
    totvs.agent_answers("SUP-1", "#pendente\nQual é a versão?")
    totvs.later(days=7, minutes=1)
    totvs.sweep()
    totvs.later(days=4)
    if word == "a note":
        totvs.agent_answers("SUP-1", "#nota\nLiguei, ninguém atende.")
    else:
        away = plain_mail(ANA, SUPPORT, "Re: [SUP-1] Folha", "Volto dia 10.")
        totvs.receive(b"Auto-Submitted: auto-replied\r\n" + away)
    totvs.later(days=1, minutes=1)
    assert (totvs.sweep(), totvs.ticket("SUP-1").status) == (1, "fechado")


def test_five_calendar_days_over_a_night_when_clocks_change(make_story: Callable[..., Story]) -> None:
    """D12: the same hour of the day in the company's time zone, whatever the zone did meanwhile."""
    story = make_story(preset="totvs", timezone="Europe/Lisbon")
    story.clock.now = datetime(2026, 3, 26, 10, 0, tzinfo=UTC)  # winter time; summer time begins on the 29th
    story.receive(plain_mail(ANA, SUPPORT, "Folha", "Erro no cálculo."))
    story.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    assert [t.due_at for t in story.armed("SUP-1")] == [datetime(2026, 3, 31, 9, 0, tzinfo=UTC)]


def test_two_sweepers_fire_a_timer_once(totvs: Story) -> None:
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    totvs.later(days=6)
    write = totvs.site.writer.call
    (slow,) = write(lambda c: timer_rows.claim_due(c, "slow", totvs.clock(), timers._LEASE, 10))
    assert totvs.sweep() == 0, "it is under a lease"
    totvs.later(minutes=3)
    assert totvs.sweep() == 1
    assert write(lambda c: timers.fire(c, totvs.site, "slow", slow)) == 0
    assert totvs.told("N12") == [("N12", ANA[1])]


def test_a_timer_that_fails_stops_no_other(totvs: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    totvs.receive(plain_mail(ANA, SUPPORT, "Ponto", "Outro erro."))
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    totvs.agent_answers("SUP-2", "#resolvido\nCorrigido.")
    totvs.later(days=6)
    real = timers.decide

    def fails_for_one(facts: object, book: object) -> object:
        if facts.tickets[0].key == "SUP-1":  # type: ignore[attr-defined]
            raise RuntimeError("a rule that raises")
        return real(facts, book)  # type: ignore[arg-type]

    monkeypatch.setattr(timers, "decide", fails_for_one)
    assert totvs.sweep() == 1
    assert [totvs.ticket(k).status for k in ("SUP-1", "SUP-2")] == ["resolvido", "fechado"]
    monkeypatch.undo()
    totvs.later(minutes=3)
    assert totvs.sweep() == 1
    assert totvs.ticket("SUP-1").status == "fechado"


def test_a_locked_ticket_costs_its_timer_one_sweep(totvs: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """D14: a frozen node held the ticket's row; its timer waited for two minutes more, until its lease ran out."""
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    totvs.later(days=6)

    def locked(*_: object) -> object:
        raise StoreUnavailable("canceling statement due to statement timeout")

    monkeypatch.setattr(timers, "timer_facts", locked)
    assert totvs.sweep() == 0
    monkeypatch.undo()
    totvs.later(seconds=5)
    assert totvs.sweep() == 1
    assert totvs.ticket("SUP-1").status == "fechado"


def test_time_that_breaks_leaves_nothing_half_made(totvs: Story) -> None:
    totvs.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    totvs.later(days=6)
    broken = 0
    while True:
        with totvs.breaking_at(broken + 1, "timer") as fault, contextlib.suppress(Broken):
            totvs.sweep()
        if not fault.happened:
            break
        broken += 1
        assert totvs.ticket("SUP-1").status == "resolvido"
        assert (totvs.told("N12"), len(totvs.armed("SUP-1"))) == ([], 1)
        totvs.later(minutes=3)
    assert broken >= 6
    assert (totvs.ticket("SUP-1").status, totvs.told("N12")) == ("fechado", [("N12", ANA[1])])


def test_a_due_date_is_set_at_opening_within_working_hours(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Folha", "Erro no cálculo."))
    due = story.ticket("SUP-1").due_at
    assert due is not None
    assert due > story.clock()
    assert story.told()[1] == ("N19", BRUNO[1])


def test_a_customer_is_reminded_twice_and_no_more_until_asked_again(make_story: Callable[..., Story]) -> None:
    story = make_story(preset="provedor")
    story.receive(plain_mail(ANA, SUPPORT, "E-mail", "Não recebo."))
    story.agent_answers("SUP-1", "Tente agora.")
    assert story.ticket("SUP-1").status == "respondido"
    for _ in range(4):
        story.later(hours=49)
        story.sweep()
    assert story.told("N8") == [("N8", ANA[1])] * 2
    story.agent_answers("SUP-1", "Conseguiu?")
    story.later(hours=49)
    assert (story.sweep(), len(story.told("N8"))) == (1, 3), "asked again, its time starts anew"
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] E-mail", "Agora sim."))
    assert (story.ticket("SUP-1").status, story.armed("SUP-1")) == ("aberto", [])


def test_the_time_to_the_due_date_stands_still_while_we_wait(totvs: Story) -> None:
    totvs.agent_answers("SUP-1", "#aberto\nVejo.")  # it waited for what its topic asks for, without a due date
    before = totvs.ticket("SUP-1").due_at
    totvs.agent_answers("SUP-1", "#pendente\nQual é a versão?")
    totvs.later(days=7)
    _says(totvs, "É a 12.1.")
    assert totvs.ticket("SUP-1").due_at == before + timedelta(days=7)
