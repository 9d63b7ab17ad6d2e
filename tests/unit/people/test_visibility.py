"""Who sees a ticket, preset by preset (table 1.M, A5 and A10), and who may comment: the whole table of standings."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from mailgate.people.roles import ROLES
from mailgate.people.visibility import VISIBILITIES, Matter, Scopes, Standing, Viewer, may_comment, may_see

ANA = Viewer(1, "light", organisation_id=10, network="Rede", branch_id=100)
LUIZ = Viewer(2, "light", organisation_id=10, network="Rede", branch_id=100)
CAIO = Viewer(3, "light", organisation_id=10, network="Rede", branch_id=101)
NEW = Viewer(4, "light", organisation_id=10, network="Rede")
MARTA = Viewer(5, "master", organisation_id=10, network="Rede")
NINA = Viewer(6, "light", organisation_id=11, network="rede", branch_id=110)
THIRD = Viewer(7, "third_party", organisation_id=10, network="Rede", branch_id=100)
STRANGER = Viewer(8)
PEOPLE = {"Luiz": LUIZ, "Caio": CAIO, "New": NEW, "Marta": MARTA, "Nina": NINA, "Third": THIRD, "Stranger": STRANGER}

CENTRIUM = Scopes({"light": "own", "master": "organisation", "manager": "organisation"})
NEGOTTI = Scopes({"light": "organisation", "master": "organisation"}, default="organisation")
ZETTI = Scopes({"light": "own", "master": "network"}, default="network")
PROVEDOR = Scopes({"light": "own", "manager": "organisation"}, managers_private=True)


def _ticket(**values: object) -> Matter:
    return replace(Matter(ANA.id, "light", 10, "Rede", 100), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scopes", "word", "seen_by"),
    [
        (CENTRIUM, "", {"Marta"}),
        (NEGOTTI, "", {"Luiz", "Caio", "New", "Marta"}),
        (ZETTI, "", {"Luiz", "Caio", "Marta", "Nina"}),
        (ZETTI, "private", {"Luiz"}),
        (ZETTI, "branches", {"Luiz", "Marta"}),
        (ZETTI, "organisation", {"Luiz", "Caio", "New", "Marta"}),
        (ZETTI, "own", {"Marta"}),
        (CENTRIUM, "network", {"Luiz", "Caio", "Marta", "Nina"}),
        (CENTRIUM, "public", {"Marta"}),
        (NEGOTTI, "public", {"Luiz", "Caio", "New", "Marta"}),
    ],
    ids=["light own, master all", "each member all", "the network's registered branches", "only the asking branch",
         "its branch and the head office", "the organisation", "own", "the network in another preset", "public",
         "public where all see all"],
)  # fmt: skip
def test_who_sees_anas_ticket(scopes: Scopes, word: str, seen_by: set[str]) -> None:
    assert {name for name, one in PEOPLE.items() if may_see(one, _ticket(visibility=word), scopes)[0]} == seen_by


def test_a_ticket_shared_with_a_branch_is_seen_there_and_nowhere_else_besides() -> None:
    """R034: 'one or more specific branches'; what was shared by hand counts whatever the word."""
    for word in ("branches", "private", ""):
        shared = _ticket(visibility=word, shared=frozenset({101}))
        assert may_see(CAIO, shared, CENTRIUM) == (True, "may see the tickets of the branch")
        assert not may_see(NEW, shared, CENTRIUM)[0]


def test_managers_see_members_and_each_others_public_tickets() -> None:
    """R101–R103: all tickets of all members, even private ones; of other managers those that are public."""
    gil, eva = Viewer(20, "manager", organisation_id=10), Viewer(21, "manager", organisation_id=10)
    members = Matter(1, "light", 10)
    assert may_see(gil, members, PROVEDOR)[0]
    assert may_see(gil, replace(members, visibility="private"), PROVEDOR)[0]
    evas = Matter(eva.id, "manager", 10)
    assert [may_see(gil, replace(evas, visibility=w), PROVEDOR)[0] for w in ("", "private", "public")] == [
        False, False, True,
    ]  # fmt: skip
    assert may_see(eva, evas, PROVEDOR) == (True, "is the requester")
    assert may_see(gil, evas, CENTRIUM)[0]


@pytest.mark.parametrize("word", ["", *VISIBILITIES])
def test_whatever_the_word(word: str) -> None:
    """Requester and participants always; nobody of another organisation, nobody from outside, nobody without one."""
    for scopes in (CENTRIUM, NEGOTTI, ZETTI, PROVEDOR):
        ticket = _ticket(visibility=word, participants=frozenset({THIRD.id, STRANGER.id}))
        assert all(may_see(who, ticket, scopes)[0] for who in (ANA, THIRD, STRANGER))
        for role in ROLES:
            outsider = Viewer(9, role, organisation_id=99, network="Outra", branch_id=None)
            assert not may_see(outsider, ticket, scopes)[0]
            assert not may_see(Viewer(9, role), replace(ticket, organisation_id=None), scopes)[0]
        assert not may_see(THIRD, replace(ticket, participants=frozenset()), scopes)[0]


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("values", list(product([True, False], repeat=7)))
def test_who_may_comment(values: tuple[bool, ...], verified: bool) -> None:
    """The holder of a reply address, requester and participant always; the others only when they are proven. Who only
    follows writes nothing; who may not answer writes in his own tickets."""
    standing = Standing(*values)
    allowed, why = may_comment(standing, verified=verified, proof_needed=True)
    always = standing.holds_identity or standing.is_requester or standing.is_participant
    others = verified and (standing.wrote_with_it or (standing.sees_it and standing.may_answer))
    reads_only = standing.only_follows and not standing.is_requester
    assert allowed == ((always or others) and not reads_only)
    assert why


def test_an_unproven_requester_is_said_to_be_one() -> None:
    requester = Standing(True, False, False, False, False)
    assert may_comment(requester, verified=False, proof_needed=True) == (True, "is the requester, unverified")
