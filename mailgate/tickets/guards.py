"""The `if` of a transition: what must be true of the ticket, and of who acts, for the transition to be there. Pure.

A small closed list, since a workflow says what is possible; what should happen when is for `rules.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mailgate.yamltypes import OrOne, Section, Words, YesNo

#: Who acts: on the customer's side the requester or another; on ours whoever has the ticket, or by role.
By = Literal["requester", "others", "assignee", "agent", "manager", "admin", "system"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What guards look at. by: every word of `By` that fits who acts."""

    topic: str = ""
    department: str = ""
    priority: str = ""
    tags: tuple[str, ...] = ()
    assigned: bool = False
    verified: bool = True
    by: frozenset[str] = frozenset()


class Guard(Section):
    """Every line must hold; a list means one of. tags: the ticket has one of them. assigned: an agent has it."""

    topic: Words = ()
    department: Words = ()
    priority: Annotated[tuple[Literal["low", "normal", "high", "urgent"], ...], OrOne()] = ()
    tags: Words = ()
    assigned: YesNo | None = None
    verified: YesNo | None = None
    by: Annotated[tuple[By, ...], OrOne()] = ()
    not_: Annotated[Guard | None, Field(alias="not")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Guard:
        if not self.model_fields_set:
            raise ValueError("an `if` says what must hold; leave it out where nothing must")
        return self

    def holds(self, now: Situation) -> bool:
        """Whether the transition is there in this situation."""
        one_of = ((self.topic, now.topic), (self.department, now.department), (self.priority, now.priority))
        if any(wanted and value not in wanted for wanted, value in one_of):
            return False
        if not _meets(self.tags, now.tags) or not _meets(self.by, now.by):
            return False
        if self.assigned not in (None, now.assigned) or self.verified not in (None, now.verified):
            return False
        return self.not_ is None or not self.not_.holds(now)

    def names(self) -> dict[str, tuple[str, ...]]:
        """The topics and departments it names, to be checked against the other files."""
        inner = self.not_.names() if self.not_ is not None else {"topic": (), "department": ()}
        return {"topic": self.topic + inner["topic"], "department": self.department + inner["department"]}


def _meets(wanted: Iterable[str], there: Iterable[str]) -> bool:
    asked = set(wanted)
    return not asked or bool(asked & set(there))
