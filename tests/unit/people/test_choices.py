"""With whom a requester may choose to share one ticket, in the words of people.yaml."""

from __future__ import annotations

import pytest

from mailgate.companyfiles import Visibility
from mailgate.people.choices import choices, chosen_at_first

SHOPS = Visibility(default="network", choices=("network", "private", "branches"))
HOST = Visibility(managers_own="private", choices=("private", "public"))


@pytest.mark.parametrize(
    ("policy", "role", "is_member", "has_branches", "offered"),
    [
        (SHOPS, "light", True, True, ("network", "private", "branches")),
        (SHOPS, "light", True, False, ("network", "private")),
        (SHOPS, "light", False, True, ()),
        (SHOPS, "third_party", True, True, ()),
        (HOST, "light", True, True, ()),
        (HOST, "manager", True, False, ("private", "public")),
        (Visibility(), "master", True, True, ()),
        (Visibility(choices=("branches",)), "light", True, True, ()),
    ],
)
def test_what_is_offered(
    policy: Visibility, role: str, is_member: bool, has_branches: bool, offered: tuple[str, ...]
) -> None:
    assert choices(policy, role, is_member=is_member, has_branches=has_branches) == offered


def test_the_companys_default_is_marked() -> None:
    assert chosen_at_first(SHOPS, "light", ("network", "private")) == "network"
    assert chosen_at_first(HOST, "manager", ("private", "public")) == "private"
    assert chosen_at_first(Visibility(default="own"), "light", ("network", "private")) == ""
