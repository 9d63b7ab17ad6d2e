"""The form of a new ticket, before there is one: what may be chosen, which fields it asks, what was filled in. Pure.

The same fields as by mail (`tickets.forms`, `tickets.fillin`): the description is what the first long field that must
be filled in asks for, and a file is filled in by any attachment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from mailgate.companyfiles import Department, FormField, Topic, TopicsFile
from mailgate.tickets import fillin, forms


@dataclass(frozen=True, slots=True)
class Answered:
    """What a form brought. answers: by key, as they are kept. problems: by key, a word of `forms.Filled`."""

    answers: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def topics_of(topics: TopicsFile, department: str) -> dict[str, Topic]:
    """The topics that may be chosen in a department: those that name it, and those that name none."""
    every = topics.topics.items()
    return {key: one for key, one in every if not one.departments or department in one.departments}


def departments_of(departments: Mapping[str, Department], topics: TopicsFile) -> dict[str, Department]:
    """The departments that a customer may choose: public ones that have a topic, where the company has topics."""
    every = departments.items()
    return {key: one for key, one in every if one.public and (not topics.topics or topics_of(topics, key))}


def described(topic: Topic) -> FormField | None:
    """The field that the description answers, None for no such."""
    return next((one for one in topic.fields if one.kind == "long_text" and one.required and one.if_ is None), None)


def fields_of(topic: Topic) -> tuple[FormField, ...]:
    """The fields that a page shows one by one: not the one the description answers, and no file."""
    told = described(topic)
    return tuple(one for one in topic.fields if one is not told and one.kind != "file")


def file_of(topic: Topic) -> FormField | None:
    """The field that attachments answer, the required one before others; None where the topic asks for none."""
    asked = [one for one in fillin.fields_of(topic) if one.kind == "file"]
    return next((one for one in asked if one.required), asked[0] if asked else None)


def read(topic: Topic, typed: Mapping[str, str], text: str, files: Sequence[str], today: date) -> Answered:
    """What was filled in. typed: by key. text: the description. files: the names of those that came.

    Only what is asked for, given the answers so far, is read: whatever else a form brings is left out.
    """
    fields, found = fillin.fields_of(topic), Answered()
    told = described(topic)
    for one in fields:
        if one not in forms.asked(fields, found.answers):
            continue
        if one.kind == "file":
            got = forms.Filled(files[0][: forms.MOST_CHARACTERS]) if files else forms.Filled(problem="empty")
        elif one is told:
            got = forms.Filled(text[: forms.MOST_CHARACTERS]) if text.strip() else forms.Filled()
        else:
            got = forms.read(one, typed.get(one.key, ""), today)
        if got.value:
            found.answers[one.key] = got.value
        elif got.problem and (one.required or got.problem != "empty"):
            found.problems[one.key] = got.problem
    return found


def asked_besides(topic: Topic, answers: Mapping[str, str], shown: Sequence[str]) -> tuple[FormField, ...]:
    """The fields that the answers call for and that the page did not show: without scripts a second step has them."""
    return tuple(one for one in fields_of(topic) if one in forms.asked(topic.fields, answers) and one.key not in shown)
