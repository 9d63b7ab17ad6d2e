"""A read mail as the object of `mailgate parse --json`: plain values, valid UTF-8, absent = null."""

from __future__ import annotations

from typing import Any

from mailgate.mail.attachments import TYPE
from mailgate.mail.message import Address, Attachment, Bounce
from mailgate.mail.parse import ReadMail


def as_json(file: str, mail: ReadMail) -> dict[str, Any]:
    """One object; file: its name as given on the command line."""
    message, screening = mail.message, mail.screening
    defects = list(message.defects)
    if mail.over_limit:
        defects.append(f"over limit: {mail.over_limit}")
    return {
        "file": file,
        "message_id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": list(message.references),
        "from": _person(message.from_, _written(mail, "from")) if message.from_ else None,
        "reply_to": [_person(a, _written(mail, "reply-to")) for a in message.reply_to],
        "to": [_person(a, _written(mail, "to")) for a in message.to],
        "cc": [_person(a, _written(mail, "cc")) for a in message.cc],
        "subject": message.subject,
        "date": message.date.isoformat() if message.date else None,
        "text": message.text,
        "reply": message.reply,
        "html": message.html,
        "attachments": [_file(a) for a in message.attachments],
        "auto": {
            "is_auto_reply": screening.is_auto_reply,
            "is_bounce": screening.is_bounce,
            "is_list": screening.is_list,
            "reason": screening.reason or None,
            "kind": screening.fine,
            "may_answer": screening.may_answer,
        },
        "bounce": _bounce(mail.bounce),
        "marks": [{"kind": m.kind, "detail": m.detail} for m in message.marks],
        "defects": list(dict.fromkeys(defects)),
    }


def _written(mail: ReadMail, field: str) -> str:
    """The fields of that name as written, lower-case, "" where all is ASCII."""
    values = " ".join(value for name, value in mail.message.headers if name.lower() == field)
    return "" if values.isascii() else values.lower()


def _person(person: Address, written: str) -> dict[str, str]:
    """written: where the mail writes a domain in its own letters (RFC 6532), so does the answer; inside it is ASCII."""
    address = person.address
    if written and "@" in address and "xn--" in address:
        local, _, domain = address.rpartition("@")
        try:
            shown = domain.encode("ascii").decode("idna")
        except UnicodeError:
            shown = domain
        address = f"{local}@{shown}" if f"@{shown}" in written else address
    return {"name": person.name, "address": address}


def _file(item: Attachment) -> dict[str, Any]:
    return {
        "filename": item.filename,
        "content_type": item.declared_type if TYPE.fullmatch(item.declared_type) else item.content_type,
        "size": item.size,
        "sha256": item.sha256,
        "inline": item.inline,
        "content_id": item.content_id,
        "found_type": item.found_type or None,
        "contents": list(item.contents),
    }


def _bounce(bounce: Bounce | None) -> dict[str, Any] | None:
    if bounce is None:
        return None
    return {
        "recipient": bounce.recipient,
        "status": bounce.status,
        "action": bounce.action,
        "diagnostic": bounce.diagnostic,
        "reason": bounce.reason,
        "code": bounce.code,
        "original_message_id": bounce.original_message_id,
        "recipients": [one.address for one in bounce.recipients],
    }
