"""What happens in the gateway, read from its database as it happens: mails settled, events of tickets, mails sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from mailgate import log
from store.engine import Database
from store.errors import StoreError
from store.tables import EVENT, JOURNAL, OUTBOX, TICKET
from store.vocabulary import OutboxState, Outcome

_LOG = log.get("demo")
_EVERY_SECONDS = 0.3
#: As many of the newest rows as could come between two looks; older ones have been told.
_NEWEST = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """One row that is new since the last look. kind: `mail`, `event` or `sent`; key: of its ticket, "" for none."""

    kind: str
    key: str
    row: Row[Any]


class Watch:
    """Tells `tell` each new thing once, in order. What was there at the start is not told."""

    def __init__(self, database: Database, tell: Callable[[Seen], None]) -> None:
        self._database = database
        self._tell = tell
        self._told: dict[str, set[int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo watch", daemon=True)

    def start(self) -> None:
        """Take note of what is there, then watch."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                for seen in self._look():
                    self._tell(seen)
            except StoreError as error:
                _LOG.warning("the demo cannot read the database", error=str(error))

    def _look(self) -> list[Seen]:
        with self._database.read() as connection:
            rows = {kind: query(connection) for kind, query in _QUERIES.items()}
        found: list[Seen] = []
        for kind, newest in rows.items():
            told = self._told.get(kind)
            if told is not None:
                found += [Seen(kind, row.key or "", row) for row in reversed(newest) if row.id not in told]
            self._told[kind] = {row.id for row in newest}
        return found


def _mails(connection: Connection) -> list[Row[Any]]:
    j = JOURNAL.c
    query = (
        select(j.id, j.outcome, j.author, j.mail_from, j.subject, j.detail, TICKET.c.key)
        .select_from(JOURNAL.outerjoin(TICKET, TICKET.c.id == j.ticket_id))
        .where(j.outcome != Outcome.PENDING)
    )
    return list(connection.execute(query.order_by(j.id.desc()).limit(_NEWEST)))


def _events(connection: Connection) -> list[Row[Any]]:
    e = EVENT.c
    query = select(e.id, e.kind, e.actor, e.data, TICKET.c.key).select_from(
        EVENT.join(TICKET, TICKET.c.id == e.ticket_id)
    )
    return list(connection.execute(query.order_by(e.id.desc()).limit(_NEWEST)))


def _sent(connection: Connection) -> list[Row[Any]]:
    o = OUTBOX.c
    query = (
        select(o.id, o.notice, o.recipient, o.message_id, o.state, o.answer, TICKET.c.key, TICKET.c.category)
        .select_from(OUTBOX.outerjoin(TICKET, TICKET.c.id == o.ticket_id))
        .where(o.state.in_((OutboxState.ACCEPTED, OutboxState.FAILED)))
    )
    return list(connection.execute(query.order_by(o.id.desc()).limit(_NEWEST)))


_QUERIES: dict[str, Callable[[Connection], list[Row[Any]]]] = {"mail": _mails, "event": _events, "sent": _sent}
