"""Runs the rule book over facts. Pure: what comes back are wishes, with the reason why each rule did not match.

Rules are tried in order, each for itself: one that fails is reported and the next goes on. What a matching rule asks
for is seen by the rules below it. A status that the workflow does not allow is not asked for, and the result says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mailgate.rules.actions import HARMLESS, Action
from mailgate.rules.book import Rule, RuleBook
from mailgate.rules.conditions import RuleFacts, failed

MAX_ACTIONS = 1000


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule said. failed_condition: why it did not match. error: what went wrong or was not allowed."""

    name: str
    matched: bool
    failed_condition: str | None = None
    actions: tuple[Action, ...] = ()
    error: str | None = None


def _always(status: str, target: str) -> bool:
    return True


def run(
    book: RuleBook,
    when: str,
    facts: RuleFacts,
    *,
    can_set: Callable[[str, str], bool] = _always,
    categories: Mapping[str, str] | None = None,
    max_actions: int = MAX_ACTIONS,
) -> list[RuleResult]:
    """What each rule for `when` says about `facts`, in order, up to the first that stops.

    can_set(status, target): whether the workflow lets a rule ask for that. categories: status -> category, so that
    rules below see the category of a status set above. Never raises; a rule's fault is its result's `error`.
    """
    results: list[RuleResult] = []
    left = max_actions
    for rule in book.rules:
        if when not in rule.when:
            continue
        result = _try(rule, facts, can_set)
        if len(result.actions) > left:
            kept = result.actions[:left]
            result = replace(
                result, actions=kept, error=f"more than {max_actions} actions in one run; the rest is left out"
            )
        left -= len(result.actions)
        results.append(result)
        facts = _after(facts, result.actions, categories or {})
        if result.matched and (rule.stop or rule.then.stop):
            break
    return results


def _try(rule: Rule, facts: RuleFacts, can_set: Callable[[str, str], bool]) -> RuleResult:
    try:
        reason = failed(rule.if_, facts)
        if reason is not None:
            return RuleResult(rule.name, False, reason)
        asked = rule.then.actions()
        wild = rule.if_.by_strangers_header and not facts.verified
        tame = tuple(a for a in asked if a.kind in HARMLESS) if wild else asked
        actions, refused = _allowed(tame, facts, can_set)
        if len(tame) < len(asked):
            refused = "the sender is not proven, and anybody can write that header field: only told, not done"
        return RuleResult(rule.name, True, None, actions, refused)
    except Exception as error:  # one rule's fault must not stop the mail, whatever it is
        return RuleResult(rule.name, False, None, (), f"{type(error).__name__}: {error}")


def _allowed(
    actions: tuple[Action, ...], facts: RuleFacts, can_set: Callable[[str, str], bool]
) -> tuple[tuple[Action, ...], str | None]:
    kept, refused = [], None
    for action in actions:
        if action.kind == "set_status" and not can_set(facts.status, action.value):
            refused = f"the workflow has no transition from `{facts.status}` to `{action.value}`"
        else:
            kept.append(action)
    return tuple(kept), refused


def _after(facts: RuleFacts, actions: tuple[Action, ...], categories: Mapping[str, str]) -> RuleFacts:
    """The facts as the rules below see them."""
    for action in actions:
        if action.kind == "set_status":
            category = categories.get(action.value, facts.category)
            facts = replace(facts, status=action.value, category=category)
        elif action.kind == "tags":
            facts = replace(facts, tags=tuple(dict.fromkeys((*facts.tags, *action.values))))
        elif action.kind == "department":
            facts = replace(facts, department=action.value)
        elif action.kind == "topic":
            facts = replace(facts, topic=action.value)
        elif action.kind == "priority":
            facts = replace(facts, priority=action.value)
        elif action.kind == "agent":
            facts = replace(facts, agent="" if action.value == "nobody" else action.value)
        elif action.kind == "fields":
            pairs = dict(facts.fields) | dict(_pair(value) for value in action.values)
            facts = replace(facts, fields=tuple(pairs.items()))
    return facts


def _pair(value: str) -> tuple[str, str]:
    key, _, said = value.partition("=")
    return key, said
