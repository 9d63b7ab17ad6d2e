"""The fields of a topic: which are asked for, what is missing, and what somebody filled in. Pure and total.

The same for the form on a page and the lines to fill in by mail: a value is read tolerantly and kept as text, in one
way of writing (`yes`, `2026-12-20`, `1234.5`, the choice as the company has it).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mailgate.companyfiles import FormField
from mailgate.yamlfile import did_you_mean

MOST_CHARACTERS = 10_000
_YES = frozenset({"yes", "y", "sim", "s", "si", "true", "x"})
_NO = frozenset({"no", "n", "nao", "not", "false"})
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_LOCAL = re.compile(r"(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{4}|\d{2}))?")
_PHONE = re.compile(r"\+?[\d\s().-]{8,25}")

#: Where under the topic, and what is wrong there.
Problem = tuple[tuple[str | int, ...], str]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled in. problem: "", empty, long, choice, yes_no, date, number or phone."""

    value: str = ""
    problem: str = ""


def asked(fields: Sequence[FormField], answers: Mapping[str, str]) -> tuple[FormField, ...]:
    """The fields that are asked for, given the answers so far (key -> value as `read` keeps it)."""
    shown: dict[str, FormField] = {}
    for one in fields:
        condition = one.if_
        if condition is None or (
            condition.field in shown and any(_same(answers.get(condition.field, ""), value) for value in condition.is_)
        ):
            shown[one.key] = one
    return tuple(shown.values())


def missing(fields: Sequence[FormField], answers: Mapping[str, str], *, files: int) -> tuple[FormField, ...]:
    """The required fields that are asked for and not filled in; files: how many attachments came."""
    return tuple(
        one
        for one in asked(fields, answers)
        if one.required and (files < 1 if one.kind == "file" else not answers.get(one.key, "").strip())
    )


def read(field: FormField, text: str, today: date) -> Filled:
    """What somebody wrote into a field. today: the local day, for a date without its year."""
    words = text.strip() if field.kind == "long_text" else " ".join(text.split())
    if not words:
        return Filled(problem="empty")
    if len(words) > MOST_CHARACTERS:
        return Filled(problem="long")
    if field.kind == "choice":
        return _choice(field, words)
    if field.kind == "yes_no":
        folded = _folded(words).rstrip(".!")
        return Filled("yes") if folded in _YES else Filled("no") if folded in _NO else Filled(problem="yes_no")
    if field.kind == "date":
        found = _date(words, today)
        return Filled(found.isoformat()) if found is not None else Filled(problem="date")
    if field.kind == "number":
        number = _number(words)
        return Filled(number) if number else Filled(problem="number")
    if field.kind == "phone" and not _PHONE.fullmatch(words):
        return Filled(problem="phone")
    return Filled(words)


def problems(fields: Sequence[FormField]) -> list[Problem]:
    """What is wrong between the fields of one topic: keys twice, choices, conditions that can never hold."""
    found: list[Problem] = []
    before: dict[str, FormField] = {}
    for index, one in enumerate(fields):
        where = ("fields", index)
        if one.key in before:
            found.append(((*where, "key"), f"two fields have the key `{one.key}`"))
        if one.kind == "choice" and len({_folded(c) for c in one.choices}) < max(2, len(one.choices)):
            found.append((where, f"`{one.key}` is a choice and needs `choices`, two or more that differ"))
        elif one.kind != "choice" and one.choices:
            found.append(((*where, "choices"), f"`choices` are for `kind: choice`, and `{one.key}` is {one.kind}"))
        if one.if_ is not None:
            found += [((*where, "if", part), reason) for part, reason in _condition(one, before)]
        before.setdefault(one.key, one)
    return found


def _condition(one: FormField, before: Mapping[str, FormField]) -> list[tuple[str, str]]:
    assert one.if_ is not None
    other = before.get(one.if_.field)
    if other is None:
        hint = did_you_mean(one.if_.field, before)
        return [("field", f"there is no field `{one.if_.field}` above this one{hint}")]
    if other.kind == "file":
        return [("field", f"`{other.key}` is a file, which has no value to compare")]
    found = []
    for value in one.if_.is_:
        if other.kind == "choice" and not any(_same(value, choice) for choice in other.choices):
            known = f"; there are {', '.join(other.choices)}"
            found.append(("is", f"`{other.key}` has no choice {value!r}{did_you_mean(value, other.choices) or known}"))
        if other.kind == "yes_no" and value not in ("yes", "no"):
            found.append(("is", f"`{other.key}` is answered by yes or no, not {value!r}"))
    return found


def _choice(field: FormField, words: str) -> Filled:
    exact = [choice for choice in field.choices if _same(choice, words)]
    begun = [choice for choice in field.choices if _folded(choice).startswith(_folded(words))]
    chosen = exact or (begun if len(begun) == 1 else [])
    return Filled(chosen[0]) if chosen else Filled(problem="choice")


def _date(words: str, today: date) -> date | None:
    """`2026-12-20`, `20/12/2026`, `20.12.26`, `20/12` (the next one)."""
    iso, local = _ISO.fullmatch(words), _LOCAL.fullmatch(words)
    try:
        if iso is not None:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if local is None:
            return None
        day, month = int(local[1]), int(local[2])
        if local[3]:
            year = int(local[3])
            return date(year if year > 99 else 2000 + year, month, day)
        this_year = date(today.year, month, day)
        return this_year if this_year >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


def _number(words: str) -> str:
    """Digits with a comma or a point: the last of them parts the decimals, unless it stands before three digits."""
    plain = words.replace(" ", "")
    if not re.fullmatch(r"[+-]?\d[\d.,]{0,30}", plain):
        return ""
    sign, digits = ("-", plain[1:]) if plain[0] == "-" else ("", plain.lstrip("+"))
    cut = max(digits.rfind(","), digits.rfind("."))
    if cut < 0:
        return sign + digits
    whole, rest = digits[:cut], digits[cut + 1 :]
    other = "." if digits[cut] == "," else ","
    thousands = len(rest) == 3 and other not in whole and whole != "0"
    whole = re.sub(r"[.,]", "", whole)
    return f"{sign}{whole}{rest}" if thousands or not rest else f"{sign}{whole}.{rest}"


def _same(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.strip())
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).casefold().split())
