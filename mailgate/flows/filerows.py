"""Which files of a mail become attachments of its comment, and what a reader should be told about the mail. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailgate.decide.decision import RefuseFiles
from mailgate.mail.message import Attachment, ParsedMessage


def taken(files: tuple[Attachment, ...], refusal: RefuseFiles | None) -> tuple[Attachment, ...]:
    """The files that become attachments: all but those that were refused. What only calls itself an image is none."""
    refused = {one.number for one in refusal.files} if refusal is not None else set()
    return tuple(_honest(file) for number, file in enumerate(files) if number not in refused)


def _honest(file: Attachment) -> Attachment:
    """A page would show a broken picture in place of a file to save."""
    pretends = file.content_type.startswith("image/") and not file.found_type.startswith("image/")
    return replace(file, content_type="application/octet-stream") if pretends else file


def remarks(comment_id: int, message: ParsedMessage, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Marks of a mail, and the names in its .zip files by the id of their row; {} where there is nothing to say."""
    listed = {file.sha256: file.contents for file in message.attachments if file.contents}
    contents = {str(row["id"]): list(listed[row["sha256"]]) for row in rows if row["sha256"] in listed}
    if not (message.marks or contents):
        return {}
    marks = [[mark.kind, mark.detail] for mark in message.marks]
    return {"comment_id": str(comment_id), "marks": marks, "contents": contents}
