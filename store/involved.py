"""Queries for a ticket's page: whom a customer may add, what else a requester asked, how far a picture is known."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from store.tables import CONTACT, TICKET


def colleagues_of(connection: Connection, organisation_id: int, limit: int) -> list[Row[Any]]:
    """(id, name, address) of the active people of an organisation, by name; those from outside are none."""
    c = CONTACT.c
    query = select(c.id, c.name, c.address).where(
        c.organisation_id == organisation_id, c.active, c.role != "third_party"
    )  # fmt: skip
    return list(connection.execute(query.order_by(c.name, c.id).limit(limit)))


def others_of(connection: Connection, requester_id: int, but: int, limit: int) -> list[Row[Any]]:
    """(key, subject, status, category, updated_at) of a requester's other tickets, the last changed first."""
    c = TICKET.c
    query = select(c.key, c.subject, c.status, c.category, c.updated_at).where(
        c.requester_id == requester_id, c.id != but
    )  # fmt: skip
    return list(connection.execute(query.order_by(c.updated_at.desc(), c.id.desc()).limit(limit)))
