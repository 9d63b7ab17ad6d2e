"""Working time: when it is open, when a number of working hours or days is over, how much of it lies between. Pure.

Opening hours are local wall time, so 8h to 18h stays so across a change of daylight saving time; instants in and out
are aware UTC. Holidays are those of the `holidays` library plus the company's own days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays as holiday_tables

#: How far ahead a due time is looked for; beyond that the calendar has no working time to speak of.
MAX_DAYS = 3660
MIDNIGHT = time(0, 0)

Hours = tuple[tuple[time, time], ...]


class NeverOpen(Exception):
    """The calendar has too little working time for what was asked."""


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """A number of working days: the same time of day, so many open days later."""

    days: int

    def __str__(self) -> str:
        return f"{self.days}bd"


#: Working time as hours, or as whole working days.
Amount = timedelta | BusinessDays


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours per weekday (0 = Monday) in a time zone, without holidays.

    An end of 00:00 means the end of that day. Spans of one day must be in order and not overlap.
    """

    zone: ZoneInfo
    hours: Mapping[int, Hours]
    is_holiday: Callable[[date], bool] = field(default=lambda day: False, compare=False)

    def is_open(self, at: datetime) -> bool:
        """Whether `at` (aware) lies in opening hours; the end itself is closed."""
        return any(start <= at < end for start, end in self._spans(at.astimezone(self.zone).date()))

    def is_open_day(self, day: date) -> bool:
        """Whether that local day has opening hours and is no holiday."""
        return bool(self.hours.get(day.weekday())) and not self.is_holiday(day)

    def add(self, start: datetime, amount: Amount) -> datetime:
        """When `amount` of working time after `start` is over; aware UTC in and out.

        Raises NeverOpen when the next ten years do not hold that much. A zero amount is the next open instant.
        """
        if isinstance(amount, BusinessDays):
            return self._add_days(start, amount.days)
        left = amount
        for begin, end in self._from(start):
            if left < end - begin or (left == end - begin and left):
                return begin + left
            left -= end - begin
        raise NeverOpen(f"no {amount} of working time within {MAX_DAYS} days of {start:%Y-%m-%d}")

    def end_of(self, day: date) -> datetime:
        """When the working time of that local day ends; of a closed day, when the day itself ends. Aware UTC."""
        spans = self._spans(day)
        return spans[-1][1] if spans else self._instant(day + timedelta(days=1), MIDNIGHT)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from `start` to `end`; negative when `end` is earlier."""
        if end < start:
            return -self.between(end, start)
        total = timedelta()
        for begin, until in self._from(start):
            if begin >= end:
                break
            total += min(until, end) - begin
        return total

    def after(self, start: datetime, *, days: int = 0, hours: int = 0, business_days: int = 0) -> datetime:
        """Calendar time after `start`: days keep the local time of day, hours are elapsed time; then working days."""
        at = start.astimezone(UTC)
        if days:
            local = start.astimezone(self.zone)
            at = self._instant(local.date() + timedelta(days=days), local.time())
        at += timedelta(hours=hours)
        return self._add_days(at, business_days) if business_days else at

    def after_pause(self, due: datetime, since: datetime, until: datetime) -> datetime:
        """A due time after the count stood still from `since` to `until`: the working time that was left, from then on.

        One that had passed before the pause stays as it is: it was missed. All aware UTC.
        """
        if due <= since or until <= since:
            return due
        return self.add(until, self.between(since, due))

    def _add_days(self, start: datetime, days: int) -> datetime:
        local = start.astimezone(self.zone)
        day, clock = local.date(), local.time()
        if not self.is_open_day(day):
            day = self._next_open_day(day)
            clock = self.hours[day.weekday()][0][0]
        for _ in range(days):
            day = self._next_open_day(day)
        return max(self._instant(day, self._within(day, clock)), start.astimezone(UTC))

    def _within(self, day: date, clock: time) -> time:
        """`clock`, brought into the opening hours of `day`."""
        spans = self.hours[day.weekday()]
        last = spans[-1][1]
        if clock < spans[0][0]:
            return spans[0][0]
        if last != MIDNIGHT and clock > last:
            return last
        return clock

    def _next_open_day(self, day: date) -> date:
        for distance in range(1, MAX_DAYS):
            candidate = day + timedelta(days=distance)
            if self.is_open_day(candidate):
                return candidate
        raise NeverOpen("the calendar has no open day")

    def _from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open spans after `start`, the first cut to it."""
        day = start.astimezone(self.zone).date()
        for distance in range(MAX_DAYS):
            for begin, end in self._spans(day + timedelta(days=distance)):
                if end > start:
                    yield max(begin, start.astimezone(UTC)), end

    def _spans(self, day: date) -> list[tuple[datetime, datetime]]:
        if not self.is_open_day(day):
            return []
        found = []
        for begin, end in self.hours[day.weekday()]:
            end_day = day + timedelta(days=1) if end == MIDNIGHT else day
            span = (self._instant(day, begin), self._instant(end_day, end))
            if span[0] < span[1]:
                found.append(span)
        return found

    def _instant(self, day: date, clock: time) -> datetime:
        """Local wall time as UTC; a time that daylight saving skips is the instant after the gap."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)


def holiday_check(
    country: str | None, subdivision: str | None = None, extra: frozenset[date] = frozenset(), *, optional: bool = False
) -> Callable[[date], bool]:
    """A function that knows the public holidays of a country (and a state, as `SP`) and the company's own days.

    optional: also the days on which public offices close (in Brazil carnival and Corpus Christi). Raises ValueError for
    a country or state that the tables do not know.
    """
    if country is None:
        return lambda day: day in extra
    categories = ("public", "optional") if optional else ("public",)

    @cache
    def of_year(year: int) -> frozenset[date]:
        """A year at a time and frozen: the library's own table fills itself while others read it."""
        table = holiday_tables.country_holidays(country, subdiv=subdivision, years=year, categories=categories)
        return frozenset(table)

    try:
        of_year(2026)
    except (NotImplementedError, ValueError) as error:
        raise ValueError(f"no holidays are known for {country}{' ' + subdivision if subdivision else ''}") from error
    return lambda day: day in extra or day in of_year(day.year)
