"""Customers, agents, strangers and time in any order, as a state machine over the decisions and their effects.

Whatever comes after whatever: no status is reached but by a transition of the workflow that its actor may go, a timer
fires once and belongs to the status the ticket is in, and nobody is told twice of one thing.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mailgate.errors import DataError, NotAllowed
from mailgate.flows import customer
from mailgate.tickets.workflow import Actor, split_name
from store.tables import COMMENT, EVENT, JOURNAL, TICKET, TIMER
from store.vocabulary import CommentKind
from tests.conftest import SettableClock
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, close_site, make_site, plain_mail

_WORDS = ["", "#nota", "#resolvido", "#com-cliente", "#pendente", "#respondido", "#fechado", "#aberto", "#reaberto"]
_WORDS += ["#dev", "#novo", "#em-andamento", "#finalizado", "#nunca"]
_ACTORS: dict[str, Actor] = {"agent": "agent", "customer": "customer", "system": "system"}


class AnyOrder(RuleBasedStateMachine):
    """One ticket of Ana's at one company; subclasses name the preset."""

    preset = "centrium"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.numbers = count(1)
        clock = SettableClock(datetime(2025, 11, 5, 13, 22, tzinfo=UTC))
        self.story = Story(make_site(Path(self.folder.name), preset=self.preset, clock=clock), clock=clock)
        self.story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))

    def teardown(self) -> None:
        close_site(self.story.site)
        self.folder.cleanup()

    def text(self) -> str:
        self.story.later(seconds=1)
        return f"palavra {next(self.numbers)}"

    # --- what can happen ---------------------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["proven", "unproven", "automatic", "stranger"]))
    def mail_comes(self, how: str) -> None:
        author = CARMEN if how == "stranger" else ANA
        mail = plain_mail(author, SUPPORT, "Re: [SUP-1]", self.text(), verified=how == "proven")
        self.story.receive(mail if how != "automatic" else b"Auto-Submitted: auto-replied\r\n" + mail)

    @rule(finalises=st.booleans())
    def customer_is_on_the_page(self, finalises: bool) -> None:
        ticket, text = self.story.ticket("SUP-1"), self.text()
        with contextlib.suppress(NotAllowed, DataError):
            if finalises:
                customer.finalize(self.story.site, ticket.id, ticket.requester_id)
            else:
                customer.comment(self.story.site, ticket.id, ticket.requester_id, text)

    @rule(word=st.sampled_from(_WORDS), proven=st.booleans())
    def agent_mails(self, word: str, proven: bool) -> None:
        self.story.agent_answers("SUP-1", f"{word}\n{self.text()}", proven=proven)

    @rule(status=st.sampled_from(_WORDS))
    def agent_is_at_the_terminal(self, status: str) -> None:
        self.text()
        with contextlib.suppress(NotAllowed, DataError):  # no way there, or no such status
            if status:
                customer.agent_action(self.story.site, "SUP-1", BRUNO[1], "set_status", status=status)
            else:
                customer.agent_action(self.story.site, "SUP-1", BRUNO[1], "assign", assign_to=BRUNO[1])

    @rule(days=st.sampled_from([1, 3, 8, 40]))
    def time_passes(self, days: int) -> None:
        self.story.later(days=days)
        while self.story.sweep():
            self.story.later(minutes=3)
        assert self.story.sweep() == 0

    @rule()
    def the_clock_jumps_back_and_forth(self) -> None:
        fired = self.story.count(TIMER, TIMER.c.state == "fired")
        self.story.later(days=-2)
        assert self.story.sweep() == 0
        self.story.later(days=2)
        assert self.story.count(TIMER, TIMER.c.state == "fired") == fired

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def only_ways_of_the_workflow_were_gone(self) -> None:
        workflow = self.story.site.book().workflow
        for event in self.story.rows(EVENT, EVENT.c.kind == "status"):
            before, after = event.data["from"], event.data["to"]
            assert before != after
            assert workflow.can_set(before, after, _ACTORS[event.role]), f"{event.role}: {before} → {after}"
        for ticket in self.story.rows(TICKET):
            assert ticket.category == str(workflow.category(ticket.status))
            assert (ticket.closed_at is not None) == (ticket.category == "closed")

    @invariant()
    def timers_belong_to_the_status_and_fire_once(self) -> None:
        workflow = self.story.site.book().workflow
        fired = self.story.rows(TIMER, TIMER.c.state == "fired")
        assert self.story.count(EVENT, EVENT.c.kind == "timer") == len(fired)
        for ticket in self.story.rows(TICKET):
            armed = self.story.armed(ticket.key)
            assert {t.status for t in armed} <= {ticket.status}
            assert len({split_name(t.name)[0] for t in armed}) == len(armed)
            for timer in armed:
                timed = workflow.timer(ticket.status, timer.name)
                assert timed is not None
                assert split_name(timer.name)[1] <= timed.repeat

    @invariant()
    def nobody_is_told_twice(self) -> None:
        told = Counter((r.ticket_id, r.journal_id or r.created_at, r.recipient) for r in self.story.outbox())
        assert [one for one, times in told.items() if times > 1] == []

    @invariant()
    def nothing_unproven_is_public_and_nothing_is_stuck(self) -> None:
        public = str(CommentKind.COMMENT)
        assert all(c.verified for c in self.story.rows(COMMENT, COMMENT.c.role == "agent", COMMENT.c.kind == public))
        assert self.story.count(JOURNAL, JOURNAL.c.outcome == "pending") == 0
        assert self.story.count(JOURNAL, JOURNAL.c.reason == "poison") == 0


@pytest.mark.parametrize("preset", ["centrium", "totvs", "negotti", "provedor", "zetti"])
def test_any_order(preset: str) -> None:
    machine = type(f"AnyOrderAt{preset.title()}", (AnyOrder,), {"preset": preset})
    bounds = settings(max_examples=5, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=bounds)  # type: ignore[no-untyped-call]
