"""What happened to a ticket besides words and statuses, as lines of its history: who came, what was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.flows.site import Site
from mailgate.log import shorten
from mailgate.portal.entries import Entry
from mailgate.yamltypes import text_in
from store import people

#: Kinds that customers see, and those that only concern us, with the names of what it was and is in their data.
_FOR_ALL = {
    "participant_added": ("", "participant"), "participant_left": ("", "actor"), "shared": ("", "branch"),
}  # fmt: skip
_FOR_US = {
    "due": ("from", "to"), "priority": ("from", "to"), "topic": ("from", "to"), "department": ("from", "to"),
    "requester": ("from", "to"), "joined": ("", "into"), "joined_from": ("", "from"), "unassigned": ("", "actor"),
    "survey": ("comment", "rating"), "visibility": ("from", "to"), "links_revoked": ("", "actor"),
    "sender_blocked": ("", "sender"),
}  # fmt: skip


def told(
    connection: Connection, site: Site, events: Sequence[Row[Any]], language: str, since: datetime | None, *,
    is_agent: bool,
) -> list[Entry]:  # fmt: skip
    """The lines; addresses are shortened for customers."""
    kinds = {**_FOR_ALL, **(_FOR_US if is_agent else {})}
    found: list[Entry] = []
    for event in events:
        if event.kind not in kinds or (since is not None and event.at < since):
            continue
        data = {**event.data, "actor": event.actor}
        old, new = (str(data.get(name, "")) if name else "" for name in kinds[event.kind])
        if event.kind in ("participant_added", "participant_left"):
            new = _named(connection, new, is_agent=is_agent)
        elif event.kind in ("topic", "department"):
            names = site.book().names
            labels = names.topics if event.kind == "topic" else names.departments
            old, new = label_of(labels, old, language), label_of(labels, new, language)
        until = datetime.fromisoformat(new) if event.kind == "due" and new else None
        found.append(Entry(event.kind, event.at, event.id, old=old, new=new, until=until))
    return found


def _named(connection: Connection, address: str, *, is_agent: bool) -> str:
    row = people.contact_by_address(connection, address)
    name = row.name.strip() if row is not None else ""
    if name and "@" not in name:
        return str(name)
    return address if is_agent else shorten(address)


def label_of(labels: Mapping[str, Mapping[str, str]], key: str, language: str) -> str:
    """What the company calls a topic or a department; the key where the files name it no more."""
    return text_in(dict(labels[key]), language, key) if key in labels else key
