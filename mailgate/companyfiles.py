"""The company's smaller files as typed values: sla, topics, departments, people, notices (.yaml). No logic."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from mailgate.clock import parse_duration
from mailgate.yamlfile import did_you_mean
from mailgate.yamltypes import UNLIMITED, Address, Key, OrOne, Section, SizeLimit, Text, Texts, Words, YesNo
from scheduler.worktime import Amount, BusinessDays, Hours
from store.vocabulary import Notice

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_BUSINESS_DAYS = re.compile(r"(\d+)\s*bd")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _hours(value: object) -> Hours:
    """`08:00-18:00`, `08:00-12:00, 13:30-18:00`, a list of such, or closed."""
    if value in ("closed", None, []):
        return ()
    parts = value if isinstance(value, list) else str(value).split(",")
    spans: list[tuple[time, time]] = []
    for part in parts:
        match = _SPAN.fullmatch(str(part).strip())
        if match is None:
            raise ValueError(f"{part!r} are not opening hours; write them like 08:00-18:00, or closed")
        start, end = _time(match[1], match[2]), _time(match[3], match[4])
        if end != time(0, 0) and end <= start:
            raise ValueError(f"{part!r} ends before it begins; 24:00 is the end of the day")
        if spans and (spans[-1][1] == time(0, 0) or start < spans[-1][1]):
            raise ValueError(f"{value!r}: the spans of one day must be in order")
        spans.append((start, end))
    return tuple(spans)


def _time(hour: str, minute: str) -> time:
    if (hour, minute) == ("24", "00"):
        return time(0, 0)
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"{hour}:{minute} is not a time of day")
    return time(int(hour), int(minute))


OpeningHours = Annotated[Hours, PlainValidator(_hours), WithJsonSchema({"type": ["string", "array"]})]


def work_amount(value: object) -> Amount:
    """Working time out of `30m`, `8h`, `2bd`. Raises ValueError with a sentence that says how to write it."""
    if isinstance(value, (timedelta, BusinessDays)):
        return value
    match = _BUSINESS_DAYS.fullmatch(str(value).strip())
    if match is not None:
        return BusinessDays(int(match[1]))
    try:
        length = parse_duration(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not working time; write it like 30m, 8h or 2bd") from None
    if length <= timedelta():
        raise ValueError(f"{value!r} must be more than nothing")
    return length


_AMOUNT_SCHEMA = {"type": "string", "examples": ["8h", "2bd"]}
WorkAmount = Annotated[Amount, PlainValidator(work_amount), WithJsonSchema(_AMOUNT_SCHEMA)]


def _day(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a date; write it like 2026-12-24") from None


Day = Annotated[date, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _zone(value: str) -> str:
    if value and value not in available_timezones():
        raise ValueError(f"{value!r} is not a time zone{did_you_mean(value, available_timezones())}")
    return value


class Holidays(Section):
    """Days without work. state: as the tables name it (SP, SC). city: for the reader; its days go under `extra`."""

    country: str | None = "BR"
    state: str | None = None
    city: str = ""
    optional: YesNo = False
    extra: tuple[Day, ...] = ()


_OFFICE: Hours = ((time(8), time(18)),)


class CalendarFile(Section):
    """When the company works; timezone empty: that of mailgate.yaml."""

    timezone: Annotated[str, AfterValidator(_zone)] = ""
    hours: dict[Weekday, OpeningHours] = Field(default_factory=lambda: dict.fromkeys(WEEKDAYS[:5], _OFFICE))
    holidays: Holidays = Holidays()


class Target(Section):
    """How soon a ticket that fits is looked at. Empty topic, department, priority: any. The first that fits counts."""

    priority: Words = ()
    topic: Words = ()
    department: Words = ()
    first_check: WorkAmount
    next_check: WorkAmount | None = None
    solve: WorkAmount | None = None


class SlaFile(Section):
    """`sla.yaml`."""

    calendar: CalendarFile = CalendarFile()
    targets: tuple[Target, ...] = ()
    due_soon: Annotated[WorkAmount, Field(validate_default=True)] = "2h"  # type: ignore[assignment]


class FieldIf(Section):
    """A field is asked for only when another, further up, has this value, or one of these."""

    field: Key
    is_: Annotated[Words, Field(alias="is", min_length=1)]


class FormField(Section):
    """One field of a topic's form, on a page and as a line to fill in by mail; `tickets.forms` reads it.

    A `file` is filled in by any attachment.
    """

    key: Key
    label: Texts
    kind: Literal["text", "long_text", "choice", "yes_no", "phone", "number", "date", "file"] = "text"
    required: YesNo = False
    choices: tuple[str, ...] = ()
    help: Texts = Field(default_factory=dict)
    if_: Annotated[FieldIf | None, Field(alias="if")] = None


#: The words for kinds of files, as `mail.filetypes` knows them.
FILE_GROUPS = (
    "videos", "audio", "images", "documents", "macros", "archives", "programs", "certificates", "pages",
)  # fmt: skip
_ENDING = re.compile(r"\.[a-z0-9][a-z0-9_-]{0,11}")


def _file_kind(value: object) -> str:
    word = str(value).strip().lower()
    if word not in FILE_GROUPS and not _ENDING.fullmatch(word):
        raise ValueError(
            f"{value!r} is no kind of file; write an ending like .mp4, or one of {', '.join(FILE_GROUPS)}"
            f"{did_you_mean(word, FILE_GROUPS)}"
        )
    return word


FileKind = Annotated[
    str,
    PlainValidator(_file_kind),
    WithJsonSchema({"anyOf": [{"enum": list(FILE_GROUPS)}, {"type": "string", "pattern": "^\\.[A-Za-z0-9]"}]}),
]


class AttachmentPolicy(Section):
    """Which files of customers become attachments. The ticket is opened in any case and the mail keeps every file.

    must_be_zipped: kinds that are taken only inside a .zip. denied: kinds that are not taken, in a .zip neither.
    up_to: of one file; off: as large as the mail may be.
    """

    must_be_zipped: Annotated[tuple[FileKind, ...], OrOne()] = ()
    denied: Annotated[tuple[FileKind, ...], OrOne()] = ()
    up_to: Annotated[SizeLimit, Field(validate_default=True)] = UNLIMITED


class Topic(Section):
    """A help topic; attachment: required = the form asks for one, and a mail without one is asked for it.

    attachments: for tickets of this topic, in place of the company's.
    """

    label: Texts
    help: Texts = Field(default_factory=dict)
    departments: tuple[Key, ...] = ()
    priority: Literal["low", "normal", "high", "urgent"] = "normal"
    attachment: Literal["optional", "required"] = "optional"
    attachments: AttachmentPolicy | None = None
    fields: tuple[FormField, ...] = ()


class TopicsFile(Section):
    """`topics.yaml`. default: the topic of a mail that names none; empty: no topic."""

    topics: dict[Key, Topic] = Field(default_factory=dict)
    default: Key | None = None
    attachments: AttachmentPolicy = AttachmentPolicy()

    def policy(self, topic: str) -> AttachmentPolicy:
        """What holds for the files of a ticket of that topic, "" for none."""
        known = self.topics.get(topic)
        return known.attachments if known is not None and known.attachments is not None else self.attachments


class Department(Section):
    """One department of ours."""

    label: Texts
    help: Texts = Field(default_factory=dict)
    public: YesNo = True


class DepartmentsFile(Section):
    """`departments.yaml`; those that mailgate.yaml names besides are created."""

    departments: dict[Key, Department] = Field(default_factory=dict)


SeesUpTo = Literal["own", "branch", "organisation", "network"]


class Visibility(Section):
    """Who sees which tickets. default: of a ticket that says nothing else. By role: how far its people see besides.

    managers_own: whether other managers of the organisation see a manager's own tickets. choices: what a requester may
    choose for one ticket. sharing_needs_permission: sharing it later is for contacts who were given it.
    """

    default: SeesUpTo = "own"
    light: SeesUpTo = "own"
    master: SeesUpTo = "organisation"
    manager: SeesUpTo = "organisation"
    sub_admin: SeesUpTo = "organisation"
    managers_own: Literal["private", "public"] = "public"
    choices: Annotated[tuple[Literal["network", "private", "branches", "public"], ...], OrOne()] = ()
    sharing_needs_permission: YesNo = False


class PeopleFile(Section):
    """`people.yaml`: what people may do; the people themselves are in the database.

    default_role: of somebody who writes for the first time. cc_becomes_participant: whoever stands in Cc of a proven
    mail is told of what follows.
    """

    visibility: Visibility = Visibility()
    default_role: Literal["light", "master", "manager"] = "light"
    cc_becomes_participant: YesNo = True


class Quote(Section):
    """How much of the conversation a notice quotes below."""

    comments: Annotated[int, Field(ge=0, le=50)] = 3
    lines: Annotated[int, Field(ge=0, le=2000)] = 200


class Survey(Section):
    """The question after closing."""

    scale: Annotated[int, Field(ge=2, le=10)] = 5
    comment: YesNo = True
    tell: Words = ("managers",)


def _notice_switches(value: Any) -> dict[Notice, bool]:
    if not isinstance(value, dict):
        raise ValueError("write a mapping: {N6: no}")
    known = [notice.value for notice in Notice]
    switches: dict[Notice, bool] = {}
    for name, word in value.items():
        if name not in known:
            raise ValueError(f"{name!r} is not a notice; there are {', '.join(known)}{did_you_mean(name, known)}")
        if str(word).lower() not in ("yes", "no", "true", "false", "on", "off"):
            raise ValueError(f"{name} is {word!r}; write yes or no")
        switches[Notice(name)] = str(word).lower() in ("yes", "true", "on")
    return switches


NoticeSwitches = Annotated[
    dict[Notice, bool],
    PlainValidator(_notice_switches),
    WithJsonSchema({"type": "object", "propertyNames": {"enum": [notice.value for notice in Notice]}}),
]


class NoticesFile(Section):
    """`notices.yaml`. notices: those switched off; what is not named is sent.

    whatsapp: those of a new ticket that go there too; all others are the workflow's (`notify_whatsapp`).
    """

    notices: NoticeSwitches = Field(default_factory=dict)
    whatsapp: Annotated[tuple[Literal["N1", "N2"], ...], OrOne()] = ()
    quote: Quote = Quote()
    attachments_up_to: Annotated[SizeLimit, Field(validate_default=True)] = 10 * 1024 * 1024
    survey: Survey | None = None
    copy_to: tuple[Address, ...] = ()
    signature: Text | None = None
    canned: Annotated[
        dict[Key, Texts], Field(description="answers by name: #modelo NAME of an agent, `reply: NAME` of a rule")
    ] = Field(default_factory=dict)

    def sends(self, notice: Notice) -> bool:
        """Whether the company wants this notice sent at all."""
        return self.notices.get(notice, True)
