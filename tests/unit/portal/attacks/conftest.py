"""One town for each module of attacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import SettableClock
from tests.house import close_site
from tests.unit.portal.attacks import town as places
from tests.unit.portal.attacks.town import Town
from tests.webserver import serving


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    built = places.build(folder, SettableClock(datetime(2025, 11, 5, 13, 30, tzinfo=UTC)))
    with serving(built.app, built.port):
        places.fill(built)
        yield built
    close_site(built.house.site)
