"""S6: whatever sticks, something else finds a connection."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from mailgate.flows.deliver import Outgoing
from mailgate.flows.rendering import Rendered
from mailgate.serving.lanes import MOST_TO_ONE, Lanes

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def mail(number: int, to: str = "", attempts: int = 0, channel: str = "mail") -> Outgoing:
    return Outgoing(number, "", to or f"ana{number}@cliente.test", Rendered("", b""), attempts, NOW, channel)


def taken(lanes: Lanes, count: int) -> list[int]:
    """The ids of the next mails that go; each stays at work."""
    found = [lanes.take() for _ in range(count)]
    return [one.id for one in found if one is not None]


def nothing_goes(lanes: Lanes) -> bool:
    waits = threading.Thread(target=lanes.take, daemon=True)
    waits.start()
    waits.join(0.1)
    return waits.is_alive()


def test_in_the_order_in_which_they_came() -> None:
    lanes = Lanes(5)
    lanes.put([mail(n) for n in range(5)])
    assert taken(lanes, 5) == [0, 1, 2, 3, 4]


def test_what_was_tried_before_leaves_connections_to_what_was_not() -> None:
    lanes = Lanes(5)
    lanes.put([*(mail(n, attempts=1) for n in range(9)), mail(10), mail(11)])
    assert taken(lanes, 5) == [0, 1, 2, 10, 11]
    assert nothing_goes(lanes)


def test_one_address_leaves_connections_to_others() -> None:
    lanes = Lanes(5)
    lanes.put([*(mail(n, to="bruno@example.test") for n in range(9)), mail(10)])
    assert taken(lanes, 4) == [0, 1, 2, 10]
    assert nothing_goes(lanes)


def test_another_channel_leaves_connections_to_mail() -> None:
    lanes = Lanes(5)
    lanes.put([*(mail(n, channel="whatsapp") for n in range(9)), mail(10)])
    assert taken(lanes, 4) == [0, 1, 2, 10]


def test_a_connection_that_is_free_again_is_used() -> None:
    lanes = Lanes(1)
    first, second = mail(1), mail(2)
    lanes.put([first, second])
    assert taken(lanes, 1) == [1]
    lanes.done(first)
    assert lanes.in_hand() == {1, 2}, "not settled yet"
    lanes.settled(first)
    assert taken(lanes, 1) == [2]
    assert lanes.in_hand() == {2}


def test_an_address_with_many_mails_in_hand_counts_as_few_and_gets_no_more() -> None:
    lanes = Lanes(5)
    lanes.put([*(mail(n, to="bruno@example.test") for n in range(90)), mail(100), mail(101, attempts=2)])
    assert lanes.load() == (MOST_TO_ONE + 1, 1)
    assert lanes.crowded() == ["bruno@example.test"]


def test_what_found_no_connection_for_long_is_given_back() -> None:
    """Its lease runs out, and another node would send it too."""
    now = [0.0]
    lanes = Lanes(1, monotonic=lambda: now[0])
    lanes.put([mail(1), mail(2)])
    assert taken(lanes, 1) == [1]
    now[0] = 400.0
    lanes.put([mail(3)])
    assert lanes.older_than(300.0) == [2]
    assert lanes.in_hand() == {1, 3}


def test_closing_wakes_who_waits() -> None:
    lanes = Lanes(1)
    waits = threading.Thread(target=lanes.take, daemon=True)
    waits.start()
    lanes.close()
    waits.join(5)
    assert not waits.is_alive()


def test_it_remembers_nobody_who_was_written_to() -> None:
    """A count of nothing was kept for every address for as long as the program ran."""
    lanes = Lanes(5)
    for number in range(100):
        one = mail(number)
        lanes.put([one])
        assert lanes.take() is one
        lanes.done(one)
        lanes.settled(one)
    assert not lanes._shares
    assert not lanes._since
    assert not lanes.in_hand()
