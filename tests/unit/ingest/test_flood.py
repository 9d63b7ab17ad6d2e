"""Brakes at the door: who sends far too much is put off, and a day has its quota."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mailgate.ingest.flood import QUOTA_FULL, DayQuota, SenderCount
from mailgate.yamltypes import Rate
from tests.conftest import SettableClock

HOUR = timedelta(hours=1)
NOW = datetime(2025, 11, 5, 13, 22, tzinfo=UTC)


def test_a_sender_is_over_at_the_rate_and_free_again_when_its_span_has_passed() -> None:
    count = SenderCount((Rate(5, HOUR), Rate(8, 24 * HOUR)))
    for number in range(5):
        assert not count.is_over("ana@x.test", NOW)
        count.add(["ana@x.test", "ANA@x.test"][number % 2], NOW + number * timedelta(minutes=5))
    assert count.is_over("Ana@X.test", NOW + timedelta(minutes=30))
    assert not count.is_over("bia@x.test", NOW)
    assert not count.is_over("ana@x.test", NOW + timedelta(minutes=90))
    for _ in range(3):
        count.add("ana@x.test", NOW + timedelta(minutes=90))
    assert count.is_over("ana@x.test", NOW + timedelta(hours=5)), "eight within the day"
    assert not count.is_over("ana@x.test", NOW + timedelta(hours=30))


def test_the_null_sender_is_everybodys_and_no_rate_is_no_limit() -> None:
    count = SenderCount((Rate(1, HOUR),))
    for _ in range(5):
        count.add("", NOW)
    assert not count.is_over("", NOW)
    off = SenderCount(())
    off.add("ana@x.test", NOW)
    assert not off.is_over("ana@x.test", NOW)


def test_senders_remembered_are_bounded() -> None:
    count = SenderCount((Rate(1, HOUR),))
    for number in range(10_050):
        count.add(f"s{number}@x.test", NOW)
    assert not count.is_over("s0@x.test", NOW)
    assert count.is_over("s10049@x.test", NOW)


def test_a_days_quota_counts_what_came_and_forgets_yesterday() -> None:
    clock = SettableClock(NOW)
    kept: list[tuple[datetime, int]] = [(NOW - timedelta(hours=20), 600)]
    quota = DayQuota(1000, lambda since: sum(size for at, size in kept if at >= since), clock)
    quota.look()
    assert quota.ready(400) is None
    assert quota.ready(401) == QUOTA_FULL
    quota.add(400)
    assert quota.ready(0) == QUOTA_FULL, "not even one octet more"
    kept.append((NOW, 400))
    clock.advance(timedelta(hours=5))
    quota.look()
    assert quota.ready(600) is None
    assert DayQuota(None, lambda since: 1 << 60, clock).ready(1 << 40) is None
