"""What some notices show besides words: buttons that are e-mails, a page to view, figures, deadlines. Pure.

Sources: RFC 6068 §2 (mailto), schema.org ViewAction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import format_decimal

from mailgate.notify.calendar import Deadline, calendar
from mailgate.notify.views import FileView, NoticeView
from store.vocabulary import Notice


@dataclass(frozen=True, slots=True)
class Button:
    """A button that is an e-mail. href: with subject and text filled in; short: with the subject only."""

    verb: str
    label: str
    href: str
    short: str


def buttons(view: NoticeView, say: Callable[..., str]) -> tuple[Button, ...]:
    """The buttons of a notice, in the order of the view."""
    found = []
    for one in view.actions:
        label = say(f"mail.action.{one.verb}")
        subject = label.lstrip("★ ")
        subject = f"[{view.key}] {subject}" if view.key else subject
        local, _, domain = one.address.rpartition("@")
        short = f"mailto:{quote(local)}@{quote(domain)}?subject={quote(subject)}"
        body = quote(f"\r\n\r\n{label}\r\n{say('mail.action.body')}\r\n")
        found.append(Button(one.verb, label, f"{short}&body={body}", short))
    return tuple(found)


def view_action(view: NoticeView, say: Callable[..., str]) -> dict[str, Any] | None:
    """What a mail client may show beside the subject (schema.org): the page of the ticket. None without a link."""
    if not view.link or not view.key:
        return None
    name = say("mail.link.button_agent" if view.recipient_role == "agent" else "mail.link.button")
    action = {"@type": "ViewAction", "target": view.link, "url": view.link, "name": name}
    about = f"{view.key} · {view.status}" if view.status else view.key
    return {
        "@context": "http://schema.org",
        "@type": "EmailMessage",
        "potentialAction": action,
        "description": about,
        "publisher": {"@type": "Organization", "name": view.company.name},
    }


def span(seconds: float | None, locale: Locale) -> str:
    """A length of time as people say it: `3 horas`; a dash for none."""
    if seconds is None:
        return "—"
    return format_timedelta(timedelta(seconds=seconds), threshold=1.2, format="short", locale=locale)


def mean(value: float | None, locale: Locale) -> str:
    """A mean with one decimal, in the signs of the language; a dash for none."""
    return "—" if value is None else format_decimal(round(value, 1), locale=locale)


def deadlines(view: NoticeView) -> tuple[FileView, ...]:
    """The deadlines of a manager's digest as a calendar file; nothing for other notices, or where none is due."""
    if view.notice != Notice.N14:
        return ()
    due = [
        Deadline(f"{one.key}@{view.company.name}", one.due_at, f"{one.key} · {one.subject}".strip(" ·"), one.link)
        for one in view.rows
        if one.due_at is not None
    ]
    if not due:
        return ()
    content = calendar(due, view.created_at)
    return (FileView("mailgate.ics", len(content), "text/calendar", content),)
