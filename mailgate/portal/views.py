"""What a ticket's page shows, as plain values: rows in, no rows out but files.

Notes, and what only concerns us, are read for agents alone: a customer's page is made without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.flows.customer import Grant
from mailgate.flows.formrows import rows
from mailgate.flows.site import Site
from mailgate.flows.veiling import carries_code, is_veiled
from mailgate.log import shorten
from mailgate.mail.html import Links
from mailgate.mail.picturesize import HEAD_BYTES, size_of
from mailgate.portal.entries import Entry, FileLink
from mailgate.portal.happened import label_of, told
from mailgate.portal.said import PICTURES, Gallery, Said, show
from mailgate.yamltypes import text_in
from store import people, tickets
from store.vocabulary import Category, Role

#: How many comments a page shows until the visitor asks for all, and then; and how many letters of theirs. A mail may
#: have two million, and whoever may write on a ticket may send a hundred mails a day.
SHOWN_AT_FIRST, _MOST_SHOWN = 100, 1_000
_LETTERS_AT_FIRST, _MOST_LETTERS = 1_000_000, 3_000_000
#: So many are read at once, the newest first.
_READ_AT_ONCE = 4
_MOST_MEASURED = 40

#: Marks of a mail that the page has words for.
_MARKS = frozenset(
    {"encrypted", "signed", "compressed", "invitation", "invitation_cancelled", "invitation_answered", "images_removed"}
)


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person on the ticket, as this visitor may see him. address: masked for others than himself."""

    name: str
    address: str
    only_reads: bool = False
    is_me: bool = False


@dataclass(frozen=True, slots=True)
class TicketPage:
    """A ticket as its page shows it. hidden: how many older comments are left out. before: the comment that those stand
    before, where not even a page of all of them has room; else 0."""

    key: str
    subject: str
    status: str
    status_help: str
    category: str
    department: str
    topic: str
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    agent: str
    requester: Somebody
    participants: tuple[Somebody, ...]
    entries: tuple[Entry, ...]
    last_comment_id: int
    hidden: int
    before: int = 0
    form: tuple[tuple[str, str], ...] = ()  # label and value of the topic's fields


@dataclass(frozen=True, slots=True)
class Wish:
    """How the visitor wants to see it, and may. text_of: the comment whose plain text is wanted; everything: older ones
    too, as many as a page holds. signed_in: may save his own mails; an agent everybody's. before: only what was said
    before this comment."""

    text_of: int = 0
    everything: bool = False
    signed_in: bool = False
    before: int = 0


def ticket_page(
    connection: Connection, site: Site, ticket: Row[Any], grant: Grant, language: str, root: str, wish: Wish
) -> TicketPage:
    """Everything the page of one ticket shows to the holder of a grant."""
    workflow = site.book().workflow
    is_agent = grant.agent_id is not None
    shown, hidden, until = _shown(connection, ticket.id, wish, public_only=not is_agent)
    files = tickets.attachments(connection, [one.id for one in shown])
    of_comment: dict[int, list[Row[Any]]] = {}
    for file in files:
        of_comment.setdefault(file.comment_id, []).append(file)
    folder = f"{root}/tickets/{ticket.key}/files"
    sizes = _sizes(site, files)
    events = tickets.events(connection, ticket.id)
    remarks: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.kind in ("mail_read", "commented"):
            remarks.setdefault(event.data.get("comment_id", ""), {}).update(event.data)
    links = Links()
    entries = [
        _comment(one, Gallery(folder, of_comment.get(one.id, []), sizes, links), grant, wish, remarks)
        for one in reversed(shown)  # the newest have their addresses linked first
    ]
    since = shown[0].created_at if hidden and shown else None
    events = [one for one in events if until is None or one.at < until]
    entries += _events(connection, site, events, language, since)
    entries += told(connection, site, events, language, since, is_agent=is_agent)
    entries.sort(key=lambda entry: (entry.at, entry.id))
    known = workflow.states.get(ticket.status)
    return TicketPage(
        key=ticket.key,
        subject=ticket.subject.strip(),
        status=workflow.label(ticket.status, language),
        status_help=text_in(known.help, language, "") if known is not None and known.help else "",
        category=ticket.category,
        department=site.department_labels(ticket.department, language),
        topic=label_of(site.book().names.topics, ticket.topic, language),
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        due_at=None if ticket.category in (Category.SOLVED, Category.CLOSED) else ticket.due_at,
        agent=ticket.agent_name or "",
        requester=_somebody(ticket.requester_id, ticket.requester_name, ticket.requester_address, grant),
        participants=tuple(
            _somebody(p.contact_id, p.name, p.address, grant, only_reads=not p.contributes)
            for p in tickets.participants(connection, [ticket.id])
            if p.contact_id != ticket.requester_id
        ),
        entries=tuple(entries),
        last_comment_id=shown[-1].id if shown else 0,
        hidden=hidden,
        before=shown[0].id if hidden and shown and wish.everything else 0,
        form=tuple(rows(site.book(), dict(ticket._mapping), language)),
    )


def _shown(
    connection: Connection, ticket_id: int, wish: Wish, *, public_only: bool
) -> tuple[list[Row[Any]], int, datetime | None]:
    """The newest comments that a page has room for, in order; how many older ones there are; and until when (None: now)
    it shows what happened. The newest is shown however long it is."""
    ids = tickets.comment_ids(connection, ticket_id, public_only=public_only)
    until = None
    if wish.before in ids:
        last = tickets.comment(connection, wish.before)
        until = last.created_at if last is not None else None
        ids = ids[: ids.index(wish.before)]
    most, left = (_MOST_SHOWN, _MOST_LETTERS) if wish.everything else (SHOWN_AT_FIRST, _LETTERS_AT_FIRST)
    shown: list[Row[Any]] = []
    while ids and left > 0 and len(shown) < most:
        part = ids[-min(_READ_AT_ONCE, most - len(shown)) :]
        rows = {row.id: row for row in tickets.comments_by_ids(connection, part)}
        while part and left > 0:
            row = rows.get(part.pop())
            ids.pop()
            if row is not None:  # erased meanwhile
                shown.append(row)
                left -= sum(map(len, (row.html or "", row.text, row.reply, row.elided)))
    return shown[::-1], len(ids), until


def _sizes(site: Site, files: Sequence[Row[Any]]) -> dict[int, tuple[int, int]]:
    """How large the first pictures of a page are; one that is not there, or says nothing, is left out."""
    found: dict[int, tuple[int, int]] = {}
    for row in [one for one in files if one.content_type in PICTURES][:_MOST_MEASURED]:
        try:
            size = size_of(site.blobs.start(row.sha256, HEAD_BYTES))
        except OSError:
            continue
        if size is not None:
            found[row.id] = size
    return found


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
    is_agent = grant.agent_id is not None
    veiled = not is_agent and is_veiled(row, grant.contact_id)
    said: Said = show(row, gallery, as_text=as_text, veiled=veiled)
    is_mine = grant.contact_id is not None and row.contact_id == grant.contact_id
    marks = tuple((kind, detail) for kind, detail in remark.get("marks", ()) if kind in _MARKS)
    if veiled or (is_agent and carries_code(row)):
        marks += (("code_hidden" if veiled else "code", ""),)
    return Entry(
        kind=row.kind,
        at=row.created_at,
        id=row.id,
        author=_author(row, is_mine or is_agent),
        is_agent=row.role == Role.AGENT,
        is_mine=is_mine,
        channel="link" if remark.get("proof") == "link" else row.channel,
        verified=row.verified,
        body=said.body,
        elided=said.elided,
        rich=said.rich,
        as_text=as_text and said.original,
        original=said.original,
        pictures=file_links(said.pictures, gallery),
        files=file_links(said.files, gallery, remark.get("contents")),
        raw=row.raw_sha256 is not None and wish.signed_in and (is_mine or is_agent),
        marks=marks,
    )


def _author(row: Row[Any], may_see: bool) -> str:
    """The author's name; where there is none (or it is an address), the address, shortened for others."""
    name: str = row.author_name.strip()
    if name and "@" not in name:
        return name
    return row.author_address if may_see else shorten(row.author_address)


def _somebody(contact_id: int, name: str, address: str, grant: Grant, *, only_reads: bool = False) -> Somebody:
    is_me = grant.contact_id == contact_id
    shown = address if grant.agent_id is not None or is_me else shorten(address)
    return Somebody(name if name.strip() and "@" not in name else shown, shown, only_reads, is_me)


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
