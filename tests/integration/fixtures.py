"""The servers as fixtures, for every test of the suite. What is costly runs once a session; the rest once a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from store import schema
from store.engine import Database
from tests.integration.chromium import running_chromium
from tests.integration.desk import Desk
from tests.integration.dnsstub import DnsStub
from tests.integration.dovecot import Dovecot, running_dovecot
from tests.integration.gateway import Gateway, merged, sane_settings
from tests.integration.machine import folder, free_port
from tests.integration.postfix import (
    PipeBridge,
    Postfix,
    lmtp_settings,
    pipe_service,
    relay_settings,
    running_postfix,
)
from tests.integration.postgres import Postgres, running_postgres
from tests.integration.sink import Sink


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster for the session. Tests that stop it must start it again."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """A database that the whole session shares: `postgresql+psycopg://user@127.0.0.1:port/name`."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def migrated_database(postgres: Postgres) -> str:
    """The name of a database with today's schema, to be copied: nobody connects to it."""
    url = postgres.new_database()
    database = Database(url)
    schema.migrate(database)
    database.close()
    return url.rsplit("/", 1)[1]


@pytest.fixture
def fresh_database(postgres: Postgres) -> Iterator[Callable[[], str]]:
    """Call it for the URL of a new empty database; all are dropped after the test."""
    made: list[str] = []

    def create() -> str:
        made.append(postgres.new_database())
        return made[-1]

    yield create
    for url in made:
        postgres.drop_database(url)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """Dovecot for the session, with the users suporte and vendas; take a `new_user()` for a folder of your own."""
    with running_dovecot() as server:
        yield server


@pytest.fixture
def postfix_lmtp() -> Iterator[Callable[..., Postfix]]:
    """An MTA for example.test that delivers by LMTP: `postfix_lmtp(port or "unix:/path", returns_to=port)`."""
    with ExitStack() as ends:

        def create(to: int | str, returns_to: int | None = None) -> Postfix:
            return ends.enter_context(running_postfix(lmtp_settings(to, returns_to)))

        yield create


@pytest.fixture
def postfix_pipe() -> Iterator[Callable[..., Postfix]]:
    """An MTA for example.test that delivers through pipe(8): `postfix_pipe(command, flags="", cwd=folder)`.

    Words `${sender}` and `${recipient}` of the command are filled in by Postfix; one recipient a run.
    """
    with ExitStack() as ends:

        def create(
            command: Sequence[str | Path], flags: str = "", cwd: Path | None = None, returns_to: int | None = None
        ) -> Postfix:
            bridge = PipeBridge(ends.enter_context(folder("pipe")), cwd)
            ends.callback(bridge.close)
            settings = lmtp_settings("unused", returns_to)
            settings |= {"relay_transport": "gateway", "gateway_destination_recipient_limit": "1"}
            return ends.enter_context(running_postfix(settings, pipe_service(bridge.script, command, flags)))

        yield create


@pytest.fixture
def postfix_relay() -> Iterator[Callable[[int], Postfix]]:
    """A relay that takes everything from loopback and hands it to a port: `postfix_relay(sink.port)`."""
    with ExitStack() as ends:
        yield lambda to: ends.enter_context(running_postfix(relay_settings(to)))


@pytest.fixture
def smtp_port() -> Callable[[], int]:
    """Call it for a free port of 127.0.0.1."""
    return free_port


@pytest.fixture
def make_sink() -> Iterator[Callable[..., Sink]]:
    """Call it, with `Sink`'s arguments, for one more far end."""
    made: list[Sink] = []

    def create(**options: Any) -> Sink:
        sink = Sink(**options)
        sink.start()
        made.append(sink)
        return sink

    yield create
    for sink in made:
        sink.stop()


@pytest.fixture
def sink(make_sink: Callable[..., Sink]) -> Sink:
    """The relay that mailgate sends through: it keeps every mail and has moods."""
    return make_sink()


@pytest.fixture
def dns_stub() -> Iterator[DnsStub]:
    """A DNS server of our own, with an empty zone."""
    stub = DnsStub()
    stub.start()
    yield stub
    stub.stop()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """A browser for this test; `chromium.new_context()` for each person."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Page:
    """A page of one person in pt-BR; whatever is not answered within 10 s fails."""
    context = chromium.new_context(locale="pt-BR", timezone_id="America/Sao_Paulo")
    context.set_default_timeout(10_000)
    return context.new_page()


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway_db(request: pytest.FixtureRequest) -> str:
    """The value of `database:`, each kind in turn. One kind: `parametrize("gateway_db", ["sqlite"], indirect=True)`."""
    if request.param == "sqlite":
        return "sqlite"
    fresh_database: Callable[[], str] = request.getfixturevalue("fresh_database")
    return fresh_database()


@pytest.fixture
def gateway(gateway_db: str, sink: Sink, dns_stub: DnsStub) -> Iterator[Callable[..., Gateway]]:
    """The program itself: `gateway({"smtp": {...}}, start=True)` installs it with these settings and starts it.

    What runs at the end of the test must end with 0 after SIGTERM; its log is shown if the test failed.
    """
    made: list[Gateway] = []
    with ExitStack() as ends:

        def create(changes: dict[str, Any] | None = None, start: bool = True) -> Gateway:
            home = ends.enter_context(folder("gate"))
            settings = sane_settings(home, gateway_db, sink.port, dns_stub.address)
            one = Gateway(home, merged(settings, changes or {}), sink)
            made.append(one)
            one.install()
            return one.start() if start else one

        yield create
        for one in made:
            print(one.log())
        for one in made:
            if one.is_running:
                one.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """One running gateway for a whole module, with its sink and name server: tests use customers of their own.

    A module may lay `DESK_SETTINGS` over the settings: values, or a function of the request that gives them.
    """
    wanted = getattr(request.module, "DESK_SETTINGS", {})
    changes: dict[str, Any] = wanted(request) if callable(wanted) else wanted
    with ExitStack() as ends:
        database = "sqlite"
        if request.param == "postgresql":
            postgres: Postgres = request.getfixturevalue("postgres")
            database = postgres.new_database()
            ends.callback(postgres.drop_database, database)
        stub, far_end = DnsStub(), Sink()
        stub.start()
        ends.callback(stub.stop)
        far_end.start()
        ends.callback(far_end.stop)
        home = ends.enter_context(folder("gate"))
        settings = sane_settings(home, database, far_end.port, stub.address)
        running = Gateway(home, merged(settings, changes), far_end)
        running.install()
        running.start()
        ends.callback(lambda: running.stop() if running.is_running else None)
        one = Desk(running, stub)
        ends.callback(one.close)
        yield one
