"""Rows of mails that are about no ticket: digests, invitations."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from mailgate.flows.site import Site
from mailgate.links.tokens import ReplyIdentity, bounce_address
from mailgate.notify.plan import Person
from store.vocabulary import Notice, OutboxState


def letter(site: Site, notice: Notice, to: Person, told: dict[str, Any], now: datetime) -> dict[str, Any]:
    """An outbox row from the company's first address. told: more of its body. now: aware UTC."""
    own, row_id = site.addresses[0], site.ids.new()
    token = site.mint.reply_token(ReplyIdentity(0, to.id, to.role, 0, notice))
    body = {
        "language": to.language, "recipient_name": to.name, "from_address": own.address,
        "from_name": site.company.name, "auto_submitted": "auto-generated", **told,
    }  # fmt: skip
    return {
        "id": row_id, "ticket_id": None, "notice": str(notice), "recipient": to.address,
        "recipient_role": str(to.role), "person_id": to.id, "verified": True,
        "envelope_from": bounce_address(own.address, token) if own.plus else own.address,
        "message_id": site.mint.message_id(token, row_id, site.host), "created_at": now,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")), "comment_id": None, "journal_id": None,
        "state": str(OutboxState.WAITING), "next_attempt_at": now,
    }  # fmt: skip
