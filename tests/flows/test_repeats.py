"""S10: a program without any header that answers each acknowledgement with a new matter of its own is stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from store.tables import JOURNAL
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.house import ANA, CARMEN, SUPPORT, plain_mail, png


def _mail(
    number: int, subject: str, text: str, files: Sequence[tuple[str, str, bytes]] = (), who: tuple[str, str] = ANA
) -> bytes:
    """A mail of Ana's, or another's, with an id of its own."""
    raw = plain_mail(who, SUPPORT, subject, text, files=files)
    return raw.replace(b"Message-ID: <", f"Message-ID: <{number}.".encode())


Words = Callable[[int], tuple[str, str]]


def _forgetful(number: int) -> tuple[str, str]:
    return "Recebemos o seu contato", "Obrigado por escrever. Retornaremos em breve."


def _robot(story: Story, most: int = 12, says: Words = _forgetful) -> int:
    """Answers all that comes from us; how many mails of ours it got."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota não sai", "A nota não sai desde ontem."))
    got = 0
    for number in range(most):
        mine = [m for m in story.deliver() if m.recipient == ANA[1]]
        got += len(mine)
        story.later(seconds=5)
        for _ in mine:
            story.receive(_mail(number, *says(number)))
    return got


def _held(story: Story) -> list[Any]:
    return story.rows(JOURNAL, JOURNAL.c.outcome == Outcome.HELD)


def test_a_robot_that_opens_a_new_matter_with_every_answer_gets_few(story: Story) -> None:
    """Proven, so that no cap of R9 stops it: one for the person's mail, three for its own, then it is held."""
    assert _robot(story) == 4
    (held,) = _held(story)
    assert (held.reason, story.told("N20")) == ("loop", [])
    assert "acknowledged 3 times within 60 minutes" in held.detail


_NUMBERED: dict[str, Words] = {
    "pt-BR": lambda n: (f"Protocolo 2026{n:06} - chamado registrado", f"Seu protocolo é {n * 7919}. Aguarde."),
    "en": lambda n: (f"[Ticket#{n}] received", f"Your request has been received (case CS{n:07}). https://x.test/c/{n}"),
    "es": lambda n: (f"Caso {n}", f"Hola:\n\nHemos recibido su mensaje y es el caso número {n}.\n\nGracias."),
}


@pytest.mark.parametrize("says", _NUMBERED.values(), ids=_NUMBERED)
def test_another_ticket_system_that_numbers_its_answers_gets_as_few(story: Story, says: Words) -> None:
    """What differs is a number and a link; all the rest is said each time."""
    assert _robot(story, says=says) == 4
    (held,) = _held(story)
    assert held.reason == "loop"


def test_a_person_may_number_what_he_sends(story: Story) -> None:
    """The words of such systems alone do no harm, nor numbers alone."""
    for number in range(6):
        story.receive(_mail(number, f"Pedido {number}", f"O pedido {number} não foi faturado."))
        story.deliver()
        story.later(seconds=20)
    for number, what in enumerate(("nota", "guia", "folha", "conta", "venda", "troca"), 10):
        story.receive(_mail(number, f"Erro na {what}", f"Recebemos um erro ao emitir a {what} {number}."))
        story.deliver()
        story.later(seconds=20)
    assert _held(story) == []


def test_an_hour_later_it_may_try_again_and_a_person_may_let_it_pass(story: Story) -> None:
    _robot(story)
    (held,) = _held(story)
    assert story.resume(held.id, "released")[0].outcome is Outcome.OPENED
    story.later(hours=2)
    mail = _mail(99, "Recebemos o seu contato", "Obrigado por escrever. Retornaremos em breve.")
    assert story.receive(mail).outcome is Outcome.OPENED


@pytest.mark.parametrize("waits", [True, False], ids=["after each answer", "at once"])
def test_a_person_who_sends_several_tickets_is_not_harmed(story: Story, waits: bool) -> None:
    """R037: other words each time, or the same mail again and again before any answer came; and files tell apart."""
    for number in range(8):
        story.receive(plain_mail(ANA, SUPPORT, f"Nota 44{number:02}", "Não sai."))
        story.later(seconds=20)
        if waits:
            story.deliver()
    for number in range(5):
        scan = ("nota.png", "image/png", png(40 + number, 40))
        story.receive(_mail(number, "Digitalização", "Segue.", [scan]))
        story.later(seconds=20)
        if waits:
            story.deliver()
    assert _held(story) == []


def test_who_sends_the_same_many_times_before_an_answer_is_no_loop(story: Story) -> None:
    outcomes = [story.receive(_mail(n, "Socorro", "Parou tudo.")).outcome for n in range(6)]
    assert outcomes == [Outcome.OPENED] * 6


def test_off_with_the_limit_of_new_tickets(make_story: Callable[..., Story]) -> None:
    story = make_story(limits={"tickets_per_sender": "off"})
    assert _robot(story, most=8) == 8


def test_another_number(make_story: Callable[..., Story]) -> None:
    assert _robot(make_story(limits={"repeats_per_sender": 1})) == 2


# --- on one ticket ----------------------------------------------------------------------------------------------------

ABSENT = "Estou fora do escritório até o dia 10. Em caso de urgência, procure a recepção."


def test_two_absent_people_of_one_ticket_do_not_tell_each_other_for_ever(make_story: Callable[..., Story]) -> None:
    """Neither has a header that says so; each answers whatever comes, in the ticket, and the other is told."""
    story = make_story()
    first = plain_mail(ANA, SUPPORT, "Nota não sai", "A nota não sai desde ontem.")
    story.receive(first.replace(b"Subject:", f"Cc: {CARMEN[1]}\r\nSubject:".encode(), 1))
    story.agent_answers("SUP-1", "Qual é o erro?")
    got = dict.fromkeys((ANA[1], CARMEN[1]), 0)
    for number in range(20):
        mails = [m for m in story.deliver() if m.recipient in got]
        if not mails:
            break
        story.later(seconds=10)
        for mail in mails:
            got[mail.recipient] += 1
            who = ANA if mail.recipient == ANA[1] else CARMEN
            story.receive(_mail(100 * number + got[who[1]], "Re: [SUP-1] Nota não sai", ABSENT, who=who))
    assert max(got.values()) <= 6, got
    assert number < 19
    assert {held.reason for held in _held(story)} == {"loop"}


def test_short_words_may_be_said_again_and_again(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Nota não sai", "A nota não sai desde ontem."))
    for number in range(6):
        assert story.receive(_mail(number, "Re: [SUP-1] Nota não sai", "Sim, obrigada!")).key == "SUP-1"
    assert _held(story) == []
