"""When an agent wants a ticket looked at: `20/12`, `amanhã 14h`, `sexta`, `2026-12-20 17:30`, `4h`, `2bd`. Pure.

A day without a time means the end of the working day; a time or a day that is over means the next one; `4h` are
working hours (`às 14h` is a time of day). Dates are day first, as in Portuguese and Spanish; `2026-12-20` is
understood everywhere.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailgate.tickets.workflow import fold

_END_OF_DAY = time(18, 0)
_TODAY = frozenset({"hoje", "today", "hoy"})
_TOMORROW = frozenset({"amanha", "tomorrow", "manana"})
_AFTER = ("depois de amanha", "day after tomorrow", "pasado manana")
_DAYS = {
    name: number
    for number, names in enumerate(
        (
            "segunda segunda feira seg monday mon lunes",
            "terca terca feira ter tuesday tue martes",
            "quarta quarta feira qua wednesday wed miercoles",
            "quinta quinta feira qui thursday thu jueves",
            "sexta sexta feira sex friday fri viernes",
            "sabado sab saturday sat",
            "domingo dom sunday sun",
        )
    )
    for name in names.split()
    if name != "feira"
}
_AMOUNT = re.compile(r"\d{1,4}(?:bd|[mh])")
_DAYS_ON = re.compile(r"(\d{1,3})\s?(?:d|dias?|days?)")
_WORK_DAYS = re.compile(r"(\d{1,3})\s?(?:dias? uteis|dias? habiles|business days?)")
_ISO = re.compile(r"(\d{4}) (\d{1,2}) (\d{1,2})")
_DATE = re.compile(r"(\d{1,2})[/.](\d{1,2})(?:[/.](\d{4}|\d{2}))?")
_TIME = re.compile(r"(?:as |at |a las )?(\d{1,2})(?:[:h](\d{2})|h)?\s?(am|pm)?")


def due(text: str, now: datetime, timezone: str) -> tuple[datetime | None, str] | None:
    """(instant, "") or (None, working time as `4h` or `1bd`); None when the words mean no time to come.

    now: aware UTC. timezone: IANA name of the company's.
    """
    words = fold(text)
    amount = _amount(words)
    if amount:
        return None, amount
    zone = ZoneInfo(timezone)
    local = now.astimezone(zone)
    days = _DAYS_ON.fullmatch(words)
    if days is not None:
        return (local + timedelta(days=int(days[1]))).astimezone(UTC), ""
    found = _day(words, local.date())
    day, rest = found if found is not None else (None, words)
    clock = _clock(rest.strip(" ,"))
    if clock is None or (day is None and not rest.strip()):
        return None
    at = datetime.combine(day or local.date(), clock, zone)
    if day is None and at <= local:
        at = datetime.combine(local.date() + timedelta(days=1), clock, zone)
    return (at.astimezone(UTC), "") if at > local else None


def _amount(words: str) -> str:
    joined = words.replace(" ", "")
    if _AMOUNT.fullmatch(joined):
        return joined
    match = _WORK_DAYS.fullmatch(words)
    return f"{match[1]}bd" if match else ""


def _day(words: str, today: date) -> tuple[date, str] | None:
    """The day at the beginning of the words, and what stands after it."""
    for phrase in _AFTER:
        if words.startswith(phrase):
            return today + timedelta(days=2), words[len(phrase) :]
    first, _, rest = words.partition(" ")
    if first in _TODAY:
        return today, rest
    if first in _TOMORROW:
        return today + timedelta(days=1), rest
    if first in _DAYS:
        ahead = (_DAYS[first] - today.weekday()) % 7 or 7
        return today + timedelta(days=ahead), rest.removeprefix("feira").strip()
    match = _ISO.match(words)
    if match is not None:
        return _date(int(match[1]), int(match[2]), int(match[3]), words[match.end() :])
    match = _DATE.match(words)
    if match is None:
        return None
    day, month = int(match[1]), int(match[2])
    year = int(match[3]) if match[3] else today.year
    found = _date(year + 2000 if year < 100 else year, month, day, words[match.end() :])
    if found is not None and not match[3] and found[0] < today:
        return _date(today.year + 1, month, day, words[match.end() :])
    return found


def _date(year: int, month: int, day: int, rest: str) -> tuple[date, str] | None:
    try:
        return date(year, month, day), rest
    except ValueError:
        return None


def _clock(words: str) -> time | None:
    """A time of day; the end of the working day where none is given; None for anything else."""
    if not words:
        return _END_OF_DAY
    match = _TIME.fullmatch(words)
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2] or 0)
    if match[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[3] == "pm" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None
