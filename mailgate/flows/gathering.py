"""What the digest of a ticket says (`flows.bundling`): its entries as they may be shown to its receiver. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.notify.views import CommentView, FileView
from store import tickets
from store.vocabulary import CommentKind, Notice, Role

#: Characters of all entries together; what goes beyond is counted.
_MOST_TEXT = 100_000
Shown = Callable[[Row[Any], Row[Any]], tuple[str, bool]]


def gathered(connection: Connection, row: Row[Any], body: dict[str, Any], shown_to: Shown) -> dict[str, Any]:
    """Fields of the view: `told`, the oldest first, and `more`, how many are left out. Empty for any other notice.

    row: of the outbox. shown_to: what its receiver is shown of a comment.
    """
    if row.notice != Notice.TICKET_DIGEST:
        return {}
    entries = body.get("told", [])
    ids = sorted({one["comment"] for one in entries if one["comment"] is not None})
    comments = {found.id: found for found in tickets.comments_by_ids(connection, ids)}
    files: dict[int, list[FileView]] = {}
    for file in tickets.attachments(connection, ids):
        view = FileView(file.filename, file.size_bytes, file.content_type, inline=file.inline)
        files.setdefault(file.comment_id, []).append(view)
    told: list[CommentView] = []
    left = _MOST_TEXT
    for one in entries:
        found = comments.get(one["comment"])
        if found is None or (row.recipient_role == Role.CUSTOMER and found.kind != CommentKind.COMMENT):
            view_ = CommentView(one["who"], "", Role.SYSTEM, datetime.fromisoformat(one["at"]), one["said"])
        else:
            text, _ = shown_to(found, row)
            view_ = CommentView(
                found.author_name, found.author_address, found.role, found.created_at, text, None,
                tuple(files.get(found.id, ())), found.verified, found.kind == CommentKind.NOTE,
            )  # fmt: skip
        left -= len(view_.text)
        if told and left < 0:
            break
        told.append(view_)
    return {"told": tuple(told), "more": body.get("more", 0) + len(entries) - len(told)}
