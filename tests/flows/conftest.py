"""A company on each of the two databases, in this process: no server, no network, time that tests move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.conftest import SettableClock
from tests.flows.story import Story
from tests.house import close_site, make_site


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    """What is logged, as values: printing tracebacks takes longer than these tests."""
    with structlog.testing.capture_logs() as events:
        yield events


@pytest.fixture
def make_story(house_url: str, tmp_path: Path, clock: SettableClock) -> Iterator[Callable[..., Story]]:
    """`make_story(preset="totvs", guests="held")`: a company with those settings; all end with the test."""
    made: list[Story] = []

    def make(**settings: Any) -> Story:
        site = make_site(tmp_path, house_url, clock=clock, **settings)
        made.append(Story(site, clock=clock))
        return made[-1]

    yield make
    for story in made:
        close_site(story.site)


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    """Centrium's company with its agent Bruno."""
    return make_story()
