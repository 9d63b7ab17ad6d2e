"""Reads for digests and figures: what is open, what was done in a period. Rows only; the sums are made elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from store.tables import AGENT, COMMENT, CONTACT, EVENT, ORGANISATION, TICKET
from store.vocabulary import Category, CommentKind, Role

_DONE = (Category.SOLVED, Category.CLOSED)


def open_tickets(
    connection: Connection, agent_id: int, departments: Collection[str], limit: int = 500
) -> list[Row[Any]]:
    """Tickets of an agent that are neither solved nor closed, and those of nobody in his departments.

    The soonest due first, with the names of requester and agent.
    """
    c = TICKET.c
    query = (
        select(
            c.id, c.key, c.subject, c.status, c.department, c.due_at, c.agent_id, c.language, c.created_at,
            CONTACT.c.name.label("requester_name"), AGENT.c.name.label("agent_name"),
        )
        .select_from(TICKET.join(CONTACT, CONTACT.c.id == c.requester_id).outerjoin(AGENT, AGENT.c.id == c.agent_id))
        .where(c.category.not_in(_DONE), c.joined_into.is_(None))
        .where(or_(c.agent_id == agent_id, and_(c.agent_id.is_(None), c.department.in_(departments))))
        .order_by(c.due_at.is_(None), c.due_at, c.id)
        .limit(limit)
    )  # fmt: skip
    return list(connection.execute(query))


def managers(connection: Connection) -> list[Row[Any]]:
    """Active contacts who lead an organisation, each with its name as `organisation`."""
    c = CONTACT.c
    query = (
        select(
            c.id,
            c.name,
            c.address,
            c.language,
            c.preferences,
            c.organisation_id,
            ORGANISATION.c.name.label("organisation"),
        )
        .select_from(CONTACT.join(ORGANISATION, ORGANISATION.c.id == c.organisation_id))
        .where(c.role == "manager", c.active)
        .order_by(c.id)
    )
    return list(connection.execute(query))


def opened(connection: Connection, since: datetime, until: datetime) -> list[Row[Any]]:
    """Tickets opened in the period: id, agent_id, department, created_at, first_answer_at (None: none yet)."""
    c = TICKET.c
    answers = (
        select(COMMENT.c.ticket_id, func.min(COMMENT.c.created_at).label("at"))
        .where(COMMENT.c.kind == CommentKind.COMMENT, COMMENT.c.role == Role.AGENT, COMMENT.c.created_at >= since)
        .group_by(COMMENT.c.ticket_id)
        .subquery()
    )
    query = (
        select(c.id, c.agent_id, c.department, c.created_at, answers.c.at.label("first_answer_at"))
        .select_from(TICKET.outerjoin(answers, answers.c.ticket_id == c.id))
        .where(c.created_at >= since, c.created_at < until)
    )
    return list(connection.execute(query))


def events(connection: Connection, kind: str, since: datetime, until: datetime) -> list[Row[Any]]:
    """Events of one kind in the period with their ticket's agent and department, oldest first."""
    e, t = EVENT.c, TICKET.c
    query = (
        select(e.ticket_id, e.at, e.data, t.agent_id, t.department)
        .select_from(EVENT.join(TICKET, t.id == e.ticket_id))
        .where(e.kind == kind, e.at >= since, e.at < until)
        .order_by(e.id)
    )
    return list(connection.execute(query))


def overdue(connection: Connection, now: datetime) -> list[Row[Any]]:
    """Tickets whose due date has passed and that are still to be solved: id, agent_id, department."""
    c = TICKET.c
    query = select(c.id, c.agent_id, c.department).where(
        c.due_at < now, c.category.not_in((*_DONE, Category.WAITING)), c.joined_into.is_(None)
    )
    return list(connection.execute(query))
