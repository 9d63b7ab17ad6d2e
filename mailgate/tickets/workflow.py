"""Which statuses a ticket can have and what moves it between them, as the company wrote it in `workflow.yaml`. Pure.

A transition says what asks for it (`on`, a closed list of triggers, or `after`, a time), where from and where to. One
marked `automatic: no` is allowed but happens only when a rule asks for it. Without `from` it holds for every status
that is not closed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from mailgate.yamlfile import did_you_mean
from mailgate.yamltypes import Key, OrOne, Section, Texts, Words, YesNo, text_in
from store.vocabulary import Category

Trigger = Literal[
    "customer.reply",
    "customer.finalize",
    "agent.reply",
    "agent.asks_info",
    "agent.solution",
    "agent.handoff.dev",
    "agent.assign",
    "agent.close",
    "agent.reopen",
    "agent.set",
    "system.data_missing",
    "system.data_complete",
]
Since = Literal["entered", "last_interaction", "last_customer", "last_agent"]
Actor = Literal["customer", "agent", "rule", "system"]
ACTS = ("notify", "notify_whatsapp", "survey", "note", "assign", "tag")


@dataclass(frozen=True, slots=True)
class Act:
    """Something done along with a transition: `notify: resolved`, `survey`."""

    kind: str
    value: str = ""


def _acts(value: object) -> tuple[Act, ...]:
    entries = list(value) if isinstance(value, (list, tuple)) else [value]
    return tuple(act for entry in entries for act in _act(entry))


def _act(entry: object) -> Iterator[Act]:
    if isinstance(entry, Act):
        yield entry
        return
    pairs = entry.items() if isinstance(entry, dict) else [(entry, "")]
    for kind, value in pairs:
        if kind not in ACTS:
            raise ValueError(f"{kind!r} is not known; `do` can be {', '.join(ACTS)}{did_you_mean(kind, ACTS)}")
        yield Act(str(kind), str(value))


Acts = Annotated[tuple[Act, ...], PlainValidator(_acts), WithJsonSchema({"type": ["array", "string", "object"]})]


class After(Section):
    """A time that must pass: exactly one of days, hours, business_days, counted since a moment."""

    days: Annotated[int, Field(ge=1)] | None = None
    hours: Annotated[int, Field(ge=1)] | None = None
    business_days: Annotated[int, Field(ge=1)] | None = None
    since: Since = "entered"

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if sum(amount is not None for amount in (self.days, self.hours, self.business_days)) != 1:
            raise ValueError("write exactly one of days, hours, business_days")
        return self

    @property
    def text(self) -> str:
        """`5d`, `48h` or `5bd`."""
        if self.days is not None:
            return f"{self.days}d"
        return f"{self.hours}h" if self.hours is not None else f"{self.business_days}bd"


class Status(Section):
    """One status: its name in each language and what it means to the gateway."""

    label: Texts
    category: Category
    tab: str = ""
    sla: Literal["run", "pause"] = "run"
    aliases: Words = ()
    help: Texts = Field(default_factory=dict)


class Transition(Section):
    """One way from status to status. `to` is empty where only something is done, or a follow-up is opened."""

    on: Annotated[tuple[Trigger, ...], OrOne()] = ()
    from_: Annotated[tuple[Key, ...], OrOne(), Field(alias="from")] = ()
    to: Key | None = None
    after: After | None = None
    do: Acts = ()
    repeat: Annotated[int, Field(ge=1)] = 1
    followup: Literal["new_linked"] | None = None
    automatic: YesNo = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.on) == (self.after is not None):
            raise ValueError("a transition needs either `on` (what asks for it) or `after` (how long), not both")
        if self.to is None and self.followup is None and not self.do:
            raise ValueError("a transition needs `to`, `followup` or `do`")
        if self.to is not None and self.followup is not None:
            raise ValueError("`to` and `followup` exclude each other")
        return self


@dataclass(frozen=True, slots=True)
class TimedTransition:
    """A transition that a timer makes. name: stable, for the timer's row."""

    name: str
    status: str
    to: str | None
    after: After
    do: tuple[Act, ...]
    repeat: int


class WorkflowFile(Section):
    """`workflow.yaml` as written."""

    initial: Key
    states: Annotated[dict[Key, Status], Field(min_length=1)]
    transitions: tuple[Transition, ...] = ()


def fold(text: str) -> str:
    """How statuses are compared: no `#`, no case, no accents, and `-`, `_` and spaces alike."""
    bare = unicodedata.normalize("NFKD", text.strip().lstrip("#"))
    plain = "".join(c for c in bare if not unicodedata.combining(c)).casefold()
    return " ".join(plain.replace("-", " ").replace("_", " ").split())


@dataclass(frozen=True, slots=True)
class Workflow:
    """The company's statuses and transitions; look-ups only, nothing changes."""

    initial: str
    states: dict[str, Status]
    transitions: tuple[Transition, ...]
    _names: dict[str, dict[str, str]] = field(repr=False)

    @classmethod
    def of(cls, file: WorkflowFile) -> Workflow:
        """Build the look-ups; `problems` of the same file says first what is wrong."""
        names: dict[str, dict[str, str]] = {}
        for key, status in file.states.items():
            for language, label in status.label.items():
                names.setdefault(language, {}).setdefault(fold(label), key)
            for alias in status.aliases:
                names.setdefault("", {}).setdefault(fold(alias), key)
        return cls(file.initial, dict(file.states), file.transitions, names)

    def status(self, key: str) -> Status:
        """The status of that key. Raises KeyError."""
        return self.states[key]

    def category(self, key: str) -> Category:
        """What a status means. Raises KeyError."""
        return self.states[key].category

    def find_status(self, text: str, language: str | None = None) -> str | None:
        """The key meant by a key, a label in any language (that of `language` first) or an alias; else None."""
        wanted = fold(text)
        for key in self.states:
            if fold(key) == wanted:
                return key
        languages = sorted(self._names, key=lambda known: (known != language, known == ""))
        for known in languages:
            if wanted in self._names[known]:
                return self._names[known][wanted]
        return None

    def label(self, key: str, language: str) -> str:
        """The status's name in `language`; a status that is no longer in the file is named by its key."""
        return text_in(self.states[key].label, language, key) if key in self.states else key

    def labels(self, language: str) -> dict[str, str]:
        """key -> label, in the order of the file."""
        return {key: self.label(key, language) for key in self.states}

    def transition(self, status: str, trigger: str) -> Transition | None:
        """The first automatic transition that `trigger` asks for out of `status`, else None."""
        for one in self.transitions:
            if trigger in one.on and one.automatic and self._leaves(one, status):
                return one
        return None

    def target(self, status: str, trigger: str) -> str | None:
        """Where `trigger` leads out of `status`, by a person's word also where it is not automatic; None: nowhere."""
        found = (one.to for one in self.transitions if trigger in one.on and one.to and self._leaves(one, status))
        return next(found, None)

    def can_set(self, status: str, target: str, actor: Actor) -> bool:
        """Whether `actor` may move a ticket from `status` to `target`.

        An agent: where a transition with an agent's trigger leads there. A customer: likewise with a customer's. A rule
        or the gateway: where any transition does. Staying where it is is always allowed.
        """
        if target not in self.states:
            return False
        if status == target or status not in self.states:
            return actor in ("agent", "rule", "system")
        prefix = {"agent": "agent.", "customer": "customer."}.get(actor, "")
        return any(
            one.to == target and self._leaves(one, status) and (not prefix or any(t.startswith(prefix) for t in one.on))
            for one in self.transitions
        )

    def timers_for(self, status: str) -> list[TimedTransition]:
        """The timers to arm when a ticket enters `status`."""
        found = []
        for one in self.transitions:
            if one.after is not None and one.automatic and self._leaves(one, status):
                name = f"{status}>{one.to or 'stay'}:{one.after.text}:{one.after.since}"
                found.append(TimedTransition(name, status, one.to, one.after, one.do, one.repeat))
        return found

    def reaches(self, target: str) -> bool:
        """Whether a ticket can ever come into `target`."""
        return target == self.initial or any(one.to == target for one in self.transitions)

    def _leaves(self, one: Transition, status: str) -> bool:
        if one.from_:
            return status in one.from_
        known = self.states.get(status)
        return known is not None and known.category is not Category.CLOSED


#: Where in the file, and what is wrong there.
Problem = tuple[tuple[str | int, ...], str]


def problems(file: WorkflowFile) -> list[Problem]:
    """What is wrong between the parts: unknown statuses, one label for two statuses, an end that nobody reaches."""
    found: list[Problem] = []
    known = list(file.states)

    def check(location: tuple[str | int, ...], name: str) -> None:
        if name not in file.states:
            found.append((location, f"there is no status `{name}`{did_you_mean(name, known) or _listed(known)}"))

    check(("initial",), file.initial)
    for index, one in enumerate(file.transitions):
        if one.to is not None:
            check(("transitions", index, "to"), one.to)
        for place, name in enumerate(one.from_):
            check(("transitions", index, "from", place), name)
    initial = file.states.get(file.initial)
    if initial is not None and initial.category is Category.CLOSED:
        found.append((("initial",), f"a new ticket cannot start closed: `{file.initial}` has category closed"))
    return found + _twins(file)


def _listed(known: list[str]) -> str:
    return f"; there are {', '.join(known)}"


def _twins(file: WorkflowFile) -> list[Problem]:
    """Two statuses that one word in one language could mean."""
    found: list[Problem] = []
    seen: dict[tuple[str, str], str] = {}
    for key, status in file.states.items():
        words = [(language, label) for language, label in status.label.items()]
        words += [("", alias) for alias in status.aliases] + [("", key)]
        for language, word in words:
            owner = seen.setdefault((language, fold(word)), key)
            if owner != key:
                found.append((("states", key), f"{word!r} names both `{owner}` and `{key}`; give each its own word"))
    return found
