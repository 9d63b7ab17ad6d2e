"""Who may comment on a ticket: one function for mail, portal and command line. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """What ties a person to a ticket."""

    is_requester: bool
    is_participant: bool
    holds_identity: bool
    wrote_with_it: bool  # the address stood in To or Cc of a verified mail on it
    sees_organisation: bool  # master or manager of the ticket's organisation


def may_comment(standing: Standing, *, verified: bool, proof_needed: bool) -> tuple[bool, str]:
    """Whether the person may comment, with the reason.

    verified: the sender is proven. proof_needed: nothing but a guessable name of the ticket was given, so that an
    unproven mail counts only from the requester or a participant (and is marked as unverified).
    """
    if standing.holds_identity:
        return True, "holds a reply identity of the ticket"
    if standing.is_requester:
        return True, "is the requester" + ("" if verified else ", unverified")
    if standing.is_participant:
        return True, "is a participant" + ("" if verified else ", unverified")
    if not verified:
        return False, "is not proven to be anyone on the ticket" if proof_needed else "is not proven"
    if standing.wrote_with_it:
        return True, "was in To or Cc of a verified mail on the ticket"
    if standing.sees_organisation:
        return True, "may see the tickets of the organisation"
    return False, "is neither requester nor participant of the ticket"


def sees_organisation(
    role: str, organisation_id: int | None, ticket_organisation_id: int | None, roles: Collection[str]
) -> bool:
    """Whether a contact of that role sees every ticket of the organisation."""
    return role in roles and organisation_id is not None and organisation_id == ticket_organisation_id
