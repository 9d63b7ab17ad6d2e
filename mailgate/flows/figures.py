"""What was done in a period: opened, solved, overdue, first answer, rating; by all, by agent, by department. Reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailgate.flows.site import Site
from mailgate.notify.views import FiguresView
from store import figures, people
from store.vocabulary import Category


@dataclass(frozen=True, slots=True)
class Period:
    """The figures of one period. since, until: aware UTC, until excluded."""

    since: datetime
    until: datetime
    total: FiguresView
    by_agent: tuple[FiguresView, ...]
    by_department: tuple[FiguresView, ...]


@dataclass(slots=True)
class _Sum:
    opened: int = 0
    solved: int = 0
    overdue: int = 0
    answers: list[float] = field(default_factory=list)
    ratings: list[int] = field(default_factory=list)

    def view(self, name: str) -> FiguresView:
        answers, ratings = self.answers, self.ratings
        return FiguresView(
            name, self.opened, self.solved, self.overdue,
            sum(answers) / len(answers) if answers else None,
            sum(ratings) / len(ratings) if ratings else None,
            len(ratings),
        )  # fmt: skip


def of_period(connection: Connection, site: Site, since: datetime, until: datetime, language: str) -> Period:
    """The figures. A ticket counts for the agent who has it now, and for its department now.

    solved: tickets that came into a solved or closed status, each once. overdue: those past due now and unsolved.
    first_answer: from opening to the first public answer of ours, of tickets opened in the period. rating: the last
    word of each ticket's requester in the period.
    """
    workflow = site.book().workflow
    done = {key for key, state in workflow.states.items() if state.category in (Category.SOLVED, Category.CLOSED)}
    total = _Sum()
    agents: dict[int, _Sum] = {}
    departments: dict[str, _Sum] = {}

    def each(row: Any) -> list[_Sum]:
        sums = [total, departments.setdefault(row.department, _Sum())]
        return [*sums, agents.setdefault(row.agent_id, _Sum())] if row.agent_id is not None else sums

    for row in figures.opened(connection, since, until):
        for one in each(row):
            one.opened += 1
            if row.first_answer_at is not None:
                one.answers.append((row.first_answer_at - row.created_at).total_seconds())
    solved = {r.ticket_id: r for r in figures.events(connection, "status", since, until) if r.data.get("to") in done}
    for row in solved.values():
        for one in each(row):
            one.solved += 1
    for row in figures.overdue(connection, min(until, site.clock())):
        for one in each(row):
            one.overdue += 1
    for row in {r.ticket_id: r for r in figures.events(connection, "survey", since, until)}.values():
        for one in each(row):
            one.ratings.append(int(row.data["rating"]))
    names = {row.id: row.name for row in people.agents(connection, active_only=False)}
    return Period(
        since,
        until,
        total.view(""),
        _sorted(agents, lambda key: names.get(key, str(key))),
        _sorted(departments, lambda key: site.department_labels(key, language)),
    )


def _sorted(sums: dict[Any, _Sum], name: Callable[[Any], str]) -> tuple[FiguresView, ...]:
    return tuple(sorted((one.view(name(key)) for key, one in sums.items()), key=lambda one: one.name.casefold()))
