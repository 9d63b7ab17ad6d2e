"""Which ticket a mail belongs to: the strongest evidence that its author may use, and why the others lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailgate.decide.author import who
from mailgate.decide.decision import ThreadChoice
from mailgate.decide.facts import Candidate, ContactFacts, Facts, TicketFacts
from mailgate.decide.thread import choose
from tests.unit.decide.cases import (
    ANA,
    BIA,
    BRUNO,
    CARMEN,
    DIEGO,
    PROVEN,
    book,
    by_key,
    by_our_id,
    by_their_id,
    by_token,
    facts,
    mail_from,
    ticket,
)


def _choose(known: Facts) -> ThreadChoice:
    return choose(known, who(known), book().scopes)


ONE, TWO, THREE, FOUR = (ticket(n) for n in (1, 2, 3, 4))
LADDER = (by_token(ONE, ANA), by_our_id(TWO), by_their_id(THREE), by_key(FOUR))


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_the_strongest_evidence_wins_whatever_the_order(missing: int) -> None:
    left = LADDER[missing:]
    known = facts(mail_from(auth=PROVEN), ONE, TWO, THREE, FOUR, candidates=tuple(reversed(left)))
    chosen = _choose(known)
    assert (chosen.kind, chosen.ticket_id, chosen.how) == ("existing", left[0].ticket_id, left[0].how)
    assert [loser.key for loser in chosen.losers] == [f"SUP-{c.ticket_id - 100}" for c in left[1:]]
    assert all("stronger" in loser.why for loser in chosen.losers)


def test_a_second_name_for_the_same_ticket_is_no_loser() -> None:
    known = facts(mail_from(), ONE, candidates=(by_token(ONE, ANA), by_key(ONE)))
    assert _choose(known).losers == ()


def test_nothing_named_is_a_new_ticket() -> None:
    assert _choose(facts(mail_from())) == ThreadChoice("new", None, "", "", "nothing in the mail names a ticket")


def test_evidence_about_a_ticket_that_is_gone_is_passed_over() -> None:
    gone = Candidate(999, "reply_identity", "suporte+…", by_token(ONE, ANA).identity)
    assert _choose(facts(mail_from(), ONE, candidates=(gone, by_key(ONE)))).ticket_id == ONE.id


@pytest.mark.parametrize("evidence", [by_key, by_their_id, by_our_id])
def test_a_stranger_who_names_a_ticket_gets_his_own_that_claims_it(evidence: object) -> None:
    """I6: a ticket's number opens nothing, proven or not."""
    for auth in (PROVEN, mail_from().auth):
        known = facts(mail_from(DIEGO.address, auth=auth), ONE, candidates=(evidence(ONE),))  # type: ignore[operator]
        chosen = _choose(known)
        assert (chosen.kind, chosen.ticket_id, chosen.claims) == ("new", None, "SUP-1")
        assert [loser.key for loser in chosen.losers] == ["SUP-1"]
        assert "author is n" in chosen.losers[0].why


def test_a_refused_name_gives_way_to_a_weaker_one_that_is_allowed() -> None:
    other = ticket(2, requester=DIEGO)
    known = facts(mail_from(), other, ONE, candidates=(by_their_id(other), by_key(ONE)))
    chosen = _choose(known)
    assert (chosen.ticket_id, chosen.claims) == (ONE.id, "")
    assert [loser.key for loser in chosen.losers] == ["SUP-2"]


def test_who_holds_the_reply_address_comments_whoever_he_is() -> None:
    known = facts(mail_from("helena@nova.test"), ONE, candidates=(by_token(ONE, ANA),))
    assert _choose(known).ticket_id == ONE.id
    assert who(known).via == "Ana Souza"
    assert not who(known).verified


def test_an_agents_copy_is_no_reply_address_for_anybody_else() -> None:
    """FreeScout CVE-2026-47123: the address of an agent's copy makes nobody an agent, and no customer either."""
    for author in (DIEGO.address, "helena@nova.test"):
        known = facts(mail_from(author, auth=PROVEN), ONE, candidates=(by_token(ONE, BRUNO),))
        chosen = _choose(known)
        assert (chosen.kind, chosen.claims) == ("new", "SUP-1")
        assert "made for one" in chosen.losers[0].why


def test_the_requester_with_an_agents_copy_is_still_the_requester_by_the_key() -> None:
    known = facts(mail_from(), ONE, candidates=(by_token(ONE, BRUNO), by_key(ONE)))
    assert (_choose(known).kind, _choose(known).how) == ("existing", "subject_key")


@pytest.mark.parametrize(
    ("author", "seen", "auth", "belongs"),
    [
        (CARMEN, ticket(participants=(CARMEN,)), None, True),
        (CARMEN, ticket(addresses=(CARMEN.address,)), PROVEN, True),
        (CARMEN, ticket(addresses=(CARMEN.address,)), None, False),
        (replace(CARMEN, role="master"), ONE, PROVEN, True),
        (replace(CARMEN, role="manager"), ONE, PROVEN, True),
        (replace(CARMEN, role="master"), ONE, None, False),
        (replace(CARMEN, role="light"), ONE, PROVEN, False),
        (replace(CARMEN, role="master", organisation_id=2), ONE, PROVEN, False),
        (replace(CARMEN, role="master", organisation_id=None), ticket(requester=replace(ANA, organisation_id=None)),
         PROVEN, False),
    ],
    ids=["participant", "cc proven", "cc unproven", "master", "manager", "master unproven", "light", "other firm",
         "two without a firm"],
)  # fmt: skip
def test_who_may_comment_by_the_key(author: ContactFacts, seen: TicketFacts, auth: object, belongs: bool) -> None:
    mail = mail_from(author.address) if auth is None else mail_from(author.address, auth=PROVEN)
    chosen = _choose(facts(mail, seen, sender=author, candidates=(by_key(seen),)))
    assert (chosen.kind == "existing") is belongs


@pytest.mark.parametrize("evidence", [by_key, by_their_id])
def test_a_disabled_contact_has_no_rights_left(evidence: object) -> None:
    """I5: rights are looked at when the mail is processed."""
    off = replace(ANA, active=False)
    seen = ticket(requester=off)
    known = facts(mail_from(auth=PROVEN), seen, sender=off, candidates=(by_token(seen, ANA), by_key(seen)))
    assert _choose(known).kind == "new"


def test_a_closed_ticket_gets_a_linked_follow_up() -> None:
    closed = ticket(1, "fechado")
    chosen = _choose(facts(mail_from(), closed, candidates=(by_token(closed, ANA),)))
    assert (chosen.kind, chosen.ticket_id, chosen.key) == ("follow_up", closed.id, "SUP-1")
    assert "closed" in chosen.why


def test_a_strangers_claim_on_a_closed_ticket_links_nothing() -> None:
    closed = ticket(1, "fechado")
    chosen = _choose(facts(mail_from(DIEGO.address, auth=PROVEN), closed, candidates=(by_key(closed),)))
    assert (chosen.kind, chosen.ticket_id, chosen.claims) == ("new", None, "SUP-1")


def test_an_agent_writes_into_a_closed_ticket() -> None:
    closed = ticket(1, "fechado")
    known = facts(mail_from(BRUNO.address, auth=PROVEN), closed, candidates=(by_token(closed, BRUNO),))
    assert _choose(known).kind == "existing"


def test_a_colleagues_copy_is_an_agents_copy() -> None:
    known = facts(mail_from(BIA.address, auth=PROVEN), ONE, candidates=(by_token(ONE, BRUNO),))
    assert _choose(known).ticket_id == ONE.id
