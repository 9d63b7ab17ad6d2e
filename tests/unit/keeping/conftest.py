"""A company with tickets, files and large mails on each database, and places to restore it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from mailgate.flows import exporting
from mailgate.flows.site import Site
from mailgate.keeping.places import Places
from store.blobs import BlobFolder
from store.engine import Database
from tests.conftest import SettableClock
from tests.house import ANA, CARMEN, SUPPORT, House, close_site, make_site, plain_mail

#: More than a row takes: the mail is a blob.
LARGE = "Segue o arquivo pedido. " * 16_000


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    """Printing takes longer than these tests."""
    with structlog.testing.capture_logs():
        yield


@dataclass
class Kept:
    """A gateway with what is needed to copy it."""

    house: House
    places: Places

    @property
    def site(self) -> Site:
        return self.house.site

    def lines(self) -> list[dict[str, Any]]:
        """Everything, as `mailgate export` says it."""
        return exported(self.places.database)


def exported(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return list(exporting.export(connection, None))


@pytest.fixture
def kept(house_url: str, tmp_path: Path, clock: SettableClock) -> Iterator[Kept]:
    """Ana asked with a file, Bruno answered; Carmen asked too."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "mailgate.yaml").write_text("company: {name: Exemplo}\n", encoding="utf-8")
    site = make_site(home, house_url, clock=clock)
    house = House(site)
    file = ("nota.txt", "text/plain", b"Nota fiscal 4711")
    house.receive(plain_mail(ANA, SUPPORT, "Nota fiscal", "A nota não sai.", files=[file]))
    house.agent_answers("SUP-1", "Qual é a versão?")
    house.receive(plain_mail(CARMEN, SUPPORT, "Impresora", "No imprime."))
    configuration = {"mailgate.yaml": home / "mailgate.yaml"}
    yield Kept(house, Places(site.writer.database, site.blobs, home / "data", configuration))
    close_site(site)


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, house_url: str, tmp_path: Path) -> Iterator[Callable[[], Places]]:
    """Makes an empty place for a gateway on the same kind of database."""
    made: list[Database] = []

    def make() -> Places:
        data = tmp_path / f"elsewhere-{len(made)}" / "data"
        data.mkdir(parents=True)
        if house_url.startswith("postgresql"):
            url = request.getfixturevalue("fresh_database")()
        else:
            url = f"sqlite:///{data / 'mailgate.sqlite'}"
        made.append(Database(url))
        return Places(made[-1], BlobFolder(data / "blobs"), data)

    yield make
    for database in made:
        database.close()
