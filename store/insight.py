"""Counts of an organisation's tickets in a period, in groups small enough to ask of each who may see it. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, select

from store.tables import CONTACT, TICKET
from store.vocabulary import Category

_DONE = (Category.SOLVED, Category.CLOSED)


def opened(
    connection: Connection, organisation_id: int, since: datetime, until: datetime, now: datetime
) -> list[Row[Any]]:
    """Groups of tickets opened in the period: topic, requester, word of visibility, branch; how many of each.

    opened, done (solved or closed), overdue (past due now and not done).
    """
    t = TICKET.c
    late = and_(t.due_at < now, t.category.not_in((*_DONE, Category.WAITING)))
    query = (
        select(
            t.topic, t.requester_id, t.visibility, t.branch_id, CONTACT.c.name.label("requester_name"),
            CONTACT.c.address.label("requester_address"), CONTACT.c.role.label("requester_role"),
            func.count().label("opened"),
            func.sum(case((t.category.in_(_DONE), 1), else_=0)).label("done"),
            func.sum(case((late, 1), else_=0)).label("overdue"),
        )
        .select_from(TICKET.join(CONTACT, CONTACT.c.id == t.requester_id))
        .where(t.organisation_id == organisation_id, t.joined_into.is_(None))
        .where(t.created_at >= since, t.created_at < until)
        .group_by(
            t.topic, t.requester_id, t.visibility, t.branch_id, CONTACT.c.name, CONTACT.c.address, CONTACT.c.role
        )
    )  # fmt: skip
    return list(connection.execute(query))
