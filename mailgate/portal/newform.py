"""What the form of a new ticket brings, read and checked, and what it shows. Values in, values out; no request here.

Nothing that a form says is believed: departments and topics are those that may be chosen, answers are read by
`tickets.intake`, whom and what it may be shared with is for the flow. Everything is bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from mailgate.companyfiles import FormField, Topic
from mailgate.flows.opening import MOST_FOLLOWERS
from mailgate.mail.addresses import normalise
from mailgate.tickets import forms, intake
from mailgate.yamltypes import text_in

MOST_TEXT = 100_000
MOST_SUBJECT = 200
_MOST_NAME = 120
_MOST_ADDRESS = 320
_MOST_BRANCHES = 500
_FIELD = "field_"
_PHONE = re.compile(r"\+?[\d\s().-]{8,25}")


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed and chosen so far. typed: fields of the topic by key, as typed. shown: those the page showed."""

    department: str = ""
    topic: str = ""
    subject: str = ""
    text: str = ""
    phone: str = ""
    name: str = ""
    address: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    visibility: str = ""
    branch_ids: tuple[int, ...] = ()
    followers: tuple[tuple[str, bool], ...] = ()


def draft_of(values: Sequence[tuple[str, str]]) -> Draft:
    """The draft of a form's (name, value) pairs; of a name that comes twice the first counts. Total."""
    one: dict[str, str] = {}
    typed: dict[str, str] = {}
    branches: list[int] = []
    for name, value in values:
        words = _clean(value)
        if name.startswith(_FIELD):
            typed.setdefault(name[len(_FIELD) :][:100], words[: forms.MOST_CHARACTERS + 1])
        elif name == "branch":
            branches += [int(words)] if words.isascii() and words.isdigit() and len(words) < 20 else []
        else:
            one.setdefault(name, words)
    return Draft(
        department=one.get("department", "")[:100], topic=one.get("topic", "")[:100],
        subject=_line(one.get("subject", ""))[: MOST_SUBJECT + 1], text=one.get("text", "").strip()[: MOST_TEXT + 1],
        phone=_line(one.get("phone", ""))[:41], name=_line(one.get("name", ""))[:_MOST_NAME],
        address=_line(one.get("address", ""))[: _MOST_ADDRESS + 1], typed=typed,
        shown=tuple(one.get("shown", "")[:10_000].split()), visibility=one.get("visibility", "")[:20],
        branch_ids=tuple(dict.fromkeys(branches))[:_MOST_BRANCHES], followers=_followers(one),
    )  # fmt: skip


def _followers(one: Mapping[str, str]) -> tuple[tuple[str, bool], ...]:
    found: dict[str, bool] = {}
    for number in range(1, MOST_FOLLOWERS + 1):
        address = _line(one.get(f"follower_{number}", ""))[:_MOST_ADDRESS]
        if address:
            found.setdefault(address, one.get(f"writes_{number}", "") != "no")
    return tuple(found.items())


def _clean(text: str) -> str:
    """Line ends as ours, nothing that a database or a terminal chokes on."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) != "Cc")


def _line(text: str) -> str:
    return " ".join(text.split())


# --- what is wrong with it -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """answers: of the topic's fields, as they are kept. problems: by the input's name, a key of `page.new.wrong.*`."""

    answers: dict[str, str]
    problems: dict[str, str]


def check(draft: Draft, topic: Topic | None, files: Sequence[str], today: date, *, guest: bool) -> Checked:
    """What is wrong with a draft. files: the names of those that came."""
    problems: dict[str, str] = {}
    if guest:
        if not draft.name:
            problems["name"] = "name"
        if not is_address(draft.address):
            problems["address"] = "address"
    if draft.phone and not _PHONE.fullmatch(draft.phone):
        problems["phone"] = "phone"
    found = intake.read(topic, draft.typed, draft.text, files, today) if topic is not None else intake.Answered()
    told = intake.file_of(topic) if topic is not None else None
    for key, problem in found.problems.items():
        is_file = told is not None and key == told.key
        problems["files" if is_file else f"{_FIELD}{key}"] = "file" if is_file else problem
    if not draft.subject or len(draft.subject) > MOST_SUBJECT:
        problems["subject"] = "long" if draft.subject else "subject"
    if not draft.text or len(draft.text) > MOST_TEXT:
        problems["text"] = "long" if draft.text else "text"
    return Checked(found.answers, problems)


def without_unseen(checked: Checked, keys: Sequence[str]) -> Checked:
    """The same without a reproach for fields that the page had not shown yet."""
    unseen = {f"{_FIELD}{key}" for key in keys}
    left = {name: problem for name, problem in checked.problems.items() if name not in unseen or problem != "empty"}
    return Checked(checked.answers, left)


def is_address(text: str) -> bool:
    """Whether this is one plain address that a mail can be sent to."""
    local, _, domain = normalise(text[: _MOST_ADDRESS + 1]).rpartition("@")
    if len(local) + len(domain) >= _MOST_ADDRESS or not text.isprintable() or '"' in text:
        return False
    return bool(re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", local)) and bool(
        re.fullmatch(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,62}", domain)
    )


# --- what it shows ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose: a department, a topic, a branch."""

    key: str
    label: str
    help: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of the topic as the page shows it. hidden: only asked for by other answers. when: (field, values)."""

    key: str
    name: str
    kind: str
    label: str
    help: str
    required: bool
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    hidden: bool = False
    when: tuple[str, tuple[str, ...]] | None = None


def asked(
    topic: Topic, draft: Draft, answers: Mapping[str, str], problems: Mapping[str, str], language: str,
    yes_no: tuple[str, str],
) -> tuple[Asked, ...]:  # fmt: skip
    """The fields of a topic for the page. answers: so far. yes_no: the words for them."""
    now = forms.asked(topic.fields, answers)
    found = []
    for one in intake.fields_of(topic):
        name = f"{_FIELD}{one.key}"
        found.append(
            Asked(
                one.key,
                name,
                one.kind,
                text_in(one.label, language, one.key).rstrip(" :"),
                text_in(one.help, language),
                one.required,
                _value(one, draft, answers),
                _choices(one, yes_no),
                problems.get(name, ""),
                one not in now,
                _when(one),
            )
        )
    return tuple(found)


def _value(one: FormField, draft: Draft, answers: Mapping[str, str]) -> str:
    """What was typed; of a choice the one that was understood, so that it is marked."""
    if one.kind in ("choice", "yes_no", "date") and one.key in answers:
        return answers[one.key]
    return draft.typed.get(one.key, "")


def _choices(one: FormField, yes_no: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    if one.kind == "yes_no":
        return (("yes", yes_no[0]), ("no", yes_no[1]))
    return tuple((choice, choice) for choice in one.choices)


def _when(one: FormField) -> tuple[str, tuple[str, ...]] | None:
    return (f"{_FIELD}{one.if_.field}", one.if_.is_) if one.if_ is not None else None
