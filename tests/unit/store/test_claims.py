"""Borrowed rows and named leases, on both databases."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from store import claims, direct, journal, nodes, outbox, schema, tickets
from store.engine import Database
from store.errors import LostLease
from store.ids import IdSource
from store.vocabulary import OutboxState
from store.writer import Writer

NOW = datetime(2025, 11, 5, 13, 22, tzinfo=UTC)
LEASE = timedelta(minutes=2)
_IDS = IdSource()


@pytest.fixture
def database(engine_url: str, tmp_path: Path) -> Iterator[Database]:
    made = Database(engine_url)
    schema.migrate(made)
    yield made
    made.close()


def _mails(database: Database, count: int, raw: bytes = b"raw", **values: Any) -> list[int]:
    rows = [
        {
            "id": _IDS.new(), "received_at": NOW, "road": "smtp", "mail_from": "a@x.test", "rcpt_tos": [],
            "size_bytes": 3, "raw_sha256": "0" * 64, "next_attempt_at": NOW, **values,
        }
        for _ in range(count)
    ]  # fmt: skip
    with database.write() as connection:
        journal.add(connection, rows, [{"journal_id": r["id"], "raw": raw} for r in rows])
    return [int(r["id"]) for r in rows]


def _claim(connection: Connection, owner: str, at: datetime = NOW, limit: int = 10) -> list[int]:
    return [m.id for m in journal.claim(connection, owner, at, LEASE, limit, 1 << 20)]


def test_two_owners_at_once_get_disjoint_rows(database: Database) -> None:
    """Each thread claims within an open transaction while the other's is open as well (PostgreSQL), or after it."""
    mails = _mails(database, 40)
    got: dict[str, list[int]] = {"one": [], "two": []}
    both = threading.Barrier(2, timeout=30)

    def work(owner: str) -> None:
        both.wait()
        for _ in range(4):
            with database.write() as connection:
                got[owner] += _claim(connection, owner, limit=5)
                if not database.is_sqlite:
                    both.wait()  # neither commits before both have claimed

    threads = [threading.Thread(target=work, args=(owner,)) for owner in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert set(got["one"]).isdisjoint(got["two"])
    assert sorted(got["one"] + got["two"]) == mails
    assert len(got["one"]) == len(got["two"]) == 20


def test_a_lease_ends_by_time_and_the_late_one_settles_nothing(database: Database) -> None:
    (mail,) = _mails(database, 1)
    with database.write() as connection:
        assert _claim(connection, "slow") == [mail]
        assert _claim(connection, "quick", NOW + LEASE - timedelta(seconds=1)) == []
        assert _claim(connection, "quick", NOW + LEASE) == [mail]
    with pytest.raises(LostLease), database.write() as connection:
        journal.settle(connection, mail, "slow", NOW, outcome="opened")
    with database.write() as connection:
        journal.failed(connection, mail, "slow", 1, NOW, "late")
        journal.settle(connection, mail, "quick", NOW, outcome="opened")
    with database.read() as connection:
        row = journal.by_id(connection, mail)
    assert row is not None
    assert (row.outcome, row.attempts, row.lease_owner) == ("opened", 0, None)


def test_oldest_first_and_only_what_is_due(database: Database) -> None:
    later = _mails(database, 1, next_attempt_at=NOW + timedelta(seconds=1))
    first, second = _mails(database, 2)
    _mails(database, 1, outcome="held")
    with database.write() as connection:
        assert _claim(connection, "a", limit=1) == [first]
        assert _claim(connection, "a") == [second]
        assert _claim(connection, "a", NOW + timedelta(seconds=1)) == later


def test_what_is_too_much_at_once_is_left_for_the_next_round(database: Database) -> None:
    mails = _mails(database, 3, raw=b"x" * 1000)
    with database.write() as connection:
        claimed = journal.claim(connection, "a", NOW, LEASE, 10, 1500)
        assert [m.id for m in claimed] == mails[:1]
        assert _claim(connection, "b") == mails[1:], "for anybody"


def test_a_node_that_died_gives_back_its_rows_and_nobody_elses(database: Database) -> None:
    _mails(database, 2)
    with database.write() as connection:
        _claim(connection, "node_1-0:7", limit=1)
        _claim(connection, "nodex1-0:7", limit=1)
        assert nodes.release(connection, "node_1-0") == 1, "an underscore is no wildcard"
        assert nodes.release(connection) == 1, "whoever had it"


def test_what_a_living_node_holds_is_its_own_whatever_the_clock_says(database: Database) -> None:
    """D12, D14: a clock that jumps a day ahead ends no lease of a node that lives."""
    (mail,) = _mails(database, 1)
    late = NOW + timedelta(days=1)
    with database.write() as connection:
        assert _claim(connection, "a-0:1") == [mail]
        assert journal.claim(connection, "b-0:1", late, LEASE, 10, 1 << 20, alive=["a-0", "c-0"]) == []
        assert journal.claim(connection, "a-0:2", late, LEASE, 10, 1 << 20, alive=["b-0"], in_hand=[mail]) == []
        assert len(journal.claim(connection, "b-0:1", late, LEASE, 10, 1 << 20, alive=["c-0"])) == 1


def test_a_silent_node_is_taken_over_at_the_beat_that_was_seen(database: Database) -> None:
    (mail,) = _mails(database, 1)
    with database.write() as connection:
        assert not nodes.beat(connection, "a-0", "run1", NOW), "new"
        assert nodes.beat(connection, "a-0", "run1", NOW)
        nodes.beat(connection, "b-0", "run2", NOW)
        _claim(connection, "a-0:1")
    with database.read() as connection:
        seen = nodes.beats(connection, but="b-0")
    assert seen == {"a-0": ("run1", 2)}
    with database.write() as connection:
        nodes.beat(connection, "a-0", "run1", NOW)
        assert nodes.take_over(connection, "a-0", seen["a-0"]) is None, "it beat meanwhile"
        assert nodes.take_over(connection, "a-0", ("run1", 3)) == 1
        assert nodes.beats(connection, but="b-0") == {}
        assert _claim(connection, "b-0:1") == [mail]
        assert not nodes.beat(connection, "a-0", "run1", NOW), "it hears that it was taken for gone"
    with pytest.raises(LostLease), database.write() as connection:
        journal.settle(connection, mail, "a-0:1", NOW, outcome="opened")


def test_what_a_frozen_transaction_has_locked_is_taken_over_later(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer")
    one, two = _mails(database, 2)
    with database.write() as connection:
        nodes.beat(connection, "a-0", "run1", NOW)
        _claim(connection, "a-0:1")
    with contextlib.suppress(_Thawed), database.write() as frozen:
        journal.settle(frozen, one, "a-0:1", NOW, outcome="opened")
        direct.flush(frozen)
        with database.write() as connection:
            assert nodes.take_over(connection, "a-0", ("run1", 1)) == 1
            assert _claim(connection, "b-0:1") == [two]
        raise _Thawed
    with database.write() as connection:
        assert nodes.take_over(connection, "a-0", ("run1", 1)) == 1
        assert nodes.take_over(connection, "a-0", ("run1", 1)) is None, "it is forgotten"


class _Thawed(Exception):
    """Its session was ended meanwhile."""


def test_a_node_that_leaves_in_order_holds_nothing(database: Database) -> None:
    _mails(database, 1)
    with database.write() as connection:
        nodes.beat(connection, "a-0", "run1", NOW)
        _claim(connection, "a-0:1")
        nodes.leave(connection, "a-0", "run1")
        assert nodes.beats(connection, but="b-0") == {}
        assert len(_claim(connection, "b-0:1")) == 1


def test_the_outbox_is_claimed_once(database: Database) -> None:
    row = {
        "id": _IDS.new(), "notice": "N1", "recipient": "a@x.test", "recipient_role": "customer",
        "message_id": "1@x.test", "created_at": NOW, "next_attempt_at": NOW,
    }  # fmt: skip
    with database.write() as connection:
        outbox.enqueue(connection, [row])
        (claimed,) = outbox.claim(connection, OutboxState.WAITING, "a", NOW, LEASE, 10)
        assert outbox.claim(connection, OutboxState.WAITING, "b", NOW, LEASE, 10) == []
        assert not outbox.settle(connection, claimed.id, "b", state="accepted")
        assert outbox.settle(connection, claimed.id, "a", state="accepted")
        assert outbox.claim(connection, OutboxState.WAITING, "b", NOW + timedelta(days=1), LEASE, 10) == []
        assert nodes.release(connection, "a") == 0


def test_what_a_failed_round_left_is_claimed_again_and_what_is_in_hand_is_not(database: Database) -> None:
    rows = [
        {
            "id": _IDS.new(), "notice": "N1", "recipient": "a@x.test", "recipient_role": "customer",
            "message_id": f"{n}@x.test", "created_at": NOW, "next_attempt_at": NOW,
        }
        for n in range(2)
    ]  # fmt: skip
    with database.write() as connection:
        outbox.enqueue(connection, rows)
        left, in_hand = [row.id for row in outbox.claim(connection, OutboxState.WAITING, "a-0:out", NOW, LEASE, 10)]
        again = outbox.claim(connection, OutboxState.WAITING, "a-0:out", NOW, LEASE, 10, in_hand=[in_hand])
        assert [row.id for row in again] == [left]
        assert outbox.claim(connection, OutboxState.WAITING, "b-0:out", NOW, LEASE, 10) == []


def test_a_named_lease_has_one_owner_and_a_fence_that_grows(database: Database) -> None:
    def take(owner: str, at: datetime) -> int | None:
        with database.write() as connection:
            return claims.take_lease(connection, "imap/suporte", owner, at, at + LEASE)

    assert take("a", NOW) == 1
    assert take("b", NOW) is None
    assert take("a", NOW + timedelta(minutes=1)) == 1, "renewed"
    assert take("b", NOW + timedelta(minutes=2)) is None
    assert take("b", NOW + timedelta(minutes=3, seconds=1)) == 2
    assert take("a", NOW + timedelta(minutes=4)) is None


def test_ticket_numbers_are_never_given_twice(database: Database) -> None:
    numbers: list[int] = []
    writer = Writer(database)

    def draw() -> None:
        for _ in range(10):
            numbers.append(writer.call(tickets.next_number))

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    writer.stop()
    assert len(numbers) == len(set(numbers)) == 30
    assert min(numbers) == 1


def test_the_first_of_the_same_mail_is_the_first_for_thirty_days(database: Database) -> None:
    def first(mail: int, at: datetime, *, bare: bool = False) -> int:
        with database.write() as connection:
            return journal.first_with(connection, "print", mail, at, bare)

    assert first(1, NOW) == 1
    assert first(1, NOW) == 1, "a second try of the same mail"
    assert first(2, NOW + timedelta(days=30)) == 1
    assert first(3, NOW + timedelta(days=30, seconds=1)) == 3
    assert first(4, NOW + timedelta(days=31)) == 3
    assert first(5, NOW + timedelta(days=30, hours=2), bare=True) == 5


def test_a_mailbox_that_moved_brings_nothing_twice(database: Database) -> None:
    """Its new server dates years of mail today: where all UIDs changed the same mail is the same however old."""

    def first(mail: int, at: datetime, *, bare: bool = False) -> int:
        with database.write() as connection:
            return journal.first_with(connection, "print", mail, at, bare, renumbered=True)

    assert first(1, NOW) == 1
    assert first(2, NOW + timedelta(days=900)) == 1
    assert first(3, NOW + timedelta(days=900), bare=True) == 3, "one without Message-ID and Date may be another"


def test_two_workers_with_the_same_mail_agree_who_was_first(database: Database) -> None:
    """On two nodes at once: the second waits for the first one's commit and sees it."""
    found: dict[int, int] = {}
    start = threading.Barrier(2, timeout=30)

    def ask(mail: int) -> None:
        start.wait()
        with database.write() as connection:
            found[mail] = journal.first_with(connection, "print", mail, NOW, False)

    threads = [threading.Thread(target=ask, args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found[1] == found[2] in (1, 2)
