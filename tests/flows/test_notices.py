"""Who is told what, on a real database: each notice by what brings it about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailgate.flows import duedates
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail


@pytest.fixture
def opened(story: Story) -> Story:
    """Ana's ticket SUP-1."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada com o erro 656 outra vez."))
    return story


def body(row: Any) -> dict[str, Any]:
    """What a row of the outbox tells."""
    told: dict[str, Any] = json.loads(row.body)
    return told


def test_whoever_has_a_ticket_is_told_before_its_due_date_and_after_it_once_each(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#assumir")
    due = opened.ticket("SUP-1").due_at
    before = len(opened.outbox("N19"))
    assert duedates.sweep(opened.site) == 0
    opened.later(seconds=(due - opened.site.clock()).total_seconds() - 1800)
    assert [duedates.sweep(opened.site), duedates.sweep(opened.site)] == [1, 0]
    opened.later(hours=1)
    assert [duedates.sweep(opened.site), duedates.sweep(opened.site)] == [1, 0]
    told = opened.outbox("N19")[before:]
    assert [(row.recipient, body(row)["event"]) for row in told] == [(BRUNO[1], "due_soon"), (BRUNO[1], "overdue")]
