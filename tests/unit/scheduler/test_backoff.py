"""When a message is tried again, and when we stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.backoff import GiveUp, next_attempt_at

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECONDS = [timedelta(seconds=s) for s in (1, 2, 4)]


def test_the_intervals_grow_to_eight_hours_and_stay_there() -> None:
    gaps = [next_attempt_at(START, n, START, 0.5) - START for n in range(1, 10)]
    assert gaps == [timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 240, 480, 480, 480)]


def test_the_last_interval_of_the_admin_s_list_repeats() -> None:
    gaps = [(next_attempt_at(START, n, START, 0.5, retry=SECONDS) - START).total_seconds() for n in range(1, 6)]
    assert gaps == [1, 2, 4, 4, 4]


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 48), (0.5, 60), (1.0, 72)])
def test_the_draw_spreads_a_fifth_to_either_side(jitter: float, seconds: int) -> None:
    assert next_attempt_at(START, 1, START, jitter) == START + timedelta(seconds=seconds)


def test_the_last_try_is_at_the_end_and_then_no_more() -> None:
    late = START + timedelta(days=5) - timedelta(hours=1)
    assert next_attempt_at(START, 20, late, 0.5) == START + timedelta(days=5)
    with pytest.raises(GiveUp):
        next_attempt_at(START, 21, START + timedelta(days=5), 0.5)


@given(st.integers(0, 100), st.floats(0, 1), st.timedeltas(timedelta(), timedelta(days=5, microseconds=-1)))
def test_the_next_try_is_always_later_than_now(attempts: int, jitter: float, waited: timedelta) -> None:
    now = START + waited
    assert now < next_attempt_at(START, attempts, now, jitter) <= START + timedelta(days=5)
