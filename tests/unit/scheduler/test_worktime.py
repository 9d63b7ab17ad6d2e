"""Working time in Brazil, and where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.worktime import BusinessDays, Calendar, NeverOpen, holiday_check

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
OFFICE = {day: ((time(8), time(18)),) for day in range(5)}
BRAZIL = Calendar(SAO_PAULO, OFFICE, holiday_check("BR", "SP"))
PLAIN = Calendar(SAO_PAULO, OFFICE)
LUNCH = Calendar(SAO_PAULO, {day: ((time(8), time(12)), (time(13, 30), time(18))) for day in range(5)})


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: ZoneInfo = SAO_PAULO) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=zone)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize(
    ("start", "amount", "due"),
    [
        # within one day, over night, over a week-end
        (local(2026, 11, 9, 9), hours(4), local(2026, 11, 9, 13)),
        (local(2026, 11, 9, 15), hours(8), local(2026, 11, 10, 13)),
        (local(2026, 11, 13, 17), hours(2), local(2026, 11, 16, 9)),
        # a mail in the night or on Sunday counts from the next opening
        (local(2026, 11, 9, 3), hours(1), local(2026, 11, 9, 9)),
        (local(2026, 11, 8, 12), hours(1), local(2026, 11, 9, 9)),
        # due exactly at closing time, not at the next opening
        (local(2026, 11, 9, 8), hours(10), local(2026, 11, 9, 18)),
        # Finados (Monday 2 November), Consciência Negra (Friday 20 November), Natal
        (local(2026, 10, 30, 17), hours(2), local(2026, 11, 3, 9)),
        (local(2026, 11, 19, 17), hours(2), local(2026, 11, 23, 9)),
        (local(2026, 12, 24, 17), hours(2), local(2026, 12, 28, 9)),
        # 9 July is a holiday in São Paulo only
        (local(2026, 7, 8, 17), hours(2), local(2026, 7, 10, 9)),
        # business days keep the time of day
        (local(2026, 11, 18, 10), BusinessDays(1), local(2026, 11, 19, 10)),
        (local(2026, 11, 18, 10), BusinessDays(2), local(2026, 11, 23, 10)),
        (local(2026, 11, 14, 10), BusinessDays(1), local(2026, 11, 17, 8)),
        (local(2026, 11, 18, 22), BusinessDays(1), local(2026, 11, 19, 18)),
        (local(2026, 11, 18, 3), BusinessDays(1), local(2026, 11, 19, 8)),
    ],
)
def test_when_it_is_due(start: datetime, amount: timedelta | BusinessDays, due: datetime) -> None:
    found = BRAZIL.add(start, amount)
    assert found == due
    assert found.tzinfo is UTC


def test_only_the_state_keeps_its_own_holiday() -> None:
    rio = Calendar(SAO_PAULO, OFFICE, holiday_check("BR", "RJ"))
    assert not BRAZIL.is_open_day(date(2026, 7, 9))
    assert rio.is_open_day(date(2026, 7, 9))


def test_carnival_and_days_of_the_company() -> None:
    carnival = date(2026, 2, 17)
    assert BRAZIL.is_open_day(carnival)
    keeps = holiday_check("BR", None, frozenset({date(2026, 12, 23)}), optional=True)
    assert keeps(carnival)
    assert keeps(date(2026, 12, 23))
    assert not keeps(date(2026, 12, 22))


def test_an_unknown_country_or_state_is_said() -> None:
    with pytest.raises(ValueError, match="XX"):
        holiday_check("XX")
    with pytest.raises(ValueError, match="BR QQ"):
        holiday_check("BR", "QQ")


def test_lunch_is_not_working_time() -> None:
    assert LUNCH.add(local(2026, 11, 9, 11), hours(2)) == local(2026, 11, 9, 14, 30)
    assert LUNCH.between(local(2026, 11, 9, 8), local(2026, 11, 9, 18)) == hours(8.5)
    assert not LUNCH.is_open(local(2026, 11, 9, 12, 30))
    assert LUNCH.is_open(local(2026, 11, 9, 13, 30))
    assert not LUNCH.is_open(local(2026, 11, 9, 18))


def test_working_time_between() -> None:
    assert BRAZIL.between(local(2026, 11, 19, 17), local(2026, 11, 23, 9)) == hours(2)
    assert BRAZIL.between(local(2026, 11, 23, 9), local(2026, 11, 19, 17)) == -hours(2)
    assert BRAZIL.between(local(2026, 11, 21, 9), local(2026, 11, 22, 9)) == timedelta()


def test_opening_hours_follow_the_wall_clock_when_clocks_change() -> None:
    office = Calendar(NEW_YORK, OFFICE)
    friday = local(2026, 3, 6, 17, zone=NEW_YORK)  # clocks go forward on Sunday 8 March
    assert office.add(friday, hours(2)) == local(2026, 3, 9, 9, zone=NEW_YORK)
    assert office.add(friday, BusinessDays(1)) == local(2026, 3, 9, 17, zone=NEW_YORK)
    # clocks go back on Sunday 1 November
    assert office.add(local(2026, 10, 30, 17, zone=NEW_YORK), hours(2)) == local(2026, 11, 2, 9, zone=NEW_YORK)


def test_round_the_clock_a_day_has_23_or_25_hours_when_clocks_change() -> None:
    always = Calendar(NEW_YORK, {day: ((time(0), time(0)),) for day in range(7)})
    spring = local(2026, 3, 8, zone=NEW_YORK)
    autumn = local(2026, 11, 1, zone=NEW_YORK)
    assert always.between(spring, local(2026, 3, 9, zone=NEW_YORK)) == hours(23)
    assert always.between(autumn, local(2026, 11, 2, zone=NEW_YORK)) == hours(25)
    assert always.add(spring, hours(23)) == local(2026, 3, 9, zone=NEW_YORK)


def test_calendar_days_keep_the_local_time_and_hours_are_elapsed() -> None:
    office = Calendar(NEW_YORK, OFFICE)
    saturday = local(2026, 3, 7, 12, zone=NEW_YORK)
    assert office.after(saturday, days=5) == local(2026, 3, 12, 12, zone=NEW_YORK)
    assert office.after(saturday, hours=48) == saturday.astimezone(UTC) + hours(48)
    assert BRAZIL.after(local(2026, 11, 18, 10), business_days=2) == local(2026, 11, 23, 10)


def test_a_local_time_that_the_clock_skips_still_has_an_instant() -> None:
    office = Calendar(NEW_YORK, OFFICE)
    found = office.after(local(2026, 3, 7, 2, 30, zone=NEW_YORK), days=1)  # 2:30 does not exist on 8 March
    assert found == local(2026, 3, 8, 3, 30, zone=NEW_YORK)


def test_the_night_of_brazil_s_last_change_of_clocks() -> None:
    # 4 November 2018: midnight did not exist in São Paulo
    always = Calendar(SAO_PAULO, {day: ((time(0), time(0)),) for day in range(7)})
    assert always.between(local(2018, 11, 3, 12), local(2018, 11, 4, 12)) == hours(23)


def test_a_calendar_that_is_never_open_is_said_and_ends() -> None:
    never = Calendar(SAO_PAULO, OFFICE, lambda day: True)
    with pytest.raises(NeverOpen):
        never.add(local(2026, 11, 9), hours(1))
    with pytest.raises(NeverOpen):
        never.add(local(2026, 11, 9), BusinessDays(1))


INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
CALENDARS = st.sampled_from(
    [BRAZIL, PLAIN, LUNCH, Calendar(NEW_YORK, OFFICE), Calendar(ZoneInfo("Pacific/Apia"), OFFICE)]
)


@given(CALENDARS, INSTANTS, st.timedeltas(timedelta(minutes=1), timedelta(hours=100)))
def test_what_is_added_lies_between(calendar: Calendar, start: datetime, amount: timedelta) -> None:
    assert calendar.between(start, calendar.add(start, amount)) == amount


@given(
    CALENDARS, INSTANTS, st.timedeltas(timedelta(), timedelta(hours=50)), st.timedeltas(timedelta(), timedelta(hours=9))
)
def test_more_work_is_never_due_earlier(
    calendar: Calendar, start: datetime, amount: timedelta, more: timedelta
) -> None:
    assert start <= calendar.add(start, amount) <= calendar.add(start, amount + more)


@given(CALENDARS, INSTANTS, st.integers(1, 30))
def test_business_days_end_on_an_open_day_and_grow(calendar: Calendar, start: datetime, days: int) -> None:
    due = calendar.add(start, BusinessDays(days))
    assert calendar.is_open_day(due.astimezone(calendar.zone).date())
    assert start < due < calendar.add(start, BusinessDays(days + 1))


@given(CALENDARS, INSTANTS, INSTANTS, INSTANTS)
def test_spans_add_up(calendar: Calendar, a: datetime, b: datetime, c: datetime) -> None:
    a, b, c = sorted((a, b, c))
    b, c = min(b, a + timedelta(days=60)), min(c, a + timedelta(days=90))
    assert calendar.between(a, b) + calendar.between(b, c) == calendar.between(a, c)
