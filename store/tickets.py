"""Queries on tickets, comments, attachments, participants and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, or_, select, update

from store import direct, fast
from store.query import Query
from store.tables import (
    AGENT,
    ATTACHMENT,
    BLOB,
    COMMENT,
    CONTACT,
    COUNTER,
    EVENT,
    JOURNAL,
    MESSAGE_REFERENCE,
    ORGANISATION,
    PARTICIPANT,
    TICKET,
    TICKET_ADDRESS,
    TICKET_BRANCH,
    is_sqlite,
)
from store.vocabulary import CommentKind, Role

_DRAWN = "drawn-"
_NEXT_NUMBER = "UPDATE counter SET value = value + 1 WHERE name = 'ticket' RETURNING value"


def next_number(connection: Connection) -> int:
    """The next ticket number. On PostgreSQL a sequence, so numbers may have gaps and nobody waits for a commit."""
    if not is_sqlite(connection):
        number: int = direct.run(connection, "SELECT nextval('ticket_number')", ()).fetchone()[0]
        return number
    taken = direct.run(connection, _NEXT_NUMBER, ()).fetchone()
    if taken is None:
        fast.insert(connection, COUNTER, [{"name": "ticket", "value": 1}])
        return 1
    return int(taken[0])


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Insert a ticket."""
    fast.add(connection, TICKET, [row])


def change(connection: Connection, ticket_id: int, **values: Any) -> None:
    """Change columns of a ticket."""
    fast.change(connection, TICKET, values, {"id": ticket_id})


def _with_people() -> Select[Any]:
    return select(
        TICKET,
        CONTACT.c.name.label("requester_name"),
        CONTACT.c.address.label("requester_address"),
        CONTACT.c.language.label("requester_language"),
        CONTACT.c.active.label("requester_active"),
        CONTACT.c.role.label("requester_role"),
        CONTACT.c.preferences.label("requester_preferences"),
        ORGANISATION.c.network.label("network"),
        AGENT.c.name.label("agent_name"),
        AGENT.c.address.label("agent_address"),
    ).select_from(
        TICKET.join(CONTACT, CONTACT.c.id == TICKET.c.requester_id)
        .outerjoin(AGENT, AGENT.c.id == TICKET.c.agent_id)
        .outerjoin(ORGANISATION, ORGANISATION.c.id == TICKET.c.organisation_id)
    )


def _list(name: str) -> Any:
    return bindparam(name, expanding=True)


_BY_IDS = Query(_with_people().where(TICKET.c.id.in_(_list("ids"))).order_by(TICKET.c.number))
_LOCKED = Query(_with_people().where(TICKET.c.id.in_(_list("ids"))).order_by(TICKET.c.number), lock=TICKET)
_BY_NUMBERS = Query(select(TICKET.c.number, TICKET.c.id).where(TICKET.c.number.in_(_list("numbers"))))
_BY_KEYS = Query(select(TICKET.c.key, TICKET.c.id).where(TICKET.c.key.in_(_list("keys"))))
_BY_MESSAGE_IDS = Query(
    select(MESSAGE_REFERENCE.c.message_id, MESSAGE_REFERENCE.c.ticket_id, MESSAGE_REFERENCE.c.awaited).where(
        MESSAGE_REFERENCE.c.message_id.in_(_list("message_ids"))
    )
)
_PUBLIC = (COMMENT.c.ticket_id == bindparam("ticket_id"), COMMENT.c.kind == str(CommentKind.COMMENT))
_LAST_MESSAGE_IDS = Query(
    select(COMMENT.c.message_id)
    .where(*_PUBLIC, COMMENT.c.role == str(Role.CUSTOMER), COMMENT.c.message_id.is_not(None))
    .order_by(COMMENT.c.id.desc())
    .limit(bindparam("most"))
)
_COMMENT = Query(select(COMMENT).where(COMMENT.c.id == bindparam("comment_id")))
_COMMENTS = Query(select(COMMENT).where(COMMENT.c.id.in_(_list("comment_ids"))))
_LAST_PUBLIC = Query(
    select(COMMENT)
    .where(*_PUBLIC, COMMENT.c.role == bindparam("role"), COMMENT.c.id < bindparam("before"))
    .order_by(COMMENT.c.id.desc())
    .limit(1)
)
_ATTACHMENTS = Query(
    select(ATTACHMENT).where(ATTACHMENT.c.comment_id.in_(_list("comment_ids"))).order_by(ATTACHMENT.c.id)
)
_PARTICIPANTS = Query(
    select(
        *(PARTICIPANT.c[name] for name in ("ticket_id", "contact_id", "contributes", "told")),
        *(CONTACT.c[name] for name in ("name", "address", "language", "preferences")),
    )
    .select_from(PARTICIPANT.join(CONTACT, CONTACT.c.id == PARTICIPANT.c.contact_id))
    .where(PARTICIPANT.c.ticket_id.in_(_list("ticket_ids")), CONTACT.c.active)
    .order_by(PARTICIPANT.c.added_at)
)
_MAY_COMMENT = Query(
    select(TICKET_ADDRESS.c.ticket_id, TICKET_ADDRESS.c.address).where(
        TICKET_ADDRESS.c.ticket_id.in_(_list("ticket_ids"))
    )
)


def by_ids(connection: Connection, ids: Iterable[int], *, lock: bool = False) -> list[Row[Any]]:
    """The tickets with their requester's and agent's names, in number order; locked until commit when asked."""
    wanted = sorted(set(ids))
    if not wanted:
        return []
    return (_LOCKED if lock else _BY_IDS).all(connection, ids=wanted)


def by_key(connection: Connection, key: str, *, lock: bool = False) -> Row[Any] | None:
    """The ticket of that key (any case), or None."""
    query = _with_people().where(TICKET.c.key == key.upper())
    if lock and not is_sqlite(connection):
        query = query.with_for_update(of=TICKET)
    return connection.execute(query).first()


def ids_by_numbers(connection: Connection, numbers: Sequence[int]) -> dict[int, int]:
    """Ticket ids by number, of those that exist."""
    if not numbers:
        return {}
    return {row.number: row.id for row in _BY_NUMBERS.all(connection, numbers=list(numbers))}


def ids_by_keys(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Ticket ids by key, of those that exist."""
    if not keys:
        return {}
    return {row.key: row.id for row in _BY_KEYS.all(connection, keys=list(keys))}


def ids_by_message_ids(connection: Connection, message_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """(ticket id, whether the mail itself is awaited) by Message-ID, of those known."""
    if not message_ids:
        return {}
    rows = _BY_MESSAGE_IDS.all(connection, message_ids=list(message_ids))
    return {row.message_id: (row.ticket_id, row.awaited) for row in rows}


def remember_message_ids(connection: Connection, ticket_id: int, ids: Iterable[str], *, awaited: bool = False) -> None:
    """Note which ticket these Message-IDs belong to; an id that is known keeps its first ticket.

    awaited: the mails themselves have not come, only one that answers them.
    """
    rows = [{"message_id": i, "ticket_id": ticket_id, "awaited": awaited} for i in dict.fromkeys(ids) if i]
    fast.add(connection, MESSAGE_REFERENCE, rows, or_nothing=True)


def message_came(connection: Connection, message_id: str) -> None:
    """The mail with that Message-ID is there: another one with the same id is a mail of its own."""
    fast.change(connection, MESSAGE_REFERENCE, {"awaited": False}, {"message_id": message_id})


def last_message_ids(connection: Connection, ticket_id: int, limit: int) -> list[str]:
    """Message-IDs of the customers' comments that came by mail, newest first: those that customers can have seen."""
    return [row[0] for row in _LAST_MESSAGE_IDS.all(connection, ticket_id=ticket_id, most=limit)]


def add_comment(connection: Connection, row: dict[str, Any], attachments: Sequence[dict[str, Any]]) -> None:
    """Insert a comment with its attachments; the blobs are on disk already, their rows are made here."""
    fast.add(connection, COMMENT, [row])
    if attachments:
        blobs = {
            a["sha256"]: {"sha256": a["sha256"], "size_bytes": a["size_bytes"], "created_at": row["created_at"]}
            for a in attachments
        }
        fast.add(connection, BLOB, list(blobs.values()), or_nothing=True)
        fast.add(connection, ATTACHMENT, attachments)


def change_comment(connection: Connection, comment_id: int, **values: Any) -> None:
    """Change columns of a comment (a note that its author confirms becomes a public comment)."""
    connection.execute(update(COMMENT).where(COMMENT.c.id == comment_id).values(**values))


def vouch_for(connection: Connection, ticket_id: int, contact_id: int) -> None:
    """What stands on a ticket in a contact's name is his own word from now on."""
    c = COMMENT.c
    mine = update(COMMENT).where(c.ticket_id == ticket_id, c.contact_id == contact_id, c.verified.is_(False))
    connection.execute(mine.values(verified=True))


def comments(connection: Connection, ticket_id: int, *, public_only: bool = False) -> list[Row[Any]]:
    """The ticket's comments (and notes) in order."""
    query = select(COMMENT).where(COMMENT.c.ticket_id == ticket_id).order_by(COMMENT.c.created_at, COMMENT.c.id)
    if public_only:
        query = query.where(COMMENT.c.kind == CommentKind.COMMENT)
    return list(connection.execute(query))


def comment_ids(connection: Connection, ticket_id: int, *, public_only: bool = False) -> list[int]:
    """The ids of the ticket's comments (and notes) in order; without their texts, which may be a megabyte each."""
    c = COMMENT.c
    query = select(c.id).where(c.ticket_id == ticket_id).order_by(c.created_at, c.id)
    if public_only:
        query = query.where(c.kind == CommentKind.COMMENT)
    return list(connection.execute(query).scalars())


def count_comments(connection: Connection, ticket_id: int, since: datetime) -> int:
    """How many comments of customers the ticket got since then."""
    c = COMMENT.c
    query = select(func.count()).where(c.ticket_id == ticket_id, c.role == Role.CUSTOMER, c.created_at > since)
    return connection.execute(query).scalar_one()


def comment(connection: Connection, comment_id: int) -> Row[Any] | None:
    """One comment."""
    return _COMMENT.first(connection, comment_id=comment_id)


def comments_by_ids(connection: Connection, comment_ids: Sequence[int]) -> list[Row[Any]]:
    """These comments, in no order."""
    return _COMMENTS.all(connection, comment_ids=list(comment_ids))


def note_of_mail(connection: Connection, journal_id: int) -> int | None:
    """The id of the note that a mail was kept as, if it was."""
    c = COMMENT.c
    return connection.execute(
        select(c.id).where(c.journal_id == journal_id, c.kind == CommentKind.NOTE, c.role == Role.AGENT).order_by(c.id)
    ).scalar()


def last_public_comment(connection: Connection, ticket_id: int, role: Role, before: int) -> Row[Any] | None:
    """The newest public comment of that side that is older than comment `before`."""
    return _LAST_PUBLIC.first(connection, ticket_id=ticket_id, role=role, before=before)


def public_before(connection: Connection, ticket_id: int, before: int, limit: int) -> list[Row[Any]]:
    """The public comments of people that are older than comment `before`, the newest first."""
    c = COMMENT.c
    query = select(COMMENT).where(c.ticket_id == ticket_id, c.kind == CommentKind.COMMENT, c.id < before)
    return list(connection.execute(query.where(c.role != Role.SYSTEM).order_by(c.id.desc()).limit(limit)))


def attachments(connection: Connection, comment_ids: Sequence[int]) -> list[Row[Any]]:
    """The files of these comments, in order."""
    return _ATTACHMENTS.all(connection, comment_ids=list(comment_ids))


def attachment(
    connection: Connection, ticket_id: int, attachment_id: int, *, notes: bool = False
) -> Row[Any] | None:  # fmt: skip
    """One file, only if it is of that ticket and of a public comment; notes: or of a note."""
    query = (
        select(ATTACHMENT)
        .select_from(ATTACHMENT.join(COMMENT, COMMENT.c.id == ATTACHMENT.c.comment_id))
        .where(ATTACHMENT.c.id == attachment_id, ATTACHMENT.c.ticket_id == ticket_id)
    )
    if not notes:
        query = query.where(COMMENT.c.kind == CommentKind.COMMENT)
    return connection.execute(query).first()


def join(connection: Connection, ticket_id: int, into: int) -> None:
    """Move what was said on a ticket, its files, its Message-IDs and its mails to another one."""
    for table in (COMMENT, ATTACHMENT, MESSAGE_REFERENCE, JOURNAL):
        connection.execute(update(table).where(table.c.ticket_id == ticket_id).values(ticket_id=into))
    connection.execute(update(TICKET).where(TICKET.c.joined_into == ticket_id).values(joined_into=into))


def events_after(connection: Connection, ticket_id: int, version: int, limit: int = 200) -> list[Row[Any]]:
    """The newest events of a ticket that a person's word or status brought beyond that version, oldest first."""
    query = (
        select(EVENT)
        .where(EVENT.c.ticket_id == ticket_id, EVENT.c.kind.in_(("commented", "status")))
        .order_by(EVENT.c.id.desc())
        .limit(limit)
    )
    return [row for row in reversed(list(connection.execute(query))) if int(row.data.get("version", 0)) > version]


def surveys(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """The answers to a ticket's survey, the first one first: (at, data)."""
    c = EVENT.c
    query = select(c.at, c.data).where(c.ticket_id == ticket_id, c.kind == "survey").order_by(c.id)
    return list(connection.execute(query))


def rated_at(connection: Connection, ticket_id: int) -> datetime | None:
    """When a ticket's survey was answered first."""
    found = surveys(connection, ticket_id)
    return found[0].at if found else None


def due_between(
    connection: Connection, statuses: Sequence[str], soon: datetime, now: datetime, limit: int
) -> list[tuple[int, str]]:
    """(id, `due_soon` or `overdue`) of tickets in these statuses whose due date is to be spoken of, each once."""
    c = TICKET.c
    told = and_(c.due_at > now, c.due_soon_for.is_distinct_from(c.due_at))
    passed = and_(c.due_at <= now, c.overdue_for.is_distinct_from(c.due_at))
    query = select(c.id, c.due_at).where(c.due_at <= soon, c.status.in_(statuses), or_(told, passed))
    rows = connection.execute(query.order_by(c.due_at).limit(limit))
    return [(row.id, "overdue" if row.due_at <= now else "due_soon") for row in rows]


def add_event(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append events; every row has the same columns."""
    fast.add(connection, EVENT, rows)


def events(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """The ticket's events in order."""
    return list(connection.execute(select(EVENT).where(EVENT.c.ticket_id == ticket_id).order_by(EVENT.c.id)))


def participants(connection: Connection, ticket_ids: Sequence[int]) -> list[Row[Any]]:
    """(ticket_id, contact_id, contributes, told, name, address, language, preferences) of active participants."""
    return _PARTICIPANTS.all(connection, ticket_ids=list(ticket_ids))


def shared_branches(connection: Connection, ticket_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(ticket id, branch id) of the branches that tickets are shared with besides their own."""
    if not ticket_ids:
        return []
    c = TICKET_BRANCH.c
    query = select(c.ticket_id, c.branch_id).where(c.ticket_id.in_(ticket_ids)).order_by(c.branch_id)
    return [(row[0], row[1]) for row in connection.execute(query)]


def share_with(connection: Connection, ticket_id: int, branch_id: int) -> bool:
    """Share a ticket with a branch; whether it is new."""
    return (
        fast.insert(connection, TICKET_BRANCH, [{"ticket_id": ticket_id, "branch_id": branch_id}], or_nothing=True) == 1
    )


def of_people(
    connection: Connection, contact_id: int, organisation_ids: Sequence[int], limit: int, statuses: Sequence[str] = ()
) -> list[Row[Any]]:
    """Tickets that a contact may perhaps see: his own, those he takes part in, those of these organisations.

    Which of them he does see is for `people.visibility`.
    """
    follows = select(PARTICIPANT.c.ticket_id).where(PARTICIPANT.c.contact_id == contact_id)
    query = _with_people().where(
        or_(
            TICKET.c.requester_id == contact_id,
            TICKET.c.organisation_id.in_(organisation_ids),
            TICKET.c.id.in_(follows),
        )
    )
    if statuses:
        query = query.where(TICKET.c.status.in_(statuses))
    return list(connection.execute(query.order_by(TICKET.c.updated_at.desc(), TICKET.c.id.desc()).limit(limit)))


def may_comment_addresses(connection: Connection, ticket_ids: Sequence[int]) -> list[tuple[int, str]]:
    """(ticket id, address) pairs from To and Cc of verified mails."""
    return [(row.ticket_id, row.address) for row in _MAY_COMMENT.all(connection, ticket_ids=list(ticket_ids))]


def allow_addresses(connection: Connection, ticket_id: int, addresses: Iterable[str]) -> None:
    """Let these addresses comment on the ticket."""
    rows = [{"ticket_id": ticket_id, "address": a} for a in dict.fromkeys(addresses)]
    fast.add(connection, TICKET_ADDRESS, rows, or_nothing=True)


def listing(
    connection: Connection,
    *,
    statuses: Sequence[str] = (),
    agent_id: int | None = None,
    words: str = "",
    limit: int = 50,
    after: datetime | None = None,
) -> list[Row[Any]]:
    """Tickets for a person at a terminal, the last changed first."""
    query = _with_people().order_by(TICKET.c.updated_at.desc(), TICKET.c.id.desc()).limit(limit)
    if statuses:
        query = query.where(TICKET.c.status.in_(statuses))
    if agent_id is not None:
        query = query.where(TICKET.c.agent_id == agent_id)
    if words:
        pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where(
            or_(
                TICKET.c.subject.ilike(pattern, escape="\\"),
                TICKET.c.key.ilike(pattern, escape="\\"),
                CONTACT.c.address.ilike(pattern, escape="\\"),
            )
        )
    if after is not None:
        query = query.where(TICKET.c.updated_at < after)
    return list(connection.execute(query))


def opened_by(connection: Connection, contact_id: int, since: datetime) -> list[Row[Any]]:
    """(id, key, created_at, verified) of the tickets that a contact opened since then, oldest first."""
    c = TICKET.c
    query = select(c.id, c.key, c.created_at, c.verified).where(c.requester_id == contact_id, c.created_at >= since)
    return list(connection.execute(query.order_by(c.number).limit(500)))


def all_since(connection: Connection, since: datetime | None, page: int = 500) -> Iterable[Row[Any]]:
    """Every ticket changed since then, by number, in pages."""
    last = 0
    while True:
        query = _with_people().where(TICKET.c.number > last).order_by(TICKET.c.number).limit(page)
        if since is not None:
            query = query.where(TICKET.c.updated_at >= since)
        rows = list(connection.execute(query))
        if not rows:
            return
        yield from rows
        last = rows[-1].number


def agent_draws(connection: Connection) -> dict[int, int]:
    """When each agent was last drawn by turns, as a number that grows; who never was is missing."""
    rows = connection.execute(select(COUNTER.c.name, COUNTER.c.value).where(COUNTER.c.name.startswith(_DRAWN)))
    return {int(row.name.removeprefix(_DRAWN)): row.value for row in rows}


def agent_drawn(connection: Connection, agent_id: int, turn: int) -> None:
    """An agent was drawn at this turn."""
    name = f"{_DRAWN}{agent_id}"
    if fast.update(connection, COUNTER, {"value": turn}, {"name": name}) == 0:
        fast.insert(connection, COUNTER, [{"name": name, "value": turn}], or_nothing=True)


def open_with_agent(connection: Connection, agent_ids: Sequence[int], categories: Sequence[str]) -> dict[int, int]:
    """How many tickets of these categories each agent has."""
    rows = connection.execute(
        select(TICKET.c.agent_id, func.count())
        .where(and_(TICKET.c.agent_id.in_(agent_ids), TICKET.c.category.in_(categories)))
        .group_by(TICKET.c.agent_id)
    )
    return {row[0]: row[1] for row in rows}
