"""Delivery reports: settled on the ticket, told to the agents, counted against the address, and never when forged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mailgate.flows.receive import Settled
from store.tables import COMMENT, EVENT, OUTBOX, SUPPRESSION
from store.vocabulary import Outcome
from tests.flows.story import REFUSED, Story
from tests.house import ANA, BORDER, BRUNO, SUPPORT, plain_mail


@pytest.fixture
def opened(make_story: Callable[..., Story]) -> Story:
    """Ana's ticket SUP-1; its two notices wait."""
    story = make_story()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    return story


@pytest.fixture
def answered(opened: Story) -> Story:
    """Ana's ticket, Bruno's answer, both delivered as far as the relay knows."""
    opened.agent_answers("SUP-1", "Instale a versão nova.")
    opened.deliver()
    return opened


def _came_back(story: Story, row: Any, action: str = "failed", status: str = "5.1.1", unique: str = "") -> Settled:
    """A report about a mail of ours, where it belongs: at that mail's envelope sender."""
    return story.receive(report(row.message_id, action, status, unique), [row.envelope_from], mail_from="")


def _rests(story: Story) -> None:
    """Two answers come back."""
    story.agent_answers("SUP-1", "Chegou a minha resposta?")
    story.deliver()
    for row in story.outbox("N5")[-2:]:
        _came_back(story, row)


def test_a_lost_answer_is_settled_and_told(answered: Story) -> None:
    settled = _came_back(answered, answered.outbox("N5")[0])
    assert (settled.outcome, settled.key) == (Outcome.DSN, "SUP-1")
    assert answered.outbox("N5")[0].state == "returned"
    assert answered.events("SUP-1")[-1] == "delivery_failed"
    assert [(row.recipient, json.loads(row.body)["rests_until"]) for row in answered.outbox("DELIVERY_FAILED")] == [
        (BRUNO[1], None)
    ]


def test_one_report_alone_makes_no_address_rest(answered: Story) -> None:
    """S9: whoever holds a mail can write a report about it."""
    _came_back(answered, answered.outbox("N5")[0])
    _came_back(answered, answered.outbox("N5")[0], unique="again")
    answered.agent_answers("SUP-1", "Deu certo?")
    assert [m.recipient for m in answered.deliver() if b"Deu certo" in m.raw] == [ANA[1]]


def test_a_message_id_out_of_somebodys_answer_counts_nothing(answered: Story) -> None:
    """S9: it stands in References for everyone in copy; a report belongs to the envelope sender."""
    answered.agent_answers("SUP-1", "Chegou a minha resposta?")
    answered.deliver()
    for notice in ("N1", "N5"):
        for row in answered.outbox(notice):
            assert answered.receive(report(row.message_id), mail_from="").outcome is Outcome.DSN
    assert answered.rows(SUPPRESSION) == []
    assert answered.events("SUP-1").count("delivery_failed") == 3


def test_an_address_whose_mails_come_back_rests(answered: Story) -> None:
    before = answered.ticket("SUP-1")
    _rests(answered)
    assert answered.events("SUP-1")[-2:] == ["delivery_failed", "address_suppressed"]
    told = answered.outbox("DELIVERY_FAILED")[-1]
    assert told.recipient == BRUNO[1]
    assert json.loads(told.body)["rests_until"]
    (text,) = [m.raw for m in answered.deliver() if m.id == told.id]
    assert b"mailgate contact probe" in text
    after = answered.ticket("SUP-1")
    assert (after.status, after.last_customer_at, after.agent_id) == (
        before.status, before.last_customer_at, before.agent_id,
    )  # fmt: skip


def test_a_resting_address_gets_nothing_and_the_agent_hears_of_it(answered: Story) -> None:
    _rests(answered)
    answered.agent_answers("SUP-1", "Deu certo?")
    assert len(answered.outbox("N5")) == 2
    told = answered.outbox("DELIVERY_FAILED")[-1]
    assert (told.recipient, json.loads(told.body)["reason"]) == (BRUNO[1], "not_sent")
    assert answered.events("SUP-1")[-1] == "not_told"
    (event,) = [e for e in answered.rows(EVENT) if e.kind == "not_told"]
    assert event.data["to"] == ANA[1]
    assert "unknown_recipient" in event.data["why"]


def test_the_rest_ends_by_itself_and_the_next_notice_is_the_probe(answered: Story) -> None:
    """A block that never ends is what others complain of."""
    _rests(answered)
    answered.later(days=15)
    answered.agent_answers("SUP-1", "Deu certo?")
    assert len(answered.outbox("N5")) == 3
    answered.deliver()
    _came_back(answered, answered.outbox("N5")[-1])
    assert answered.events("SUP-1")[-1] == "address_suppressed"


def test_who_writes_again_proven_is_believed_again(answered: Story) -> None:
    _rests(answered)
    answered.receive(plain_mail(ANA, SUPPORT, "Outro assunto", "Bom dia"))
    assert answered.rows(SUPPRESSION) == []
    assert [r.recipient for r in answered.outbox("N1")] == [ANA[1], ANA[1]]
    assert "address_cleared" in answered.events("SUP-2")


def test_an_unproven_mail_in_the_same_name_is_not(answered: Story) -> None:
    _rests(answered)
    answered.receive(plain_mail(ANA, SUPPORT, "Outro assunto", "Bom dia", verified=False))
    assert len(answered.rows(SUPPRESSION)) == 1


def test_a_delay_is_written_down_and_nothing_else(answered: Story) -> None:
    """zammad#2219: a delay notice reopened the ticket."""
    count = len(answered.told())
    settled = answered.receive(report(answered.outbox("N5")[0].message_id, "delayed", "4.4.1"), mail_from="")
    assert settled.outcome is Outcome.DSN
    assert answered.events("SUP-1")[-1] == "delivery_delayed"
    assert (len(answered.told()), answered.rows(SUPPRESSION)) == (count, [])
    assert answered.outbox("N5")[0].state == "accepted"


def test_a_full_mailbox_rests_only_when_it_stays_full(answered: Story) -> None:
    for day in range(8):
        answered.agent_answers("SUP-1", f"Tentativa {day}")
        answered.deliver()
        _came_back(answered, answered.outbox("N5")[-1], "failed", "5.2.2", unique=str(day))
        resting = [r for r in answered.rows(SUPPRESSION) if r.until is not None]
        if day < 4:
            assert resting == [], day
        answered.later(days=1)
    assert len(resting) == 1


def test_what_our_own_mail_is_blamed_for_does_not_count(answered: Story) -> None:
    answered.receive(report(answered.outbox("N5")[0].message_id, "failed", "5.7.26"), mail_from="")
    assert answered.events("SUP-1")[-1] == "delivery_failed"
    assert answered.rows(SUPPRESSION) == []


def test_the_same_loss_counts_once(answered: Story) -> None:
    row = answered.outbox("N5")[0]
    _came_back(answered, row, "failed", "5.2.2")
    answered.later(days=2)
    _came_back(answered, row, "failed", "5.2.2", unique="again")
    (row,) = answered.rows(SUPPRESSION)
    assert row.score == 1.0


def test_the_envelope_sender_alone_names_the_mail(answered: Story) -> None:
    """Many systems return no header of the mail at all."""
    row = answered.outbox("N5")[0]
    raw = report("x@relay.test").replace(b"To: suporte@example.test", f"To: {row.envelope_from}".encode())
    settled = answered.receive(raw, [row.envelope_from], mail_from="")
    assert settled.key == "SUP-1"
    assert answered.outbox("N5")[0].state == "returned"


def test_forged_reports_do_nothing(answered: Story) -> None:
    """S9: a made-up token, and a real one with a letter changed."""
    ours = answered.outbox("N5")[0].message_id
    changed = ("b" if ours[0] == "a" else "a") + ours[1:]
    rows, events = answered.count(OUTBOX), answered.events("SUP-1")
    for message_id in (f"{'a' * 44}.1@example.test", changed, "someone@else.test"):
        settled = answered.receive(report(message_id, unique=message_id[:6]), mail_from="")
        assert (settled.outcome, settled.key) == (Outcome.DSN, "")
    assert (answered.count(OUTBOX), answered.events("SUP-1"), answered.rows(SUPPRESSION)) == (rows, events, [])
    assert answered.outbox("N5")[0].state == "accepted"


def test_the_relays_own_refusal_counts_too(opened: Story) -> None:
    opened.agent_answers("SUP-1", "Olá")
    opened.deliver(lambda mail: REFUSED)
    assert [r.address for r in opened.rows(SUPPRESSION)] == [ANA[1]]
    assert "address_suppressed" in opened.events("SUP-1")


def test_an_absence_notice_about_an_answer_is_no_word_of_the_customer(answered: Story) -> None:
    before = answered.ticket("SUP-1")
    to = json.loads(answered.outbox("N5")[0].body)["reply_to"]
    comments = answered.count(COMMENT)
    away = plain_mail(ANA, to, "Ausência temporária: Re: x", "Volto dia 5.")
    settled = answered.receive(away, [to])
    assert settled.outcome is Outcome.AUTOMATIC
    after = answered.ticket("SUP-1")
    assert (after.status, after.last_customer_at) == (before.status, before.last_customer_at)
    assert answered.count(COMMENT) == comments + 1
    newsletter = plain_mail(ANA, SUPPORT, "[SUP-1] Ofertas", "Compre").replace(
        b"Subject:", b"List-Unsubscribe: <mailto:u@cliente.test>\r\nSubject:", 1
    )
    assert answered.receive(newsletter).outcome is Outcome.AUTOMATIC
    assert answered.ticket("SUP-1").last_customer_at == before.last_customer_at


def report(message_id: str, action: str = "failed", status: str = "5.1.1", unique: str = "") -> bytes:
    lines = f"""Authentication-Results: {BORDER}; none
From: MAILER-DAEMON@relay.test
To: {SUPPORT}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{message_id[:8]}{unique}@relay.test>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your mail.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.test

Final-Recipient: rfc822; {ANA[1]}
Action: {action}
Status: {status}

--b
Content-Type: text/rfc822-headers

From: suporte@example.test
Message-ID: <{message_id}>

--b--
"""
    return lines.replace("\n", "\r\n").encode()
