"""What a rule can look at and how it compares: a closed list. Pure; patterns run in linear time (RE2).

A condition is a mapping: every entry in it must hold. `any`, `all` and `not` nest. A bare value means `is`, a list
means one of them. Text is compared without regard to case, except by `matches`, where `(?i)` says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

import re2
from pydantic import Field, GetJsonSchemaHandler, PlainValidator, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mailgate.yamltypes import OrOne, Section, YesNo

#: Patterns see at most this much of a text (characters); an admin's pattern must not cost more than the mail.
PATTERN_LOOKS_AT = 256 * 1024


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What rules may look at: plain values. Texts may be empty; headers are (name, value) pairs, unfolded."""

    sender: str = ""
    sender_domain: str = ""
    recipients: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    status: str = ""
    category: str = ""
    department: str = ""
    topic: str = ""
    agent: str = ""
    language: str = ""
    kind: str = "human"  # broad
    fine_kind: str = ""  # as finely as the screening tells
    verified: bool = False
    attachment_names: tuple[str, ...] = ()
    organisation: str = ""
    tags: tuple[str, ...] = ()
    priority: str = ""
    tier: str = ""
    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    old_status: str = ""
    timer: str = ""
    rating: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    at: datetime | None = None  # local time of the company, None: not known
    open_now: bool = True


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression in RE2's syntax, compiled when the book is read."""

    text: str
    search: Callable[[str], object] = field(repr=False, compare=False)


def _pattern(value: object) -> Pattern:
    if isinstance(value, Pattern):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a pattern; put it into quotes")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        compiled = re2.compile(value, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"the pattern {value!r} cannot be used: {said} (RE2 knows no look-around)") from None
    return Pattern(value, compiled.search)


PatternText = Annotated[Pattern, PlainValidator(_pattern), WithJsonSchema({"type": "string"})]


def _one_text(value: object) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{value!r} is not text; put it into quotes")


OneText = Annotated[str, PlainValidator(_one_text), WithJsonSchema({"type": ["string", "number"]})]


AuthWord = Literal["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"]


class Matcher(Section):
    """One comparison of a text: exactly one of is, in, contains, matches."""

    is_: Annotated[OneText | None, Field(alias="is")] = None
    in_: Annotated[tuple[OneText, ...] | None, Field(alias="in", min_length=1)] = None
    contains: Annotated[tuple[OneText, ...], OrOne()] | None = None
    matches: PatternText | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, (str, int, float)) and not isinstance(data, bool):
            return {"is": data}
        if isinstance(data, list):
            return {"in": data}
        return data

    @model_validator(mode="after")
    def _exactly_one(self) -> Matcher:
        given = [v for v in (self.is_, self.in_, self.contains, self.matches) if v is not None]
        if len(given) != 1:
            raise ValueError("write exactly one of is, in, contains, matches")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Editors must know the short forms too."""
        whole = handler(core)
        if cls is not Matcher:
            return whole
        word = {"type": ["string", "number"]}
        return {"anyOf": [word, {"type": "array", "items": word}, whole]}

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The folded words of is, in or contains."""
        words = self.in_ or self.contains or ((self.is_,) if self.is_ is not None else ())
        return frozenset(word.casefold() for word in words)

    def holds(self, texts: Iterable[str]) -> bool:
        """Whether any of `texts` fits."""
        if self.matches is not None:
            return any(self.matches.search(text[:PATTERN_LOOKS_AT]) is not None for text in texts)
        folded = (text.casefold() for text in texts)
        if self.contains is not None:
            return any(word in text for text in folded for word in self.wanted)
        return any(text in self.wanted for text in folded)

    def __str__(self) -> str:
        if self.matches is not None:
            return f"matches {self.matches.text}"
        if self.contains is not None:
            return f"contains {' or '.join(self.contains)}"
        return f"is {' or '.join(self.in_ or (self.is_ or '',))}"


class HeaderMatcher(Matcher):
    """A header field by name; without a comparison: that it is there.

    trusted: our own mail server sets this field and takes it off strangers' mails, so that it may control a ticket.
    """

    name: str
    trusted: YesNo = False

    @model_validator(mode="after")
    def _exactly_one(self) -> HeaderMatcher:
        given = [v for v in (self.is_, self.in_, self.contains, self.matches) if v is not None]
        if len(given) > 1:
            raise ValueError("write one of is, in, contains, matches, or none (that the field is there)")
        return self


class FieldMatcher(Matcher):
    """A field of the ticket by its key; without a comparison: that it is filled."""

    key: str

    @model_validator(mode="after")
    def _exactly_one(self) -> FieldMatcher:
        given = [v for v in (self.is_, self.in_, self.contains, self.matches) if v is not None]
        if len(given) > 1:
            raise ValueError("write one of is, in, contains, matches, or none (that it is filled)")
        return self


class Authentication(Section):
    """What SPF, DKIM and DMARC said: pass, fail, softfail, neutral, none, temperror, permerror (RFC 8601 §2.7)."""

    spf: Annotated[tuple[AuthWord, ...], OrOne()] | None = None
    dkim: Annotated[tuple[AuthWord, ...], OrOne()] | None = None
    dmarc: Annotated[tuple[AuthWord, ...], OrOne()] | None = None


@dataclass(frozen=True, slots=True)
class DaySpan:
    """A span of the day in minutes since midnight; one that ends before it begins goes over midnight."""

    start: int
    end: int
    text: str

    def holds(self, at: datetime) -> bool:
        """Whether this local time lies in the span; the end itself does not."""
        minute = at.hour * 60 + at.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


_SPAN = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-4]):([0-5]\d)")


def _span(value: object) -> DaySpan:
    if isinstance(value, DaySpan):
        return value
    match = _SPAN.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a time of day; write it like 08:00-18:00, or 22:00-06:00 over midnight")
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if start == end or max(start, end) > 24 * 60:
        raise ValueError(f"{value!r} holds no time at all")
    return DaySpan(start, end, str(value).strip())


TimeOfDay = Annotated[DaySpan, PlainValidator(_span), WithJsonSchema({"type": "string", "examples": ["08:00-18:00"]})]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: What a mail is, as the screening found: only `human` is a person's word. The first five are broad: `automatic` and
#: `list` take in the finer ones that follow. Receipts and reports of abuse are no news for rules: they never ask one.
Kind = Literal[
    "human", "automatic", "dsn", "list", "loop",
    "out_of_office", "challenge", "calendar", "newsletter", "bulk",
]  # fmt: skip
CategoryName = Literal["new", "open", "waiting", "hold", "solved", "closed"]


class Condition(Section):
    """All entries must hold."""

    all_: Annotated[tuple[Condition, ...] | None, Field(alias="all")] = None
    any_: Annotated[tuple[Condition, ...] | None, Field(alias="any")] = None
    not_: Annotated[Condition | None, Field(alias="not")] = None
    sender: Matcher | None = None
    sender_domain: Matcher | None = None
    recipient: Matcher | None = None
    subject: Matcher | None = None
    body: Matcher | None = None
    header: HeaderMatcher | None = None
    status: Matcher | None = None
    category: Annotated[tuple[CategoryName, ...], OrOne()] | None = None
    department: Matcher | None = None
    topic: Matcher | None = None
    priority: Matcher | None = None
    agent: Matcher | None = None
    language: Matcher | None = None
    kind: Annotated[tuple[Kind, ...], OrOne()] | None = None
    verified: YesNo | None = None
    attachment: YesNo | None = None
    attachment_name: Matcher | None = None
    organisation: Matcher | None = None
    tier: Matcher | None = None
    authentication: Authentication | None = None
    tags: Matcher | None = None
    field: FieldMatcher | None = None
    old_status: Matcher | None = None
    timer: Matcher | None = None
    rating: Matcher | None = None
    time: TimeOfDay | None = None
    weekday: Annotated[tuple[Weekday, ...], OrOne()] | None = None
    working_hours: YesNo | None = None

    def parts(self) -> Iterator[Condition]:
        """This condition and every one nested in it."""
        yield self
        for part in (*(self.all_ or ()), *(self.any_ or ()), *((self.not_,) if self.not_ is not None else ())):
            yield from part.parts()

    @cached_property
    def by_strangers_header(self) -> bool:
        """Whether it looks at a header field that any sender can write as he likes."""
        return any(one.header is not None and not one.header.trusted for one in self.parts())

    @cached_property
    def names_sender(self) -> bool:
        """Whether it holds for senders named one by one only."""
        named = self.sender is not None and (self.sender.is_ is not None or self.sender.in_ is not None)
        return named or any(part.names_sender for part in self.all_ or ())


#: The fields that compare text, and where the facts keep it.
_TEXTS: dict[str, Callable[[RuleFacts], tuple[str, ...]]] = {
    "sender": lambda f: (f.sender,),
    "sender_domain": lambda f: (f.sender_domain,),
    "recipient": lambda f: f.recipients,
    "subject": lambda f: (f.subject,),
    "body": lambda f: (f.body,),
    "status": lambda f: (f.status,),
    "department": lambda f: (f.department,),
    "topic": lambda f: (f.topic,),
    "priority": lambda f: (f.priority,),
    "agent": lambda f: (f.agent or "nobody",),
    "language": lambda f: (f.language,),
    "attachment_name": lambda f: f.attachment_names,
    "organisation": lambda f: (f.organisation,),
    "tier": lambda f: (f.tier,),
    "tags": lambda f: f.tags,
    "old_status": lambda f: (f.old_status,),
    "timer": lambda f: (f.timer,),
    "rating": lambda f: (f.rating,),
}


def failed(condition: Condition, facts: RuleFacts) -> str | None:
    """None when the condition holds, else the first part that does not, as an admin would say it."""
    for name, texts_of in _TEXTS.items():
        matcher: Matcher | None = getattr(condition, name)
        if matcher is not None and not matcher.holds(texts_of(facts)):
            return f"{name} {matcher}{_found(texts_of(facts))}"
    for look in (_failed_word, _failed_authentication, _failed_time, _failed_header, _failed_field, _failed_group):
        reason = look(condition, facts)
        if reason is not None:
            return reason
    return None


def _found(texts: tuple[str, ...]) -> str:
    shown = ", ".join(texts)
    return f" (it is {shown[:60]!r})" if len(shown) <= 60 else ""


def _failed_word(condition: Condition, facts: RuleFacts) -> str | None:
    if condition.category is not None and facts.category not in condition.category:
        return f"category is {' or '.join(condition.category)} (it is {facts.category!r})"
    if condition.kind is not None and not {facts.kind, facts.fine_kind} & set(condition.kind):
        return f"kind is {' or '.join(condition.kind)} (it is {(facts.fine_kind or facts.kind)!r})"
    if condition.verified is not None and facts.verified != condition.verified:
        return f"verified is {'yes' if condition.verified else 'no'}"
    if condition.attachment is not None and bool(facts.attachment_names) != condition.attachment:
        return f"attachment is {'yes' if condition.attachment else 'no'}"
    return None


def _failed_authentication(condition: Condition, facts: RuleFacts) -> str | None:
    if condition.authentication is None:
        return None
    for name in ("spf", "dkim", "dmarc"):
        wanted = getattr(condition.authentication, name)
        found = getattr(facts, name)
        if wanted is not None and found not in wanted:
            return f"authentication {name} is {' or '.join(wanted)} (it is {found!r})"
    return None


def _failed_time(condition: Condition, facts: RuleFacts) -> str | None:
    at = facts.at
    if condition.time is not None and (at is None or not condition.time.holds(at)):
        return f"time is {condition.time.text}" + (f" (it is {at:%H:%M})" if at else "")
    if condition.weekday is not None and (at is None or _WEEKDAYS[at.weekday()] not in condition.weekday):
        return f"weekday is {' or '.join(condition.weekday)}" + (f" (it is {_WEEKDAYS[at.weekday()]})" if at else "")
    if condition.working_hours is not None and facts.open_now != condition.working_hours:
        return f"working_hours is {'yes' if condition.working_hours else 'no'}"
    return None


def _failed_field(condition: Condition, facts: RuleFacts) -> str | None:
    wanted = condition.field
    if wanted is None:
        return None
    value = dict(facts.fields).get(wanted.key, "")
    if not value:
        return f"field {wanted.key} is filled"
    compares = wanted.wanted or wanted.matches is not None
    return f"field {wanted.key} {wanted}{_found((value,))}" if compares and not wanted.holds((value,)) else None


def _failed_header(condition: Condition, facts: RuleFacts) -> str | None:
    header = condition.header
    if header is None:
        return None
    values = [value.strip() for name, value in facts.headers if name.casefold() == header.name.casefold()]
    if not values:
        return f"header {header.name} is there"
    compares = header.wanted or header.matches is not None
    return f"header {header.name} {header}" if compares and not header.holds(values) else None


def _failed_group(condition: Condition, facts: RuleFacts) -> str | None:
    for part in condition.all_ or ():
        reason = failed(part, facts)
        if reason is not None:
            return reason
    if condition.any_ is not None:
        reasons = [failed(part, facts) for part in condition.any_]
        if all(reason is not None for reason in reasons):
            return "any of: " + "; ".join(str(reason) for reason in reasons)
    if condition.not_ is not None and failed(condition.not_, facts) is None:
        return "not: what must not hold does hold"
    return None
