"""An organisation's figures in a period, as bars with their numbers beside them, and as a table to download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.flows import insight
from mailgate.flows.insight import Figures, Sum
from mailgate.portal import members
from mailgate.portal.desk import Desk, desk_of
from mailgate.portal.listviews import colleague_token
from mailgate.portal.sheet import MARK, line, separator
from mailgate.portal.visitor import Visitor

_PERIODS = ("this_month", "last_month", "quarter", "year")
_LONGEST = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class Period:
    """A period of whole days, both included. name: of `_PERIODS`, "" for days of the visitor's own."""

    name: str
    first: date
    last: date

    def instants(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From the first midnight until the one after the last day."""
        return (
            datetime.combine(self.first, time(), zone),
            datetime.combine(self.last + timedelta(days=1), time(), zone),
        )


def period(asked: Mapping[str, str], today: date) -> Period:
    """The period that an address asks for; the month under way for whatever cannot be read. Pure and total."""
    name = asked.get("period", "")
    since, until = _day(asked.get("from", "")), _day(asked.get("to", ""))
    if not name and since is not None and until is not None and since <= until and until - since <= _LONGEST:
        return Period("", since, until)
    month = today.replace(day=1)
    if name == "last_month":
        last = month - timedelta(days=1)
        return Period(name, last.replace(day=1), last)
    if name == "quarter":
        return Period(name, today - timedelta(days=89), today)
    if name == "year":
        return Period(name, today - timedelta(days=364), today)
    return Period("this_month", month, today)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2999 else None


def look(request: Request) -> Response:
    """GET /statistics."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor, wanted, figures = _read(desk, connection, request)
    noon, zone = time(12), desk.zone(visitor)
    people = tuple(replace(one, key=colleague_token(desk.site, int(one.key))) for one in figures.by_person)
    return desk.page(
        request, "statistics.html", visitor=visitor, here="statistics", figures=replace(figures, by_person=people),
        wanted=wanted, days=f"from={wanted.first}&to={wanted.last}", periods=_PERIODS,
        since=datetime.combine(wanted.first, noon, zone), until=datetime.combine(wanted.last, noon, zone),
    )  # fmt: skip


def table(request: Request) -> Response:
    """GET /statistics.csv: the same figures."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor, wanted, figures = _read(desk, connection, request)
    translator = desk.translator(request, visitor.language)
    t, between = translator.t, separator(translator.language)
    head = [t("page.stats.opened"), t("page.stats.open_now"), t("page.stats.done"), t("page.stats.overdue")]
    lines: list[list[str]] = []
    for title, sums, empty in (
        (t("page.stats.topic"), figures.by_topic, t("page.stats.no_topic")),
        (t("page.stats.person"), figures.by_person, "—"),
    ):
        lines += [[title, *head], *(_row(one, empty) for one in sums), []]
    name = f"{wanted.first}_{wanted.last}.csv"
    return Response(
        MARK + b"".join(line(one, between) for one in lines),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _row(one: Sum, empty: str) -> list[str]:
    return [one.name or empty, *(str(n) for n in (one.opened, one.opened - one.done, one.done, one.overdue))]


def _read(desk: Desk, connection: Connection, request: Request) -> tuple[Visitor, Period, Figures]:
    visitor = members.member(desk, connection, request, permission="statistics")
    if visitor.contact is None or visitor.contact.organisation_id is None:
        raise HTTPException(404)
    zone = desk.zone(visitor)
    wanted = period(request.query_params, desk.site.clock().astimezone(zone).date())
    language = desk.translator(request, visitor.language).language
    since, until = wanted.instants(zone)
    figures = insight.of_organisation(connection, desk.site, visitor.contact, since, until, language)
    return visitor, wanted, figures


ROUTES = [Route("/statistics", look), Route("/statistics.csv", table)]
