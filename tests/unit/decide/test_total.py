"""Decisions for facts of any kind: always one, always the same, never a status that the workflow forbids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.decide.decide import decide
from mailgate.decide.decision import AddComment, AskAgent, Assign, Decision, OpenTicket, SetStatus
from mailgate.decide.facts import Bound, Candidate, Counters, Facts, Policy, TicketFacts
from mailgate.links.tokens import ReplyIdentity
from mailgate.mail.message import Address, Bounce
from mailgate.tickets.workflow import Workflow
from store.vocabulary import CommentKind, HeldReason, Notice, Outcome, Role
from tests.unit.decide.cases import (
    ANA,
    BIA,
    BRUNO,
    CARMEN,
    DIEGO,
    PROVEN,
    SUPPORT,
    UNPROVEN,
    agent_at_terminal,
    book,
    customer_on_page,
    done,
    facts,
    mail_from,
    ticket,
)

_ADDRESSES = [ANA.address, CARMEN.address, DIEGO.address, BRUNO.address, "nova@nova.test", SUPPORT, ""]
_TEXTS = ["Segue o log.", "", "#resolvido", "#nota\nx", "#resovido\nx", "#reaberto", "#aberto\nx\n#fechado", "# x"]
_TEXTS += ["#cliente ana@cliente.test\nx", "#pendente\nx", "#com-cliente\nx", "Pronto.\n#fechado"]


def _tickets(preset: str) -> st.SearchStrategy[tuple[TicketFacts, ...]]:
    statuses = list(book(preset).workflow.states)
    one = st.builds(
        lambda status, agent, people, addresses, requester: ticket(
            1, status, preset=preset, agent_id=agent, participants=people, addresses=addresses, requester=requester
        ),
        st.sampled_from(statuses), st.sampled_from([None, BRUNO.id, BIA.id, 99]), st.sampled_from([(), (CARMEN,)]),
        st.sampled_from([(), (DIEGO.address,)]), st.sampled_from([ANA, replace(ANA, active=False)]),
    )  # fmt: skip
    return st.tuples(one, st.sampled_from(statuses).map(lambda s: ticket(2, s, preset=preset, requester=DIEGO)))


_IDENTITIES = st.builds(
    ReplyIdentity, st.just(1), st.sampled_from([ANA.id, CARMEN.id, BRUNO.id]), st.sampled_from(list(Role)), st.just(1),
    st.sampled_from(list(Notice)),
)  # fmt: skip
_CANDIDATES = st.lists(
    st.one_of(
        st.builds(Candidate, st.sampled_from([101, 102, 999]), st.just("reply_identity"), st.just("…"), _IDENTITIES),
        st.builds(
            Candidate, st.sampled_from([101, 102]),
            st.sampled_from(["our_message_id", "their_message_id", "subject_key"]), st.just("…"),
        ),
    ),
    max_size=4,
).map(tuple)  # fmt: skip
_MAILS = st.builds(
    lambda sender, text, **values: replace(mail_from(sender, text), **values),
    st.sampled_from(_ADDRESSES), st.sampled_from(_TEXTS),
    author=st.sampled_from([None, *(Address("N", a) for a in _ADDRESSES if a)]),
    kind=st.sampled_from(["human"] * 4 + ["auto_reply", "list", "bulk", "dsn", "loop"]),
    kind_reason=st.sampled_from(["", "Auto-Submitted: auto-generated", "Subject: férias"]),
    may_answer=st.booleans(), bounce=st.sampled_from([None, Bounce(None, None, None, None)]),
    bounce_identity=st.none() | _IDENTITIES, auth=st.sampled_from([PROVEN, UNPROVEN]),
    auth_user=st.sampled_from(["", BRUNO.address]), over_limit=st.sampled_from(["", "", "", "many parts"]),
    attachment_names=st.sampled_from([(), ("a.log",)]), to=st.sampled_from([(), (Address("", "nova@nova.test"),)]),
)  # fmt: skip
_BOUNDS = Policy("SUP", mails=(Bound(5, 60),), tickets=(Bound(3, 60),), comments=(Bound(3, 60),))


def _facts(preset: str) -> st.SearchStrategy[Facts]:
    of_mail = st.builds(
        lambda mail, tickets, **values: facts(mail, *tickets, **values), _MAILS, _tickets(preset),
        candidates=_CANDIDATES, leaked=st.sampled_from(["", "", "a token"]), released=st.booleans(),
        confirmed=st.booleans(),
        policy=st.sampled_from([_BOUNDS, replace(_BOUNDS, guests="held"), replace(_BOUNDS, guests="rejected")]),
        counters=st.sampled_from([Counters(), Counters(mails=(9,)), Counters(tickets=(9,)), Counters(comments=(9,))]),
    )  # fmt: skip
    actions = [
        customer_on_page(), agent_at_terminal("reply", "x"), agent_at_terminal("note", "x"),
        agent_at_terminal("assign", agent_id=BIA.id), agent_at_terminal("reply", ""),
        agent_at_terminal("open", "x", subject="s", agent_id=BRUNO.id),
    ]  # fmt: skip
    of_action = st.builds(
        lambda action, tickets: facts(None, *tickets, action=action, sender=ANA), st.sampled_from(actions),
        _tickets(preset),
    )  # fmt: skip
    workflow = book(preset).workflow
    names = ["gone", *(t.name for s in workflow.states for t in workflow.timers_for(s))]
    of_time = st.builds(
        lambda name, tickets: facts(None, *tickets, timer=name), st.sampled_from(names), _tickets(preset)
    )
    return st.one_of(of_mail, of_mail, of_mail, of_action, of_time)


def _moves(workflow: Workflow, decision: Decision, known: Facts) -> list[tuple[str, SetStatus]]:
    """(the status before, the action) for every status that a decision sets."""
    opened = done(decision, OpenTicket)
    if opened:
        now = opened[0].status
    else:
        chosen = known.ticket(decision.ticket_id or 0)
        now = chosen.status if chosen else ""
    found = []
    for action in done(decision, SetStatus):
        found.append((now, action))
        now = action.status
    return found


@pytest.mark.parametrize("preset", ["centrium", "totvs"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_facts(preset: str, data: Any) -> None:
    known = data.draw(_facts(preset))
    rules, workflow = book(preset), book(preset).workflow
    decision = decide(known, rules)
    assert decide(known, rules) == decision
    for before, action in _moves(workflow, decision, known):
        actor = {Role.AGENT: "agent", Role.CUSTOMER: "customer"}.get(action.role, "system")
        assert workflow.can_set(before, action.status, actor), f"{before} → {action}"  # type: ignore[arg-type]
    _holds(known, decision)


def _holds(known: Facts, decision: Decision) -> None:
    """What is true of every decision."""
    comments = done(decision, AddComment)
    public = [c for c in comments if c.kind is CommentKind.COMMENT]
    assert len(public) <= 1
    if decision.outcome in (Outcome.HELD, Outcome.REJECTED):
        assert [a for a in decision.actions if not isinstance(a, AskAgent)] == []
        assert decision.outcome is Outcome.REJECTED or decision.reason in HeldReason
    if decision.outcome is Outcome.OPENED:
        assert len(done(decision, OpenTicket)) == len(public) == 1
        assert decision.ticket_id is None
    agents_word = [c for c in public if c.role is Role.AGENT] + done(decision, Assign)
    agents_word += [s for s in done(decision, SetStatus) if s.role is Role.AGENT]
    if agents_word:
        assert decision.author.role is Role.AGENT
        assert decision.author.verified
    if known.mail is not None and known.mail.kind in ("auto_reply", "dsn"):
        assert decision.outcome is Outcome.OPENED or not public
        assert decision.outcome is Outcome.OPENED or not done(decision, SetStatus)
