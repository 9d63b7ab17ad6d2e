"""Notices by WhatsApp, besides the mail: who gets one, and its outbox row. Only requesters who gave their number.

What a customer did unproven, and automatic mail, sets off no message: it costs money and wakes people up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailgate.decide.decision import Decision
from mailgate.decide.facts import Facts
from mailgate.flows import bell
from mailgate.flows.changed import Changed
from mailgate.flows.site import Site
from mailgate.notify.plan import Person, Plan
from mailgate.people import preferences
from mailgate.tickets.acts import NOTICES
from store import people
from store.vocabulary import Notice, OutboxState, Role

WHATSAPP = "whatsapp"


def missing(site: Site, changed: Changed) -> list[dict[str, str]]:
    """What the workflow wants told where no provider is set up, as data of events."""
    wanted = [NOTICES[one.what] for one in changed.asked_to_tell if one.channel == WHATSAPP]
    why = {"channel": WHATSAPP, "why": "no provider is set up"}
    return [] if WHATSAPP in site.channels else [{"notice": str(notice), **why} for notice in wanted]


def rows(
    connection: Connection, site: Site, facts: Facts, decision: Decision, changed: Changed, plans: Sequence[Plan],
    to: Person, no_answer: str, journal_id: int | None, link_to: Callable[[Person], int],
) -> list[dict[str, Any]]:  # fmt: skip
    """The outbox rows of what the requester is told by WhatsApp.

    plans: what goes by mail. no_answer: why no automatic answer may go to the author. link_to: the id of an access
    link, made when it is needed.
    """
    ticket, author = changed.ticket, decision.author
    unproven = author.role is Role.CUSTOMER and (no_answer or not author.verified)
    if ticket is None or WHATSAPP not in site.channels or changed.silent or unproven:
        return []
    wanted = [Plan(NOTICES[one.what], to, one.by) for one in changed.asked_to_tell if one.channel == WHATSAPP]
    too = [p for p in plans if p.notice in site.whatsapp_too() and p.to.id == to.id and not p.suppressed]
    told = {p.notice: p for p in (*too, *wanted) if not bell.is_off(p, changed, facts)}
    contact = people.contact(connection, to.id) if told else None
    if contact is None or not contact.active or not contact.whatsapp:
        return []
    own = preferences.read(contact.preferences)
    told = {notice: one for notice, one in told.items() if own.by_whatsapp(notice)}
    link_id = link_to(to) if told else 0
    return [_row(site, ticket, to, contact.whatsapp, one, facts.now, journal_id, link_id) for one in told]


def _row(
    site: Site, ticket: dict[str, Any], to: Person, number: str, notice: Notice, now: datetime,
    journal_id: int | None, link_id: int,
) -> dict[str, Any]:  # fmt: skip
    row_id = site.ids.new()
    body = {
        "language": to.language,
        "recipient_name": to.name,
        "from_address": site.own(ticket["address"]).address,
        "from_name": site.company.name,
        "key": ticket["key"],
        "number": ticket["number"],
        "status": site.book().workflow.label(ticket["status"], to.language),
        "category": ticket["category"],
        "link_id": link_id,
    }
    return {
        "id": row_id,
        "ticket_id": ticket["id"],
        "notice": str(notice),
        "recipient": number,
        "recipient_role": str(to.role),
        "person_id": to.id,
        "verified": True,
        "envelope_from": "",
        "message_id": f"{row_id:x}.{WHATSAPP}@{site.host}",
        "created_at": now,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "comment_id": None,
        "journal_id": journal_id,
        "state": str(OutboxState.WAITING),
        "next_attempt_at": now,
        "channel": WHATSAPP,
    }
