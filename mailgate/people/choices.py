"""With whom a requester may choose to share one ticket: what people.yaml offers, for this person. Pure."""

from __future__ import annotations

from mailgate.companyfiles import Visibility
from mailgate.people.roles import LEADING


def choices(policy: Visibility, role: str, *, is_member: bool, has_branches: bool) -> tuple[str, ...]:
    """The words among `people.visibility` that the person may choose from; none: there is nothing to choose.

    is_member: belongs to an organisation. has_branches: there are other branches to share with. Where `public` is
    offered it is about the tickets of those who lead (whether the others who lead see them), and so for them alone.
    """
    if not is_member or role == "third_party" or ("public" in policy.choices and role not in LEADING):
        return ()
    found = tuple(one for one in policy.choices if one != "branches" or has_branches)
    return found if len(found) > 1 else ()


def chosen_at_first(policy: Visibility, role: str, offered: tuple[str, ...]) -> str:
    """Which of the choices says the same as the company's default; "" where none does."""
    if "public" in offered and role in LEADING:
        return policy.managers_own
    return policy.default if policy.default in offered else ""
