"""What a list's address says: which list, which filters, which order, from where on. Pure and total.

Whatever stands in an address becomes a wish or is left out; nothing of it is an error. An address can be shared: who
opens it sees through his own eyes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from mailgate.portal.columns import SORTS

_WORD = re.compile(r"[\w-]{1,60}")
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_MARK = re.compile(r"([0-9]{1,18})\.([0-9]{1,12})")
_KEY = re.compile(r"[\[#\s]*(?:[A-Za-z]{1,20}-)?([0-9]{1,12})[\]\s]*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_LETTERS = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """How a list is wanted; "" is what is usual. The names are those of the address, but `since` and `until`.

    since, until: days as `2025-11-05`. sort: a column, with `-` before it from the last to the first. after, before:
    marks of rows.
    """

    scope: str = ""
    tab: str = ""
    q: str = ""
    user: str = ""
    topic: str = ""
    department: str = ""
    state: str = ""
    since: str = ""
    until: str = ""
    sort: str = ""
    after: str = ""
    before: str = ""

    @property
    def column(self) -> str:
        """The column it is sorted by."""
        return self.sort.lstrip("-") or "updated"

    @property
    def descending(self) -> bool:
        """Whether from the last to the first."""
        return self.sort.startswith("-") or not self.sort

    @property
    def is_sifted(self) -> bool:
        """Whether a filter is set (the tab is none)."""
        return bool(self.q or self.user or self.topic or self.department or self.state or self.since or self.until)

    def query(self, **changes: str) -> str:
        """The address of this list with changes, `?` and all; the page starts anew unless a mark is given."""
        wanted = replace(self, **{"after": "", "before": "", **changes})
        named = [(_NAMES.get(f.name, f.name), getattr(wanted, f.name)) for f in fields(wanted)]
        found = urlencode([(name, value) for name, value in named if value])
        return f"?{found}" if found else ""


_NAMES = {"since": "from", "until": "to"}


def read(values: Mapping[str, str]) -> Wish:
    """The wish in an address. values: the first of each name."""

    def word(name: str) -> str:
        value = values.get(name, "").strip()
        return value if _WORD.fullmatch(value) else ""

    sort = values.get("sort", "").strip()
    return Wish(
        scope=word("scope"),
        tab=word("tab"),
        q=_text(values.get("q", "")),
        user=word("user"),
        topic=word("topic"),
        department=word("department"),
        state=word("state"),
        since=_day(values.get("from", "")),
        until=_day(values.get("to", "")),
        sort=sort if sort.removeprefix("-") in SORTS and sort != "-updated" else "",
        after=_mark_text(values.get("after", "")),
        before="" if _mark_text(values.get("after", "")) else _mark_text(values.get("before", "")),
    )


def _text(value: str) -> str:
    """One line of printable text, not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in value[:1000]).split())[:_MOST_LETTERS].strip()


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value.strip()).isoformat() if _DAY.fullmatch(value.strip()) else ""
    except ValueError:
        return ""


def _mark_text(value: str) -> str:
    return value if _MARK.fullmatch(value) and value.isascii() else ""


def number_of(text: str) -> int | None:
    """The number of a ticket, if that is all the text is: `SUP-123`, `[SUP-123]`, `123`."""
    found = _KEY.fullmatch(text)
    return int(found[1]) if found is not None and text.isascii() else None


def names_a_key(text: str) -> bool:
    """Whether the text can only be a ticket's key: with its letters, not a number alone."""
    return number_of(text) is not None and "-" in text


def mark(at: datetime, number: int) -> str:
    """A row's place in an order: microseconds since 1970, and its number."""
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}.{number}"


def place(text: str) -> tuple[datetime, int] | None:
    """The place that a mark says; None for none."""
    found = _MARK.fullmatch(text)
    if found is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(found[1])), int(found[2])
    except OverflowError:
        return None
