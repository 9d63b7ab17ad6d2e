"""Whose contact data are to be confirmed again: what the quarterly question asks of the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select

from store.tables import CONTACT, ORGANISATION, OUTBOX
from store.vocabulary import Notice

_SHOWN = ("id", "name", "address", "language", "organisation_id", "role", "may", "phone", "whatsapp", "verified_at")


def unasked(
    connection: Connection, confirmed_before: datetime, asked_since: datetime, most: int
) -> list[Row[Any]]:  # fmt: skip
    """Contacts of organisations who once took part and have not been asked since then; in the order of their ids.

    Columns as `members`, and the organisation's name. confirmed_before: who confirmed later is left alone.
    """
    c = CONTACT.c
    asked = exists().where(
        OUTBOX.c.recipient == c.address, OUTBOX.c.notice == Notice.N18, OUTBOX.c.created_at >= asked_since
    )
    query = (
        select(*(c[name] for name in _SHOWN), ORGANISATION.c.name.label("organisation"))
        .select_from(CONTACT.join(ORGANISATION, ORGANISATION.c.id == c.organisation_id))
        .where(c.active, c.verified_at < confirmed_before, ~asked)
        .order_by(c.id)
        .limit(most)
    )
    return list(connection.execute(query))


def members(connection: Connection, organisation_ids: Iterable[int], most: int) -> list[Row[Any]]:
    """The active contacts of these organisations who are known to be people there, by name."""
    c = CONTACT.c
    query = (
        select(*(c[name] for name in _SHOWN))
        .where(c.organisation_id.in_(sorted(set(organisation_ids))), c.active)
        .where(or_(c.verified_at.is_not(None), c.password.is_not(None), c.role != "light"))
        .order_by(c.name, c.id)
        .limit(most)
    )
    return list(connection.execute(query))
