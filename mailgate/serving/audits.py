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
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.app import House
from mailgate.errors import Busy
from mailgate.flows.erasing import erased_among
from mailgate.flows.letters import letter
from mailgate.ingest.imap_audit import Books, Seen, Stray, Wire, look, take_in
from mailgate.ingest.journal import DiskReserve, Journal
from mailgate.links.tokens import Mint
from mailgate.mail.envelope import Received
from mailgate.notify.plan import Person
from mailgate.sections import WEEKDAYS
from mailgate.serving.mailboxes import account_of, cursor_of
from mailgate.yamltypes import bound
from store import audits, claims, outbox, people
from store.claims import Deed
from store.vocabulary import Notice, Role

_LOG = log.get("audit")
UNDECIDED_AFTER = timedelta(hours=1)
LATE_AFTER = timedelta(hours=4)
#: Of the daily one: long enough that two that failed are made up for.
_DAILY_SPAN = timedelta(days=3)
#: After a failure of ours; a mailbox that cannot be reached is told of, not tried again.
_RETRY_SECONDS = 600.0


@dataclass(slots=True)
class Audited:
    """What an audit found. outbox: mails by state, and `late`. late: those that were given up or wait too long."""

    at: datetime
    since: datetime
    seen: Seen = field(default_factory=Seen)
    undecided: int = 0
    outbox: dict[str, int] = field(default_factory=dict)
    late: list[Row[Any]] = field(default_factory=list)

    @property
    def accounted(self) -> int:
        """All but the strays: known, on their way, going out, or thrown away by a person."""
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
            f"{len(self.seen.thrown_away)} thrown away before, "
            f"{self.undecided} undecided; {states or 'none'} sent out, {self.outbox.get('late', 0)} late; "
            f"{len(self.seen.unreached)} folders not reached"
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the mailboxes to look at: these of them, and these folders; none named: all."""

    mailboxes: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        return not self.mailboxes and not self.folders


def audit(
    house: House, since: datetime, scope: Scope = Scope(), stopping: Callable[[], bool] = lambda: False
) -> Audited:
    """Look at everything since then, and keep what was found if it was everything. Raises StoreError."""
    found = _looked(house, since, scope, stopping)
    if scope.is_all:
        house.site.writer.call(lambda connection: audits.put(connection, _row(house, found)))
    return found


def _looked(house: House, since: datetime, scope: Scope, stopping: Callable[[], bool]) -> Audited:
    site, now = house.site, house.site.clock()
    found = Audited(now, since)
    with house.database.read() as connection:
        places = audits.places(connection, since - timedelta(days=2))
        reads = {(row.account, row.folder): cursor_of(row) for row in audits.cursors(connection)}
        found.undecided = audits.undecided(connection, now - UNDECIDED_AFTER)
        found.outbox = audits.outbox(connection, since, now - LATE_AFTER)
        found.late = audits.unsent(connection, since, now - LATE_AFTER)

    def known(mails: Sequence[tuple[str, str]]) -> set[int]:
        with house.database.read() as connection:
            return _known(connection, site.mint, mails)

    for section in house.settings.imap:
        if not scope.mailboxes or section.label in scope.mailboxes:
            wire = Wire(time.monotonic, stopping, scope.folders)
            look(account_of(section, house.settings), Books(places, reads, known), since, now, found.seen, wire)
    return found


def _row(house: House, found: Audited) -> dict[str, Any]:
    return {
        "id": house.site.ids.new(), "at": found.at, "seen": found.seen.mails, "accounted": found.accounted,
        "strays": len(found.seen.strays), "unreached": len(found.seen.unreached), "unsent": found.unsent,
        "detail": found.line,
    }  # fmt: skip


def take_in_strays(house: House, strays: Sequence[Stray]) -> tuple[list[Stray], list[str]]:
    """Hand strays to the journal: those that it took, and a sentence for each that it could not."""
    site, limits = house.site, house.settings.limits
    disk = DiskReserve(house.settings.data, bound(limits.free_disk_bytes))
    journal = Journal(site.writer, site.blobs, site.ids, site.clock, lambda: None)

    def accept(received: Received) -> str:
        refused = disk.ready(len(received.raw))
        if refused is not None:
            raise Busy(refused.text)
        return journal.accept_now(received)

    taken: list[Stray] = []
    problems: list[str] = []
    for section in house.settings.imap:
        account = account_of(section, house.settings)
        theirs = [one for one in strays if one.account == account.name]
        if theirs:
            done, wrong = take_in(account, theirs, site.clock(), accept, Wire(time.monotonic))
            taken += done
            problems += wrong
    return taken, problems


def _known(connection: Connection, mint: Mint, mails: Sequence[tuple[str, str]]) -> set[int]:
    """The mails that a row has, or that were erased."""
    have = audits.known(connection, [mark for pair in mails for mark in pair])
    have |= erased_among(connection, mint, [mark for _, mark in mails])
    return {place for place, pair in enumerate(mails) if have & set(pair)}


def is_overdue(house: House, connection: Connection) -> bool:
    """Whether no audit was done for longer than `digests.audit.overdue`: the dead man's alarm.

    The gateway's first day has none, nor has a day that is left out of `digests.audit.days`.
    """
    when, zone, now = house.settings.digests.audit, ZoneInfo(house.settings.timezone), house.site.clock()
    last, first = audits.newest(connection), audits.oldest(connection)
    begin = last.at if last is not None else first + timedelta(days=1) if first is not None else now
    overdue = begin + when.overdue
    days = {(begin + timedelta(days=n)).astimezone(zone).weekday() for n in range(1, min((now - begin).days, 7) + 1)}
    overdue += timedelta(days=sum(WEEKDAYS[day] not in when.days for day in days))
    return now > overdue


class DailyAudit:
    """Audits once a day, from the hour of `digests.audit` on. One for a process."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._done: date | None = None
        self._next_try = 0.0
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
        looked_back = first is not None and first.astimezone(local.tzinfo).date() != local.date()
        if not looked_back or _is_of_today(last, local):
            self._done = local.date()  # done, or the gateway's first day: there is nothing to look back on
            return False
        if self._next_try > time.monotonic():
            return False
        self._next_try = time.monotonic() + _RETRY_SECONDS
        found = _looked(house, house.site.clock() - _DAILY_SPAN, Scope(), self._stop.is_set)
        if self._stop.is_set():
            return False  # it was cut short: whoever serves next looks at all of it
        kept: bool = house.site.writer.call(lambda connection: self._keep(connection, found, local))
        self._done = local.date()
        (_LOG.warning if found.troubles else _LOG.info)("audit", line=found.line, told=kept)
        return kept

    def _keep(self, connection: Connection, found: Audited, local: datetime) -> bool:
        """Write it down and tell it, both or neither; False where another node was first, for it may take minutes."""
        claims.alone(connection, Deed.AUDIT)
        if _is_of_today(audits.newest(connection), local):
            return False
        audits.put(connection, _row(self._house, found))
        if self._house.site.sends(Notice.AUDIT):
            self._tell(connection, found)
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


def _is_of_today(last: Row[Any] | None, local: datetime) -> bool:
    return last is not None and last.at.astimezone(local.tzinfo).date() == local.date()
