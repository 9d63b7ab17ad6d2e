"""What people of a customer may do: roles, permissions, and what each role may unless its person is told otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

ContactRole = Literal["light", "master", "manager", "sub_admin", "third_party"]
#: open: tickets. answer: in colleagues' tickets that they see. statistics: see them. share: choose who sees a ticket.
#: contacts: administer the organisation's people.
Permission = Literal["open", "answer", "statistics", "share", "contacts"]

ROLES: tuple[ContactRole, ...] = ("light", "master", "manager", "sub_admin", "third_party")
PERMISSIONS: tuple[Permission, ...] = ("open", "answer", "statistics", "share", "contacts")
#: Who leads: sees what the members ask, whatever they chose to share.
LEADING: frozenset[str] = frozenset({"master", "manager", "sub_admin"})

_MAY: Mapping[str, frozenset[str]] = {
    "light": frozenset({"open", "answer"}),
    "master": frozenset({"open", "answer", "share", "contacts"}),
    "manager": frozenset({"open", "answer", "share", "statistics"}),
    "sub_admin": frozenset(PERMISSIONS),
    "third_party": frozenset({"open"}),
}


def permissions(role: str, own: Collection[str] | None) -> frozenset[str]:
    """What a person may: what stands with the person, else what the role may."""
    return frozenset(own) if own is not None else _MAY.get(role, _MAY["light"])


def may_grant(giver: Collection[str], role: str, own: Collection[str] | None) -> bool:
    """Whether somebody with these permissions may give (or take from) a person that role and those permissions.

    Nobody gives what he has not: else who administers contacts could make himself anything by way of a friend.
    """
    return permissions(role, own) <= frozenset(giver)
