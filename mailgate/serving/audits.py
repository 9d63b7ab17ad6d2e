"""An audit (I6): every mail seen has an outcome, and every mail written has left, or somebody is told.

Mailboxes against the journal, the journal against its outcomes, the outbox against what the relay said. What was found
is kept, so that a monitor can tell when it was last done (`mailgate_audit_last_timestamp`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mailgate import log
from mailgate.app import House
from mailgate.flows.erasing import erased_among
from mailgate.flows.letters import letter
from mailgate.ingest.imap_audit import Books, Seen, Wire, look
from mailgate.links.tokens import Mint
from mailgate.notify.plan import Person
from mailgate.sections import WEEKDAYS
from mailgate.serving.mailboxes import account_of
from store import audits, outbox, people
from store.vocabulary import Notice, Role

_LOG = log.get("audit")
UNDECIDED_AFTER = timedelta(hours=1)
LATE_AFTER = timedelta(hours=4)
#: Of the daily one: long enough that two that failed are made up for.
_DAILY_SPAN = timedelta(days=3)


@dataclass(slots=True)
class Audited:
    """What an audit found. outbox: mails by state, and `late`."""

    at: datetime
    since: datetime
    seen: Seen = field(default_factory=Seen)
    undecided: int = 0
    outbox: dict[str, int] = field(default_factory=dict)

    @property
    def accounted(self) -> int:
        return self.seen.mails - len(self.seen.strays)

    @property
    def unsent(self) -> int:
        return self.outbox.get("late", 0) + self.outbox.get("failed", 0)

    @property
    def troubles(self) -> dict[str, int]:
        """What is not as it should be, by its name."""
        found = {
            "strays": len(self.seen.strays), "undecided": self.undecided, "unsent": self.unsent,
            "unreached": len(self.seen.unreached),
        }  # fmt: skip
        return {what: count for what, count in found.items() if count}

    @property
    def line(self) -> str:
        """One line that says it all."""
        states = ", ".join(f"{n} {state}" for state, n in sorted(self.outbox.items()) if n and state != "late")
        return (
            f"{self.seen.mails} mails seen, {self.accounted} accounted for, {len(self.seen.strays)} stray, "
            f"{self.undecided} undecided; {states or 'none'} sent out, {self.outbox.get('late', 0)} late; "
            f"{len(self.seen.unreached)} folders not reached"
        )


def audit(house: House, since: datetime, stopping: Callable[[], bool] = lambda: False) -> Audited:
    """Look at everything since then, and keep what was found. Raises StoreError."""
    site, now = house.site, house.site.clock()
    found = Audited(now, since)
    with house.database.read() as connection:
        places, reads = audits.places(connection, since - timedelta(days=2)), audits.first_reads(connection)
        found.undecided = audits.undecided(connection, now - UNDECIDED_AFTER)
        found.outbox = audits.outbox(connection, since, now - LATE_AFTER)

    def known(mails: Sequence[tuple[str, str]]) -> set[int]:
        with house.database.read() as connection:
            return _known(connection, site.mint, mails)

    for section in house.settings.imap:
        account = account_of(section, house.settings)
        look(account, Books(places, reads, known), since, now, found.seen, Wire(time.monotonic, stopping))
    row = {
        "id": site.ids.new(), "at": now, "seen": found.seen.mails, "accounted": found.accounted,
        "strays": len(found.seen.strays), "unreached": len(found.seen.unreached), "unsent": found.unsent,
        "detail": found.line,
    }  # fmt: skip
    site.writer.call(lambda connection: audits.put(connection, row))
    return found


def _known(connection: Connection, mint: Mint, mails: Sequence[tuple[str, str]]) -> set[int]:
    """The mails that a row has, or that were erased."""
    have = audits.known(connection, [mark for pair in mails for mark in pair])
    have |= erased_among(connection, mint, [mark for _, mark in mails])
    return {place for place, pair in enumerate(mails) if have & set(pair)}


class DailyAudit:
    """Audits once a day, from the hour of `digests.audit` on. One for a process."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._done: date | None = None
        self._stop = threading.Event()

    def stop(self) -> None:
        """Cut short what is under way: the node ends."""
        self._stop.set()

    def sweep(self) -> bool:
        """Audit if it is due and no node has done it today; whether it was done."""
        house, when = self._house, self._house.settings.digests.audit
        local = house.site.clock().astimezone(ZoneInfo(house.settings.timezone))
        if local.hour < when.hour or WEEKDAYS[local.weekday()] not in when.days or self._done == local.date():
            return False
        with house.database.read() as connection:
            last, first = audits.newest(connection), audits.oldest(connection)
        self._done = local.date()
        if first is None or first.astimezone(local.tzinfo).date() == local.date():
            return False  # the gateway's first day: there is nothing to look back on
        if last is not None and last.at.astimezone(local.tzinfo).date() == local.date():
            return False
        found = audit(house, house.site.clock() - _DAILY_SPAN, self._stop.is_set)
        (_LOG.warning if found.troubles else _LOG.info)("audit", line=found.line)
        if house.site.sends(Notice.AUDIT):
            house.site.writer.call(lambda connection: self._tell(connection, found))
        return True

    def _tell(self, connection: Connection, found: Audited) -> None:
        """The day's line, to the admins (where there is none, to the managers, else to all), good or bad."""
        site, policy = self._house.site, self._house.site.policy
        rows = [{"key": "seen", "subject": "", "status": str(found.seen.mails), "who": str(found.accounted)}]
        rows += [{"key": what, "subject": "", "status": str(n)} for what, n in found.troubles.items()]
        everyone = people.agents(connection)
        chosen = (told for role in ("admin", "manager") if (told := [a for a in everyone if a.role == role]))
        letters = []
        for agent in next(chosen, everyone):
            language = agent.language if agent.language in policy.languages else policy.locale
            person = Person(agent.id, agent.name, agent.address, language, Role.AGENT)
            letters.append(letter(site, Notice.AUDIT, person, {"rows": rows}, found.at))
        outbox.enqueue(connection, letters)
