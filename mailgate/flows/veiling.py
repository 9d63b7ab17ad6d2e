"""Which comments a customer sees without the codes in them (`mail.passcodes`); agents see everything."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from mailgate.mail.addresses import is_no_reply
from mailgate.mail.passcodes import hands_over
from store.vocabulary import Role


def carries_code(comment: Row[Any]) -> bool:
    """Whether a comment that no agent wrote hands over a code or link of another service."""
    return comment.role != Role.AGENT and hands_over("", comment.text or comment.reply, comment.html or "")


def is_veiled(comment: Row[Any], contact_id: int | None) -> bool:
    """Whether it is shown to this contact without them: what he wrote himself he sees as it is.

    What came from an address that nobody reads is taken for another service's, whatever its words.
    """
    if comment.role == Role.AGENT or (contact_id is not None and comment.contact_id == contact_id):
        return False
    by_machine = is_no_reply(comment.author_address)
    return hands_over("", comment.text or comment.reply, comment.html or "", by_machine=by_machine)
