"""The house of `tests/house.py`, with what flows are asked: the journal's rows, a relay that answers, due times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Table, event, func, select, update

from mailgate.authn.resolver import DictResolver
from mailgate.flows import deliver, receive, timers
from mailgate.flows.deliver import Outgoing, Room, Tried
from mailgate.flows.reading import Reader
from mailgate.flows.receive import Settled
from mailgate.flows.rendering import Renderer
from mailgate.flows.workers import Job
from mailgate.i18n import Translations
from mailgate.mail.limits import MailLimits
from mailgate.notify.compose import Composer
from mailgate.notify.transport import DeliveryResult
from mailgate.resources import data_folder
from store import journal, tickets
from store.journal import ClaimedMail
from store.tables import AGENT, COMMENT, CONTACT, JOURNAL, TIMER
from store.vocabulary import Outcome, Road
from tests.conftest import SettableClock
from tests.house import BORDER, SUPPORT, House

OWNER = "test"
ACCEPTED = DeliveryResult("accepted", 250, "2.0.0", "Ok", "relay:25")
LATER = DeliveryResult("deferred", 451, "4.3.0", "try later", "relay:25")
REFUSED = DeliveryResult("failed", 550, "5.1.1", "no such user", "relay:25")

Answer = Callable[[Outgoing], DeliveryResult]


@cache
def _composer() -> Composer:
    """Compiled once: it takes a second, and nothing in it changes."""
    return Composer(data_folder("templates"), Translations.load(data_folder("templates") / "translations"))


@dataclass(frozen=True)
class Sent:
    """One try: what the relay was handed."""

    id: int
    recipient: str
    envelope_from: str
    raw: bytes


@dataclass
class Story(House):
    """A company, its clock, and what left it."""

    clock: SettableClock = field(kw_only=True)
    sent: list[Sent] = field(default_factory=list)
    rendered: int = 0

    def rows(self, table: Table, *where: Any) -> list[Any]:
        """Rows of a table, oldest first."""
        order = table.c.id if "id" in table.c else table.primary_key.columns.values()[0]
        with self.site.writer.database.read() as connection:
            return list(connection.execute(select(table).where(*where).order_by(order)))

    def count(self, table: Table, *where: Any) -> int:
        """How many rows a table has."""
        with self.site.writer.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())

    def journal(self, journal_id: int) -> Any:
        """One mail of the journal."""
        (row,) = self.rows(JOURNAL, JOURNAL.c.id == journal_id)
        return row

    def comments(self, key: str, kind: str = "") -> list[Any]:
        """What was said on a ticket, of one kind when asked."""
        found = self.rows(COMMENT, COMMENT.c.ticket_id == self.ticket(key).id)
        return [row for row in found if not kind or row.kind == kind]

    def events(self, key: str) -> list[str]:
        """What happened to a ticket, in words."""
        ticket_id = self.ticket(key).id
        with self.site.writer.database.read() as connection:
            return [row.kind for row in tickets.events(connection, ticket_id)]

    def told(self, notice: str = "") -> list[tuple[str, str]]:
        """(notice, recipient) of everything written to leave."""
        return [(row.notice, row.recipient) for row in self.outbox(notice)]

    def armed(self, key: str) -> list[Any]:
        """The armed timers of a ticket."""
        return self.rows(TIMER, TIMER.c.ticket_id == self.ticket(key).id, TIMER.c.state == "armed")

    def sweep(self) -> int:
        """Fire what is due."""
        return timers.sweep(self.site, OWNER)

    def later(self, **by: float) -> None:
        """Time passes."""
        self.clock.advance(timedelta(**by))

    def deliver(self, answer: Answer = lambda mail: ACCEPTED) -> list[Sent]:
        """Send everything that is due; the relay says `answer`."""
        mails = self.claimed(OWNER)
        sent = [Sent(m.id, m.recipient, m.envelope_from, m.raw(self.site.blobs)) for m in mails]
        deliver.settle(self.site, OWNER, [Tried(mail, answer(mail)) for mail in mails])
        self.sent += sent
        return sent

    def deliver_without_settling(self, owner: str) -> list[Sent]:
        """Send, and die before it is written down."""
        return [Sent(m.id, m.recipient, m.envelope_from, m.raw(self.site.blobs)) for m in self.claimed(owner)]

    def claimed(self, owner: str) -> list[Outgoing]:
        """Claim and render what is due."""
        return deliver.claim(self.site, owner, Room(), self.submit)

    def submit(self, job: Job) -> Future[Any]:
        """Render at once, as a worker would."""
        self.rendered += 1
        future: Future[Any] = Future()
        try:
            future.set_result(Renderer(_composer(), self.site.blobs, None).render(job.argument))
        except Exception as error:
            future.set_exception(error)
        return future

    # --- steps of the line one by one -------------------------------------------------------------------------------

    def accept(self, raw: bytes) -> int:
        """Put a mail into the journal; its id."""
        row_id = self.site.ids.new()
        now = self.site.clock()
        row = {
            "id": row_id, "received_at": now, "road": str(Road.LMTP), "origin": {}, "mail_from": "x@cliente.test",
            "rcpt_tos": [SUPPORT], "peer": "", "helo": "", "auth_user": "", "tls": False, "size_bytes": len(raw),
            "raw_sha256": hashlib.sha256(raw).hexdigest(), "raw_blob": False, "outcome": str(Outcome.PENDING),
            "next_attempt_at": now,
        }  # fmt: skip
        self.site.writer.call(lambda c: journal.add(c, [row], [{"journal_id": row_id, "raw": raw}]))
        return row_id

    def claim(self, owner: str) -> list[ClaimedMail]:
        """Claim what waits."""
        return receive.claim(self.site, owner)

    def process(self, owner: str, mails: list[ClaimedMail]) -> list[Settled]:
        """Read and process claimed mails."""
        reader = Reader(MailLimits(), self.site.mint, self.site.blobs, DictResolver(self.zone), (BORDER,))
        return receive.process(self.site, owner, [(m, reader.read(receive.job_of(self.site, m))) for m in mails])

    def resume(self, journal_id: int, how: str) -> list[Settled]:
        """A person lets a mail go through the line again."""
        self.site.writer.call(lambda c: journal.resume(c, journal_id, self.site.clock(), how))
        return self.work()

    def unfail(self, journal_id: int) -> None:
        """Forget that a mail failed, and end its lease."""
        fresh = {"attempts": 0, "next_attempt_at": self.site.clock(), "lease_owner": None, "lease_until": None}
        self.site.writer.call(lambda c: c.execute(update(JOURNAL).where(JOURNAL.c.id == journal_id).values(**fresh)))

    def dismiss(self, address: str) -> None:
        """An agent leaves."""
        gone = update(AGENT).where(AGENT.c.address == address).values(active=False)
        self.site.writer.call(lambda c: c.execute(gone))

    def switch_off(self, address: str) -> None:
        """A contact is switched off."""
        off = update(CONTACT).where(CONTACT.c.address == address).values(active=False)
        self.site.writer.call(lambda c: c.execute(off))

    @contextmanager
    def breaking_at(self, number: int, begins_with: str = "seen") -> Iterator[Fault]:
        """A transaction breaks at its statement of that number, before it is sent to the database.

        begins_with: the table that the first statement that counts is about.
        """
        fault = Fault(number, begins_with)
        engine = self.site.writer.database.engine
        event.listen(engine, "before_cursor_execute", fault.count)
        try:
            yield fault
        finally:
            event.remove(engine, "before_cursor_execute", fault.count)


class Broken(Exception):
    """The fault that a test wants."""


class Fault:
    """Counts the statements from the first that names a table."""

    def __init__(self, number: int, begins_with: str) -> None:
        self._left = number
        self._begins_with = begins_with
        self._counting = False
        self.happened = False

    def count(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        """Raise at the statement that was named, once."""
        if self.happened:
            return
        self._counting = self._counting or self._begins_with in statement
        if not self._counting:
            return
        self._left -= 1
        if self._left == 0:
            self.happened = True
            raise Broken(statement)
