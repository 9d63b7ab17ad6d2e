"""From a record back to the Facts it was made of. The other way of `flows.record`.

A record of a mail leaves out the text and the header, which the raw mail holds: they are handed in. What a newer
mailgate knows besides has its default; what it no longer knows is passed over.
"""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from mailgate.decide.facts import Facts

T = TypeVar("T")


def facts_of(
    record: dict[str, Any], reply: str | None = None, headers: tuple[tuple[str, str], ...] | None = None
) -> Facts:
    """The facts of a record. reply, headers: of the raw mail, where the record is one of a mail.

    Raises ValueError for a record that says something else than facts.
    """
    try:
        facts = made(Facts, record["facts"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this record holds no facts: {error}") from error
    if facts.mail is not None and reply is not None:
        facts = replace(facts, mail=replace(facts.mail, reply=reply, headers=headers or ()))
    return facts


def made(kind: type[T], data: Any) -> T:
    """A value of a frozen dataclass out of the mapping that JSON made of it."""
    given: dict[str, Any] = {}
    for name, annotation, has_default in _fields(typing.cast(type, kind)):
        if name in data:
            given[name] = _value(annotation, data[name])
        elif not has_default:
            given[name] = _empty(annotation)
    return kind(**given)


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        (f.name, hints[f.name], f.default is not MISSING or f.default_factory is not MISSING) for f in fields(kind)
    )


def _value(annotation: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return _value(next(a for a in arguments if a is not type(None)), data)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_value(arguments[0], one) for one in data)
        return tuple(_value(a, one) for a, one in zip(arguments, data, strict=False))
    if isinstance(annotation, type):
        if is_dataclass(annotation):
            return made(annotation, data)
        if issubclass(annotation, datetime):
            return datetime.fromisoformat(data)
        if issubclass(annotation, Enum):
            return annotation(data)
    return data


def _empty(annotation: Any) -> Any:
    """What stands for a value that a record leaves out: texts and headers are the only ones."""
    return () if typing.get_origin(annotation) is tuple else ""
