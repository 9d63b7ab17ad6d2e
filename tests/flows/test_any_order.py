"""Customers, agents, strangers and time in any order: the workflow holds, and nobody is told twice of one thing."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailgate.errors import DataError, NotAllowed
from mailgate.flows import customer
from store.tables import COMMENT, EVENT, JOURNAL, TICKET
from store.vocabulary import CommentKind
from tests.conftest import SettableClock
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, close_site, make_site, plain_mail

_AGENT_SAYS = ["Pronto.", "#resolvido\nPronto.", "#com-cliente\nVersão?", "#pendente\nVersão?", "#fechado", "#aberto"]
_AGENT_SAYS += ["#reaberto", "#nota\nInterno.", "#dev\nEnviado."]
_STEPS = st.one_of(
    st.tuples(st.just("customer"), st.sampled_from(["proven", "unproven", "automatic", "page", "stranger"])),
    st.tuples(st.just("agent"), st.sampled_from(_AGENT_SAYS)),
    st.tuples(st.just("unproven agent"), st.sampled_from(_AGENT_SAYS)),
    st.tuples(st.just("terminal"), st.sampled_from(["aberto", "resolvido", "fechado", "reaberto", "com_dev"])),
    st.tuples(st.just("days"), st.sampled_from([1, 4, 8])),
)


def _step(story: Story, kind: str, what: Any, number: int) -> None:
    text = f"palavra {number}"
    if kind == "agent":
        story.agent_answers("SUP-1", f"{what}\n{text}")
    elif kind == "unproven agent":
        story.agent_answers("SUP-1", f"{what}\n{text}", proven=False)
    elif kind == "days":
        story.later(days=what)
        while story.sweep():
            story.later(minutes=3)
    elif kind == "terminal":
        with contextlib.suppress(NotAllowed, DataError):  # no way there, or no such status
            customer.agent_action(story.site, "SUP-1", BRUNO[1], "set_status", status=what)
    elif what == "page":
        ticket = story.ticket("SUP-1")
        customer.comment(story.site, ticket.id, ticket.requester_id, text)
    else:
        author = CARMEN if what == "stranger" else ANA
        mail = plain_mail(author, SUPPORT, "Re: [SUP-1]", text, verified=what == "proven")
        story.receive(mail if what != "automatic" else b"Auto-Submitted: auto-replied\r\n" + mail)


def _check(story: Story) -> None:
    workflow = story.site.book().workflow
    for event in story.rows(EVENT, EVENT.c.kind == "status"):
        actor = "agent" if event.role == "agent" else "system"
        before, after = event.data["from"], event.data["to"]
        assert before != after
        assert workflow.can_set(before, after, actor), f"{before} → {after}"
    told: Counter[tuple[object, str]] = Counter()
    for row in story.outbox():
        told[(row.journal_id or row.created_at, row.recipient)] += 1
    assert not [t for t, times in told.items() if times > 1 and isinstance(t[0], int)]
    for ticket in story.rows(TICKET):
        assert ticket.category == str(workflow.category(ticket.status))
        armed = [t for t in story.armed(ticket.key) if t.status != ticket.status]
        assert armed == [], "a timer of a status that was left"
    for comment in story.rows(COMMENT, COMMENT.c.role == "agent", COMMENT.c.kind == str(CommentKind.COMMENT)):
        assert comment.verified
    assert story.count(JOURNAL, JOURNAL.c.outcome == "pending") == 0
    assert story.count(JOURNAL, JOURNAL.c.reason == "poison") == 0


@pytest.mark.parametrize("preset", ["centrium", "totvs"])
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(_STEPS, min_size=1, max_size=12))
def test_any_order(preset: str, steps: list[tuple[str, Any]]) -> None:
    numbers = count(1)
    with tempfile.TemporaryDirectory() as folder:
        clock = SettableClock(datetime(2025, 11, 5, 13, 22, tzinfo=UTC))
        story = Story(make_site(Path(folder), preset=preset, clock=clock), clock=clock)
        try:
            story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
            for kind, what in steps:
                _step(story, kind, what, next(numbers))
                story.later(seconds=1)
            _check(story)
        finally:
            close_site(story.site)
