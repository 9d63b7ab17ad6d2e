"""Two nodes on one PostgreSQL do the same at the same moment: people are told once (D14)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from mailgate.flows import braking, holding
from mailgate.flows.digests import Digests
from mailgate.flows.lateness import LateMails
from mailgate.flows.reviewing import Reviews
from mailgate.flows.site import Site
from store import journal, outbox
from tests.flows.story import ACCEPTED, LATER, Story
from tests.flows.test_reviews import _people
from tests.house import SUPPORT, plain_mail

NOON = datetime(2025, 11, 12, 12, 0, tzinfo=ZoneInfo("America/Sao_Paulo"))


@pytest.fixture
def pair(
    make_story: Callable[..., Story], house_url: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Story, Callable[[Callable[[Site], object]], None]]:
    """A company, and how two nodes of it do something: each writes its mails when the other is about to, too."""
    if not house_url.startswith("postgresql"):
        pytest.skip("SQLite has one node")
    one, two = (make_story(limits={"acks_total": "3/h"}) for _ in range(2))
    real = outbox.enqueue
    barrier = threading.Barrier(2)

    def both(*given: object) -> None:
        with suppress(threading.BrokenBarrierError):
            barrier.wait(0.3)
        real(*given)  # type: ignore[arg-type]

    def at_once(do: Callable[[Site], object]) -> None:
        monkeypatch.setattr(outbox, "enqueue", both)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(do, [one.site, two.site]))
        monkeypatch.setattr(outbox, "enqueue", real)

    return one, at_once


def test_each_is_told_once(pair: tuple[Story, Callable[[Callable[[Site], object]], None]]) -> None:
    story, at_once = pair
    story.clock.now = NOON - timedelta(days=120)
    _people(story)
    story.clock.now = NOON
    for number in range(4):
        story.receive(plain_mail((f"P{number}", f"p{number}@outra.test"), SUPPORT, f"Nota {number}", f"Oi {number}."))
    story.deliver(lambda mail: LATER if mail.recipient == "p0@outra.test" else ACCEPTED)
    at_once(lambda site: Digests(site).sweep())
    at_once(lambda site: Reviews(site).sweep())
    at_once(lambda site: braking.sweep(site))
    story.later(hours=4, minutes=1)
    at_once(lambda site: LateMails(site).sweep())
    told = [one for one in story.told() if one[0] not in ("N1", "N3", "N19")]
    print(told)
    assert len(told) == len(set(told))


@pytest.mark.parametrize("word", ["release", "retry", "drop"])
def test_a_held_mail_that_two_let_go_is_decided_once(
    story: Story, house_url: str, monkeypatch: pytest.MonkeyPatch, word: Literal["release", "retry", "drop"]
) -> None:
    """One is frozen between the look and the deed; meanwhile another does it, and the mail becomes a ticket."""
    if not house_url.startswith("postgresql"):
        pytest.skip("SQLite has one writer")
    held = story.receive(plain_mail(("Nós", SUPPORT), SUPPORT, "Eco", "Somos nós.", verified=False)).journal_id
    reals = {name: getattr(journal, name) for name in ("by_id", "held")}

    def frozen(name: str) -> Callable[..., object]:
        def look(*given: object) -> object:
            for each, real in reals.items():
                monkeypatch.setattr(journal, each, real)
            found = reals[name](*given)
            assert holding.settle_one(story.site, "release", held, "bruno@example.test")
            story.work()
            return found

        return look

    for name in reals:
        monkeypatch.setattr(journal, name, frozen(name))
    holding.settle(story.site, word, lambda known: known)
    story.work()
    assert story.journal(held).outcome == "opened"
    assert len(story.outbox("N19")) == 1
