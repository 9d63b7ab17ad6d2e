"""Floods: somebody else is not bombed with our acknowledgements (R9, R10), and the company is told once (R9, R11)."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import Message
from typing import Any

import pytest

from mailgate.flows import braking, customer, signing
from store.vocabulary import Outcome
from tests.flows.story import Sent, Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

NO_BRAKES: dict[str, Any] = {"tickets_per_sender": "off", "mails_per_sender": "off"}
#: Words that a stranger would like us to mail to his victim; each stands in one place only.
WORDS = ("comprebarato", "evil.test", "premio", "cliquevil", "anexovil", "gratis.exe", "outronome", "dentrodo", "ccvil")


def spoofed(number: int = 0) -> bytes:
    """A mail "from" Ana that nobody vouches for, with words in every place that is shown anywhere."""
    mail = plain_mail(
        ("comprebarato http://evil.test", ANA[1]), SUPPORT, f"premio {number} http://evil.test/?a=1",
        "cliquevil http://evil.test",
        verified=False,
        html="<p>cliquevil <a href='http://evil.test'>premio</a><img alt='dentrodo' src='cid:anexovil'></p>",
        files=[("gratis.exe", "application/x-anexovil", b"anexovil")],
    )  # fmt: skip
    return (
        b"Reply-To: outronome <outronome@evil.test>\r\nCc: ccvil <ccvil@evil.test>\r\nThread-Topic: premio\r\n"
        b"Organization: premio\r\nX-Priority: 1\r\nContent-Language: x-premio\r\n" + mail
    )


def without_words(sent: Sent) -> Message:
    """What was mailed to the victim, in which none of his words is."""
    parsed = message_from_bytes(sent.raw, policy=policy.default)
    read = [sent.raw.decode("utf-8", "replace"), str(parsed["Subject"]), str(parsed["To"])]
    read += [part.get_content() for part in parsed.walk() if part.get_content_maintype() == "text"]
    for word in WORDS:
        assert all(word not in one.lower() for one in read), word
    return parsed


def test_somebody_elses_address_gets_five_acknowledgements_an_hour_and_ten_a_day(
    make_story: Callable[..., Story],
) -> None:
    story = make_story(limits=NO_BRAKES)
    told: list[int] = []
    for hour in range(3):
        for number in range(12):
            story.receive(spoofed(hour * 12 + number))
            story.later(minutes=5)
        told.append(len(story.outbox("N1")))
    assert told == [5, 10, 10]
    assert {row.recipient for row in story.outbox("N1")} == {ANA[1]}
    assert story.events("SUP-2").count("not_told") == 1


def test_a_mailbox_is_one_however_its_address_is_written(make_story: Callable[..., Story]) -> None:
    """Somebody who forges `vitima@`, `Vitima@`, `vitima+1@` and so on bombs one and the same person (R9)."""
    story = make_story(limits=NO_BRAKES)
    for local in ("vitima", "Vitima", "VITIMA", "vitima+a", "vitima+b", "Vi.ti.ma", "vitima+c.d"):
        story.receive(plain_mail(("V", f"{local}@alvo.test"), SUPPORT, local, local, verified=False))
    assert len(story.outbox("N1")) == 1
    for local in ("vitim_", "vitim%", "vitimas", "uma+vitima"):
        story.receive(plain_mail(("V", f"{local}@alvo.test"), SUPPORT, local, local, verified=False))
    assert len(story.outbox("N1")) == 5, "these are others"


@pytest.mark.parametrize("language", ["pt-BR", "en", "es"])
def test_an_acknowledgement_to_a_stranger_says_nothing_of_his_mail(
    make_story: Callable[..., Story], language: str
) -> None:
    story = make_story(locale=language)
    story.receive(spoofed())
    (sent,) = [mail for mail in story.deliver() if mail.recipient == ANA[1]]
    parsed = without_words(sent)
    assert "SUP-1" in str(parsed["Subject"])
    assert [part.get_filename() for part in parsed.walk() if part.get_filename()] == []


@pytest.mark.parametrize("language", ["pt-BR", "en", "es"])
def test_what_anybody_may_ask_for_says_nothing_of_a_strangers_mail(
    make_story: Callable[..., Story], language: str
) -> None:
    """The victim's address is typed where links are asked for: her name and subject were his."""
    story = make_story(locale=language)
    story.receive(spoofed())
    story.deliver()
    assert customer.send_link(story.site, ANA[1], "SUP-1")
    assert signing.ask_to_enter(story.site, ANA[1], ())
    assert signing.ask_to_reset(story.site, ANA[1], ())
    asked = [mail for mail in story.deliver() if mail.recipient == ANA[1]]
    subjects = [str(without_words(mail)["Subject"]) for mail in asked]
    assert len(subjects) == 3
    assert sum("SUP-1" in subject for subject in subjects) == 1


def test_the_breaker_stops_all_acknowledgements_and_the_company_is_told_once(make_story: Callable[..., Story]) -> None:
    story = make_story(limits={**NO_BRAKES, "acks_total": 6})
    for number in range(10):
        story.receive(plain_mail((f"Cliente {number}", f"c{number}@cliente.test"), SUPPORT, f"Pedido {number}", "Oi."))
        braking.sweep(story.site)
        story.later(seconds=30)
    assert len(story.outbox("N1")) == 6
    assert [s.outcome for s in [story.receive(plain_mail(CARMEN, SUPPORT, "Mais um", "Oi."))]] == [Outcome.OPENED]
    assert story.told("ALARM") == [("ALARM", BRUNO[1])], "where there is no administrator, whoever there is"
    story.later(minutes=50)
    assert braking.sweep(story.site) == 0
    story.later(minutes=20)
    assert braking.sweep(story.site) == 0, "it is over"
    story.receive(plain_mail(CARMEN, SUPPORT, "De novo", "Oi."))
    assert len(story.outbox("N1")) == 7


def test_who_opens_too_many_tickets_is_held_and_the_company_is_told_once(make_story: Callable[..., Story]) -> None:
    story = make_story(limits={"tickets_per_sender": 3}, agents=[
        {"name": "Bruno", "address": BRUNO[1], "departments": ["suporte"], "role": "agent"},
        {"name": "Marta", "address": "marta@example.test", "departments": ["suporte"], "role": "admin"},
    ])  # fmt: skip
    outcomes = []
    for number in range(8):
        outcomes.append(story.receive(plain_mail(ANA, SUPPORT, f"Pedido {number}", f"texto {number}")).outcome)
        braking.sweep(story.site)
        story.later(minutes=1)
    assert outcomes == [Outcome.OPENED] * 3 + [Outcome.HELD] * 5
    assert story.told("ALARM") == [("ALARM", "marta@example.test")]
    (sent,) = [mail for mail in story.deliver() if mail.recipient == "marta@example.test" and b"limite" in mail.raw]
    assert b"Um limite foi atingido" in sent.raw
