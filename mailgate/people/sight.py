"""Which kinds of ticket a person sees, so that a database can look for them. Pure.

There is one rule, `visibility.may_see`, and this writes no second one. As far as the rule goes, colleagues' tickets
come in a few dozen kinds (its word, whether its requester leads, whose branch it is). Each kind is made up once and put
to the rule; what the rule lets pass is what a query asks for. Requester, participants and branches that a ticket is
shared with are asked for by themselves, since each is an index of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Literal

from mailgate.people.visibility import VISIBILITIES, Matter, Scopes, Viewer, may_see

#: Whose branch a ticket is of: the viewer's, nobody's, another one's.
Whose = Literal["same", "none", "other"]
WORDS: tuple[str, ...] = ("", *VISIBILITIES)

_NOBODY = -1  # an id that no row has
_LEADER = "manager"


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """One kind of ticket. word: as it stands on the ticket. led: its requester leads."""

    word: str
    led: bool
    branch: Whose


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person sees besides what he asked, or takes part in.

    organisation: kinds of tickets of his own organisation; network: of the others in its network. shared: whether he
    sees those that are shared with his branch.
    """

    organisation: frozenset[Kind] = frozenset()
    network: frozenset[Kind] = frozenset()
    shared: bool = False

    def __and__(self, other: Sight) -> Sight:
        """What both see."""
        return Sight(
            self.organisation & other.organisation, self.network & other.network, self.shared and other.shared
        )  # fmt: skip


def sight(viewer: Viewer, scopes: Scopes) -> Sight:
    """What `may_see` lets a person see, kind by kind."""
    roles = tuple(sorted(scopes.roles.items()))
    return _sight(replace(viewer, id=0), roles, scopes.default, scopes.managers_private)


@lru_cache(maxsize=4096)
def _sight(viewer: Viewer, roles: tuple[tuple[str, str], ...], default: str, managers_private: bool) -> Sight:
    """The same for whoever is in the place of that person."""
    scopes = Scopes(dict(roles), default, managers_private)
    if viewer.organisation_id is None:
        return Sight()
    ours = Matter(_NOBODY, organisation_id=viewer.organisation_id)
    theirs = replace(ours, organisation_id=_NOBODY, network=viewer.network)
    shared = viewer.branch_id is not None and _sees(viewer, scopes)(
        replace(ours, visibility="private", shared=frozenset({viewer.branch_id}))
    )
    return Sight(_kinds(viewer, scopes, ours), _kinds(viewer, scopes, theirs), shared)


def plain_sight(viewer: Viewer, scopes: Scopes) -> Sight:
    """What he would see if his role let him see no further than anybody: what others share with him."""
    plain = sight(replace(viewer, role="light"), replace(scopes, roles={}))
    return sight(viewer, scopes) & plain if viewer.role != "third_party" else Sight()


def _kinds(viewer: Viewer, scopes: Scopes, matter: Matter) -> frozenset[Kind]:
    sees = _sees(viewer, scopes)
    branches: dict[Whose, int | None] = {"none": None, "other": _NOBODY}
    if viewer.branch_id is not None:
        branches["same"] = viewer.branch_id
    found = set()
    for word, led, (whose, branch_id) in product(WORDS, (False, True), branches.items()):
        role = _LEADER if led else "light"
        if sees(replace(matter, visibility=word, requester_role=role, branch_id=branch_id)):
            found.add(Kind(word, led, whose))
    return frozenset(found)


def _sees(viewer: Viewer, scopes: Scopes) -> Callable[[Matter], bool]:
    return lambda matter: may_see(viewer, matter, scopes)[0]


def words_of(kinds: Iterable[Kind]) -> frozenset[str]:
    """The words that occur in kinds."""
    return frozenset(kind.word for kind in kinds)
