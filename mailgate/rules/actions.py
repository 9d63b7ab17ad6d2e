"""What a rule can ask for: a closed list. A rule asks; who carries out decides whether it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mailgate.yamlfile import did_you_mean
from mailgate.yamltypes import Key, Section, Text, Words, YesNo

ActionKind = Literal[
    "set_status", "department", "topic", "priority", "agent", "tags", "note", "notify", "hold", "reject"
]
Priority = Literal["low", "normal", "high", "urgent"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: kind and value(s). set_status, department, topic: a key; notify, tags: words."""

    kind: ActionKind
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        """The only value of those kinds that have one."""
        return self.values[0]


#: Whom a rule may tell besides an address.
TOLD = ("agents", "managers", "admins")


def _told(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in TOLD and "@" not in name:
            raise ValueError(
                f"{name!r} is nobody to tell; write {', '.join(TOLD)} or an address{did_you_mean(name, TOLD)}"
            )
    return names


class Then(Section):
    """`then:` of a rule; carried out in the order of this list."""

    set_status: Key | None = None
    department: Key | None = None
    topic: Key | None = None
    priority: Priority | None = None
    agent: Text | None = None
    tags: Words = ()
    note: Text | None = None
    notify: Annotated[Words, AfterValidator(_told)] = ()
    hold: Text | None = None
    reject: Text | None = None
    stop: Annotated[YesNo, Field(description="the rules below are not looked at")] = False

    def actions(self) -> tuple[Action, ...]:
        """The actions asked for, in order; tags are one action each."""
        found: list[Action] = []
        singles: tuple[tuple[ActionKind, str | None], ...] = (
            ("set_status", self.set_status),
            ("department", self.department),
            ("topic", self.topic),
            ("priority", self.priority),
            ("agent", self.agent),
            ("note", self.note),
            ("hold", self.hold),
            ("reject", self.reject),
        )
        for kind, value in singles:
            if value is not None:
                found.append(Action(kind, (value,)))
        if self.tags:
            found.append(Action("tags", self.tags))
        if self.notify:
            found.append(Action("notify", self.notify))
        return tuple(found)
