"""Who wrote, and by what it is proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailgate.authn.results import AuthResults
from mailgate.decide.author import who
from store.vocabulary import Role
from tests.unit.decide.cases import (
    ANA,
    BRUNO,
    CARMEN,
    DKIM_OF_ANOTHER,
    PROVEN,
    SPF_OF_ANOTHER,
    agent_at_terminal,
    by_key,
    by_our_id,
    by_their_id,
    by_token,
    customer_on_page,
    facts,
    mail_from,
    ticket,
)

ONE = ticket()
TRUSTED = AuthResults(aligned=True, trusted="mx.example.test", reason="mx.example.test reports DKIM pass")


@pytest.mark.parametrize(
    ("auth", "proof"),
    [(PROVEN, "aligned"), (TRUSTED, "trusted"), (SPF_OF_ANOTHER, ""), (DKIM_OF_ANOTHER, ""), (AuthResults(), "")],
    ids=["aligned", "trusted", "SPF of another domain", "DKIM of another domain", "nothing"],
)
def test_the_domain_of_from_must_be_proven(auth: AuthResults, proof: str) -> None:
    for author, role in ((ANA.address, Role.CUSTOMER), (BRUNO.address, Role.AGENT)):
        found = who(facts(mail_from(author, auth=auth)))
        assert (found.role, found.proof, found.verified) == (role, proof, bool(proof))
        assert found.why


def test_auth_proves_the_agent_who_signed_in() -> None:
    found = who(facts(mail_from(BRUNO.address, auth_user=BRUNO.address)))
    assert (found.role, found.proof, found.person_id) == (Role.AGENT, "auth", BRUNO.id)


def test_auth_as_somebody_else_proves_nothing() -> None:
    assert not who(facts(mail_from(BRUNO.address, auth_user="bia@example.test"))).verified


def test_a_reply_address_proves_the_person_it_was_made_for() -> None:
    found = who(facts(mail_from(), ONE, candidates=(by_token(ONE, ANA),)))
    assert (found.verified, found.proof, found.via) == (True, "reply_identity", "")


def test_somebody_elses_reply_address_proves_nothing_and_is_named() -> None:
    found = who(facts(mail_from(CARMEN.address), ONE, candidates=(by_token(ONE, ANA),)))
    assert (found.verified, found.proof, found.via) == (False, "", "Ana Souza")


@pytest.mark.parametrize("evidence", [by_key, by_their_id, by_our_id])
def test_what_can_be_guessed_or_copied_proves_nothing(evidence: object) -> None:
    known = facts(mail_from(), ONE, candidates=(evidence(ONE),))  # type: ignore[operator]
    assert not who(known).verified


def test_an_agents_copy_proves_no_customer_with_the_same_number() -> None:
    """Agents and contacts are numbered apart: the token says which of the two."""
    twin = replace(ANA, id=BRUNO.id)
    known = facts(mail_from(), ONE, sender=twin, candidates=(by_token(ONE, BRUNO),))
    assert not who(known).verified


def test_a_reply_address_is_no_proof_of_an_agent() -> None:
    known = facts(mail_from(BRUNO.address), ONE, candidates=(by_token(ONE, BRUNO),))
    assert (who(known).role, who(known).verified) == (Role.AGENT, False)


def test_an_agent_is_written_to_at_his_stored_address_and_named_as_stored() -> None:
    found = who(facts(mail_from(BRUNO.address, name="Diretoria")))
    assert (found.name, found.address) == (BRUNO.name, BRUNO.address)


def test_from_that_is_not_one_address_is_nobody_proven() -> None:
    two = replace(mail_from(auth=PROVEN), author=None)
    assert not who(facts(two)).verified


def test_a_page_and_a_terminal_know_their_person() -> None:
    page = who(facts(None, ONE, action=customer_on_page()))
    assert (page.role, page.verified, page.proof) == (Role.CUSTOMER, True, "portal")
    terminal = who(facts(None, ONE, action=agent_at_terminal()))
    assert (terminal.role, terminal.verified, terminal.proof) == (Role.AGENT, True, "terminal")
    assert who(facts(None, ONE, timer="x")).role is Role.SYSTEM


def test_among_several_reply_addresses_ones_own_counts() -> None:
    known = facts(mail_from(), ONE, candidates=(by_token(ONE, CARMEN), by_token(ONE, ANA)))
    assert (who(known).proof, who(known).via) == ("reply_identity", "")
