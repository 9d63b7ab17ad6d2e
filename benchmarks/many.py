"""(c) The same with 1,000 and with 200,000 tickets already there: the rounds alternate between the two.

The tickets are written straight into the tables: each with its contact, two comments, the Message-IDs of both sides,
events, two notices that have left, an access link and the journal row of its mail. Instants go back two years.
"""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from benchmarks import mix
from benchmarks.process import Bench, Measured, Plan
from benchmarks.running import SUPPORT, Databases, Installation, installed
from store.engine import Database
from store.tables import (
    ACCESS_LINK,
    AGENT,
    COMMENT,
    CONTACT,
    COUNTER,
    EVENT,
    JOURNAL,
    MESSAGE_REFERENCE,
    OUTBOX,
    TICKET,
)

SIZES = (1_000, 200_000)
_BATCH = 2_000
_CONTACTS = 20_000
_PAST = timedelta(days=730)
_SAID = "o relatório fiscal não abre depois da atualização de ontem e a nota segue sem número na filial"
_WORDS = _SAID.split()
Rows = dict[Table, list[dict[str, Any]]]


def fill(database: Database, count: int, said: Callable[[str], None] = lambda text: None) -> None:
    """Write so many tickets into an empty database."""
    drawn = random.Random(count)
    began = time.monotonic()
    with database.read() as connection:
        agent = connection.execute(select(AGENT.c.id).limit(1)).scalar()
    past = datetime.now(UTC) - _PAST
    for start in range(0, count, _BATCH):
        numbers = range(start + 1, min(count, start + _BATCH) + 1)
        rows: Rows = {}
        for number in numbers:
            _ticket(rows, number, past + _PAST * (number / (count + 1)), agent, drawn)
        with database.write() as connection:
            for table in (CONTACT, TICKET, JOURNAL, COMMENT, MESSAGE_REFERENCE, EVENT, OUTBOX, ACCESS_LINK):
                if rows.get(table):
                    _insert(connection, table, rows[table])
    _finish(database, count)
    said(f"{count} tickets written in {time.monotonic() - began:.0f} s")


def _ticket(rows: Rows, number: int, at: datetime, agent: int | None, drawn: random.Random) -> None:
    """One ticket with everything about it."""
    base = (int(at.timestamp() * 1000) & ((1 << 41) - 1)) << 22
    contact = (number - 1) % _CONTACTS
    address = f"former{contact}@company{contact % mix.DOMAINS}.test"
    contact_id = contact + 1
    if contact == number - 1:
        _add(rows, CONTACT, id=contact_id, name=f"Former {contact}", address=address, role="light", active=True,
             created_at=at)  # fmt: skip
    subject, message_id = " ".join(drawn.choices(_WORDS, k=6)), f"{drawn.getrandbits(64):x}@company.test"
    closed = number % 20 != 0
    _add(
        rows, TICKET, id=base, number=number, key=f"SUP-{number}", subject=subject,
        status="fechado" if closed else "aberto", category="closed" if closed else "new", department="suporte",
        topic="", priority="normal", tags=[], requester_id=contact_id, agent_id=None, channel="mail", address=SUPPORT,
        language="pt-BR", verified=True, version=2, created_at=at, updated_at=at, status_since=at, claims="",
    )  # fmt: skip
    _add(
        rows, JOURNAL, id=base + 1, received_at=at, road="smtp", origin={}, mail_from=address, rcpt_tos=[SUPPORT],
        peer="192.0.2.1", helo="out.company.test", auth_user="", tls=True, size_bytes=2000,
        raw_sha256=f"{drawn.getrandbits(256):064x}", raw_blob=False, outcome="opened", reason="", detail="", resumed="",
        attempts=0, next_attempt_at=at, settled_at=at, fingerprint=f"{drawn.getrandbits(256):064x}",
        message_id=message_id, author=address, subject=subject, ticket_id=base, record="{}",
    )  # fmt: skip
    for step, role in enumerate(("customer", "agent")):
        said = " ".join(drawn.choices(_WORDS, k=60))
        own = f"{drawn.getrandbits(220):x}@example.test"
        _add(
            rows, COMMENT, id=base + 10 + step, ticket_id=base, kind="comment", role=role, channel="mail",
            author_name="Former", author_address=address if role == "customer" else "bruno@example.test", verified=True,
            created_at=at, text=said, reply=said, elided="", message_id=message_id if role == "customer" else own,
        )  # fmt: skip
        _add(rows, EVENT, id=base + 20 + step, ticket_id=base, at=at, kind="commented", role=role, actor=address,
             data={"comment": str(base + 10 + step)})  # fmt: skip
        recipient, notice = (address, "N1") if step == 0 else ("bruno@example.test", "N19")
        sent = f"{drawn.getrandbits(220):x}@example.test"
        _add(
            rows, OUTBOX, id=base + 30 + step, ticket_id=base, notice=notice, recipient=recipient,
            recipient_role="customer" if step == 0 else "agent", verified=True, envelope_from="", message_id=sent,
            created_at=at, body=json.dumps({"subject": subject}), state="accepted", attempts=1, first_try_at=at,
            next_attempt_at=at, rendered_sha256=f"{drawn.getrandbits(256):064x}", answer="250 2.0.0 taken",
            settled_at=at,
        )  # fmt: skip
        _add(rows, MESSAGE_REFERENCE, message_id=sent, ticket_id=base, awaited=False)
    _add(rows, MESSAGE_REFERENCE, message_id=message_id, ticket_id=base, awaited=False)
    _add(rows, ACCESS_LINK, id=base + 40, digest=f"{drawn.getrandbits(256):064x}", ticket_id=base,
         contact_id=contact_id, created_at=at, expires_at=at + timedelta(days=30))  # fmt: skip


def _add(rows: Rows, table: Table, **values: Any) -> None:
    rows.setdefault(table, []).append(values)


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """In bulk: COPY on PostgreSQL, executemany on SQLite."""
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    columns = list(rows[0])
    raw: Any = connection.connection.driver_connection
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([json.dumps(v) if isinstance(v, (dict, list)) else v for v in row.values()])


def _finish(database: Database, count: int) -> None:
    """The next number, and what the planner knows."""
    with database.write() as connection:
        if database.is_sqlite:
            connection.execute(insert(COUNTER).values(name="ticket", value=count))
        else:
            connection.execute(select(func.setval("ticket_number", count)))
        connection.execute(text("ANALYZE"))


@contextlib.contextmanager
def filled(url: str, count: int, said: Callable[[str], None]) -> Iterator[Installation]:
    """An installation with so many tickets."""
    with installed(url) as place:
        database = place.database()
        try:
            fill(database, count, said)
        finally:
            database.close()
        yield place


def run(
    database: str, servers: Databases | None, plan: Plan, sizes: tuple[int, ...], rounds: int,
    said: Callable[[str], None],
) -> dict[int, Measured]:  # fmt: skip
    """For each size the round of median speed, the rounds of the sizes alternating."""
    measured: dict[int, list[Measured]] = {size: [] for size in sizes}
    with contextlib.ExitStack() as stack:
        places = {}
        for size in sizes:
            url = servers.new() if servers is not None else "sqlite"
            places[size] = stack.enter_context(filled(url, size, said))
        for number in range(rounds):
            for size, place in places.items():
                with place.serving():
                    bench = Bench(place, database, servers.cpu if servers is not None else lambda: None)
                    with contextlib.closing(bench):
                        again = replace(plan, seed=plan.seed + 10 * number)
                        bench.open_tickets(again)
                        measured[size].append(bench.measure(again))
                        said(f"round {number + 1}, {size} tickets: {measured[size][-1].notice_rate:.0f} mails/s")
    return {size: _median(found) for size, found in measured.items()}


def _median(found: list[Measured]) -> Measured:
    middle = statistics.median_low([m.notice_rate for m in found])
    return next(m for m in found if m.notice_rate == middle)
