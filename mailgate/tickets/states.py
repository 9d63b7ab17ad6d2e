"""`workflow.yaml` as typed values: the statuses of a company and the transitions between them. Pure.

A transition says what asks for it (`on`, a closed list of triggers, or `after`, a time), where from and where to, who
may and when (`if`), and what is done along with it (`do`). One marked `automatic: no` is allowed but happens only when
a rule or a person asks for it. Without `from` it holds for every status that is not closed.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mailgate.tickets.acts import Acts
from mailgate.tickets.guards import Guard
from mailgate.yamltypes import Key, OrOne, Section, Texts, Words, YesNo
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
Always = Literal["status_changed", "message_posted"]


class After(Section):
    """A time that must pass: exactly one of days, hours, business_days, counted since a moment."""

    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    hours: Annotated[int, Field(ge=1, le=87_600)] | None = None
    business_days: Annotated[int, Field(ge=1, le=1000)] | None = None
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
    if_: Annotated[Guard | None, Field(alias="if")] = None
    to: Key | None = None
    after: After | None = None
    do: Acts = ()
    repeat: Annotated[int, Field(ge=1, le=100)] = 1
    followup: Literal["new_linked", "reject"] | None = None
    reopen_within_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    sentence: Texts = Field(default_factory=dict)
    automatic: YesNo = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.on) == (self.after is not None):
            raise ValueError("a transition needs either `on` (what asks for it) or `after` (how long), not both")
        if self.to is None and self.followup is None and not self.do:
            raise ValueError("a transition needs `to`, `followup` or `do`")
        if self.repeat > 1 and (self.after is None or self.to is not None):
            raise ValueError("`repeat` is for a time (`after`) that only does something: with `to` the status is left")
        self._check_follow_up()
        return self

    def _check_follow_up(self) -> None:
        if self.followup is not None and self.on != ("customer.reply",):
            raise ValueError("`followup` says what a customer's answer becomes: `on: customer.reply`")
        if self.reopen_within_days is None:
            if self.to is not None and self.followup is not None:
                raise ValueError("`to` and `followup` exclude each other, but for `reopen_within_days`")
        elif self.to is None or self.followup is None:
            raise ValueError(
                "`reopen_within_days` needs `to` (opened again as) and `followup` (what later ones become)"
            )
        if (self.followup == "reject") != bool(self.sentence):
            raise ValueError("`followup: reject` and `sentence` (what the sender is told) belong together")


class WorkflowFile(Section):
    """`workflow.yaml` as written. notify_always: told even to the customer whose own message caused it.

    thanks: what a customer's bare thank-you on a solved or closed ticket is: an `answer` like any other, or a word that
    is kept without changing the status (`keep`).
    """

    initial: Key
    states: Annotated[dict[Key, Status], Field(min_length=1)]
    transitions: tuple[Transition, ...] = ()
    notify_always: Annotated[tuple[Always, ...], OrOne()] = ()
    thanks: Literal["answer", "keep"] = "answer"
