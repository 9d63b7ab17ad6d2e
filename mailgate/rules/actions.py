"""What a rule can ask for: a closed list. A rule asks; who carries out decides whether it may."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from mailgate.yamlfile import did_you_mean
from mailgate.yamltypes import Address, Key, OrOne, Section, Text, Words, YesNo

ActionKind = Literal[
    "set_status", "department", "topic", "priority", "agent", "due", "tags", "fields", "participant", "requester",
    "reply", "note", "notify", "forward", "webhook", "hold", "reject",
]  # fmt: skip
Priority = Literal["low", "normal", "high", "urgent"]

#: Agents that are drawn and not named; `nobody` takes the ticket away from whoever has it.
DRAWN = ("round_robin", "least_loaded")

#: What a rule that looks at a header field may ask for though nobody proved who wrote it: nothing that moves a ticket
#: or leaves the house.
HARMLESS: frozenset[ActionKind] = frozenset({"hold", "reject", "note", "notify", "tags"})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: kind and value(s). set_status, department, topic: a key; notify, tags: words; fields: k=v."""

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


def _agent(name: str) -> str:
    near = did_you_mean(name, (*DRAWN, "nobody")) if name not in (*DRAWN, "nobody") and "@" not in name else ""
    if near and "_" in name:
        raise ValueError(f"{name!r} is no agent{near}")
    return name


_WORK = re.compile(r"(?:\d{1,5}(?:m|h|bd|d))+")


def _due(value: object) -> str:
    text = str(value).strip()
    if text == "none" or _WORK.fullmatch(text):
        return text
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(
            f"{value!r} is no due date; write business hours (4h), business days (1bd), a date (2026-12-20) or none"
        ) from None


Due = Annotated[str, PlainValidator(_due), WithJsonSchema({"type": "string", "examples": ["4h", "1bd", "2026-12-20"]})]


def _fields(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError("write a mapping: {contrato: C-1}")
    for key, one in value.items():
        if not isinstance(one, (str, int, float)) or isinstance(one, bool):
            raise ValueError(f"the value of {key} must be text, not {one!r}; quotes help")
    return {str(key): str(one) for key, one in value.items()}


Fields = Annotated[
    dict[str, str],
    PlainValidator(_fields),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number"]}}),
]


class Then(Section):
    """`then:` of a rule; carried out in the order of this list."""

    set_status: Key | None = None
    department: Key | None = None
    topic: Key | None = None
    priority: Priority | None = None
    agent: Annotated[Text, AfterValidator(_agent)] | None = None
    due: Due | None = None
    tags: Words = ()
    fields: Fields = Field(default_factory=dict)
    participant: Annotated[tuple[Address, ...], OrOne()] = ()
    requester: Literal["reply_to"] | None = None
    reply: Key | None = None
    note: Text | None = None
    notify: Annotated[Words, AfterValidator(_told)] = ()
    forward: Annotated[tuple[Address, ...], OrOne()] = ()
    webhook: Key | None = None
    hold: Text | None = None
    reject: Text | None = None
    stop: Annotated[YesNo, Field(description="the rules below are not looked at")] = False

    def actions(self) -> tuple[Action, ...]:
        """The actions asked for, in order; tags, fields, people are one action each."""
        asked: tuple[tuple[ActionKind, str | tuple[str, ...] | None], ...] = (
            ("set_status", self.set_status),
            ("department", self.department),
            ("topic", self.topic),
            ("priority", self.priority),
            ("agent", self.agent),
            ("due", self.due),
            ("tags", self.tags),
            ("fields", tuple(f"{key}={value}" for key, value in self.fields.items())),
            ("participant", self.participant),
            ("requester", self.requester),
            ("reply", self.reply),
            ("note", self.note),
            ("notify", self.notify),
            ("forward", self.forward),
            ("webhook", self.webhook),
            ("hold", self.hold),
            ("reject", self.reject),
        )
        found = ((kind, (value,) if isinstance(value, str) else value) for kind, value in asked)
        return tuple(Action(kind, values) for kind, values in found if values)
