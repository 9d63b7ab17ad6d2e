"""Accepting: many mails share a commit, a failed commit is nobody's 250, and a burst is served before it is read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from mailgate.ingest.flood import DayQuota
from mailgate.ingest.journal import INLINE_BYTES, Burst, CannotAccept, Journal
from mailgate.mail.envelope import Envelope, Received
from store import journal as rows
from store import schema
from store.blobs import BlobFolder
from store.engine import Database
from store.errors import StoreUnavailable
from store.ids import IdSource, lowest_within
from store.tables import JOURNAL
from store.vocabulary import Road
from store.writer import Writer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def received(number: int, size: int = 40) -> Received:
    raw = f"Subject: {number}\r\n\r\n".encode() + b"x" * size
    return Received(Envelope("ana@cliente.test", ("suporte@example.test",), "192.0.2.1", "mta"), raw, Road.SMTP, NOW)


class Desk:
    """A journal on a database of its own, with its commits counted."""

    def __init__(self, folder: Path, url: str) -> None:
        self.database = Database(url)
        schema.migrate(self.database)
        self.writer = Writer(self.database)
        self.blobs = BlobFolder(folder / "blobs")
        self.nudges = 0
        self.commits = 0
        self.journal = Journal(self.writer, self.blobs, IdSource(), lambda: NOW, self._nudge)
        submit = self.writer.submit

        def counted(work: Any, *, urgent: bool = False) -> Any:
            self.commits += 1
            return submit(work, urgent=urgent)

        self.writer.submit = counted  # type: ignore[method-assign]

    def _nudge(self) -> None:
        self.nudges += 1

    def count(self) -> int:
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(JOURNAL)).scalar_one()

    def close(self) -> None:
        self.writer.stop()
        self.database.close()


@pytest.fixture
def desk(tmp_path: Path, engine_url: str) -> Any:
    made = Desk(tmp_path, engine_url)
    yield made
    made.close()


async def test_mails_that_come_together_share_commits_and_none_is_lost(desk: Desk) -> None:
    ids = await asyncio.gather(*(desk.journal.accept(received(n)) for n in range(150)))
    assert len(set(ids)) == 150
    assert desk.count() == 150
    assert desk.commits <= 3
    assert desk.nudges == desk.commits


async def test_a_large_mail_is_a_blob_and_comes_back_whole(desk: Desk) -> None:
    mail = received(1, INLINE_BYTES + 1)
    await desk.journal.accept(mail)
    desk.journal.accept_now(received(2))
    claimed = desk.writer.call(lambda c: rows.claim(c, "n:1", NOW, timedelta(minutes=1), 10, 1 << 30))
    assert [m.raw is None for m in claimed] == [True, False]
    assert desk.blobs.get(claimed[0].raw_sha256) == mail.raw


async def test_a_commit_that_fails_is_nobodys_250_and_the_next_one_works(desk: Desk) -> None:
    submit = desk.writer.submit

    def broken(work: Any, *, urgent: bool = False) -> Any:
        def fail(_connection: Any) -> None:
            raise StoreUnavailable("the disk went away")

        return submit(fail, urgent=urgent)

    desk.writer.submit = broken  # type: ignore[method-assign]
    results = await asyncio.gather(*(desk.journal.accept(received(n)) for n in range(5)), return_exceptions=True)
    assert all(isinstance(r, CannotAccept) and r.reply.code == 451 for r in results)
    desk.writer.submit = submit  # type: ignore[method-assign]
    await desk.journal.accept(received(9))
    assert desk.count() == 1


async def test_a_machine_without_a_thread_to_spare_costs_a_mail_its_250_and_no_other(desk: Desk) -> None:
    """On PostgreSQL the writer's threads are made when they are needed; none ever took mail again, but by a restart."""
    submit = desk.writer.submit

    def broken(work: Any, *, urgent: bool = False) -> Any:
        desk.writer.submit = submit  # type: ignore[method-assign]
        raise RuntimeError("can't start new thread")

    desk.writer.submit = broken  # type: ignore[method-assign]
    with pytest.raises(CannotAccept):
        await desk.journal.accept(received(1))
    await asyncio.wait_for(desk.journal.accept(received(2)), 5)
    assert desk.count() == 1


def test_what_is_claimed_and_not_loaded_is_given_back_at_once(desk: Desk) -> None:
    for number in range(3):
        desk.journal.accept_now(received(number, 1000))

    def claim(owner: str) -> list[str]:
        lease = timedelta(minutes=2)
        return [m.raw_sha256 for m in desk.writer.call(lambda c: rows.claim(c, owner, NOW, lease, 10, 1500))]

    first, second, third = claim("n:1"), claim("n:2"), claim("n:3")
    assert [len(first), len(second), len(third)] == [1, 1, 1]
    assert len({*first, *second, *third}) == 3


def test_a_burst_is_served_first_but_not_for_ever() -> None:
    now = [100.0]
    burst = Burst(lambda: now[0])
    assert not burst.holds()
    burst.note(20)
    assert not burst.holds()  # a handful of mails is no burst
    for _ in range(40):
        now[0] += 0.02
        burst.note(20)
    assert burst.holds()
    now[0] += 0.35
    assert not burst.holds()  # a pause, and reading goes on
    assert not burst.flows()
    for _ in range(300):
        now[0] += 0.02
        burst.note(20)
    assert not burst.holds()  # after five seconds both share the machine
    now[0] += 0.6
    for _ in range(10):
        now[0] += 0.02
        burst.note(20)
    assert burst.holds()


def test_a_slow_stream_is_no_burst() -> None:
    now = [0.0]
    burst = Burst(lambda: now[0])
    for _ in range(100):
        now[0] += 0.02
        burst.note(1)
    assert not burst.holds()


async def test_beyond_the_days_quota_mail_is_put_off(desk: Desk) -> None:
    """R12."""

    def stored(since: datetime) -> int:
        with desk.database.read() as connection:
            return rows.count_octets(connection, since, lowest_within(2 * 86400))

    quota = DayQuota(1000, stored, lambda: NOW)
    journal = Journal(desk.writer, desk.blobs, IdSource(), lambda: NOW, lambda: None, quota)
    await journal.accept(received(1, 500))
    with pytest.raises(CannotAccept) as refused:
        await journal.accept(received(2, 500))
    assert str(refused.value.reply).startswith("452 4.3.1")
    with pytest.raises(CannotAccept):
        await asyncio.to_thread(journal.accept_now, received(3, 500))
    again = DayQuota(1000, stored, lambda: NOW)
    again.look()
    assert again.ready(600) is not None, "the next process knows"
    assert again.ready(400) is None
    assert desk.count() == 1


async def test_the_same_large_mail_twice_is_kept_once(desk: Desk) -> None:
    """R12: by its digest."""
    for _ in range(3):
        await desk.journal.accept(received(1, INLINE_BYTES))
    assert len(list(desk.blobs.all())) == 1
    assert desk.count() == 3
