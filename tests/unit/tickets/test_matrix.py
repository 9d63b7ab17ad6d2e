"""What moves a ticket at each of the five companies, cell by cell: event and status in, status out.

The events are real ones: a mail, a click on the page, an agent's word, a due time, each decided by the preset's own
workflow and rules.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailgate.decide.decide import decide
from mailgate.decide.decision import AskRating, Decision, OpenTicket, SetStatus, Tell
from mailgate.decide.facts import ActionFacts, Facts, TicketFacts
from mailgate.tickets.acts import NOTICES
from store.vocabulary import Channel, Outcome, Role
from tests.unit.decide.cases import (
    ANA,
    BRUNO,
    agent_at_terminal,
    book,
    by_token,
    customer_on_page,
    done,
    facts,
    mail_from,
    ticket,
)

PRESETS = ["negotti", "totvs", "provedor", "centrium", "zetti"]

Event = Callable[[TicketFacts], Facts]


def mails(of: TicketFacts) -> Facts:
    return facts(mail_from(), of, candidates=(by_token(of, ANA),))


def writes_on_page(of: TicketFacts) -> Facts:
    return facts(None, of, action=customer_on_page(), sender=ANA)


def out_of_office(of: TicketFacts) -> Facts:
    automatic = mail_from(kind="auto_reply", kind_reason="Auto-Submitted: auto-replied", may_answer=False)
    return facts(automatic, of, candidates=(by_token(of, ANA),))


def finalises(of: TicketFacts) -> Facts:
    action = ActionFacts("finalize", Role.CUSTOMER, Channel.PORTAL, ANA.id, ANA.name, ANA.address, "portal")
    return facts(None, of, action=action, sender=ANA)


def takes(of: TicketFacts) -> Facts:
    return facts(None, of, action=agent_at_terminal("assign", agent_id=BRUNO.id), agent=BRUNO)


def answers(of: TicketFacts) -> Facts:
    return facts(None, of, action=agent_at_terminal("reply", "Estamos vendo."), agent=BRUNO)


def notes(of: TicketFacts) -> Facts:
    return facts(None, of, action=agent_at_terminal("note", "Liguei, ninguém atende."), agent=BRUNO)


def says(status: str, preset: str) -> Event:
    key = book(preset).workflow.find_status(status, "pt-BR")
    assert key is not None, status
    return lambda of: facts(None, of, action=agent_at_terminal("reply", "Segue.", key), agent=BRUNO)


def time_passes(of: TicketFacts) -> Facts:
    (timer,) = book(PRESET_OF[of.id]).workflow.timers_for(of.status)
    return facts(None, of, timer=timer.name)


PRESET_OF: dict[int, str] = {}

#: (company, status, event or `#status` that an agent writes, status after). None: nothing may change.
CELLS: list[tuple[str, str, Event | str, str | None]] = [
    # the agent takes it, or answers for the first time
    ("negotti", "novo", takes, "aberto"),
    ("negotti", "novo", answers, "aberto"),
    ("negotti", "aberto", answers, None),
    ("totvs", "aberto", takes, None),
    ("totvs", "aberto", answers, None),
    ("provedor", "aberto", takes, None),
    ("provedor", "aberto", answers, "respondido"),
    ("centrium", "aberto", takes, None),
    ("centrium", "aberto", answers, None),
    ("zetti", "aguardando_suporte", takes, "em_andamento"),
    ("zetti", "aguardando_suporte", answers, "em_andamento"),
    # the agent asks for information
    ("negotti", "aberto", "#pendente", "pendente"),
    ("totvs", "aberto", "#pendente", "pendente"),
    ("provedor", "aberto", "#respondido", "respondido"),
    ("centrium", "aberto", "#com-cliente", "com_cliente"),
    ("centrium", "reaberto", "#com-cliente", "com_cliente"),
    ("centrium", "com_dev", "#com-cliente", "com_cliente"),
    ("zetti", "em_andamento", "#aguardando-cliente", "aguardando_cliente"),
    # the agent hands it to the developers
    ("totvs", "aberto", "#dev", "com_dev"),
    ("centrium", "aberto", "#dev", "com_dev"),
    # the customer answers while we wait
    ("negotti", "pendente", mails, "aberto"),
    ("totvs", "pendente", mails, "aberto"),
    ("totvs", "validacao", mails, "aberto"),
    ("provedor", "respondido", mails, "aberto"),
    ("centrium", "com_cliente", mails, "aberto"),
    ("zetti", "aguardando_cliente", mails, "em_andamento"),
    ("centrium", "com_dev", mails, None),
    ("centrium", "aberto", mails, None),
    # the agent sends a solution
    ("negotti", "aberto", "#resolvido", "resolvido"),
    ("totvs", "aberto", "#resolvido", "resolvido"),
    ("provedor", "aberto", "#finalizado", "finalizado"),
    ("centrium", "aberto", "#resolvido", "resolvido"),
    ("zetti", "em_andamento", "#resolvido", "resolvido"),
    # the customer answers a solution
    ("negotti", "resolvido", mails, "aberto"),
    ("totvs", "resolvido", mails, "aberto"),
    ("centrium", "resolvido", mails, "reaberto"),
    ("zetti", "resolvido", mails, "em_andamento"),
    # the agent opens it again
    ("negotti", "resolvido", "#aberto", "aberto"),
    ("totvs", "resolvido", "#aberto", "aberto"),
    ("provedor", "finalizado", "#aberto", "aberto"),
    ("centrium", "resolvido", "#reaberto", "reaberto"),
    ("centrium", "fechado", "#reaberto", "reaberto"),
    ("zetti", "fechado", "#em-andamento", "em_andamento"),
    # the customer finalises it
    ("negotti", "aberto", finalises, "resolvido"),
    ("totvs", "resolvido", finalises, "fechado"),
    ("provedor", "respondido", finalises, "finalizado"),
    ("centrium", "resolvido", finalises, "fechado"),
    ("zetti", "resolvido", finalises, "fechado"),
    # time
    ("totvs", "pendente", time_passes, "validacao"),
    ("totvs", "validacao", time_passes, "fechado"),
    ("totvs", "resolvido", time_passes, "fechado"),
    ("provedor", "respondido", time_passes, None),
]
#: What moves nothing, in every status of every company.
CELLS += [
    (preset, status, event, None)
    for preset in PRESETS
    for status in book(preset).workflow.states
    for event in (notes, out_of_office)
]


def _decided(preset: str, status: str, event: Event | str) -> tuple[TicketFacts, Decision]:
    of = ticket(1, status, preset=preset)
    PRESET_OF[of.id] = preset
    happens = says(event, preset) if isinstance(event, str) else event
    return of, decide(happens(of), book(preset))


def _name(cell: object) -> str:
    return getattr(cell, "__name__", str(cell))


@pytest.mark.parametrize(("preset", "status", "event", "after"), CELLS, ids=_name)
def test_what_moves_a_ticket(preset: str, status: str, event: Event | str, after: str | None) -> None:
    of, decision = _decided(preset, status, event)
    assert [a.status for a in done(decision, SetStatus)] == ([after] if after else [])
    assert done(decision, OpenTicket) == []
    assert decision.ticket_id == of.id or decision.outcome is Outcome.AUTOMATIC


@pytest.mark.parametrize(("preset", "status", "event", "after"), [c for c in CELLS if c[2] is mails], ids=_name)
def test_the_page_moves_it_as_the_mail_does(preset: str, status: str, event: Event, after: str | None) -> None:
    _, decision = _decided(preset, status, writes_on_page)
    assert [a.status for a in done(decision, SetStatus)] == ([after] if after else [])


@pytest.mark.parametrize(
    ("preset", "initial"),
    [("negotti", "novo"), ("totvs", "aberto"), ("provedor", "aberto"), ("centrium", "aberto"),
     ("zetti", "aguardando_suporte")],
)  # fmt: skip
def test_where_a_new_ticket_begins(preset: str, initial: str) -> None:
    decision = decide(facts(mail_from()), book(preset))
    assert [o.status for o in done(decision, OpenTicket)] == [initial]
    assert done(decision, SetStatus) == []


@pytest.mark.parametrize("preset", ["totvs", "provedor", "centrium", "zetti"])
@pytest.mark.parametrize("event", [mails, writes_on_page], ids=_name)
def test_an_answer_to_a_closed_ticket_opens_a_linked_one(preset: str, event: Event) -> None:
    closed = next(k for k, s in book(preset).workflow.states.items() if s.category == "closed")
    of, decision = _decided(preset, closed, event)
    assert decision.outcome is Outcome.OPENED
    assert [o.follow_up_of for o in done(decision, OpenTicket)] == [of.id]


@pytest.mark.parametrize(
    ("preset", "status", "event", "told", "rated"),
    [
        ("totvs", "aberto", "#pendente", ["N7"], False),
        ("totvs", "pendente", time_passes, ["N9"], False),
        ("totvs", "validacao", time_passes, ["N12"], False),
        ("totvs", "aberto", "#resolvido", ["N10"], False),
        ("totvs", "resolvido", time_passes, ["N12"], True),
        ("provedor", "aberto", answers, ["N5", "whatsapp N5"], False),
        ("provedor", "respondido", time_passes, ["N8", "whatsapp N8"], False),
        ("provedor", "respondido", finalises, ["N12", "whatsapp N12"], True),
        ("centrium", "resolvido", mails, ["N11"], False),
        ("centrium", "resolvido", finalises, ["N12"], False),
        ("negotti", "aberto", "#resolvido", ["N10"], False),
    ],
    ids=_name,
)
def test_what_goes_along_with_it(preset: str, status: str, event: Event | str, told: list[str], rated: bool) -> None:
    _, decision = _decided(preset, status, event)
    said = [f"{t.channel} {NOTICES[t.what]}".removeprefix("mail ") for t in done(decision, Tell)]
    assert (said, bool(done(decision, AskRating))) == (told, rated)


def test_negotti_tells_a_new_status_to_whoever_caused_it() -> None:
    assert book("negotti").workflow.always == {"status_changed", "message_posted"}


@pytest.mark.parametrize("preset", PRESETS)
def test_everything_a_customer_reads_is_there_in_three_languages(preset: str) -> None:
    for status in book(preset).workflow.states.values():
        assert set(status.label) == set(status.help) == {"pt-BR", "en", "es"}
