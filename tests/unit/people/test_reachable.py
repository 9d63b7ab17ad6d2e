"""When an address rests, and that every rest ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailgate.mail.dsn_reason import HARD, OURS, REASONS, SOFT
from mailgate.people.reachable import HALF_LIFE, REST, Reach, after_failure, probing

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_each_reason_has_one_meaning() -> None:
    assert len(REASONS) == len(HARD) + len(SOFT) + len(OURS)


@pytest.mark.parametrize("reason", sorted(HARD))
def test_one_hard_failure_is_enough(reason: str) -> None:
    reach = after_failure(None, reason, NOW)
    assert reach is not None
    assert reach.rests(NOW)
    assert reach.rests(NOW + REST - DAY)
    assert not reach.rests(NOW + REST)


@pytest.mark.parametrize("reason", [*sorted(OURS), "nonsense"])
def test_what_is_not_the_addresss_fault_changes_nothing(reason: str) -> None:
    assert after_failure(None, reason, NOW) is None


def test_soft_failures_count_once_a_day_and_are_forgotten() -> None:
    reach = after_failure(None, "mailbox_full", NOW)
    assert reach is not None
    assert not reach.rests(NOW)
    assert after_failure(reach, "mailbox_full", NOW + timedelta(hours=23)) is None
    assert reach.score_at(NOW + HALF_LIFE) == pytest.approx(0.5)
    for day in range(1, 60):
        following = after_failure(reach, "mailbox_full", NOW + day * DAY)
        assert following is not None
        reach = following
    assert reach.rests(NOW + 59 * DAY)
    weekly = after_failure(None, "expired", NOW)
    for week in range(1, 60):
        weekly = after_failure(weekly, "expired", NOW + week * 7 * DAY)
        assert weekly is not None
        assert not weekly.rests(NOW + week * 7 * DAY)


def test_a_probe_lets_one_pass_and_any_failure_is_enough_then() -> None:
    before = Reach(9.0, NOW, NOW + REST)
    probed = probing(before, NOW)
    assert not probed.rests(NOW)
    again = after_failure(probed, "mailbox_full", NOW)
    assert again is not None
    assert again.rests(NOW)
