"""A portal that runs on loopback over a house of its own, and a browser without a window: plain HTTP."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import html5lib
import httpx
import pytest
from jinja2.bccache import Bucket, BytecodeCache
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select
from sqlmodel import SQLModel
from starlette.types import ASGIApp, Receive, Scope, Send

from mailgate.flows import sessions
from mailgate.flows.sessions import Came, Person
from mailgate.i18n import Translations
from mailgate.people import passwords
from mailgate.portal.app import make_app
from mailgate.portal.limits import PortalLimits
from mailgate.resources import data_folder
from store import people
from tests.conftest import SettableClock
from tests.house import ANA, House, close_site, make_site
from tests.integration.machine import free_port, wait_until
from tests.webserver import serving

TEMPLATES = data_folder("templates")
WORDS = Translations.load(TEMPLATES / "translations")


class _Compiled(BytecodeCache):
    """Compiled templates by their content: a portal for each test would compile them all anew."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        code = self._codes.get(f"{bucket.key} {bucket.checksum}")
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[f"{bucket.key} {bucket.checksum}"] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class Busy:
    """An app that knows how many requests it is at, with what is done after their answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.running -= 1


@dataclass
class Portal:
    """A house with its portal. `visit` is a browser of its own."""

    house: House
    base: str
    clock: SettableClock
    busy: Busy

    def wait_idle(self) -> None:
        """Wait until all is done that was asked for, mails that are written after the answer among it."""
        wait_until(lambda: not self.busy.running, what="an idle portal")

    def visit(self, language: str = "pt-BR", **headers: str) -> httpx.Client:
        """A browser that keeps cookies and follows nothing by itself."""
        return httpx.Client(base_url=self.base, headers={"Accept-Language": language, **headers}, timeout=20)

    def opened(self, key: str, address: str = ANA[1], language: str = "pt-BR") -> httpx.Client:
        """A browser that has opened a person's link to a ticket."""
        browser = self.visit(language)
        assert browser.get(f"/t/{self.house.token(key, address)}").status_code == 303
        return browser

    def signed_in(self, address: str = ANA[1], language: str = "pt-BR") -> httpx.Client:
        """A browser in which a contact, or an agent, has signed in."""
        with self.house.site.writer.database.read() as connection:
            agent = people.agent_by_address(connection, address)
            person = Person(people.contact_by_address(connection, address) if agent is None else None, agent)
        assert person.named, f"nobody has the address {address}"
        browser = self.visit(language)
        browser.cookies.set("mailgate-session", sessions.start(self.house.site, person, Came("Firefox", "127.0.0.x")))
        return browser

    def state(self) -> str:
        """A digest of every row of every table: what GET must not change."""
        found = hashlib.sha256()
        with self.house.site.writer.database.read() as connection:
            for table in SQLModel.metadata.sorted_tables:
                rows = sorted(str(tuple(row)) for row in connection.execute(select(table)))
                found.update(f"{table.name}{rows}".encode())
        return found.hexdigest()


@pytest.fixture
def make_portal(tmp_path: Path, clock: SettableClock) -> Iterator[Callable[..., Portal]]:
    """Call it for a portal: `make_portal(bounds=..., logo=..., url=of the database, **settings of mailgate.yaml)`."""
    ends: list[Any] = []

    def create(
        bounds: PortalLimits | None = None,
        logo: Path | None = None,
        url: str = "",
        proxies: tuple[str, ...] = (),
        **settings: Any,
    ) -> Portal:
        port = free_port()
        folder = tmp_path / str(len(ends))
        folder.mkdir()
        base_url = settings.pop("base_url", f"http://127.0.0.1:{port}")
        site = make_site(folder, url, base_url=base_url, clock=clock, **settings)
        patient = bounds or PortalLimits(render_seconds=60)  # on a loaded machine too
        app = make_app(site, WORDS, TEMPLATES, patient, logo=logo, trusted_proxies=proxies, compiled=_COMPILED)
        busy = Busy(app)
        running = serving(busy, port)
        base = running.__enter__()
        ends.append((running, site))
        return Portal(House(site), base, clock, busy)

    yield create
    for running, site in ends:
        running.__exit__(None, None, None)
        close_site(site)


@pytest.fixture
def portal(make_portal: Callable[..., Portal]) -> Portal:
    """One portal with the default limits."""
    return make_portal()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing."""
    hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    monkeypatch.setattr(passwords, "_NOBODYS", hasher.hash("nobody has this one"))


def form_fields(page: str) -> dict[str, str]:
    """The hidden fields of the answer's form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def words(page: str) -> str:
    """What a page says, as one line."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    return " ".join(" ".join(tree.itertext()).split())
