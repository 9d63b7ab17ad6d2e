"""What a workflow's lines do, guards, policies after closing, times over holidays and clock changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailgate.errors import NotAllowed
from mailgate.flows import customer
from store.tables import TIMER
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

_STATES = """
initial: aberto
states:
  aberto: {label: {pt-BR: Aberto}, category: open}
  pendente: {label: {pt-BR: Pendente}, category: waiting, sla: pause}
  resolvido: {label: {pt-BR: Resolvido}, category: solved}
  fechado: {label: {pt-BR: Fechado}, category: closed}
transitions:
  - {on: agent.asks_info, to: pendente, do: [notify: info_requested]}
  - {on: agent.close, to: fechado, do: [notify: closed]}
"""
_OFFICE = (
    "calendar: {hours: {mon: 08:00-18:00, tue: 08:00-18:00, wed: 08:00-18:00, thu: 08:00-18:00, fri: 08:00-18:00}}\n"
)

Flowing = Callable[..., Story]


@pytest.fixture
def flowing(make_story: Callable[..., Story], tmp_path: Path) -> Flowing:
    """`flowing("- {on: …}")`: a company whose workflow is `_STATES` and these transitions; no rules."""

    def make(transitions: str, sla: str = _OFFICE, **settings: Any) -> Story:
        (tmp_path / "workflow.yaml").write_text(_STATES + transitions)
        (tmp_path / "rules.yaml").write_text("rules: []\n")
        (tmp_path / "sla.yaml").write_text(sla)
        return make_story(**settings)

    return make


def _opened(story: Story) -> Story:
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    return story


# --- guards -----------------------------------------------------------------------------------------------------------

_ONLY_THE_REQUESTER = """
  - {on: agent.solution, to: resolvido, if: {assigned: yes}, do: [notify: resolved]}
  - {on: customer.reply, from: resolvido, to: aberto, if: {by: requester}, do: [notify: reopened]}
"""


def test_a_guard_that_holds_and_one_that_does_not(flowing: Flowing) -> None:
    """Only the requester's own word opens it again; a colleague's is a comment."""
    story = flowing(_ONLY_THE_REQUESTER)
    mail = plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656.")
    story.receive(mail.replace(b"Subject:", b"Cc: carmen@cliente.test\r\nSubject:", 1))
    story.agent_answers("SUP-1", "Vou ver.")
    story.agent_answers("SUP-1", "#resolvido\nFeito.")
    assert story.ticket("SUP-1").status == "resolvido"
    assert story.receive(plain_mail(CARMEN, SUPPORT, "Re: [SUP-1] Nota", "Aqui não.")).outcome is Outcome.COMMENTED
    assert (story.ticket("SUP-1").status, story.told("N11")) == ("resolvido", [])
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", "Aqui também não."))
    assert story.ticket("SUP-1").status == "aberto"


def test_a_guard_says_no_to_an_agent_at_the_terminal_and_by_mail(flowing: Flowing) -> None:
    story = _opened(flowing(_ONLY_THE_REQUESTER))
    with pytest.raises(NotAllowed):
        customer.agent_action(story.site, "SUP-1", BRUNO[1], "set_status", status="resolvido")
    assert story.ticket("SUP-1").status == "aberto", "nobody has it"
    customer.agent_action(story.site, "SUP-1", BRUNO[1], "assign", assign_to=BRUNO[1])
    customer.agent_action(story.site, "SUP-1", BRUNO[1], "set_status", status="resolvido")
    assert story.ticket("SUP-1").status == "resolvido"


def test_the_guard_of_a_time_is_asked_when_it_is_due(flowing: Flowing) -> None:
    story = flowing("""
  - {from: pendente, after: {days: 5}, to: fechado, if: {not: {priority: urgent}}, do: [notify: closed_no_answer]}
""")
    for _ in range(2):
        story.receive(plain_mail(ANA, SUPPORT, f"Nota {_}", "Erro 656."))
    story.agent_answers("SUP-1", "#pendente\nQual a versão?")
    story.agent_answers("SUP-2", "#pendente\n#prioridade urgente\nQual a versão?")
    story.later(days=5, minutes=1)
    story.sweep()
    assert [story.ticket(k).status for k in ("SUP-1", "SUP-2")] == ["fechado", "pendente"]
    assert [t.state for t in story.rows(TIMER)] == ["fired", "cancelled"]


# --- after closing ----------------------------------------------------------------------------------------------------


def _closed(story: Story) -> Story:
    _opened(story).agent_answers("SUP-1", "#fechado\nFeito.")
    assert story.ticket("SUP-1").status == "fechado"
    return story


def test_rejected_after_closing_a_proven_sender_reads_why_and_nobody_else_does(flowing: Flowing) -> None:
    story = _closed(
        flowing("""
  - {on: customer.reply, from: fechado, followup: reject, sentence: {pt-BR: Abra um novo chamado em nosso portal.}}
""")
    )
    settled = story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "De novo."))
    assert (settled.outcome, story.told("N20")) == (Outcome.REJECTED, [("N20", ANA[1])])
    (row,) = story.outbox("N20")
    assert "Abra um novo chamado em nosso portal." in row.body
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "E de novo.", verified=False))
    assert len(story.told("N20")) == 1
    assert len(story.comments("SUP-1")) == 2
    ticket = story.ticket("SUP-1")
    with pytest.raises(NotAllowed, match="novo chamado"):
        customer.comment(story.site, ticket.id, ticket.requester_id, "Pelo portal.")


@pytest.mark.parametrize(("days", "outcome"), [(2.9, Outcome.COMMENTED), (3.1, Outcome.OPENED)])
def test_opened_again_within_days_and_followed_up_later(flowing: Flowing, days: float, outcome: Outcome) -> None:
    story = _closed(
        flowing("""
  - {on: customer.reply, from: fechado, to: aberto, reopen_within_days: 3, followup: new_linked, do: [notify: reopened]}
""")
    )
    story.later(days=days)
    settled = story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Voltou."))
    assert settled.outcome is outcome
    if outcome is Outcome.COMMENTED:
        ticket = story.ticket("SUP-1")
        assert (ticket.status, ticket.closed_at) == ("aberto", None)
        assert story.told("N11") == [("N11", ANA[1])]
    else:
        assert story.ticket("SUP-1").status == "fechado"
        assert story.ticket("SUP-2").follow_up_of == story.ticket("SUP-1").id


def test_opened_again_within_days_and_rejected_later(flowing: Flowing) -> None:
    story = _closed(
        flowing("""
  - on: customer.reply
    from: fechado
    to: aberto
    reopen_within_days: 3
    followup: reject
    sentence: {pt-BR: O prazo para reabrir acabou.}
""")
    )
    story.later(days=4)
    assert story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", "Voltou.")).outcome is Outcome.REJECTED
    assert "O prazo para reabrir acabou." in story.outbox("N20")[0].body


# --- business days ----------------------------------------------------------------------------------------------------

_TWO_DAYS = "  - {from: pendente, after: {business_days: 2}, to: fechado, do: [notify: closed_no_answer]}\n"


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        # Thursday 20 November 2025 is Consciência Negra: Friday 21 and Monday 24 count.
        (datetime(2025, 11, 19, 13, 22, tzinfo=UTC), datetime(2025, 11, 24, 13, 22, tzinfo=UTC)),
        # Carnival is no holiday by law: Monday 16 and Tuesday 17 February 2026 count.
        (datetime(2026, 2, 13, 13, 22, tzinfo=UTC), datetime(2026, 2, 17, 13, 22, tzinfo=UTC)),
        # Finados on Friday 2 November 2018, and summer time began in São Paulo on Sunday the 4th: 10:22 is 12:22 UTC.
        (datetime(2018, 11, 1, 13, 22, tzinfo=UTC), datetime(2018, 11, 6, 12, 22, tzinfo=UTC)),
        # Summer time ended on Saturday 18 February 2018 at midnight: 10:22 is 13:22 UTC again.
        (datetime(2018, 2, 15, 12, 22, tzinfo=UTC), datetime(2018, 2, 19, 13, 22, tzinfo=UTC)),
    ],
)
def test_business_days_pass_over_holidays_and_keep_the_time_of_day(
    flowing: Flowing, asked: datetime, due: datetime
) -> None:
    story = flowing(_TWO_DAYS)
    story.clock.now = asked
    _opened(story).agent_answers("SUP-1", "#pendente\nQual a versão?")
    assert [t.due_at for t in story.armed("SUP-1")] == [due]
    story.clock.now = due
    story.later(seconds=-1)
    assert (story.sweep(), story.ticket("SUP-1").status) == (0, "pendente")
    story.later(seconds=1)
    assert (story.sweep(), story.ticket("SUP-1").status) == (1, "fechado")
    assert story.told("N12") == [("N12", ANA[1])]


def test_the_day_of_the_state_and_those_of_the_city_count_too(flowing: Flowing) -> None:
    sla = _OFFICE.rstrip().removesuffix("}") + ", holidays: {state: SP, extra: [2025-07-10]}}\n"
    story = flowing(_TWO_DAYS, sla)
    story.clock.now = datetime(2025, 7, 8, 13, 22, tzinfo=UTC)  # 9 July: Revolução Constitucionalista in São Paulo
    _opened(story).agent_answers("SUP-1", "#pendente\nQual a versão?")
    assert [t.due_at for t in story.armed("SUP-1")] == [datetime(2025, 7, 14, 13, 22, tzinfo=UTC)]
