"""An organisation's figures for who may see them: what was opened in a period, by category and by person. Reads only.

The permission shows the figures of the whole organisation, as a manager sees its tickets: what another manager keeps
private is not counted either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.thread import viewer
from mailgate.flows.peoplework import contact_facts
from mailgate.flows.site import Site
from mailgate.people.roles import LEADING
from mailgate.people.visibility import Matter, may_see
from mailgate.yamltypes import text_in
from store import insight


@dataclass(frozen=True, slots=True)
class Sum:
    """One line. key: a topic, or the id of a person. overdue: past due now."""

    key: str
    name: str
    opened: int = 0
    done: int = 0
    overdue: int = 0

    def plus(self, row: Row[Any]) -> Sum:
        """With one group more."""
        return replace(
            self, opened=self.opened + row.opened, done=self.done + row.done, overdue=self.overdue + row.overdue
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a period; the lines by how many were opened."""

    total: Sum
    by_topic: tuple[Sum, ...]
    by_person: tuple[Sum, ...]


def of_organisation(
    connection: Connection, site: Site, contact: Row[Any], since: datetime, until: datetime, language: str
) -> Figures:
    """What the contact's organisation opened from an instant on, until another one (excluded)."""
    person = contact_facts(connection, contact)
    total, topics, people = Sum("", ""), dict[str, Sum](), dict[int, Sum]()
    if person.organisation_id is None:
        return Figures(total, (), ())
    book = site.book()
    eye = viewer(person)
    eye = eye if eye.role in LEADING else replace(eye, role="manager", branch_id=None)
    for row in insight.opened(connection, person.organisation_id, since, until, site.clock()):
        matter = Matter(
            row.requester_id, row.requester_role, person.organisation_id, person.network, row.branch_id, row.visibility
        )
        if not may_see(eye, matter, book.scopes)[0]:
            continue
        total = total.plus(row)
        known_topic = book.topics.topics.get(row.topic)
        label = text_in(known_topic.label, language, row.topic) if known_topic is not None else row.topic
        topics[row.topic] = topics.get(row.topic, Sum(row.topic, label)).plus(row)
        known = people.get(row.requester_id, Sum(str(row.requester_id), row.requester_name or row.requester_address))
        people[row.requester_id] = known.plus(row)
    return Figures(total, _ranked(topics.values()), _ranked(people.values()))


def _ranked(sums: Iterable[Sum]) -> tuple[Sum, ...]:
    return tuple(sorted(sums, key=lambda one: (-one.opened, one.name.casefold())))
