"""The company as its files describe it: workflow, rules, sla, topics, departments, people, notices, checked together.

A file beside `mailgate.yaml` replaces the preset's whole file. Every mistake of every file is said at once, those
between files too. The result is frozen: a reload makes a new one, and a mail in the works keeps the one it began with.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from mailgate import yamlfile
from mailgate.companyfiles import (
    WEEKDAYS,
    Department,
    DepartmentsFile,
    NoticesFile,
    PeopleFile,
    SlaFile,
    Target,
    TopicsFile,
)
from mailgate.errors import ConfigError, Mistake
from mailgate.limit_settings import Limits
from mailgate.rules import book as rulebook
from mailgate.rules.book import RuleBook, RulesFile
from mailgate.tickets import forms
from mailgate.tickets import problems as states
from mailgate.tickets.states import WorkflowFile
from mailgate.tickets.workflow import Workflow
from mailgate.yamlfile import Document, did_you_mean
from mailgate.yamltypes import text_in
from scheduler.worktime import Amount, BusinessDays, Calendar, holiday_check

M = TypeVar("M", bound=BaseModel)
#: The company's files, without `.yaml`.
FILES = ("workflow", "rules", "sla", "topics", "departments", "people", "notices")


@dataclass(frozen=True, slots=True)
class Sla:
    """Working time and targets. due_soon: how long before a due date it comes near."""

    calendar: Calendar
    targets: tuple[Target, ...]
    due_soon: Amount = timedelta(hours=2)

    def target(self, *, priority: str = "", topic: str = "", department: str = "") -> Target | None:
        """The first target that fits, None when the company promises nothing."""
        for one in self.targets:
            pairs = ((one.priority, priority), (one.topic, topic), (one.department, department))
            if all(not wanted or value in wanted for wanted, value in pairs):
                return one
        return None


_AMOUNT = re.compile(r"(\d+)(m|h|bd|d)")


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """The company's working time as decisions ask for it: functions of the instants they are given."""

    sla: Sla

    def is_open(self, at: datetime) -> bool:
        """Whether the company works at that instant."""
        return self.sla.calendar.is_open(at)

    def local(self, at: datetime) -> datetime:
        """The instant as the company's wall clock shows it."""
        return at.astimezone(self.sla.calendar.zone)

    def due(self, at: datetime, amount: str) -> datetime:
        """When `4h` of working time, `1bd`, `2d` of plain days, or the working time of a day is over; aware UTC.

        Raises NeverOpen where the calendar has no such time.
        """
        calendar = self.sla.calendar
        if "-" in amount:
            return calendar.end_of(date.fromisoformat(amount))
        for number, unit in _AMOUNT.findall(amount):
            if unit == "bd":
                at = calendar.add(at, BusinessDays(int(number)))
            elif unit == "d":
                at = calendar.after(at, days=int(number))
            else:
                at = calendar.add(at, timedelta(**{"m": {"minutes": int(number)}, "h": {"hours": int(number)}}[unit]))
        return at

    def after_pause(self, due: datetime, since: datetime, until: datetime) -> datetime:
        """A due date once a pause is over."""
        return self.sla.calendar.after_pause(due, since, until)

    def horizon(self, at: datetime) -> datetime:
        """Up to which due date one is near at that instant."""
        return self.sla.calendar.add(at, self.sla.due_soon)

    def promised(self, at: datetime, *, priority: str, topic: str, department: str) -> datetime | None:
        """When such a ticket, opened then, must be looked at; None where nothing is promised."""
        target = self.sla.target(priority=priority, topic=topic, department=department)
        return self.sla.calendar.add(at, target.first_check) if target is not None else None


@dataclass(frozen=True, slots=True)
class Company:
    """Everything the company decided, in force together."""

    workflow: Workflow
    rules: RuleBook
    sla: Sla
    topics: TopicsFile
    departments: dict[str, Department]
    people: PeopleFile
    notices: NoticesFile
    digest: str = ""  # of the files' content: which version this is

    def department_label(self, key: str, language: str) -> str:
        """The department's name as people read it; its key where nothing better is known."""
        department = self.departments.get(key)
        return text_in(department.label, language, key) if department else key

    def topic_label(self, key: str, language: str) -> str:
        """The topic's name as people read it; its key where nothing better is known."""
        topic = self.topics.topics.get(key)
        return text_in(topic.label, language, key) if topic else key


@dataclass(slots=True)
class _Shelf:
    """Reads the files one by one and keeps their documents and mistakes."""

    folder: Path
    preset: Path
    limits: Limits
    mistakes: list[Mistake]
    documents: dict[str, Document]
    trial: Path | None = None

    def _file(self, name: str) -> Path:
        """The file on trial, the company's own, or the preset's."""
        if self.trial is not None and self.trial.is_file() and self.trial.stem == name:
            return self.trial
        places = [self.trial / f"{name}.yaml"] if self.trial is not None and self.trial.is_dir() else []
        places.append(self.folder / f"{name}.yaml")
        return next((place for place in places if place.is_file()), self.preset / f"{name}.yaml")

    def read(self, name: str, model: type[M]) -> M | None:
        try:
            document = yamlfile.load(
                self._file(name),
                max_bytes=self.limits.yaml_bytes,
                max_aliases=self.limits.yaml_aliases,
                max_nodes=self.limits.yaml_nodes,
            )
        except ConfigError as error:
            self.mistakes += error.mistakes
            return None
        found, mistakes = yamlfile.validate(document, model)
        self.mistakes += mistakes
        self.documents[name] = document
        return found

    def digest(self) -> str:
        """Of all that the files say, whatever their comments and blanks."""
        said = json.dumps({name: one.data for name, one in self.documents.items()}, sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def say(self, name: str, problems: list[rulebook.Problem], *, warning: bool = False) -> None:
        document = self.documents.get(name)
        if document is not None:
            self.mistakes += [document.mistake(location, reason, warning=warning) for location, reason in problems]


def load_company(
    folder: Path,
    preset: Path,
    *,
    timezone: str,
    departments: Collection[str] = (),
    agents: Collection[str] = (),
    webhooks: Collection[str] | None = None,
    limits: Limits | None = None,
    trial: Path | None = None,
    whatsapp: bool = False,
) -> Company:
    """Read and check the company's seven files.

    folder: where mailgate.yaml is. preset: the folder of the preset. timezone: for a sla.yaml that names none.
    departments: keys named in mailgate.yaml, created where departments.yaml lacks them. agents: their addresses.
    webhooks: names that mailgate.yaml defines, None where it could not be read.
    trial: one of the files, or a folder with some of them, that is looked at first.
    whatsapp: whether mailgate.yaml names a provider.
    Raises ConfigError with every mistake of all files.
    """
    company, mistakes = read_company(
        folder,
        preset,
        timezone=timezone,
        departments=departments,
        agents=agents,
        webhooks=webhooks,
        limits=limits,
        trial=trial,
        whatsapp=whatsapp,
    )
    if company is None:
        raise ConfigError([m for m in mistakes if not m.warning])
    return company


def read_company(
    folder: Path,
    preset: Path,
    *,
    timezone: str,
    departments: Collection[str] = (),
    agents: Collection[str] = (),
    webhooks: Collection[str] | None = None,
    limits: Limits | None = None,
    trial: Path | None = None,
    whatsapp: bool = False,
    roles: Collection[str] | None = None,
) -> tuple[Company | None, list[Mistake]]:
    """As `load_company`, but hands back mistakes and warnings together; None where there are mistakes.

    roles: those that the agents of mailgate.yaml have; None where that is not known.
    """
    shelf = _Shelf(folder, preset, limits or Limits(), [], {}, trial)
    workflow = shelf.read("workflow", WorkflowFile)
    rules = shelf.read("rules", RulesFile)
    sla = shelf.read("sla", SlaFile)
    topics = shelf.read("topics", TopicsFile)
    own_departments = shelf.read("departments", DepartmentsFile)
    people = shelf.read("people", PeopleFile)
    notices = shelf.read("notices", NoticesFile)
    if workflow is not None:
        shelf.say("workflow", states.problems(workflow))
    every = _departments(own_departments, departments)
    calendar = _calendar(shelf, sla, timezone)
    _cross_check(shelf, workflow, rules, sla, topics, every if own_departments is not None else None, notices, webhooks)
    if rules is not None:
        shelf.say("rules", rulebook.doubts(rules, agents, roles), warning=True)
    if workflow is not None and not any(not mistake.warning for mistake in shelf.mistakes):
        shelf.say("workflow", _workflow_doubts(workflow, agents, roles, whatsapp), warning=True)
    if any(not mistake.warning for mistake in shelf.mistakes):
        return None, shelf.mistakes
    assert workflow and rules and sla and topics and people and notices and calendar  # noqa: PT018 (None has a mistake)
    company = Company(
        Workflow.of(workflow),
        RuleBook.of(rules),
        Sla(calendar, sla.targets, sla.due_soon),
        topics,
        every,
        people,
        notices,
        shelf.digest(),
    )
    return company, shelf.mistakes


def _workflow_doubts(
    workflow: WorkflowFile, agents: Collection[str], roles: Collection[str] | None, whatsapp: bool
) -> list[rulebook.Problem]:
    """What the workflow asks for and the gateway cannot do yet, or not for anybody it knows."""
    found = states.doubts(workflow, whatsapp=whatsapp)
    for index, one in enumerate(workflow.transitions):
        told = rulebook.nobody_leads([act.value for act in one.do if act.kind == "notify"], roles)
        found += [(("transitions", index, "do"), reason) for reason in told]
    known = {agent.lower() for agent in agents}
    for location, name in states.assignees(workflow):
        if name.lower() not in known:
            reason = f"`assign: {name}`: no such agent in mailgate.yaml{did_you_mean(name, agents)}"
            found.append((location, reason))
    return found


def _departments(file: DepartmentsFile | None, named: Collection[str]) -> dict[str, Department]:
    every = dict(file.departments) if file is not None else {}
    for key in named:
        every.setdefault(key, Department(label={"pt-BR": key.replace("_", " ").replace("-", " ").capitalize()}))
    return every


def _calendar(shelf: _Shelf, sla: SlaFile | None, timezone: str) -> Calendar | None:
    if sla is None:
        return None
    file = sla.calendar
    extra: frozenset[date] = frozenset(file.holidays.extra)
    try:
        is_holiday = holiday_check(file.holidays.country, file.holidays.state, extra, optional=file.holidays.optional)
    except ValueError as error:
        shelf.say("sla", [(("calendar", "holidays"), str(error))])
        return None
    hours = {WEEKDAYS.index(day): spans for day, spans in file.hours.items() if spans}
    if not hours:
        shelf.say("sla", [(("calendar", "hours"), "the company never opens; give at least one day opening hours")])
        return None
    return Calendar(ZoneInfo(file.timezone or timezone), hours, is_holiday)


def _cross_check(
    shelf: _Shelf,
    workflow: WorkflowFile | None,
    rules: RulesFile | None,
    sla: SlaFile | None,
    topics: TopicsFile | None,
    departments: dict[str, Department] | None,
    notices: NoticesFile | None,
    webhooks: Collection[str] | None,
) -> None:
    """Names that one file uses and another defines; skipped where the other could not be read."""
    if workflow is not None:
        shelf.say("workflow", _guard_problems(workflow, topics, departments))
    if topics is not None:
        shelf.say("topics", _topic_problems(topics, departments))
    if sla is not None and topics is not None and departments is not None:
        shelf.say("sla", _sla_problems(sla, topics, departments))
    if workflow is not None and rules is not None and topics is not None and departments is not None:
        reachable = {one.to for one in workflow.transitions if one.to is not None}
        replies = list(notices.canned) if notices is not None else []
        known = rulebook.Known(
            list(workflow.states), list(departments), list(topics.topics), reachable, replies, webhooks
        )
        shelf.say("rules", rulebook.problems(rules, known))


def _guard_problems(
    workflow: WorkflowFile, topics: TopicsFile | None, departments: dict[str, Department] | None
) -> list[rulebook.Problem]:
    """Topics and departments that a transition's `if` names and nobody defines."""
    found: list[rulebook.Problem] = []
    known = {"topic": topics.topics if topics is not None else None, "department": departments}
    for index, one in enumerate(workflow.transitions):
        for what, words in one.if_.names().items() if one.if_ is not None else ():
            names = known[what]
            if names is not None:
                location = ("transitions", index, "if", what)
                found += [(location, _missing(word, what, names)) for word in words if word not in names]
    return found


def _missing(word: str, what: str, names: Collection[str]) -> str:
    return f"there is no {what} `{word}`{did_you_mean(word, names) or '; there are ' + ', '.join(names)}"


def _topic_problems(topics: TopicsFile, departments: dict[str, Department] | None) -> list[rulebook.Problem]:
    found: list[rulebook.Problem] = []
    if topics.default is not None and topics.default not in topics.topics:
        found.append((("default",), _missing(topics.default, "topic", topics.topics)))
    for key, topic in topics.topics.items():
        for index, name in enumerate(topic.departments):
            if departments is not None and name not in departments:
                found.append((("topics", key, "departments", index), _missing(name, "department", departments)))
        found += [(("topics", key, *location), reason) for location, reason in forms.problems(topic.fields)]
    return found


def _sla_problems(sla: SlaFile, topics: TopicsFile, departments: dict[str, Department]) -> list[rulebook.Problem]:
    found: list[rulebook.Problem] = []
    priorities = ("low", "normal", "high", "urgent")
    for index, one in enumerate(sla.targets):
        named = (("topic", one.topic, topics.topics), ("department", one.department, departments))
        for what, words, names in (*named, ("priority", one.priority, priorities)):
            found += [(("targets", index, what), _missing(w, what, names)) for w in words if w not in names]
    return found
