"""O3: the program itself on the data of each release: answers to mails of then find their tickets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from email.utils import formatdate

import pytest

from tests.house import ANA, BRUNO
from tests.integration.gateway import Gateway
from tests.migrations.make_dump import DATA
from tests.migrations.test_old_data import RELEASES

pytestmark = pytest.mark.long


def _answer(author: tuple[str, str], to: str, text: str) -> bytes:
    return (
        f"From: {author[0]} <{author[1]}>\r\nTo: {to}\r\nSubject: Re: aviso\r\nDate: {formatdate()}\r\n"
        f"Message-ID: <{abs(hash((author, text)))}@cliente.test>\r\n\r\n{text}\r\n"
    ).encode()


@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
@pytest.mark.parametrize("release", RELEASES)
def test_serve_brings_old_data_up_and_old_mails_still_work(gateway: Callable[..., Gateway], release: str) -> None:
    running = gateway(start=False)
    data, expected = running.home / "data", json.loads((DATA / f"{release}.json").read_text())
    (data / "mailgate.sqlite").write_bytes(gzip.decompress((DATA / f"{release}.sqlite.gz").read_bytes()))
    (data / "keys" / "mac.key").write_text((DATA / f"{release}.mac.key").read_text())
    running.start()
    before = {row["key"]: len(row["messages"]) for row in running.tickets()}
    assert set(before) >= {"SUP-1"}
    to_ana = next(row[2] for row in expected["reply_to"] if row[1] == ANA[1])
    to_bruno = [row[2] for row in expected["reply_to"] if row[1] == BRUNO[1]][-1]  # nothing happened since that notice
    running.submit(_answer(BRUNO, to_bruno, "Sim, com a versão nova."), [to_bruno], BRUNO[1])
    running.send(_answer(ANA, to_ana, "Ainda está aí?"), [to_ana], ANA[1])
    said = {"Ainda está aí?", "Sim, com a versão nova."}

    def both(rows: list[dict[str, object]]) -> bool:
        texts = {str(m.get("text", "")).strip() for row in rows if row["key"] in before for m in row["messages"]}  # type: ignore[attr-defined]
        return said <= texts

    rows = running.wait_export(both, 60, "both answers on tickets of then")
    assert {row["key"] for row in rows if row["key"]} == set(before)
