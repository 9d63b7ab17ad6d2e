"""YAML that an admin writes, read safely and with the place of every value.

`load` gives plain data (dict, list, str, int, float, bool, None) and where each value stands; `validate` lays a
pydantic model over it and says every mistake at once, as `file:line:column: what is wrong and how to write it`.
Nothing is constructed but plain data: a tag such as `!!python/object` is a mistake, never an object. YAML 1.2, so
`no` is a word.
Source: YAML 1.2.2 §10.3 (core schema).
"""

from __future__ import annotations

import copy
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mailgate.errors import ConfigError, Mistake

MAX_BYTES = 1024 * 1024
MAX_ALIASES = 100
MAX_NODES = 50_000
MAX_DEPTH = 50

Location = tuple[str | int, ...]
Place = tuple[int, int]
M = TypeVar("M", bound=BaseModel)

_CORE = "tag:yaml.org,2002:"
_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(slots=True)
class Document:
    """One YAML file: its data, and the line and column (1-based) of every value and every key."""

    file: str
    data: Any = None
    values: dict[Location, Place] = field(default_factory=dict)
    keys: dict[Location, Place] = field(default_factory=dict)

    def mistake(self, location: Location, reason: str, *, key: bool = False, warning: bool = False) -> Mistake:
        """A mistake at `location`; where that is nowhere, at the nearest value around it."""
        line, column = self.place(location, key=key)
        return Mistake(self.file, line, column, reason, warning)

    def place(self, location: Location, *, key: bool = False) -> Place:
        """Line and column of the value (or of its key) at `location`, else of what holds it."""
        if key and location in self.keys:
            return self.keys[location]
        for length in range(len(location), -1, -1):
            found = self.values.get(location[:length])
            if found is not None:
                return found
        return (1, 1)


class _Reader:
    """Turns composed nodes into plain data, noting places and mistakes on the way."""

    def __init__(self, file: str, max_nodes: int) -> None:
        self.document = Document(file)
        self.mistakes: list[Mistake] = []
        self.nodes = 0
        self.max_nodes = max_nodes

    def read(self, node: Node, location: Location) -> Any:
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.values[location] = place
        self.nodes += 1
        if self.nodes > self.max_nodes:
            raise _TooMuch(
                place, f"more than {self.max_nodes} values in one file (aliases count as what they stand for)"
            )
        if len(location) > MAX_DEPTH:
            raise _TooMuch(place, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, MappingNode):
            self._check_tag(node, {"map"}, place)
            return self._mapping(node, location)
        if isinstance(node, SequenceNode):
            self._check_tag(node, {"seq"}, place)
            return [self.read(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self._say(place, "a key must be one word, not a list or a mapping")
                continue
            key = str(key_node.value)
            if key == "<<" and not key_node.style:
                self._say(place, "`<<` (merge) is not YAML 1.2; write the values out")
                continue
            if key in data:
                first = self.document.keys[(*location, key)]
                self._say(place, f"`{key}` is written twice; the first is on line {first[0]}")
                continue
            self.document.keys[(*location, key)] = place
            data[key] = self.read(value_node, (*location, key))
        return data

    def _scalar(self, node: Any, place: Place) -> Any:
        kind = str(node.tag).removeprefix(_CORE)
        text = str(node.value)
        if not self._check_tag(node, {"str", "int", "float", "bool", "null", "timestamp", "merge", "value"}, place):
            return text
        if node.style in ("'", '"', "|", ">"):
            return text
        try:
            return _plain(kind, text)
        except ValueError:
            return text

    def _check_tag(self, node: Node, known: set[str], place: Place) -> bool:
        tag = str(node.tag)
        if tag.startswith(_CORE) and tag.removeprefix(_CORE) in known:
            return True
        short = tag.replace(_CORE, "!!")
        self._say(place, f"the tag `{short}` is not allowed here; write the value without it")
        return False

    def _say(self, place: Place, reason: str) -> None:
        self.mistakes.append(Mistake(self.document.file, *place, reason))


class _TooMuch(Exception):
    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


def _plain(kind: str, text: str) -> Any:
    if kind == "null":
        return None if text in _NULLS else text
    if kind == "bool":
        lowered = text.lower()
        return {"true": True, "false": False}.get(lowered, text)
    if kind == "int":
        return int(text, 0) if text.lower().startswith(("0x", "0o")) else int(text)
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def load(
    path: Path, *, max_bytes: int = MAX_BYTES, max_aliases: int = MAX_ALIASES, max_nodes: int = MAX_NODES
) -> Document:
    """Read one YAML file; an empty file is an empty mapping.

    Raises ConfigError with every mistake of form: unreadable, not UTF-8, syntax, duplicate keys, tags, too big.
    """
    file = str(path)
    try:
        with path.open("rb") as opened:
            raw = opened.read(max_bytes + 1 if max_bytes < 1 << 40 else -1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError([Mistake(file, 0, 0, f"cannot be read: {reason}")]) from error
    if len(raw) > max_bytes:
        raise ConfigError([Mistake(file, 0, 0, f"is larger than {max_bytes} bytes")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ConfigError([Mistake(file, line, column, "is not UTF-8; save the file as UTF-8")]) from error
    return parse(text, file, max_aliases=max_aliases, max_nodes=max_nodes)


def parse(text: str, file: str, *, max_aliases: int = MAX_ALIASES, max_nodes: int = MAX_NODES) -> Document:
    """As `load`, for text that is already in hand; `file` is only the name in front of mistakes."""
    return copy.deepcopy(_read(text, file, max_aliases, max_nodes))


@lru_cache(maxsize=64)
def _read(text: str, file: str, max_aliases: int, max_nodes: int) -> Document:
    """Remembered by content: a reload reads every file again, of which few have changed (50 ms for a large one)."""
    reader = _Reader(file, max_nodes)
    try:
        if "*" in text:
            _refuse_aliases(text, max_aliases)
        node = _yaml(max_nodes).compose(StringIO(text))
        data = {} if node is None else reader.read(node, ())
    except _TooMuch as error:
        raise ConfigError([Mistake(file, *error.place, error.reason)]) from None
    except RecursionError:
        raise ConfigError([Mistake(file, 1, 1, f"nested deeper than {MAX_DEPTH} levels")]) from None
    except MarkedYAMLError as error:
        raise ConfigError([_syntax(file, error)]) from None
    except (YAMLError, ValueError) as error:
        raise ConfigError([_unreadable(text, file, error)]) from None
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    reader.document.data = {} if data is None else data
    return reader.document


class _Bounded(Composer):
    """Composes as the library does, and stops where a file nests too deeply or holds too much.

    Without it, 1 MiB of brackets takes minutes before anything can be refused.
    """

    _depth = _count = 0
    max_nodes = MAX_NODES

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node with what is in it. Raises _TooMuch."""
        self._depth, self._count = self._depth + 1, self._count + 1
        if self._depth > MAX_DEPTH + 1 or self._count > 2 * self.max_nodes:
            mark = self.parser.peek_event().start_mark
            deep = self._depth > MAX_DEPTH + 1
            reason = f"nested deeper than {MAX_DEPTH} levels" if deep else f"more than {self.max_nodes} values"
            raise _TooMuch((mark.line + 1, mark.column + 1), reason + ("" if deep else " in one file"))
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _yaml(max_nodes: int = MAX_NODES) -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = None
    kind: Any = type("_Composer", (_Bounded,), {"max_nodes": max_nodes})
    yaml.Composer = kind
    return yaml


def _refuse_aliases(text: str, max_aliases: int) -> None:
    count = 0
    for event in _yaml().parse(StringIO(text)):
        if isinstance(event, AliasEvent):
            count += 1
            if count > max_aliases:
                mark = event.start_mark
                raise _TooMuch(
                    (mark.line + 1, mark.column + 1), f"more than {max_aliases} aliases (`*name`) in one file"
                )


def _syntax(file: str, error: MarkedYAMLError) -> Mistake:
    mark = error.problem_mark or error.context_mark
    place: Place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    problem = " ".join(str(error.problem or error.context or "cannot be read as YAML").split())
    hint = ""
    if "\\t" in problem or "'\t'" in problem:
        hint = "; indent with spaces, not tabs"
    elif "mapping values are not allowed" in problem:
        hint = "; put a value that holds `: ` into quotes"
    elif "expected <block end>" in problem:
        hint = "; look at the indentation here"
    return Mistake(file, *place, f"not YAML: {problem}{hint}")


def _unreadable(text: str, file: str, error: Exception) -> Mistake:
    position = getattr(error, "position", None)
    if isinstance(position, int) and position <= len(text):
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        return Mistake(file, line, column, "a character here is not allowed in YAML")
    return Mistake(file, 1, 1, f"not YAML: {' '.join(str(error).split())}")


def validate(
    document: Document, model: type[M], context: Mapping[str, Any] | None = None
) -> tuple[M | None, list[Mistake]]:
    """Lay `model` over the document: (the model, no mistakes) or (None, every mistake in order of place)."""
    if not isinstance(document.data, dict):
        return None, [document.mistake((), "must be a mapping: `key: value` on each line")]
    try:
        return model.model_validate(document.data, context=dict(context or {})), []
    except ValidationError as error:
        errors = [dict(one) for one in error.errors(include_url=False)]
        found = [_explain(document, model, one) for one in errors if not _echo(one)]
        return None, sorted(set(found), key=lambda m: (m.line, m.column, m.reason))


def _echo(error: dict[str, Any]) -> bool:
    """A list that is "too short" only because each item in it is wrong has been spoken of already."""
    return error["type"] == "too_short" and bool(error["input"])


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean `x`?` for the nearest known word, else the empty string."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean `{by_lower[near[0]]}`?" if near else ""


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "yes or no",
    "bool_parsing": "yes or no",
    "list_type": "a list: `[one, two]`",
    "tuple_type": "a list: `[one, two]`",
    "dict_type": "a mapping: `{key: value}`",
    "model_type": "a mapping: `{key: value}`",
    "model_attributes_type": "a mapping: `{key: value}`",
    "date_from_datetime_parsing": "a date: 2026-12-24",
    "date_parsing": "a date: 2026-12-24",
    "date_type": "a date: 2026-12-24",
}


def _explain(document: Document, model: type[BaseModel], error: dict[str, Any]) -> Mistake:
    location: Location = tuple(error["loc"])
    kind = str(error["type"])
    if location and location[-1] == "[key]":
        key = document.mistake(location[:-1], "", key=True)
        inner = _explain(document, model, {**error, "loc": location[:-1]})
        return Mistake(document.file, key.line, key.column, inner.reason)
    if kind == "too_short":
        return document.mistake(location, f"`{'.'.join(map(str, location))}` must not be empty")
    written = location[:-1] if len(location) > 1 and location[-1] == 0 and location not in document.values else location
    name = ".".join(str(part) for part in written)
    if kind == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        where = f" under `{'.'.join(map(str, location[:-1]))}`" if len(location) > 1 else ""
        hint = did_you_mean(location[-1], known)
        listed = "" if hint or not known else f"; known are {', '.join(sorted(known))}"
        return document.mistake(location, f"unknown key `{location[-1]}`{where}{hint}{listed}", key=True)
    if kind == "missing":
        return document.mistake(location[:-1], f"`{location[-1]}` is missing; write `{location[-1]}: ...`")
    if kind in ("literal_error", "enum"):
        allowed = _choices(str(error["ctx"]["expected"]))
        hint = did_you_mean(error["input"], allowed)
        return document.mistake(location, f"`{name}` is {error['input']!r}; it can be {', '.join(allowed)}{hint}")
    if kind == "value_error":
        return document.mistake(location, f"`{name}`: {error['ctx']['error']}" if name else str(error["ctx"]["error"]))
    if kind in _EXPECTED:
        hint = "; put it into quotes" if kind == "string_type" and isinstance(error["input"], (int, float)) else ""
        return document.mistake(location, f"`{name}` must be {_EXPECTED[kind]}, not {_short(error['input'])}{hint}")
    return document.mistake(location, f"`{name}`: {error['msg'][:1].lower()}{error['msg'][1:]}")


def _short(value: object) -> str:
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _choices(expected: str) -> list[str]:
    return [part.strip().strip("'\"") for part in expected.replace(" or ", ", ").split(",")]


def _fields_at(model: type[BaseModel], location: Location) -> set[str]:
    """The keys known at `location`, found by walking the annotations; empty where any key goes."""
    here: Any = model
    for step in location:
        here = _step(here, step)
    inner = _model_in(here)
    if inner is None:
        return set()
    return {info.alias or name for name, info in inner.model_fields.items() if not info.exclude}


def _step(annotation: Any, step: str | int) -> Any:
    inner = _model_in(annotation)
    if inner is not None and isinstance(step, str):
        for name, info in inner.model_fields.items():
            if step in (info.alias, name):
                return info.annotation
        return None
    for candidate in _unwrap(annotation):
        origin, arguments = typing.get_origin(candidate), typing.get_args(candidate)
        if isinstance(step, int) and origin in (list, tuple):
            return arguments[0]
        if isinstance(step, str) and origin in (dict, Mapping):
            return arguments[1]
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for candidate in _unwrap(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _unwrap(annotation: Any) -> list[Any]:
    """The members of a union, without `Annotated` around them."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _unwrap(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [one for argument in typing.get_args(annotation) for one in _unwrap(argument)]
    return [annotation]
