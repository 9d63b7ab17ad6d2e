"""A contact is erased: no byte of the person in any file or table, others keep theirs, nothing comes back."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlmodel import SQLModel

from mailgate.errors import Busy, Unavailable
from mailgate.flows import erasing
from mailgate.flows.erasing import Eraser
from mailgate.keeping import restore as restoring
from mailgate.keeping import verify
from mailgate.keeping.backup import back_up
from mailgate.keeping.places import Places
from store import blob_rows, claims, eraselist, people
from store import erasing as tables
from store.engine import Database
from store.tables import CONTACT, JOURNAL, OUTBOX, RAW_MAIL, SESSION, TICKET
from store.vocabulary import Outcome
from tests.house import ANA, CARMEN, SUPPORT, plain_mail
from tests.unit.keeping.conftest import LARGE, Kept

#: In every part of what she wrote.
MARK = "zzmarca"
MARIA = (f"Maria {MARK.title()}", f"maria.{MARK}@cliente.test")
Elsewhere = Callable[[], Places]


@pytest.fixture
def eraser(kept: Kept, tmp_path: Path) -> Eraser:
    site = kept.site
    return Eraser(site.writer.database, site.blobs, site.mint, "fechado", tmp_path / "erased.list")


def live(kept: Kept) -> bytes:
    """Maria asks, with a file and a large mail; Bruno answers and quotes; she writes on Carmen's ticket, too."""
    house, site = kept.house, kept.site
    file = (f"{MARK}.txt", "text/plain", f"{MARK} 4711".encode())
    first = plain_mail(MARIA, SUPPORT, f"Pedido {MARK}", f"Bom dia, {MARK}.", files=[file])
    key = house.receive(first).key
    house.receive(plain_mail(MARIA, SUPPORT, f"Outro {MARK}", MARK + LARGE))
    house.agent_answers(key, f"Certo, {MARK}!\n\n> Bom dia, {MARK}.")
    house.receive(plain_mail(CARMEN, f"{SUPPORT}, {MARIA[1]}", "Impresora rota", "No imprime."))
    carmens = site.key(max(t.number for t in all_of(kept, TICKET)))
    house.receive(plain_mail(MARIA, SUPPORT, f"Re: Impresora rota [{carmens}]", f"Também {MARK}."))
    with kept.places.database.write() as connection:
        contact = people.contact_by_address(connection, MARIA[1])
        assert contact is not None
        people.change_contact(connection, contact.id, phone=MARK, preferences={"columns": [MARK]})
        people.put_addresses(connection, contact.id, [f"outra.{MARK}@cliente.test"], site.clock())
        large = site.blobs.put(f"To: {MARK}".encode())  # a mail to Bruno about her, too large for its row
        hers = OUTBOX.c.ticket_id.in_(select(TICKET.c.id).where(TICKET.c.requester_id == contact.id))
        connection.execute(OUTBOX.update().where(hers, OUTBOX.c.notice == "N19").values(rendered_sha256=large))
        row = {"id": site.ids.new(), "digest": "d", "contact_id": contact.id, "agent_id": None, "browser": MARK,
               "peer": "", "created_at": site.clock(), "expires_at": site.clock(), "ended_at": None}  # fmt: skip
        connection.execute(SESSION.insert().values(**row))
    return first


def all_of(kept: Kept, table: Any) -> list[Any]:
    with kept.places.database.read() as connection:
        return list(connection.execute(select(table)))


def traces(places: Places) -> list[str]:
    """Where the mark still is: in a file of the data folder, or in a row."""
    files = [path for path in places.data.rglob("*") if path.is_file()]
    found = [path.name for path in files if MARK.encode() in path.read_bytes().lower()]
    with places.database.read() as connection:
        for table in SQLModel.metadata.sorted_tables:
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"')):
                found += [table.name] if MARK in "".join(_readable(v) for v in row).lower() else []
    return found


def _readable(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def test_no_byte_is_left_and_others_keep_theirs(kept: Kept, eraser: Eraser) -> None:
    before = kept.lines()
    live(kept)
    assert traces(kept.places)
    found = erasing.erase(eraser, MARIA[1].upper(), kept.site.clock())
    assert len(found.tickets) >= 2
    assert traces(kept.places) == []
    assert MARK not in eraser.record.read_text()
    after = {line["key"]: line for line in kept.lines() if line["key"]}
    for line in before:
        assert after[line["key"]]["messages"][0] == line["messages"][0]
    empty = [line for line in after.values() if line["requester"].endswith("@erased.invalid")]
    assert len(empty) == len(found.tickets)
    assert {(line["status"], line["category"], line["subject"], line["due_at"]) for line in empty} == {
        ("fechado", "closed", "", None)
    }
    assert all(not m["text"] for line in empty for m in line["messages"] if m["kind"] == "comment")
    assert list(verify.look_at_gateway(kept.places)) == []
    assert erasing.erase(eraser, MARIA[1], kept.site.clock()).nothing


def test_who_is_nearly_called_the_same_keeps_everything(kept: Kept, eraser: Eraser) -> None:
    """An address within another one: what waits for Joana went to nobody, for Ana had been erased."""
    twins = [("Joana Souza", f"jo{ANA[1]}"), ("Mariana Souza", f"{ANA[1]}.br"), ("x", f"x-{ANA[1]}")]
    for name, address in twins:
        kept.house.receive(plain_mail((name, address), SUPPORT, f"Nota de {name}", f"{name}, {address}."))
    keys = [kept.site.key(number) for number in (3, 4, 5)]
    named = {address for _, address in twins}

    def theirs() -> list[Any]:
        rows = [row for row in all_of(kept, CONTACT) if row.address in named]
        rows += [row for row in all_of(kept, OUTBOX) if row.recipient in named]
        rows += [row for row in all_of(kept, JOURNAL) if row.author in named]
        own = {row.id for row in rows}
        rows += [row for row in all_of(kept, RAW_MAIL) if row.journal_id in own]
        return sorted(rows, key=str)

    before, said = theirs(), [line for line in kept.lines() if line["key"] in keys]
    assert len(before) == 4 * len(twins)
    assert erasing.erase(eraser, ANA[1], kept.site.clock()).tickets
    assert theirs() == before
    assert [line for line in kept.lines() if line["key"] in keys] == said


def test_what_others_wait_for_leaves(kept: Kept, eraser: Eraser) -> None:
    """Whose tickets have no acknowledgement is told their numbers an hour later; no sweep would write that anew."""
    live(kept)
    with kept.places.database.write() as connection:
        theirs = OUTBOX.update().where(OUTBOX.c.recipient == CARMEN[1], OUTBOX.c.notice == "N1")
        connection.execute(theirs.values(notice="ACK_DIGEST"))
    waiting = [row for row in all_of(kept, OUTBOX) if row.notice == "ACK_DIGEST"]
    erasing.erase(eraser, MARIA[1], kept.site.clock())
    assert waiting
    assert [row for row in all_of(kept, OUTBOX) if row.notice == "ACK_DIGEST"] == waiting
    assert traces(kept.places) == []


def test_the_mail_that_comes_again_is_a_duplicate_of_nothing(kept: Kept, eraser: Eraser) -> None:
    first = live(kept)
    erasing.erase(eraser, MARIA[1], kept.site.clock())
    settled = kept.house.receive(b"Received: from elsewhere by us\r\n" + first)
    assert (settled.outcome, settled.key) == (Outcome.DUPLICATE, "")
    assert erasing.finish(eraser, kept.site.clock()) == 1
    assert traces(kept.places) == []
    # Who writes anew is a new contact, and is answered.
    assert kept.house.receive(plain_mail(MARIA, SUPPORT, "De novo", "Voltei.")).key


class _Killed(BaseException):
    pass


def test_killed_at_any_step_and_run_again(kept: Kept, eraser: Eraser, monkeypatch: pytest.MonkeyPatch) -> None:
    live(kept)
    now = kept.site.clock()

    def killed(*_: object) -> None:
        raise _Killed

    for holder, step in ((erasing, "_rows"), (tables, "_mentions"), (erasing, "_delete_blobs"), (eraselist, "finish")):
        with monkeypatch.context() as patch:
            patch.setattr(holder, step, killed)
            with pytest.raises(_Killed):
                erasing.erase(eraser, MARIA[1], now)
    erasing.erase(eraser, MARIA[1], now)
    assert traces(kept.places) == []
    with kept.places.database.read() as connection:
        assert eraselist.unfinished(connection) == []


def _killed_after(eraser: Eraser, now: datetime, seconds: float) -> bool:
    """Erase in a process of its own and kill it at that moment; False when it was done before."""
    child = os.fork()
    if child == 0:
        try:
            erasing.erase(replace(eraser, database=Database(eraser.database.url)), MARIA[1], now)
        finally:
            os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.long
def test_killed_at_twenty_moments_and_run_again(kept: Kept, eraser: Eraser) -> None:
    """P1: kill -9 by chance, over and over, until twenty have hit; then once more to the end."""
    dice, now = random.Random(20), kept.site.clock()
    live(kept)
    began = time.monotonic()
    _killed_after(eraser, now, 120)
    longest = time.monotonic() - began
    assert traces(kept.places) == []
    kills = done = 0
    while kills < 20:
        done += 1
        file = (f"{MARK}{done}.txt", "text/plain", f"{MARK} {done}".encode())
        kept.house.receive(plain_mail(MARIA, SUPPORT, f"Pedido {MARK} {done}", f"{MARK} {done} {LARGE}", files=[file]))
        while _killed_after(eraser, now, dice.uniform(0, longest)):
            kills += 1
        erasing.finish(eraser, now)
        assert traces(kept.places) == [], f"after {kills} kills"
    with kept.places.database.read() as connection:
        assert eraselist.unfinished(connection) == []
    assert list(verify.look_at_gateway(kept.places)) == []
    print(f"{kills} kills in {done} erasures of {longest:.2f} s: no byte left")


def test_what_must_wait_says_so(kept: Kept, eraser: Eraser) -> None:
    live(kept)
    now = kept.site.clock()
    with pytest.raises(Unavailable, match="nothing was erased"):
        erasing.erase(replace(eraser, record=Path("/proc/erased.list")), MARIA[1], now)
    with kept.places.database.write() as connection:
        claims.take_lease(connection, blob_rows.COPYING, "another", now, now + blob_rows.COPYING_LEASE)
    with pytest.raises(Busy, match="backup"):
        erasing.erase(eraser, MARIA[1], now)
    assert traces(kept.places)


def test_a_restored_backup_is_erased_again(kept: Kept, eraser: Eraser, elsewhere: Elsewhere, tmp_path: Path) -> None:
    live(kept)
    back_up(kept.places, tmp_path / "backup", kept.site.clock, "0", "test")
    erasing.erase(eraser, MARIA[1], kept.site.clock())
    place = elsewhere()
    restoring.restore(tmp_path / "backup", place)
    assert traces(place)
    again = replace(eraser, database=place.database, blobs=place.blobs, record=tmp_path / "again.list")
    listed = list(erasing.read_list(eraser.record))
    assert erasing.replay(again, listed, kept.site.clock()) >= 1
    assert {entry.digest for entry in erasing.read_list(again.record)} == {entry.digest for entry in listed}
    restoring.finish(place)
    assert traces(place) == []
    assert list(verify.look_at_gateway(place)) == []


def test_every_table_was_thought_of() -> None:
    names = {table.name for table in SQLModel.metadata.sorted_tables}
    source = Path(tables.__file__).read_text(encoding="utf-8")
    missed = {name for name in names - tables.LEFT if f"    {name.upper()},\n" not in source}
    assert missed == set(), "store/erasing.py: what of these belongs to a contact?"
