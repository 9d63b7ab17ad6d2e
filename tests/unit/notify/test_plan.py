"""Who is told what, and who is not, with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.notify.plan import AckCaps, Cap, Happened, Person, Plan, plan
from store.vocabulary import Notice, Role

ANA = Person(11, "Ana", "ana@cliente.test", "pt-BR", Role.CUSTOMER)
CARMEN = Person(12, "Carmen", "carmen@cliente.test", "es", Role.CUSTOMER)
BRUNO = Person(21, "Bruno", "bruno@example.test", "pt-BR", Role.AGENT)
BIA = Person(22, "Bia", "bia@example.test", "en", Role.AGENT)

BASE = Happened(
    ANA.address, True, requester=ANA, participants=(CARMEN,), agent=BRUNO, department_agents=(BRUNO, BIA)
)  # fmt: skip
NOBODYS = replace(BASE, agent=None)


def _told(happened: Happened) -> list[tuple[str, str]]:
    return [(str(p.notice), p.to.name) for p in plan(happened) if not p.suppressed]


def _kept_back(happened: Happened) -> dict[tuple[str, str], str]:
    return {(str(p.notice), p.to.name): p.suppressed for p in plan(happened) if p.suppressed}


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (replace(NOBODYS, opened=True, commented=Role.CUSTOMER), [("N1", "Ana"), ("N19", "Bruno"), ("N19", "Bia")]),
        (replace(BASE, opened=True, commented=Role.CUSTOMER), [("N1", "Ana"), ("N19", "Bruno")]),
        (replace(BASE, author_address=BRUNO.address, opened=True, opened_by_agent=True, commented=Role.AGENT),
         [("N2", "Ana")]),
        (replace(BASE, commented=Role.CUSTOMER), [("N5", "Carmen"), ("N19", "Bruno")]),
        (replace(NOBODYS, commented=Role.CUSTOMER), [("N5", "Carmen"), ("N19", "Bruno"), ("N19", "Bia")]),
        (replace(BASE, author_address=CARMEN.address, commented=Role.CUSTOMER), [("N5", "Ana"), ("N19", "Bruno")]),
        (replace(BASE, author_address=BRUNO.address, commented=Role.AGENT), [("N5", "Ana"), ("N5", "Carmen")]),
        (replace(BASE, author_address=BRUNO.address, commented=Role.AGENT, status_by=Role.AGENT),
         [("N5", "Ana"), ("N5", "Carmen")]),
        (replace(BASE, author_address=BRUNO.address, status_by=Role.AGENT), [("N6", "Ana"), ("N6", "Carmen")]),
        (replace(BASE, author_address="", status_by=Role.SYSTEM), [("N6", "Ana"), ("N6", "Carmen")]),
        (replace(BASE, commented=Role.CUSTOMER, status_by=Role.SYSTEM, reopened=True),
         [("N11", "Ana"), ("N5", "Carmen"), ("N19", "Bruno")]),
        (replace(BASE, author_address=CARMEN.address, commented=Role.CUSTOMER, reopened=True),
         [("N11", "Ana"), ("N19", "Bruno")]),
        (replace(BASE, author_address=BRUNO.address), []),
        (replace(BASE, author_address=BRUNO.address, asked=BRUNO), [("CONFIRM", "Bruno")]),
        (replace(BASE, author_address=BRUNO.address, refused=BRUNO), [("COMMAND_ERROR", "Bruno")]),
        (replace(BASE, author_address="", returned="failed"), [("DELIVERY_FAILED", "Bruno")]),
        (replace(BASE, author_address="", returned="delayed"), []),
        (Happened(ANA.address, True, requester=ANA, rejected=True), [("N20", "Ana")]),
        (replace(BASE, requester=None, participants=(), commented=Role.CUSTOMER), [("N19", "Bruno")]),
        (replace(BASE, status_by=Role.SYSTEM, participants=(), author_address="", also=(BIA,)),
         [("N6", "Ana"), ("N19", "Bia")]),
        (replace(BASE, commented=Role.CUSTOMER, also=(BRUNO, BIA)),
         [("N5", "Carmen"), ("N19", "Bruno"), ("N19", "Bia")]),
        (replace(BASE, author_address=BRUNO.address, commented=Role.AGENT, also=(BRUNO, BIA)),
         [("N5", "Ana"), ("N5", "Carmen"), ("N19", "Bia")]),
    ],
    ids=["opened, nobody's", "opened, a rule gave it to Bruno", "opened by an agent", "requester wrote",
         "requester wrote, nobody's ticket", "participant wrote", "agent answered", "agent answered and set a status",
         "agent set a status", "a timer set a status", "requester reopened", "participant reopened", "a note",
         "agent asked", "command refused", "mail came back", "mail is late", "rejected", "requester switched off",
         "a rule tells a manager of a timer", "a rule tells all agents", "a rule tells all of an agent's answer"],
)  # fmt: skip
def test_who_is_told(happened: Happened, told: list[tuple[str, str]]) -> None:
    assert _told(happened) == told


def test_an_unproven_comment_is_told_to_agents_only() -> None:
    """'agents are told; nobody else is mailed'."""
    happened = replace(BASE, author_verified=False, commented=Role.CUSTOMER, reopened=True)
    assert _told(happened) == [("N19", "Bruno")]
    assert set(_kept_back(happened).values()) == {"the comment is not verified"}


def test_automatic_mail_gets_no_automatic_answer() -> None:
    for happened in (
        replace(BASE, opened=True, commented=Role.CUSTOMER, no_answer="automatic mail: list-id"),
        replace(BASE, commented=Role.CUSTOMER, reopened=True, no_answer="automatic mail: list-id"),
        Happened(ANA.address, True, requester=ANA, rejected=True, no_answer="automatic mail: list-id"),
    ):
        assert ANA.name not in [name for _, name in _told(happened)]
        assert "automatic mail: list-id" in _kept_back(happened).values()


def test_a_reopening_by_another_is_told_to_the_requester_even_so() -> None:
    happened = replace(
        BASE, author_address=CARMEN.address, commented=Role.CUSTOMER, reopened=True, no_answer="automatic mail: bulk"
    )
    assert ("N11", "Ana") in _told(happened)


def test_nobody_unproven_is_told_that_he_is_not_accepted() -> None:
    happened = Happened(ANA.address, False, requester=ANA, rejected=True)
    assert (_told(happened), list(_kept_back(happened).values())) == ([], ["the sender is not verified"])


_OPENED = replace(BASE, opened=True, commented=Role.CUSTOMER)
_FULL, _FREE = Cap(1, 600, 1), Cap(5, 3600, 4)


@pytest.mark.parametrize(
    ("verified", "caps", "reason"),
    [
        (False, AckCaps(unverified=(_FREE,)), ""),
        (False, AckCaps(unverified=(_FREE, _FULL)), "more than 1 acknowledgements to this unverified address"),
        (True, AckCaps(unverified=(_FULL,)), ""),
        (True, AckCaps(verified=(Cap(30, 3600, 30),)), "digest: more than 30"),
        (False, AckCaps(verified=(Cap(30, 3600, 30),)), ""),
        (True, AckCaps(total=(Cap(500, 3600, 500),)), "more than 500 acknowledgements to all"),
        (True, AckCaps(), ""),
    ],
)
def test_caps_on_acknowledgements(verified: bool, caps: AckCaps, reason: str) -> None:
    """R9: per unverified address, per verified one (then a digest), and for all together."""
    happened = replace(_OPENED, author_verified=verified, caps=caps)
    found = _kept_back(happened).get(("N1", "Ana"), "")
    assert found.startswith(reason)
    assert bool(found) == bool(reason)
    assert ("N19", "Bruno") in _told(happened), "a cap on acknowledgements hides no ticket from its agents"


_PEOPLE = st.sampled_from([ANA, CARMEN, BRUNO, BIA, replace(BIA, id=13, role=Role.CUSTOMER)])
_SIDE = st.one_of(st.none(), st.sampled_from(list(Role)))
_ANY = st.builds(
    Happened, st.sampled_from(["", ANA.address, BRUNO.address]), st.booleans(), requester=st.none() | _PEOPLE,
    participants=st.lists(_PEOPLE).map(tuple), agent=st.none() | _PEOPLE,
    department_agents=st.lists(_PEOPLE).map(tuple), opened=st.booleans(), opened_by_agent=st.booleans(),
    commented=_SIDE, status_by=_SIDE, reopened=st.booleans(), no_answer=st.sampled_from(["", "automatic"]),
    asked=st.none() | _PEOPLE, refused=st.none() | _PEOPLE, returned=st.sampled_from(["", "failed"]),
    rejected=st.booleans(), also=st.lists(_PEOPLE).map(tuple),
)  # fmt: skip


@given(_ANY)
def test_nobody_is_told_twice_in_one_event(happened: Happened) -> None:
    told = [p.to.address for p in plan(happened) if not p.suppressed]
    assert len(told) == len(set(told))
    assert plan(happened) == plan(happened)


@given(_ANY)
def test_customers_are_never_written_to_because_of_unproven_words(happened: Happened) -> None:
    """But for the one acknowledgement, whose words are our own."""
    unproven = replace(happened, author_verified=False, status_by=None, opened_by_agent=False, commented=Role.CUSTOMER)

    def told(one: Plan) -> bool:
        return not one.suppressed and one.notice in (Notice.N5, Notice.N6, Notice.N11, Notice.N20, Notice.N2)

    assert not any(told(p) for p in plan(unproven))
