"""`rules.yaml` as typed values: an ordered list of rules, each `name`, `when`, `if`, `then`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from mailgate.rules.actions import DRAWN, Then
from mailgate.rules.conditions import Condition
from mailgate.yamlfile import did_you_mean
from mailgate.yamltypes import OrOne, Section, YesNo

When = Literal[
    "message_received",
    "ticket_opened",
    "customer_commented",
    "agent_commented",
    "status_changed",
    "due_soon",
    "overdue",
    "timer",
    "survey_answered",
    "bounce",
]


class Rule(Section):
    """One rule. enabled: no keeps it in the file without effect."""

    name: Annotated[str, Field(pattern=r"^\S(.{0,78}\S)?$")]
    when: Annotated[tuple[When, ...], Field(min_length=1), OrOne()]
    if_: Annotated[Condition, Field(alias="if")] = Condition()
    then: Then
    stop: YesNo = False
    enabled: YesNo = True


class RulesFile(Section):
    """`rules.yaml` as written."""

    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules in force, in order. One mail uses one book from first to last."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, file: RulesFile) -> RuleBook:
        return cls(tuple(rule for rule in file.rules if rule.enabled))

    def draws(self) -> frozenset[str]:
        """Which draws of agents any rule asks for, so that only those are looked up."""
        return frozenset(rule.then.agent for rule in self.rules if rule.then.agent in DRAWN)

    def listens(self, when: When) -> bool:
        """Whether there is any rule for `when`."""
        return any(when in rule.when for rule in self.rules)

    def takes_reply_to(self) -> bool:
        """Whether any rule takes the requester from Reply-To."""
        return any(rule.then.requester is not None for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Known:
    """What the other files define, so that a rule naming something else is a mistake at load."""

    statuses: Collection[str]
    departments: Collection[str]
    topics: Collection[str]
    reachable: Collection[str]
    replies: Collection[str] = ()
    webhooks: Collection[str] | None = None  # None: not known here


Problem = tuple[tuple[str | int, ...], str]


def problems(file: RulesFile, known: Known) -> list[Problem]:
    """Names that nothing else defines, statuses that no transition leads to, rule names used twice."""
    found: list[Problem] = []
    seen: set[str] = set()
    for index, rule in enumerate(file.rules):
        if rule.name in seen:
            found.append((("rules", index, "name"), f"two rules are named `{rule.name}`"))
        seen.add(rule.name)
        found += _in_then(rule.then, ("rules", index, "then"), known)
        found += _in_place(rule, ("rules", index, "then"))
        found += _in_condition(rule.if_, ("rules", index, "if"), known)
    return found


#: When an action makes sense, where that is not always.
_ONLY_WHEN: tuple[tuple[str, tuple[When, ...], str], ...] = (
    ("hold", ("message_received",), "later the mail is a ticket already"),
    ("reject", ("message_received",), "later the mail is a ticket already"),
    ("requester", ("message_received",), "later the ticket has its requester already"),
)


def _in_place(rule: Rule, location: tuple[str | int, ...]) -> list[Problem]:
    """Actions that come too late, and a requester taken from senders that are not named."""
    found: list[Problem] = []
    for name, when, why in _ONLY_WHEN:
        if getattr(rule.then, name) is not None and rule.when != when:
            found.append(((*location, name), f"`{name}` is for `when: {when[0]}` only: {why}"))
    if rule.then.requester is not None and not rule.if_.names_sender:
        reason = (
            "`requester: reply_to` needs `sender:` with the form's address in `if`, else anybody could write as anyone"
        )
        found.append(((*location, "requester"), reason))
    return found


def _missing(word: str, what: str, names: Collection[str]) -> str:
    return f"there is no {what} `{word}`{did_you_mean(word, names) or _there_are(names)}"


def _there_are(names: Collection[str]) -> str:
    return f"; there are {', '.join(names)}" if names else "; there is none at all"


def _in_then(then: Then, location: tuple[str | int, ...], known: Known) -> list[Problem]:
    found: list[Problem] = []
    for name, what, names in (
        ("set_status", "status", known.statuses),
        ("department", "department", known.departments),
        ("topic", "topic", known.topics),
        ("reply", "reply in notices.yaml", known.replies),
        ("webhook", "webhook in mailgate.yaml", known.webhooks),
    ):
        word = getattr(then, name)
        if word is not None and names is not None and word not in names:
            found.append(((*location, name), _missing(word, what, names)))
    if then.set_status in known.statuses and then.set_status not in known.reachable:
        reason = f"the workflow has no transition to `{then.set_status}`; add one with `automatic: no`"
        found.append(((*location, "set_status"), reason))
    return found


def doubts(file: RulesFile, agents: Collection[str], roles: Collection[str] | None = None) -> list[Problem]:
    """Agents that mailgate.yaml does not name: legal, for they may be in the database, but perhaps a slip.

    roles: those that its agents have; None where that is not known.
    """
    found: list[Problem] = []
    for index, rule in enumerate(file.rules):
        told = nobody_leads(rule.then.notify, roles)
        found += [(("rules", index, "then", "notify"), reason) for reason in told]
    known = {agent.lower() for agent in agents} | {"nobody", *DRAWN}
    for index, rule in enumerate(file.rules):
        name = rule.then.agent
        if name is not None and name.lower() not in known:
            reason = f"no agent `{name}` in mailgate.yaml{did_you_mean(name, agents)}"
            found.append((("rules", index, "then", "agent"), reason))
    return found


def nobody_leads(told: Collection[str], roles: Collection[str] | None) -> list[str]:
    """Why nobody hears what `managers` or `admins` are told."""
    if roles is None:
        return []
    return [
        f"`notify: {word}` tells nobody: no agent in mailgate.yaml has `role: {word.removesuffix('s')}`"
        for word in ("managers", "admins")
        if word in told and word.removesuffix("s") not in roles
    ]


def _in_condition(condition: Condition, location: tuple[str | int, ...], known: Known) -> list[Problem]:
    found: list[Problem] = []
    for name, names in (
        ("status", known.statuses),
        ("old_status", known.statuses),
        ("department", known.departments),
        ("topic", known.topics),
    ):
        matcher = getattr(condition, name)
        if matcher is None:
            continue
        words = matcher.in_ or ((matcher.is_,) if matcher.is_ is not None else ())
        found += [
            ((*location, name), _missing(w, name.removeprefix("old_"), names)) for w in words if w and w not in names
        ]
    for label, parts in (("all", condition.all_), ("any", condition.any_)):
        for index, part in enumerate(parts or ()):
            found += _in_condition(part, (*location, label, index), known)
    if condition.not_ is not None:
        found += _in_condition(condition.not_, (*location, "not"), known)
    return found
