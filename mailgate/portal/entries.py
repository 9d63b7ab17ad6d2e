"""One line of a ticket's history, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file and where it is. is_image: a browser may show it."""

    url: str
    name: str
    size: int
    is_image: bool
    contents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history. kind: comment | note | status | assigned | refused (old: file name, new: why), or of
    `_TOLD` with what it was and is. raw: the mail itself may be saved. until: the instant that a due date became.

    marks: what a reader should be told about a mail besides its words, as (key of the texts, detail).
    """

    kind: str
    at: datetime
    id: int = 0
    author: str = ""
    is_agent: bool = False
    is_mine: bool = False
    channel: str = ""
    verified: bool = True
    body: Markup | None = None
    elided: str = ""
    rich: bool = False
    as_text: bool = False
    original: bool = False
    pictures: tuple[FileLink, ...] = ()
    files: tuple[FileLink, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    old: str = ""
    new: str = ""
    category: str = ""
    raw: bool = False
    until: datetime | None = None
