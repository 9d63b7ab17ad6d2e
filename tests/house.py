"""A whole company on a real database without any server: mails go through the line, what leaves is in the outbox.

`make_site` builds the site that flows and pages are handed; `House` sends mails through the line and finds what came
of them. Time is passed in.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from mailgate import app
from mailgate.authn.resolver import DictResolver
from mailgate.clock import Clock
from mailgate.flows import receive
from mailgate.flows.reading import Reader
from mailgate.flows.receive import Settled
from mailgate.flows.site import Site
from mailgate.mail.limits import MailLimits
from mailgate.scaffold import ensure_keys
from mailgate.settings import Settings
from store import journal, links, people, schema, tickets
from store.engine import Database
from store.tables import OUTBOX
from store.vocabulary import Outcome, Road

SUPPORT = "suporte@example.test"
ANA = ("Ana Souza", "ana@cliente.test")
CARMEN = ("Carmen Ruiz", "carmen@cliente.test")
BRUNO = ("Bruno", "bruno@example.test")
COMPANY = {"name": "Exemplo Sistemas", "site": "https://example.test", "phone": "(11) 4000-1234", "hours": "8h–18h"}
#: The border that is trusted: its Authentication-Results prove a sender.
BORDER = "mx.example.test"
FILE = "mailgate.sqlite"
_OWNER = "test"


def make_site(
    tmp_path: Path,
    url: str = "",
    *,
    base_url: str = "http://127.0.0.1:8025",
    clock: Clock | None = None,
    **settings: Any,
) -> Site:
    """A site with the Centrium preset and the agent Bruno, on an empty database.

    url: of SQLAlchemy, as the fixture `engine_url` gives it; "" makes a SQLite file. settings: more of mailgate.yaml.
    The caller ends it with `close_site`.
    """
    values: dict[str, Any] = {
        "base_url": base_url,
        "data": str(tmp_path / "data"),
        "database": url if url.startswith("postgresql") else "sqlite",
        "company": {
            "name": "Exemplo Sistemas",
            "site": "https://example.test",
            "phone": "(11) 4000-1234",
            "hours": "8h–18h",
        },
        "addresses": [{"address": SUPPORT, "department": "suporte"}],
        "agents": [{"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]}],
        "auth": {"trusted": [BORDER]},
        **settings,
    }
    ensure_keys(tmp_path / "data")
    if values["database"] == "sqlite" and not (tmp_path / "data" / FILE).exists():
        shutil.copyfile(_migrated(), tmp_path / "data" / FILE)
    read = Settings.model_validate(values, context={"folder": tmp_path, "test": True})
    site = app.open_house(read, migrate=True, node="test").site
    return replace(site, clock=clock) if clock is not None else site


@cache
def _migrated() -> Path:
    """An empty SQLite file with today's schema, made once: each test begins with a copy."""
    folder = tempfile.TemporaryDirectory(prefix="mg-schema-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / FILE
    database = Database(f"sqlite:///{path}")
    schema.migrate(database)
    database.close()
    return path


def close_site(site: Site) -> None:
    """End the writer and the connections."""
    site.writer.stop()
    site.writer.database.close()


@dataclass
class House:
    """Sends mails through the line of a site."""

    site: Site
    zone: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def receive(
        self,
        raw: bytes,
        rcpt_tos: Sequence[str] = (SUPPORT,),
        *,
        mail_from: str | None = None,
        road: Road = Road.LMTP,
        auth_user: str = "",
        origin: dict[str, str | int] | None = None,
    ) -> Settled:
        """Accept one mail, read it and let it become what it becomes. mail_from: None means the author's address."""
        if mail_from is None:
            mail_from = parseaddr(message_from_bytes(raw).get("From", ""))[1]
        site = self.site
        row_id = site.ids.new()
        now = site.clock()
        row = {
            "id": row_id, "received_at": now, "road": str(road), "origin": origin or {}, "mail_from": mail_from,
            "rcpt_tos": list(rcpt_tos), "peer": "", "helo": "", "auth_user": auth_user, "tls": False,
            "size_bytes": len(raw), "raw_sha256": hashlib.sha256(raw).hexdigest(), "raw_blob": False,
            "outcome": str(Outcome.PENDING), "reason": "", "detail": "", "resumed": "", "attempts": 0,
            "next_attempt_at": now, "subject": "",
        }  # fmt: skip
        site.writer.call(lambda c: journal.add(c, [row], [{"journal_id": row_id, "raw": raw}]))
        return self.work()[-1]

    def work(self) -> list[Settled]:
        """Take every mail that waits through the line, once."""
        reader = Reader(MailLimits(), self.site.mint, self.site.blobs, DictResolver(self.zone), (BORDER,))
        claimed = receive.claim(self.site, _OWNER)
        return receive.process(
            self.site, _OWNER, [(mail, reader.read(receive.job_of(self.site, mail))) for mail in claimed]
        )

    def ticket(self, key: str) -> Any:
        """The row of a ticket, with its people."""
        with self.site.writer.database.read() as connection:
            found = tickets.by_key(connection, key)
        assert found is not None, key
        return found

    def token(self, key: str, address: str = ANA[1]) -> str:
        """The token of a person's newest access link to a ticket."""
        with self.site.writer.database.read() as connection:
            return self.site.mint.access_token(_newest_link(connection, key, address))

    def outbox(self, notice: str = "") -> list[Any]:
        """What was written to leave, oldest first; of one kind when asked."""
        query = select(OUTBOX).order_by(OUTBOX.c.id)
        with self.site.writer.database.read() as connection:
            return list(connection.execute(query.where(OUTBOX.c.notice == notice) if notice else query))

    def agents_copy(self, key: str) -> str:
        """The reply address of the newest notice to an agent about that ticket."""
        ticket = self.ticket(key)
        row = [row for row in self.outbox("N19") if row.ticket_id == ticket.id][-1]
        return str(_reply_to(row.body))

    def agent_answers(self, key: str, text: str, *, proven: bool = True) -> Settled:
        """Bruno answers the newest notice about a ticket. proven: by AUTH, else he could be anybody."""
        mail = plain_mail(BRUNO, self.agents_copy(key), "Re: aviso", text, verified=False)
        road, user = (Road.SUBMISSION, BRUNO[1]) if proven else (Road.LMTP, "")
        return self.receive(mail, [self.agents_copy(key)], road=road, auth_user=user)


def _newest_link(connection: Connection, key: str, address: str) -> int:
    ticket = tickets.by_key(connection, key)
    agent = people.agent_by_address(connection, address)
    contact = people.contact_by_address(connection, address)
    assert ticket is not None
    person = {"agent_id": agent.id} if agent else {"contact_id": contact.id if contact else 0}
    found = links.newest(connection, ticket.id, **person)
    assert found is not None, f"{address} has no link to {key}"
    return int(found.id)


def _reply_to(body: str) -> Any:
    return json.loads(body)["reply_to"]


def plain_mail(
    author: tuple[str, str],
    to: str,
    subject: str,
    text: str,
    *,
    verified: bool = True,
    html: str = "",
    images: Sequence[tuple[str, str, bytes]] = (),
    files: Sequence[tuple[str, str, bytes]] = (),
    at: datetime = datetime(2025, 11, 5, 13, 20, tzinfo=UTC),
) -> bytes:
    """A mail as bytes. images: (content id, subtype, bytes), related to the HTML. files: (name, type, bytes).

    verified: with the trusted border's word that the sender is who he says.
    """
    mail = EmailMessage(policy=SMTP)
    if verified:
        domain = author[1].rpartition("@")[2]
        mail["Authentication-Results"] = f"{BORDER}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
    mail["From"] = f'"{author[0]}" <{author[1]}>'
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = at
    seed = hashlib.sha256(f"{author}{to}{subject}{text}{html}".encode()).hexdigest()[:24]
    mail["Message-ID"] = f"<{seed}@{author[1].rpartition('@')[2]}>"
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
        for content_id, subtype, content in images:
            name = f"{content_id.partition('@')[0]}.{subtype}"
            mail.get_payload()[-1].add_related(  # type: ignore[index, union-attr]
                content, "image", subtype, cid=f"<{content_id}>", filename=name, disposition="inline"
            )
    for name, content_type, content in files:
        main, _, sub = content_type.partition("/")
        mail.add_attachment(content, main, sub, filename=name)
    return mail.as_bytes()


def png(width: int = 320, height: int = 180, colour: tuple[int, int, int] = (31, 79, 216)) -> bytes:
    """A PNG of one colour with a lighter frame: something that can be seen."""
    light = bytes(min(255, c + 90) for c in colour)
    rows = []
    for y in range(height):
        edge = y < 8 or y >= height - 8
        inner = light * width if edge else light * 8 + bytes(colour) * (width - 16) + light * 8
        rows.append(b"\0" + inner)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )
