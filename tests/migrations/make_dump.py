"""Makes the database of a release that later ones must still read: `python -m tests.migrations.make_dump`.

The demo's first mail, the agent's answer, the customer's second thoughts, a note and a second ticket go through the
line. Kept are the SQLite file, the key its tokens were made with, and what a later release must find in it.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailgate.demo import lines
from mailgate.demo.lines import Draft
from mailgate.demo.words import words_for
from tests.conftest import SettableClock
from tests.house import SUPPORT, House, close_site, make_site, plain_mail

RELEASE = "0.5.0"
DATA = Path(__file__).parent / "data"


def make(folder: Path) -> tuple[bytes, str, dict[str, Any]]:
    """The SQLite file, the key, and what is in it."""
    clock = SettableClock(datetime(2025, 11, 5, 13, 22, tzinfo=UTC))
    house = House(make_site(folder, clock=clock))
    words = words_for({"LANG": "pt_BR.UTF-8"})
    house.receive(_mail(lines.first_mail(words)))
    house.agent_answers("SUP-1", words("reply.resolve.body", name="Bruno"))
    again = words("reply.again.body", name="Ana")
    house.receive(plain_mail(("Ana", "ana@cliente.test"), SUPPORT, "Re: [SUP-1]", again))
    house.agent_answers("SUP-1", words("reply.note.body", name="Bruno"))
    clock.advance(timedelta(hours=1))
    house.receive(plain_mail(("Ana", "ana@cliente.test"), SUPPORT, "Relatório", "Como imprimo?", verified=False))
    found = contents(house)
    path = house.site.writer.database.path
    assert path is not None
    close_site(house.site)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=DELETE")
    database.execute("VACUUM")
    database.close()
    return path.read_bytes(), (folder / "data" / "keys" / "mac.key").read_text(), found


def contents(house: House) -> dict[str, Any]:
    """What must be found again: tickets, what was said on them, and everything that stands in mails already sent."""
    from store import links, tickets

    found: dict[str, Any] = {"tickets": [], "reply_to": [], "links": []}
    with house.site.writer.database.read() as connection:
        for ticket in tickets.all_since(connection, None):
            said = [[c.kind, c.role, c.reply, c.verified] for c in tickets.comments(connection, ticket.id)]
            events = [e.kind for e in tickets.events(connection, ticket.id)]
            found["tickets"].append([ticket.key, ticket.status, ticket.requester_address, said, events])
            link = links.newest(connection, ticket.id, contact_id=ticket.requester_id)
            assert link is not None
            found["links"].append([ticket.key, house.site.mint.access_token(link.id)])
    for row in house.outbox():
        found["reply_to"].append([row.notice, row.recipient, json.loads(row.body)["reply_to"], row.message_id])
    return found


def _mail(draft: Draft) -> bytes:
    return plain_mail((draft.author.name, draft.author.address), draft.to, draft.subject, draft.body)


def main() -> None:
    """Write the three files of this release."""
    folder = Path(tempfile.mkdtemp())
    try:
        raw, key, found = make(folder)
    finally:
        shutil.rmtree(folder)
    DATA.mkdir(exist_ok=True)
    (DATA / f"{RELEASE}.sqlite.gz").write_bytes(gzip.compress(raw, mtime=0))
    (DATA / f"{RELEASE}.mac.key").write_text(key)
    (DATA / f"{RELEASE}.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
