"""Which comments a customer sees without the codes in them (`mail.passcodes`); agents see everything."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from mailgate.mail.passcodes import hands_over
from store.vocabulary import Role


def carries_code(comment: Row[Any]) -> bool:
    """Whether a comment that no agent wrote hands over a code or link of another service."""
    return comment.role != Role.AGENT and hands_over("", comment.text or comment.reply)


def is_veiled(comment: Row[Any], contact_id: int | None) -> bool:
    """Whether it is shown to this contact without them: what he wrote himself he sees as it is."""
    is_his = contact_id is not None and comment.contact_id == contact_id
    return not is_his and carries_code(comment)
