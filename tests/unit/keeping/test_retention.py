"""What is kept for a time only goes when the time is over; by default nothing goes."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text

from mailgate.app import House
from mailgate.flows.digests import Digests
from mailgate.keeping import verify
from mailgate.sections import Retention
from mailgate.serving.upkeep import Upkeep
from store.tables import AGENT, COMMENT, JOURNAL, OUTBOX, RAW_MAIL, TICKET
from tests.conftest import SettableClock
from tests.unit.keeping.conftest import Kept


def sweep(kept: Kept, tmp_path: Path, **spans: str) -> None:
    retention = Retention.model_validate(spans, context={"folder": tmp_path})
    workflow = SimpleNamespace(first_of=lambda _category: "fechado")
    house: Any = SimpleNamespace(
        site=kept.site, database=kept.places.database, settings=SimpleNamespace(retention=retention),
        shelf=SimpleNamespace(company=SimpleNamespace(workflow=workflow)),
    )  # fmt: skip
    assert House
    Upkeep(house).sweep()


def count(kept: Kept, column: Any, *where: Any) -> int:
    with kept.places.database.read() as connection:
        return int(connection.execute(select(func.count(column)).where(*where)).scalar_one())


def test_by_default_everything_is_kept(kept: Kept, clock: SettableClock, tmp_path: Path) -> None:
    before = kept.lines()
    clock.advance(timedelta(days=4000))
    sweep(kept, tmp_path)
    assert kept.lines() == before


def test_the_bytes_of_old_mails_go_and_those_of_held_mails_stay(
    kept: Kept, clock: SettableClock, tmp_path: Path
) -> None:
    with kept.places.database.write() as connection:
        connection.execute(text("UPDATE journal SET outcome = 'held' WHERE id = (SELECT min(id) FROM journal)"))
    before = kept.lines()
    clock.advance(timedelta(days=29))
    sweep(kept, tmp_path, raw_mails="30d")
    assert count(kept, RAW_MAIL.c.journal_id) == 3
    clock.advance(timedelta(days=2))
    sweep(kept, tmp_path, raw_mails="30d")
    assert count(kept, RAW_MAIL.c.journal_id) == 1
    assert kept.lines() == before
    assert list(verify.look_at_gateway(kept.places)) == []


def test_closed_tickets_and_sent_mails(kept: Kept, clock: SettableClock, tmp_path: Path) -> None:
    with kept.places.database.write() as connection:
        connection.execute(text("UPDATE ticket SET status = 'fechado', category = 'closed' WHERE number = 1"))
        connection.execute(OUTBOX.update().values(state="accepted", settled_at=clock()))
    unsent = count(kept, OUTBOX.c.id)
    clock.advance(timedelta(days=366))
    sweep(kept, tmp_path, closed_tickets="365d")
    assert 0 < count(kept, OUTBOX.c.id) < unsent
    assert count(kept, TICKET.c.id, TICKET.c.subject == "") == 1
    assert count(kept, COMMENT.c.id, COMMENT.c.text != "") == 1
    sweep(kept, tmp_path, sent_mails="365d")
    assert count(kept, OUTBOX.c.id) == 0
    lines = {line["key"]: line for line in kept.lines()}
    assert (lines["SUP-1"]["status"], lines["SUP-1"]["subject"]) == ("fechado", "")
    assert lines["SUP-2"]["subject"] == "Impresora"


def test_a_ticket_with_something_that_waits_is_not_over(kept: Kept, clock: SettableClock, tmp_path: Path) -> None:
    """Held never expires by itself: a mail that was held on an old ticket was gone within the hour, unseen."""
    with kept.places.database.write() as connection:
        connection.execute(text("UPDATE ticket SET status = 'fechado', category = 'closed'"))
        connection.execute(OUTBOX.update().values(state="accepted", settled_at=clock()))
        (one, two) = connection.execute(select(TICKET.c.id).order_by(TICKET.c.number)).scalars()
        first = select(func.min(JOURNAL.c.id)).where(JOURNAL.c.ticket_id == one).scalar_subquery()
        connection.execute(JOURNAL.update().where(JOURNAL.c.id == first).values(outcome="held"))
        last = select(func.max(OUTBOX.c.id)).where(OUTBOX.c.ticket_id == two).scalar_subquery()
        connection.execute(OUTBOX.update().where(OUTBOX.c.id == last).values(state="sending"))
    before = kept.lines()
    clock.advance(timedelta(days=366))
    sweep(kept, tmp_path, closed_tickets="365d", raw_mails="365d")
    assert [line["subject"] for line in kept.lines()] == [line["subject"] for line in before]
    assert count(kept, RAW_MAIL.c.journal_id) == 1
    assert count(kept, OUTBOX.c.id, OUTBOX.c.state == "sending") == 1
    with kept.places.database.write() as connection:
        connection.execute(JOURNAL.update().where(JOURNAL.c.outcome == "held").values(outcome="rejected"))
        connection.execute(OUTBOX.update().values(state="accepted", settled_at=clock()))
    sweep(kept, tmp_path, closed_tickets="365d")
    assert count(kept, TICKET.c.id, TICKET.c.subject == "") == 2


def test_who_was_told_this_week_is_not_told_again(kept: Kept, clock: SettableClock, tmp_path: Path) -> None:
    """`sent_mails: 1h` let each digest of the week be written anew every day, and counted no acknowledgement."""
    clock.now = datetime(2025, 11, 12, 12, 0, tzinfo=ZoneInfo("America/Sao_Paulo"))
    kept.site.writer.call(lambda connection: connection.execute(AGENT.update().values(role="manager")))

    def a_day_later() -> list[str]:
        """What is written on the next day; it leaves, and two hours later it is over."""
        clock.advance(timedelta(days=1))
        Digests(kept.site).sweep()
        with kept.places.database.write() as connection:
            written = connection.execute(select(OUTBOX.c.notice).where(OUTBOX.c.state == "waiting")).scalars().all()
            connection.execute(OUTBOX.update().values(state="accepted", settled_at=clock()))
        clock.advance(timedelta(hours=2))
        sweep(kept, tmp_path, sent_mails="1h")
        return list(written)

    assert {"N1", "WEEKLY"} <= set(a_day_later())
    assert "WEEKLY" not in a_day_later()
    assert count(kept, OUTBOX.c.id, OUTBOX.c.body != "{}") == 0
    assert a_day_later() == []
    assert count(kept, OUTBOX.c.id, OUTBOX.c.notice == "N1") == 0


def test_the_bytes_of_a_large_mail_go_too(kept: Kept, clock: SettableClock, tmp_path: Path) -> None:
    """A large mail is a blob, and its row names its digest for ever: so it was kept for ever."""
    with kept.places.database.write() as connection:
        row = connection.execute(select(RAW_MAIL).order_by(RAW_MAIL.c.journal_id).limit(1)).one()
        blob = kept.site.blobs.put(row.raw)
        connection.execute(RAW_MAIL.delete().where(RAW_MAIL.c.journal_id == row.journal_id))
        connection.execute(JOURNAL.update().where(JOURNAL.c.id == row.journal_id).values(raw_blob=True))
    os.utime(kept.site.blobs.path(blob), (1, 1))  # type: ignore[attr-defined]
    clock.advance(timedelta(days=2))
    sweep(kept, tmp_path)
    assert kept.site.blobs.exists(blob)
    clock.advance(timedelta(days=30))
    sweep(kept, tmp_path, raw_mails="30d")
    assert not kept.site.blobs.exists(blob)
    assert list(verify.look_at_gateway(kept.places)) == []
