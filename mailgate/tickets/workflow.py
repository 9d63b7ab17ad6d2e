"""What may follow what, asked of the company's statuses and transitions. Look-ups only: pure, nothing changes.

The first transition of the file that fits counts. Who acts is told by the trigger's first word (`customer.`, `agent.`,
`system.`), finer by the transition's `if`; without a situation at hand a guard is taken to hold (what could be).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from mailgate.tickets.acts import Act
from mailgate.tickets.guards import Guard, Situation
from mailgate.tickets.states import After, Status, Transition, WorkflowFile
from mailgate.yamltypes import text_in
from store.vocabulary import Category

Actor = Literal["customer", "agent", "rule", "system"]
_PREFIX = {"agent": "agent.", "customer": "customer.", "system": "system."}


@dataclass(frozen=True, slots=True)
class TimedTransition:
    """A transition that a timer makes. name: stable, for the timer's row."""

    name: str
    status: str
    to: str | None
    after: After
    do: tuple[Act, ...]
    repeat: int
    guard: Guard | None = None

    def row_name(self, round_: int = 1) -> str:
        """The name of the row of its nth time: reminders are told apart."""
        return self.name if round_ == 1 else f"{self.name}#{round_}"


def split_name(row_name: str) -> tuple[str, int]:
    """The timed transition's name and which time it is, out of a row's name."""
    name, _, number = row_name.partition("#")
    return name, int(number) if number.isdecimal() else 1


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What an answer to a closed ticket becomes. kind: new_linked, reopen (to), reject (sentence by language)."""

    kind: Literal["new_linked", "reopen", "reject"]
    to: str = ""
    sentence: dict[str, str] = field(default_factory=dict)


def fold(text: str) -> str:
    """How statuses are compared: no `#`, no case, no accents, and `-`, `_` and spaces alike."""
    bare = unicodedata.normalize("NFKD", text.strip().lstrip("#"))
    plain = "".join(c for c in bare if not unicodedata.combining(c)).casefold()
    return " ".join(plain.replace("-", " ").replace("_", " ").split())


@dataclass(frozen=True, slots=True)
class Workflow:
    """The company's statuses and transitions."""

    initial: str
    states: dict[str, Status]
    transitions: tuple[Transition, ...]
    always: frozenset[str]
    keeps_thanks: bool
    _names: dict[str, dict[str, str]] = field(repr=False)
    _timers: dict[str, tuple[TimedTransition, ...]] = field(repr=False)

    @classmethod
    def of(cls, file: WorkflowFile) -> Workflow:
        """Build the look-ups; `problems` of the same file says first what is wrong."""
        names: dict[str, dict[str, str]] = {}
        for key, status in file.states.items():
            for language, label in status.label.items():
                names.setdefault(language, {}).setdefault(fold(label), key)
            for alias in status.aliases:
                names.setdefault("", {}).setdefault(fold(alias), key)
        timers = {key: tuple(_timers(file, key)) for key in file.states}
        return cls(
            file.initial, dict(file.states), file.transitions, frozenset(file.notify_always), file.thanks == "keep",
            names, timers,
        )  # fmt: skip

    # --- statuses ----------------------------------------------------------------------------------------------------

    def status(self, key: str) -> Status:
        """The status of that key. Raises KeyError."""
        return self.states[key]

    def category(self, key: str) -> Category:
        """What a status means. Raises KeyError."""
        return self.states[key].category

    def first_of(self, category: str) -> str:
        """The first status of a category; "" where the workflow has none."""
        return next((key for key, status in self.states.items() if status.category == category), "")

    def pauses(self, key: str) -> bool:
        """Whether the time to the due date stands still in that status."""
        return key in self.states and self.states[key].sla == "pause"

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

    # --- transitions -------------------------------------------------------------------------------------------------

    def transition(self, status: str, trigger: str, now: Situation | None = None) -> Transition | None:
        """The first automatic transition that `trigger` asks for out of `status`, else None."""
        for one in self.transitions:
            if trigger in one.on and one.automatic and self._fits(one, status, now):
                return one
        return None

    def target(self, status: str, trigger: str, now: Situation | None = None) -> str | None:
        """Where `trigger` leads out of `status`, by a person's word also where it is not automatic; None: nowhere."""
        found = (t.to for t in self.transitions if trigger in t.on and t.to and self._fits(t, status, now))
        return next(found, None)

    def way(
        self, status: str, target: str, actor: Actor, now: Situation | None = None, trigger: str = ""
    ) -> Transition | None:
        """The transition by which `actor` moves a ticket from `status` to `target`; None where there is none.

        A person goes by a transition with a trigger of his own; a rule by any. One with `trigger` is preferred, then
        the order of the file: `agent.solution` before `agent.set` for an agent who writes `#resolvido`.
        """
        prefix = _PREFIX.get(actor, "") if actor != "system" else ""
        found = [
            one
            for one in self.transitions
            if one.to == target
            and self._fits(one, status, now)
            and (not prefix or any(word.startswith(prefix) for word in one.on))
        ]
        return next((one for one in found if trigger in one.on), found[0] if found else None)

    def can_set(self, status: str, target: str, actor: Actor, now: Situation | None = None) -> bool:
        """Whether `actor` may move a ticket from `status` to `target`.

        An agent: where a transition with an agent's trigger leads there. A customer: likewise with a customer's. A rule
        or the gateway: where any transition does. Staying where it is is always allowed to all but customers.
        """
        if target not in self.states:
            return False
        if status == target or status not in self.states:
            return actor in ("agent", "rule", "system")
        return self.way(status, target, actor, now) is not None

    def follow_up(self, status: str, closed_for: timedelta, now: Situation | None = None) -> FollowUp:
        """What a customer's answer to a closed ticket becomes; where the file is silent, a new linked ticket."""
        for one in self.transitions:
            if "customer.reply" not in one.on or not self._fits(one, status, now):
                continue
            days = one.reopen_within_days
            if one.to is not None and (days is None or closed_for <= timedelta(days=days)):
                return FollowUp("reopen", one.to)
            if one.followup == "reject":
                return FollowUp("reject", sentence=one.sentence)
            if one.followup is not None:
                break
        return FollowUp("new_linked")

    # --- times -------------------------------------------------------------------------------------------------------

    def timers_for(self, status: str) -> tuple[TimedTransition, ...]:
        """The timers to arm when a ticket enters `status`."""
        return self._timers.get(status, ())

    def timer(self, status: str, row_name: str) -> TimedTransition | None:
        """The timed transition that a timer's row of that status is about; None when the file has it no more."""
        name, _ = split_name(row_name)
        return next((one for one in self.timers_for(status) if one.name == name), None)

    def reaches(self, target: str) -> bool:
        """Whether a ticket can ever come into `target`."""
        return target == self.initial or any(one.to == target for one in self.transitions)

    def _fits(self, one: Transition, status: str, now: Situation | None) -> bool:
        return _leaves(one, status, self.states) and (one.if_ is None or now is None or one.if_.holds(now))


def _leaves(one: Transition, status: str, states: dict[str, Status]) -> bool:
    if one.from_:
        return status in one.from_
    known = states.get(status)
    return known is not None and known.category is not Category.CLOSED


def _timers(file: WorkflowFile, status: str) -> Iterator[TimedTransition]:
    """The timers of one status; two that are alike but for their guards or acts get a number each."""
    seen: dict[str, int] = {}
    for one in file.transitions:
        if one.after is None or not one.automatic or not _leaves(one, status, file.states):
            continue
        name = f"{status}>{one.to or 'stay'}:{one.after.text}:{one.after.since}"
        seen[name] = seen.get(name, 0) + 1
        own = name if seen[name] == 1 else f"{name}~{seen[name]}"
        yield TimedTransition(own, status, one.to, one.after, one.do, one.repeat, one.if_)
