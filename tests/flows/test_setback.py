"""The machine's clock is set back by days (D12): mail that waits does not wait until the clock is there again."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from mailgate.flows import setback
from store import journal
from store.tables import JOURNAL, OUTBOX
from store.vocabulary import Outcome, Road
from tests.flows.story import LATER, Story
from tests.house import ANA, SUPPORT, plain_mail


def _taken_in(story: Story, subject: str) -> int:
    """A mail that has its 250 and is not read yet."""
    raw, now, row_id = plain_mail(ANA, SUPPORT, subject, "Erro 656."), story.clock(), story.site.ids.new()
    row = {
        "id": row_id, "received_at": now, "road": str(Road.LMTP), "origin": {}, "mail_from": ANA[1],
        "rcpt_tos": [SUPPORT], "peer": "", "helo": "", "auth_user": "", "tls": False, "size_bytes": len(raw),
        "raw_sha256": hashlib.sha256(raw).hexdigest(), "raw_blob": False, "outcome": str(Outcome.PENDING),
        "reason": "", "detail": "", "resumed": "", "attempts": 0, "next_attempt_at": now, "subject": "",
    }  # fmt: skip
    story.site.writer.call(lambda c: journal.add(c, [row], [{"journal_id": row_id, "raw": raw}]))
    return row_id


def test_a_mail_of_tomorrow_is_read_and_answered_today(story: Story) -> None:
    story.later(days=1)
    mail = _taken_in(story, "Nota recusada")
    story.later(days=-2)
    assert story.work() == []
    assert setback.sweep(story.site) == 1
    assert story.journal(story.work()[0].journal_id).id == mail
    assert {row.state for row in story.outbox()} == {"waiting"}
    assert len(story.deliver()) == 2
    assert setback.sweep(story.site) == 0


def test_answers_of_tomorrow_leave_today(story: Story) -> None:
    story.later(days=1)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.later(days=-1)
    assert story.deliver() == []
    assert setback.sweep(story.site) == 2
    assert len(story.deliver()) == 2


def test_a_mail_that_was_tried_waits_for_no_longer_than_it_may(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.later(days=3)
    story.deliver(lambda mail: LATER)
    tried = {row.id: row.next_attempt_at for row in story.outbox()}
    assert setback.sweep(story.site) == 0
    story.later(days=-3)
    assert setback.sweep(story.site) == 2
    assert all(row.next_attempt_at < tried[row.id] - timedelta(days=2) for row in story.outbox())
    story.later(hours=10)
    assert len(story.deliver()) == 2


def test_what_waits_by_itself_is_left_alone(story: Story) -> None:
    """A retry within its interval, a clock that differs by seconds, and rows that somebody has in hand."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.deliver(lambda mail: LATER)
    story.later(seconds=5)
    _taken_in(story, "Outra")
    story.later(seconds=-5)
    before = [(row.id, row.next_attempt_at) for row in story.rows(OUTBOX) + story.rows(JOURNAL)]
    assert setback.sweep(story.site) == 0
    story.later(days=1)
    story.claimed("another:deliver")
    story.later(days=-1)
    assert setback.sweep(story.site) == 0
    assert [(row.id, row.next_attempt_at) for row in story.rows(OUTBOX) + story.rows(JOURNAL)] == before
