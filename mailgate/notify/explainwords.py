"""What rules say, in the reader's language: conditions that failed, what set a status, when a rule is asked.

The engine's words are for the record; a form that is not known here (an older record) is shown as it stands.
"""

from __future__ import annotations

import re

from mailgate.i18n import Translator

_CONDITION = re.compile(
    r"(?P<part>[a-z_]+)(?: (?P<name>(?!is\b|contains\b|matches\b)\S+))? "
    r"(?P<verb>is there|is filled|is|contains|matches) ?(?P<value>.*?)(?: \(it is (?P<found>.*)\))?",
    re.DOTALL,
)
_VERBS = {"is": "is", "contains": "contains", "matches": "matches", "is there": "there", "is filled": "filled"}


def when(speaker: Translator, word: str) -> str:
    """When a rule is asked, in words."""
    return _said(speaker, f"when.{word}", word)


def by(speaker: Translator, word: str) -> str:
    """Who or what made a change: a rule, a transition, a person."""
    for kind in ("rule", "transition"):
        if word.startswith(f"{kind} "):
            return speaker.t(f"command.explain.by.{kind}", name=word.removeprefix(f"{kind} "))
    return _said(speaker, f"by.{word}", word)


def condition(speaker: Translator, sentence: str) -> str:
    """A condition that failed, as the reader says it."""
    say = "command.explain.condition."
    if sentence.startswith("any of: "):
        parts = sentence.removeprefix("any of: ").split("; ")
        return speaker.t(f"{say}any", list="; ".join(condition(speaker, part) for part in parts))
    if sentence.startswith("not: "):
        return speaker.t(f"{say}not")
    match = _CONDITION.fullmatch(sentence)
    if match is None or not speaker.has(f"command.explain.part.{match['part']}"):
        return sentence
    part = speaker.t(f"command.explain.part.{match['part']}") + (f" {match['name']}" if match["name"] else "")
    wanted = speaker.t(f"{say}{_VERBS[match['verb']]}", part=part, value=_value(speaker, match["value"]))
    if match["found"] is None:
        return wanted
    found = match["found"].strip("'\"") or speaker.t(f"{say}empty")
    return speaker.t(f"{say}found", wanted=wanted, found=found)


def _value(speaker: Translator, value: str) -> str:
    if value in ("yes", "no"):
        return speaker.t(f"command.explain.condition.{value}")
    return f" {speaker.t('command.explain.condition.or')} ".join(value.split(" or "))


def _said(speaker: Translator, key: str, word: str) -> str:
    known = f"command.explain.{key}"
    return speaker.t(known) if speaker.has(known) else word
