"""The columns of the lists: which there are, which a person chose, what a ticket has in each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = (
    "key", "subject", "status", "requester", "agent", "created", "updated", "due", "topic", "department", "branch",
    "organisation", "priority",
)  # fmt: skip
DEFAULT = ("key", "subject", "status", "requester", "agent", "created", "updated")
#: Columns by which a list can be sorted, and the order of the database behind each.
SORTS = {"key": "created", "created": "created", "updated": "updated", "due": "due"}


def chosen(preferences: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The columns of a person, in our order. The subject leads to the ticket: it is always there."""
    wanted = (preferences or {}).get("columns")
    if not isinstance(wanted, list):
        return DEFAULT
    return tuple(name for name in COLUMNS if name in wanted or name == "subject")


def known(names: Iterable[str]) -> list[str]:
    """Those of the names that are columns, each once."""
    wanted = set(names)
    return [name for name in COLUMNS if name in wanted]
