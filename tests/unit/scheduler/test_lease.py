"""Who is silent, by beats that stand still while somebody looks on; no clock of the day is asked."""

from __future__ import annotations

from scheduler.lease import Peers


def test_a_beat_that_stands_still_for_eight_looks_is_silence() -> None:
    peers = Peers(every=5)
    assert [peers.look({"b": ("p", 7)}, at) for at in range(100, 140, 5)] == [[]] * 8
    assert list(peers.alive) == ["b"]
    assert peers.look({"b": ("p", 7)}, 140) == ["b"]
    assert list(peers.alive) == []
    assert peers.look({"b": ("p", 8)}, 145) == [], "it thawed"
    assert list(peers.alive) == ["b"]


def test_one_that_was_started_anew_lives() -> None:
    peers = Peers(every=5)
    for at in range(0, 40, 5):
        peers.look({"b": ("p", 1)}, at)
    assert peers.look({"b": ("q", 1)}, 40) == []


def test_who_was_frozen_himself_has_not_looked_on() -> None:
    """Both were frozen for an hour, or the database was away: nobody is gone for that."""
    peers = Peers(every=5)
    peers.look({"b": ("p", 1)}, 0)
    assert peers.look({"b": ("p", 1)}, 3600) == []
    assert [peers.look({"b": ("p", 1)}, 3600 + at) for at in range(5, 30, 5)] == [[]] * 4 + [["b"]]


def test_a_slow_machine_finds_out_as_well() -> None:
    peers = Peers(every=0.5)
    assert [bool(peers.look({"b": ("p", 1)}, at * 3.0)) for at in range(5)] == [False, False, False, True, True]


def test_one_that_left_is_neither_alive_nor_silent() -> None:
    peers = Peers(every=5)
    peers.look({"b": ("p", 1), "c": ("q", 1)}, 0)
    assert peers.look({"c": ("q", 2)}, 5) == []
    assert list(peers.alive) == ["c"]
