"""Who may see a ticket, and who may comment on it: one function for mail, portal and command line. Pure.

A ticket carries at most one word of its own (`Matter.visibility`), chosen by its requester or set by ours; without one,
the default of people.yaml holds. Besides, a role may see further, but never what is private or for branches.

    own             the requester, the participants, and whose role sees further
    branch          the ticket's branch (a default)
    organisation    everybody of the organisation
    network         everybody of a registered branch of the network
    branches        the ticket's branch and those it is shared with
    private         only the requesting branch; where there is none, the requester. Managers see members' private ones
    public          a manager's ticket that the other managers may see
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mailgate.people.roles import LEADING

Scope = Literal["own", "branch", "organisation", "network"]
TicketVisibility = Literal["", "own", "organisation", "network", "branches", "private", "public"]
VISIBILITIES: tuple[TicketVisibility, ...] = ("own", "organisation", "network", "branches", "private", "public")


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person on the customer's side. network: its organisation's, "" for none."""

    id: int
    role: str = "light"
    organisation_id: int | None = None
    network: str = ""
    branch_id: int | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """What of a ticket decides who sees it. shared: branches besides its own."""

    requester_id: int
    requester_role: str = "light"
    organisation_id: int | None = None
    network: str = ""
    branch_id: int | None = None
    visibility: str = ""
    shared: frozenset[int] = frozenset()
    participants: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Scopes:
    """What people.yaml says. default: of a ticket without a word. roles: how far each role sees besides.

    managers_private: those who lead do not see each other's tickets unless they are public.
    """

    roles: Mapping[str, str] = field(default_factory=dict)
    default: str = "own"
    managers_private: bool = False


def may_see(viewer: Viewer, matter: Matter, scopes: Scopes) -> tuple[bool, str]:
    """Whether a person of the customer may see a ticket, with the reason as a clause about him."""
    if viewer.id == matter.requester_id:
        return True, "is the requester"
    if viewer.id in matter.participants:
        return True, "is a participant"
    relation = _relation(viewer, matter)
    if not relation:
        return False, "is neither requester nor participant of the ticket"
    if viewer.role == "third_party":
        return False, "is from outside the organisation"
    both_lead = viewer.role in LEADING and matter.requester_role in LEADING
    word = matter.visibility or ("private" if both_lead and scopes.managers_private else scopes.default)
    return _by_word(word, relation, viewer, matter, scopes)


def _relation(viewer: Viewer, matter: Matter) -> str:
    """organisation | network | "": what ties a colleague to the ticket."""
    if viewer.organisation_id is None or matter.organisation_id is None:
        return ""
    if viewer.organisation_id == matter.organisation_id:
        return "organisation"
    return "network" if viewer.network and viewer.network.casefold() == matter.network.casefold() else ""


def _by_word(word: str, relation: str, viewer: Viewer, matter: Matter, scopes: Scopes) -> tuple[bool, str]:
    leads = viewer.role in LEADING and relation == "organisation"
    same_branch = viewer.branch_id is not None and viewer.branch_id == matter.branch_id
    if viewer.branch_id is not None and viewer.branch_id in matter.shared:
        return True, _WHY["branch"]
    if word == "public" and not leads:
        word = scopes.default
    if word == "private":
        monitors = leads and matter.branch_id is None and matter.requester_role not in LEADING
        return _seen("organisation", monitors) or _seen("branch", same_branch) or (False, _WHY["private"])
    if word in ("branch", "branches"):
        head = leads and viewer.branch_id is None
        return _seen("branch", same_branch) or _seen("organisation", head) or (False, _WHY["elsewhere"])
    reach = {word, scopes.roles.get(viewer.role, "own")}
    if "network" in reach and _registered(relation, viewer):
        return True, _WHY[relation]
    colleague = relation == "organisation" and not reach.isdisjoint(
        {"organisation", "network"} if leads else {"organisation"}
    )
    everybody = colleague or (word == "public" and leads)
    found = _seen("organisation", everybody) or _seen("branch", "branch" in reach and same_branch)
    return found or (False, _WHY["own" if word == "own" else "elsewhere"])


def _seen(why: str, sees: bool) -> tuple[bool, str] | None:
    return (True, _WHY[why]) if sees else None


def sees_as_far(giver: str, role: str, scopes: Scopes) -> bool:
    """Whether somebody of the role `giver` sees at least what the role `role` sees: else, by making a friend a manager
    with no permission at all, whoever administers contacts could read what he may not."""
    if role in LEADING and giver not in LEADING:
        return False
    reach = [_REACH.index(scopes.roles.get(one, "own")) for one in (giver, role)]
    return reach[0] >= reach[1]


_REACH = ("own", "branch", "organisation", "network")
_WHY = {
    "organisation": "may see the tickets of the organisation",
    "network": "may see the tickets of the network",
    "branch": "may see the tickets of the branch",
    "private": "may not see what is private to its requester",
    "elsewhere": "is of another branch or organisation than those that may see it",
    "own": "sees only his own tickets",
}


def _registered(relation: str, viewer: Viewer) -> bool:
    """A network sees through its registered branches: whoever merely writes from a domain of it is none yet."""
    return viewer.branch_id is not None or (relation == "organisation" and viewer.role in LEADING)


@dataclass(frozen=True, slots=True)
class Standing:
    """What ties a person to a ticket."""

    is_requester: bool
    is_participant: bool
    holds_identity: bool
    wrote_with_it: bool  # the address stood in To or Cc of a verified mail on it
    sees_it: bool  # `may_see` says so
    may_answer: bool = True  # in colleagues' tickets
    only_follows: bool = False  # a participant who reads, and does not write
    why: str = "may see the tickets of the organisation"  # of `may_see`


def may_comment(standing: Standing, *, verified: bool, proof_needed: bool) -> tuple[bool, str]:
    """Whether the person may comment, with the reason.

    verified: the sender is proven. proof_needed: nothing but a guessable name of the ticket was given, so that an
    unproven mail counts only from the requester or a participant (and is marked as unverified).
    """
    if standing.only_follows and not standing.is_requester:
        return False, "only follows the ticket"
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
    if standing.sees_it and standing.may_answer:
        return True, standing.why
    if standing.sees_it:
        return False, "may see the ticket, not answer in it"
    return False, "is neither requester nor participant of the ticket"
