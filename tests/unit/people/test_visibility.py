"""Who may comment: the whole table of standings, proven and not."""

from __future__ import annotations

from itertools import product

import pytest

from mailgate.people.visibility import Standing, may_comment, sees_organisation


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("values", list(product([True, False], repeat=5)))
def test_who_may_comment(values: tuple[bool, ...], verified: bool) -> None:
    """The holder of a reply address, requester and participant always; the two others only when they are proven."""
    standing = Standing(*values)
    allowed, why = may_comment(standing, verified=verified, proof_needed=True)
    always = standing.holds_identity or standing.is_requester or standing.is_participant
    assert allowed == (always or (verified and (standing.wrote_with_it or standing.sees_organisation)))
    assert why


def test_an_unproven_requester_is_said_to_be_one() -> None:
    requester = Standing(True, False, False, False, False)
    assert may_comment(requester, verified=False, proof_needed=True) == (True, "is the requester, unverified")


@pytest.mark.parametrize(
    ("role", "own", "the_tickets", "sees"),
    [("master", 1, 1, True), ("light", 1, 1, False), ("master", 1, 2, False), ("master", None, None, False),
     ("master", 1, None, False)],
)  # fmt: skip
def test_who_sees_an_organisation(role: str, own: int | None, the_tickets: int | None, sees: bool) -> None:
    assert sees_organisation(role, own, the_tickets, {"master", "manager"}) is sees
