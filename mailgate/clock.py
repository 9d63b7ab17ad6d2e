"""What time it is, as a value that is passed in.

Instants are aware UTC `datetime`s. `file_clock` serves tests that move time (`clock: file:offset` in the settings,
only with MAILGATE_TEST=1): the file's content, such as `+7d3h`, is added to now and is read at each look.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

Clock = Callable[[], datetime]

_PART = re.compile(r"(\d+)\s*(ms|bd|[smhdw])")
_UNIT = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST = timedelta(days=36_500)


def utc_now() -> datetime:
    """The system's time, aware UTC."""
    return datetime.now(UTC)


def parse_duration(text: str) -> timedelta:
    """`2s`, `5m`, `48h`, `7d`, `1d12h` as a timedelta; a sign in front is allowed.

    Raises ValueError with a sentence on anything else, and beyond a hundred years; business days (`5bd`) are not a
    timedelta and raise too.
    """
    body = text.strip().lower()
    sign = -1 if body.startswith("-") else 1
    body = body.lstrip("+-").strip()
    parts = _PART.findall(body)
    if not parts or "".join(n + u for n, u in parts) != body.replace(" ", ""):
        raise ValueError(f"{text!r} is not a duration; write it like 30s, 5m, 48h or 7d")
    total = timedelta()
    for number, unit in parts:
        if unit == "bd":
            raise ValueError(f"{text!r} counts business days, which only due dates and timers can do")
        try:
            total += int(number) * _UNIT[unit]
        except OverflowError:
            total = timedelta.max
        if total > _LONGEST:  # an instant so far away is no date any more
            raise ValueError(f"{text[:40]!r} is longer than a hundred years")
    return sign * total


def file_clock(path: Path) -> Clock:
    """A clock that runs ahead by the duration written in `path`; a missing or empty file means no offset.

    What cannot be read, or not as a duration (the file is being written), leaves the offset as it was.
    """
    last = timedelta()

    def now() -> datetime:
        nonlocal last
        try:
            text = path.read_text().strip()
            last = parse_duration(text) if text else timedelta()
        except FileNotFoundError:
            last = timedelta()
        except (OSError, ValueError):
            pass
        return utc_now() + last

    return now
