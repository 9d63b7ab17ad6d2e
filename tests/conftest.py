"""Fixtures of the whole suite: a clock that tests move, both databases, and the real servers of `tests/integration`."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.machine import in_ci
from tests.integration.postgres import Postgres

pytest_plugins = ["tests.integration.fixtures"]

_INTEGRATION = Path(__file__).parent / "integration"


class SettableClock:
    """A clock that stands still until it is moved. Call it for the instant (aware UTC), or read `now`."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> datetime:
        """Move on by `by` and return the new instant."""
        self.now += by
        return self.now


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Commands that write secrets change the umask of their process, which here is the process of all later tests."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def clock() -> SettableClock:
    """Wednesday 5 November 2025, 13:22 UTC: 10:22 in São Paulo, within business hours."""
    return SettableClock(datetime(2025, 11, 5, 13, 22, tzinfo=UTC))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mailgate.db'}"
    else:
        fresh_database: Callable[[], str] = request.getfixturevalue("fresh_database")
        yield fresh_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def house_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of each kind in turn, with today's schema (`tests.house.make_site` sees to SQLite's)."""
    if request.param == "sqlite":
        yield "sqlite://"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database(request.getfixturevalue("migrated_database"))
        yield url
        server.drop_database(url)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of other projects' test mails, named by MAILGATE_CORPORA; skips where it is not set."""
    named = os.environ.get("MAILGATE_CORPORA", "")
    if not named or not Path(named).is_dir():
        pytest.skip("MAILGATE_CORPORA names no folder of test mails")
    return Path(named)


#: Stories of the running program that are told on both databases as a whole.
_ON_BOTH = frozenset({"test_story", "test_postgres"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server of this machine, so that CI notices when it did not run.

    The running program is tried as a whole on SQLite, on PostgreSQL by `_ON_BOTH`; the rest of it is for
    `make test-long`. Flows run on both.
    """
    for item in items:
        if not _needs_server(item):
            continue
        item.add_marker("integration")
        called = getattr(item, "callspec", None)
        runs_it = _INTEGRATION in item.path.parents or item.path.stem == "test_kill_loop"
        if called is None or not runs_it or item.path.stem in _ON_BOTH:
            continue
        if "postgresql" in called.params.values():
            item.add_marker("long")


def _needs_server(item: pytest.Item) -> bool:
    if _INTEGRATION in item.path.parents:
        return True
    callspec = getattr(item, "callspec", None)
    params = callspec.params if callspec else {}
    return "postgresql" in (params.get("engine_url"), params.get("house_url"), params.get("gateway_db"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if in_ci() and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("integration"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} did not run, which CI does not accept. {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if in_ci() and report.skipped and _INTEGRATION in collector.path.parents:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped as a whole, which CI does not accept. {report.longrepr}"
    return report
