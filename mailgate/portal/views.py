"""What a ticket's page shows, as plain values: rows in, no rows out but files. Notes never come this far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection, Row

from mailgate.flows.customer import Grant
from mailgate.flows.formrows import rows
from mailgate.flows.site import Site
from mailgate.log import shorten
from mailgate.portal.said import PICTURES, Gallery, Said, show
from mailgate.yamltypes import text_in
from store import people, tickets
from store.vocabulary import Category, Role

#: How many comments a page shows until the visitor asks for all.
SHOWN_AT_FIRST = 100

#: Marks of a mail that the page has words for.
_MARKS = frozenset(
    {"encrypted", "signed", "compressed", "invitation", "invitation_cancelled", "invitation_answered", "images_removed"}
)


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
    """One line of the history. kind: comment | status | assigned | refused (old: file name, new: why).

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


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person on the ticket, as this visitor may see him. address: masked for others than himself."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class TicketPage:
    """A ticket as its page shows it. hidden: how many older comments are left out at first."""

    key: str
    subject: str
    status: str
    status_help: str
    category: str
    department: str
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    agent: str
    requester: Somebody
    participants: tuple[Somebody, ...]
    entries: tuple[Entry, ...]
    last_comment_id: int
    hidden: int
    form: tuple[tuple[str, str], ...] = ()  # label and value of the topic's fields


@dataclass(frozen=True, slots=True)
class Wish:
    """How the visitor wants to see it. text_of: the comment whose plain text is wanted; everything: no older ones left
    out."""

    text_of: int = 0
    everything: bool = False


def ticket_page(
    connection: Connection, site: Site, ticket: Row[Any], grant: Grant, language: str, root: str, wish: Wish
) -> TicketPage:
    """Everything the page of one ticket shows to the holder of a grant."""
    workflow = site.book().workflow
    comments = tickets.comments(connection, ticket.id, public_only=True)
    hidden = 0 if wish.everything else max(0, len(comments) - SHOWN_AT_FIRST)
    shown = comments[hidden:]
    files = tickets.attachments(connection, [one.id for one in shown])
    folder = f"{root}/tickets/{ticket.key}/files"
    events = tickets.events(connection, ticket.id)
    remarks = {e.data.get("comment_id", ""): e.data for e in events if e.kind == "mail_read"}
    entries = [
        _comment(one, Gallery(folder, [f for f in files if f.comment_id == one.id]), grant, wish, remarks)
        for one in shown
    ]
    since = shown[0].created_at if hidden else None
    entries += _events(connection, site, events, language, since)
    entries.sort(key=lambda entry: (entry.at, entry.id))
    known = workflow.states.get(ticket.status)
    return TicketPage(
        key=ticket.key,
        subject=ticket.subject.strip(),
        status=workflow.label(ticket.status, language),
        status_help=text_in(known.help, language, "") if known is not None and known.help else "",
        category=ticket.category,
        department=site.department_labels(ticket.department, language),
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        due_at=None if ticket.category in (Category.SOLVED, Category.CLOSED) else ticket.due_at,
        agent=ticket.agent_name or "",
        requester=_somebody(ticket.requester_id, ticket.requester_name, ticket.requester_address, grant),
        participants=tuple(
            _somebody(p.contact_id, p.name, p.address, grant)
            for p in tickets.participants(connection, [ticket.id])
            if p.contact_id != ticket.requester_id
        ),
        entries=tuple(entries),
        last_comment_id=shown[-1].id if shown else 0,
        hidden=hidden,
        form=tuple(rows(site.book(), dict(ticket._mapping), language)),
    )


def file_links(
    rows: Sequence[Row[Any]], gallery: Gallery, contents: dict[str, list[str]] | None = None
) -> tuple[FileLink, ...]:
    """Rows as links. contents: the names in a .zip, by the id of its row."""
    listed = contents or {}
    return tuple(
        FileLink(
            gallery.url(row), row.filename, row.size_bytes, row.content_type in PICTURES,
            tuple(listed.get(str(row.id), ())),
        )
        for row in rows
    )  # fmt: skip


def _comment(
    row: Row[Any], gallery: Gallery, grant: Grant, wish: Wish, remarks: dict[str, dict[str, Any]]
) -> Entry:  # fmt: skip
    remark = remarks.get(str(row.id), {})
    as_text = row.id == wish.text_of
    said: Said = show(row, gallery, as_text=as_text)
    is_mine = grant.contact_id is not None and row.contact_id == grant.contact_id
    return Entry(
        kind="comment",
        at=row.created_at,
        id=row.id,
        author=_author(row, is_mine or grant.agent_id is not None),
        is_agent=row.role == Role.AGENT,
        is_mine=is_mine,
        channel=row.channel,
        verified=row.verified,
        body=said.body,
        elided=said.elided,
        rich=said.rich,
        as_text=as_text and said.original,
        original=said.original,
        pictures=file_links(said.pictures, gallery),
        files=file_links(said.files, gallery, remark.get("contents")),
        marks=tuple((kind, detail) for kind, detail in remark.get("marks", ()) if kind in _MARKS),
    )


def _author(row: Row[Any], may_see: bool) -> str:
    """The author's name; where there is none (or it is an address), the address, shortened for others."""
    name: str = row.author_name.strip()
    if name and "@" not in name:
        return name
    return row.author_address if may_see else shorten(row.author_address)


def _somebody(contact_id: int, name: str, address: str, grant: Grant) -> Somebody:
    is_known = grant.agent_id is not None or grant.contact_id == contact_id
    shown = address if is_known else shorten(address)
    return Somebody(name if name.strip() and "@" not in name else shown, shown)


def _events(
    connection: Connection, site: Site, events: Sequence[Row[Any]], language: str, since: datetime | None
) -> list[Entry]:
    """Status changes, who took the ticket, and files that were not taken, as lines between the comments."""
    workflow = site.book().workflow
    names = {agent.address: agent.name for agent in people.agents(connection, active_only=False)}
    found: list[Entry] = []
    for event in events:
        if since is not None and event.at < since:
            continue
        if event.kind == "status":
            old, new = event.data.get("from", ""), event.data.get("to", "")
            category = str(workflow.category(new)) if new in workflow.states else ""
            found.append(
                Entry(
                    "status", event.at, event.id, old=workflow.label(old, language), new=workflow.label(new, language),
                    category=category,
                )
            )  # fmt: skip
        elif event.kind == "assigned" and event.data.get("agent") in names:
            found.append(Entry("assigned", event.at, event.id, new=names[event.data["agent"]]))
        elif event.kind == "files_refused":
            found += [Entry("refused", event.at, event.id, old=f["name"], new=f["why"]) for f in event.data["files"]]
    return found
