"""The contract's "Who is believed", sentence by sentence; each test cites the sentence it holds us to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailgate.authn.results import AuthResults
from mailgate.decide.decide import decide
from mailgate.decide.decision import AddComment, AskAgent, Assign, Decision, OpenTicket, SetStatus
from mailgate.decide.facts import Facts
from store.vocabulary import CommentKind, Outcome, Role
from tests.unit.decide.cases import (
    ANA,
    BIA,
    BRUNO,
    CARMEN,
    DIEGO,
    DKIM_OF_ANOTHER,
    PROVEN,
    SPF_OF_ANOTHER,
    UNPROVEN,
    book,
    by_key,
    by_our_id,
    by_their_id,
    by_token,
    done,
    facts,
    mail_from,
    ticket,
)

ONE = ticket()


def _decide(known: Facts) -> Decision:
    return decide(known, book())


def _public(decision: Decision) -> list[AddComment]:
    return [c for c in done(decision, AddComment) if c.kind is CommentKind.COMMENT]


TRUSTED = AuthResults(aligned=True, trusted="mx.example.test", reason="mx.example.test reports DKIM pass")


@pytest.mark.parametrize(
    ("proof", "verified"),
    [
        ({"auth": PROVEN}, True),
        ({"auth": TRUSTED}, True),
        ({"candidates": (by_token(ONE, ANA),)}, True),
        ({"auth_user": ANA.address}, True),
        ({"auth": SPF_OF_ANOTHER}, False),
        ({"auth": DKIM_OF_ANOTHER}, False),
        ({"candidates": (by_token(ONE, CARMEN),)}, False),
        ({"auth_user": CARMEN.address}, False),
    ],
    ids=["SPF or DKIM aligned with From", "trusted authserv-id", "reply identity for that person", "AUTH",
         "SPF of another", "DKIM of another", "identity of another", "AUTH as another"],
)  # fmt: skip
def test_verified_sender(proof: dict[str, Any], verified: bool) -> None:
    """'SPF or DKIM pass aligned with the From domain …, or the same in the Authentication-Results of a trusted
    authserv-id, or a valid reply identity of ours for that person, or AUTH, or a portal session.'"""
    candidates = proof.pop("candidates", (by_key(ONE),))
    known = facts(mail_from(**proof), ONE, candidates=candidates)
    assert _decide(known).author.verified is verified


def test_from_must_be_one_field_with_one_address() -> None:
    """'From must be one field with one address.' Not even a proof of its domain helps."""
    for author in (ANA.address, BRUNO.address):
        known = facts(replace(mail_from(author, auth=PROVEN), author=None), ONE, candidates=(by_token(ONE, ANA),))
        decision = _decide(known)
        assert (decision.outcome, decision.author.verified) == (Outcome.HELD, False)
        assert not _decide(replace(known, released=True)).author.verified


_STANDING: list[tuple[str, str, Facts]] = [
    ("requester", "existing", facts(mail_from(auth=PROVEN), ONE, candidates=(by_key(ONE),))),
    ("participant", "existing", facts(
        mail_from(CARMEN.address, auth=PROVEN), ticket(participants=(CARMEN,)), candidates=(by_key(ONE),))),
    ("holder of a reply identity", "existing", facts(
        mail_from("nova@nova.test"), ONE, candidates=(by_token(ONE, ANA),))),
    ("an address in To or Cc of a verified mail", "existing", facts(
        mail_from(DIEGO.address, auth=PROVEN), ticket(addresses=(DIEGO.address,)), candidates=(by_key(ONE),))),
    ("master of the organisation", "existing", facts(
        mail_from(CARMEN.address, auth=PROVEN), ONE, sender=replace(CARMEN, role="master"),
        candidates=(by_key(ONE),))),
    ("agent", "existing", facts(mail_from(BIA.address, auth=PROVEN), ONE, candidates=(by_key(ONE),))),
    ("everyone else", "new", facts(mail_from(DIEGO.address, auth=PROVEN), ONE, candidates=(by_key(ONE),))),
    ("a colleague without a role", "new", facts(mail_from(CARMEN.address, auth=PROVEN), ONE,
                                                candidates=(by_their_id(ONE),))),
]  # fmt: skip


@pytest.mark.parametrize(("who", "kind", "known"), _STANDING, ids=[s[0] for s in _STANDING])
def test_who_may_comment_on_a_ticket(who: str, kind: str, known: Facts) -> None:
    """'requester, participant, holder of a reply identity, an address in To/Cc of a verified mail on it, a contact
    whose visibility allows it, agents. … Everyone else: a new ticket linked "claims SUP-123".'"""
    decision = _decide(known)
    assert decision.thread.kind == kind
    if kind == "new":
        assert done(decision, OpenTicket)[0].claims == "SUP-1"


def test_their_answer_to_resolved_reopens() -> None:
    """'Their answer to Resolved reopens.'"""
    for _, kind, known in _STANDING:
        if kind == "existing" and known.agent is None:
            solved = replace(known.tickets[0], status="resolvido", category="solved")
            decision = _decide(replace(known, tickets=(solved,)))
            assert [s.status for s in done(decision, SetStatus)] == ["reaberto"]


@pytest.mark.parametrize("evidence", [by_key, by_their_id, by_our_id])
@pytest.mark.parametrize("author", [ANA, CARMEN], ids=["requester", "participant"])
def test_an_unverified_mail_of_requester_or_participant_is_a_marked_comment(evidence: Any, author: Any) -> None:
    """'An unverified mail with only the subject's key or the customer's own earlier Message-ID and the From of a
    requester or participant: a comment marked "não verificado"; status moves as for any answer'."""
    solved = ticket(1, "resolvido", participants=(CARMEN,))
    decision = _decide(facts(mail_from(author.address), solved, candidates=(evidence(solved),)))
    assert [(c.verified, c.role) for c in _public(decision)] == [(False, Role.CUSTOMER)]
    assert [s.status for s in done(decision, SetStatus)] == ["reaberto"]


_PROOFS = {"nothing": UNPROVEN, "SPF of another": SPF_OF_ANOTHER, "DKIM of another": DKIM_OF_ANOTHER, "aligned": PROVEN}


@pytest.mark.parametrize("token", ["right", "wrong"])
@pytest.mark.parametrize("proof", list(_PROOFS))
def test_spoof_matrix_one_of_eight_passes(proof: str, token: str) -> None:
    """I1, 'An agent acts (public answer, command) by a mail to the ticket's reply address **and** one proof'.

    A token that is not ours names nothing, so that only the key in the subject is left.
    """
    named = (by_token(ONE, BRUNO), by_key(ONE)) if token == "right" else (by_key(ONE),)
    mail = mail_from(BRUNO.address, "#resolvido\nInstale o anexo.", auth=_PROOFS[proof])
    decision = _decide(facts(mail, ONE, candidates=named))
    if (proof, token) == ("aligned", "right"):
        assert len(_public(decision)) == 1
        assert [s.status for s in done(decision, SetStatus)] == ["resolvido"]
        return
    assert _public(decision) == []
    assert done(decision, SetStatus) == []
    assert done(decision, Assign) == []
    assert [c.kind for c in done(decision, AddComment)] == [CommentKind.NOTE]
    assert [(a.agent_id, a.link) for a in done(decision, AskAgent)] == [(BRUNO.id, True)]


@pytest.mark.parametrize(
    ("mail", "acts"),
    [
        (mail_from(BRUNO.address, auth=TRUSTED), True),
        (mail_from(BRUNO.address, auth_user=BRUNO.address), True),
        (mail_from(BRUNO.address, auth_user=BIA.address), False),
        (mail_from(BRUNO.address), False),
    ],
    ids=["trusted Authentication-Results", "AUTH as that agent", "AUTH as another agent", "the token alone"],
)
def test_one_proof_of_an_agent(mail: Any, acts: bool) -> None:
    """'one proof: aligned pass, trusted Authentication-Results, or AUTH as that agent on the submission port.'"""
    assert bool(_public(_decide(facts(mail, ONE, candidates=(by_token(ONE, BRUNO),))))) is acts


def test_to_open_in_a_customers_name_the_proof_alone_does() -> None:
    """'To open in a customer's name the proof alone does.'"""
    mail = mail_from(BRUNO.address, "#cliente ana@cliente.test\nLigou hoje.", auth=PROVEN)
    (opened,) = done(_decide(facts(mail)), OpenTicket)
    assert opened.requester_address == "ana@cliente.test"


@pytest.mark.parametrize("mail", [mail_from(BRUNO.address, auth=PROVEN), mail_from(BRUNO.address, auth=UNPROVEN)])
def test_without_proof_the_text_is_a_note_until_the_agent_confirms_it(mail: Any) -> None:
    """'Without proof the text is kept as a note and the agent's *stored* address gets a one-use confirm link (POST)
    that sends it.' Likewise for one that came another way."""
    known = facts(mail, ONE, candidates=(by_key(ONE),))
    kept = _decide(known)
    assert (_public(kept), [a.link for a in done(kept, AskAgent)]) == ([], [True])
    sent = _decide(replace(known, confirmed=True))
    assert [c.role for c in _public(sent)] == [Role.AGENT]
    assert (sent.author.verified, done(sent, AskAgent)) == (True, [])


def test_nota_makes_it_a_note() -> None:
    """'A mail to the reply address is a public answer; `#nota` … makes it a note'."""
    for text, public in (("Pronto.", 1), ("#nota\nPronto.", 0), ("Pronto.\n\n#nota", 0)):
        mail = mail_from(BRUNO.address, text, auth=PROVEN)
        assert len(_public(_decide(facts(mail, ONE, candidates=(by_token(ONE, BRUNO),))))) == public


@pytest.mark.parametrize("evidence", [by_key, by_their_id, by_our_id])
def test_an_agents_mail_that_reaches_a_ticket_any_other_way_is_a_note_and_he_is_told(evidence: Any) -> None:
    """'an agent's mail that reaches a ticket any other way (Cc, the plain support address, subject key) is a note, and
    he is told.'"""
    decision = _decide(facts(mail_from(BRUNO.address, auth=PROVEN), ONE, candidates=(evidence(ONE),)))
    assert [c.kind for c in done(decision, AddComment)] == [CommentKind.NOTE]
    assert [a.why for a in done(decision, AskAgent)] == ["way"]


def test_the_customers_reply_address_does_not_make_an_agents_mail_public() -> None:
    """He was in copy of the customer's mail and answered all: that address is the customer's, not his."""
    decision = _decide(facts(mail_from(BRUNO.address, auth=PROVEN), ONE, candidates=(by_token(ONE, ANA),)))
    assert _public(decision) == []


def test_the_reply_address_of_another_ticket_does_not_open_this_one() -> None:
    two = ticket(2)
    known = facts(
        mail_from(BRUNO.address, auth=PROVEN), ONE, two, candidates=(by_token(two, ANA), by_token(ONE, BRUNO))
    )
    decision = _decide(known)
    assert (decision.ticket_id, _public(decision)) == (two.id, [])


def test_doubt_in_an_agents_answer_holds_it() -> None:
    """'if … a URL or token of ours, or a line of the notice answered is still there, the answer is held and the agent
    asked.'"""
    known = facts(mail_from(BRUNO.address, auth=PROVEN), ONE, candidates=(by_token(ONE, BRUNO),), leaked="a line")
    decision = _decide(known)
    assert (decision.outcome, decision.reason) == (Outcome.HELD, "ambiguous")
    assert (_public(decision), len(done(decision, AskAgent))) == ([], 1)
