"""A database of each release opens in this one: its tickets read, and what stands in mails already sent still works."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailgate.flows import customer
from store import schema
from store.engine import Database
from store.vocabulary import Outcome, Road
from tests.house import ANA, BRUNO, SUPPORT, House, close_site, make_site, plain_mail
from tests.migrations.make_dump import DATA, contents

RELEASES = sorted(path.name.removesuffix(".sqlite.gz") for path in DATA.glob("*.sqlite.gz"))
MOST_BYTES = 60 * 1024


@pytest.fixture(params=RELEASES)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[House, dict[str, Any]]]:
    """A company whose database is a release's, and what must be found in it."""
    data = tmp_path / "data"
    (data / "keys").mkdir(parents=True, mode=0o700)
    (data / "mailgate.sqlite").write_bytes(gzip.decompress((DATA / f"{request.param}.sqlite.gz").read_bytes()))
    key = data / "keys" / "mac.key"
    key.write_text((DATA / f"{request.param}.mac.key").read_text())
    key.chmod(0o600)
    house = House(make_site(tmp_path))
    yield house, json.loads((DATA / f"{request.param}.json").read_text())
    close_site(house.site)


def test_there_is_a_dump_and_it_is_small() -> None:
    assert "0.1.0" in RELEASES
    assert all(path.stat().st_size < MOST_BYTES for path in DATA.iterdir())


def test_everything_is_found_again(old: tuple[House, dict[str, Any]]) -> None:
    house, expected = old
    found = contents(house)
    assert found["tickets"] == expected["tickets"]
    assert found["reply_to"] == expected["reply_to"]


def test_the_schema_is_todays(old: tuple[House, dict[str, Any]]) -> None:
    database: Database = old[0].site.writer.database
    assert schema.current(database) == schema.newest()


def test_addresses_and_links_in_old_mails_still_work(old: tuple[House, dict[str, Any]]) -> None:
    house, expected = old
    for notice, recipient, reply_to, message_id in expected["reply_to"]:
        identity = house.site.mint.read_message_id(message_id)
        assert identity is not None, f"{notice} to {recipient}"
        assert house.site.support_address(reply_to) is not None
    for key, token in expected["links"]:
        with house.site.writer.database.read() as connection:
            opened = customer.open_link(connection, house.site, token)
        assert isinstance(opened, (customer.Grant, customer.Expired))
        assert opened.ticket_id == house.ticket(key).id


def _about(house: House, reply_to: str) -> int:
    """The number of the ticket that a reply address was made for."""
    found = house.site.support_address(reply_to)
    assert found is not None
    identity = house.site.mint.read_detail(found[1])
    return identity.ticket_number if identity is not None else 0


def test_an_answer_to_an_old_mail_finds_its_ticket(old: tuple[House, dict[str, Any]]) -> None:
    house, expected = old
    key, before = "SUP-1", len(house.outbox())
    to_ana = next(r[2] for r in expected["reply_to"] if r[1] == ANA[1])
    to_bruno = [r[2] for r in expected["reply_to"] if r[1] == BRUNO[1] and _about(house, r[2]) == 1][-1]
    answer = plain_mail(BRUNO, to_bruno, "Re: aviso", "Sim, com a versão nova.", verified=False)
    settled = house.receive(answer, [to_bruno], road=Road.SUBMISSION, auth_user=BRUNO[1])
    assert (settled.key, settled.outcome) == (key, Outcome.COMMENTED)
    mail = plain_mail(ANA, to_ana, "Re: aviso", "Ainda está aí?", verified=False)
    assert house.receive(mail, [to_ana]).key == key
    assert [r.recipient for r in house.outbox()[before:]] == [ANA[1], BRUNO[1]]
    assert house.receive(plain_mail(ANA, SUPPORT, "Outro", "Outro assunto.")).key == "SUP-3"
