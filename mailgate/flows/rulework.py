"""What a change does beyond the ticket's own row: files, answers of rules, copies handed on, calls to other programs.

In the transaction of the change; what leaves the house is a row that is sent after the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailgate.decide.decision import CallWebhook, Forward, Reply
from mailgate.decide.facts import Facts
from mailgate.flows.hooks import filled, webhook_row
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise
from mailgate.mail.message import Attachment
from store import tickets, webhooks
from store.vocabulary import CommentKind, Role


def reply(connection: Connection, site: Site, ticket: Mapping[str, Any], action: Reply, now: datetime) -> int:
    """Add a public comment of ours out of a text of notices.yaml; its id. It is no interaction."""
    company = site.company.name
    known = {
        "key": ticket["key"],
        "subject": ticket["subject"],
        "name": ticket["requester_name"],
        "status": site.book().workflow.label(ticket["status"], ticket["language"]),
        "company": company,
    }
    text = filled(action.text, known)
    row_id = site.ids.new()
    row = {
        "id": row_id, "ticket_id": ticket["id"], "kind": str(CommentKind.COMMENT), "role": str(Role.SYSTEM),
        "channel": ticket["channel"], "author_name": company, "author_address": "", "verified": True,
        "created_at": now, "text": text, "reply": text,
    }  # fmt: skip
    tickets.add_comment(connection, row, [])
    return row_id


def allow(connection: Connection, site: Site, ticket_id: int, action: Forward) -> list[str]:
    """To whom it is handed on: never to ourselves. Whoever gets it may write on the ticket."""
    addresses = [normalise(a) for a in action.addresses if not site.is_ours(a)]
    tickets.allow_addresses(connection, ticket_id, addresses)
    return addresses


def call(
    connection: Connection, site: Site, facts: Facts, ticket: Mapping[str, Any], calls: Sequence[CallWebhook]
) -> None:
    """A row for each POST, with the ticket as it is now."""
    webhooks.enqueue(connection, [webhook_row(site, facts, ticket, one) for one in calls])


def attachment_rows(site: Site, ticket_id: int, comment_id: int, files: Sequence[Attachment]) -> list[dict[str, Any]]:
    """The rows of a comment's files."""
    return [
        {
            "id": site.ids.new(),
            "comment_id": comment_id,
            "ticket_id": ticket_id,
            "sha256": file.sha256,
            "filename": file.filename,
            "content_type": file.content_type,
            "size_bytes": file.size,
            "inline": file.inline,
            "content_id": file.content_id,
        }
        for file in files
    ]
