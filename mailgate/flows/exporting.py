"""Everything that came in and what became of it, as plain values for `mailgate export --json`: each mail once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from store import journal, outbox, tickets
from store.vocabulary import CommentKind, OutboxState, Outcome, Role


def export(connection: Connection, since: datetime | None) -> Iterator[dict[str, Any]]:
    """One value a ticket changed since then (None: all), then one for each mail that belongs to no ticket."""
    for row in tickets.all_since(connection, since):
        yield _ticket(connection, row)
    last = 0
    while True:
        rows = journal.without_ticket(connection, last)
        if not rows:
            return
        for mail in rows:
            if since is None or mail.received_at >= since:
                yield _mail(connection, mail)
        last = rows[-1].id


def _ticket(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    comments = tickets.comments(connection, row.id)
    told = {c.journal_id for c in comments if c.raw_sha256}
    messages = [_comment(c) for c in comments]
    # A command or a delivery report belongs to the ticket without a comment of its own.
    messages += [_journalled(m) for m in journal.of_ticket(connection, row.id) if m.id not in told]
    messages += [_notice(n) for n in outbox.of_ticket(connection, row.id) if n.state != OutboxState.DROPPED]
    return {
        "key": row.key,
        "status": row.status,
        "category": row.category,
        "subject": row.subject,
        "requester": row.requester_address,
        "agent": row.agent_address,
        "department": row.department,
        "topic": row.topic,
        "priority": row.priority,
        "created_at": row.created_at.isoformat(),
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "messages": sorted(messages, key=lambda m: str(m["created_at"])),
        "events": [
            {"at": e.at.isoformat(), "kind": e.kind, "role": e.role, "actor": e.actor, "data": e.data}
            for e in tickets.events(connection, row.id)
        ],
        "follow_up_of": row.follow_up_of,
        "claims": row.claims or None,
    }


def _comment(row: Row[Any]) -> dict[str, Any]:
    return {
        "message_id": row.message_id,
        "direction": "out" if row.role == Role.AGENT and row.kind == CommentKind.COMMENT else "in",
        "kind": row.kind,
        "author": row.author_address or row.author_name,
        "created_at": row.created_at.isoformat(),
        "in_reply_to": row.in_reply_to,
        "raw_sha256": row.raw_sha256,
        "copy_of": None,
        "verified": row.verified,
        "text": row.reply,
    }


def _journalled(row: Row[Any]) -> dict[str, Any]:
    return {
        "message_id": row.message_id,
        "direction": "in",
        "kind": row.outcome,
        "author": row.author,
        "created_at": row.received_at.isoformat(),
        "in_reply_to": None,
        "raw_sha256": row.raw_sha256,
        "copy_of": None,
    }


def _notice(row: Row[Any]) -> dict[str, Any]:
    return {
        "message_id": row.message_id,
        "direction": "out",
        "kind": "notice",
        "notice": row.notice,
        "author": None,
        "recipient": row.recipient,
        "state": row.state,
        "created_at": row.created_at.isoformat(),
        "in_reply_to": None,
        "raw_sha256": None,
        "copy_of": str(row.comment_id) if row.comment_id else None,
    }


def _mail(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    if row.outcome == Outcome.DUPLICATE:
        first = journal.by_id(connection, row.duplicate_of)
        return {
            "key": None,
            "outcome": row.outcome,
            "of": first.raw_sha256 if first else None,
            "raw_sha256": row.raw_sha256,  # the same mail by fingerprint may have other trace fields
            "messages": [],
        }
    return {
        "key": None,
        "outcome": row.outcome,
        "held": row.outcome == Outcome.HELD,
        "reason": row.reason or row.detail,
        "messages": [_journalled(row)],
    }
