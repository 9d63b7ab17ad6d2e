"""Once a quarter each contact of an organisation is asked whether its data are right (N18; R068, A13).

From the first working day of January, April, July and October on, at the hour of `digests.contacts`, late rather than
never; a part at each tick. Whoever administers the organisation's people finds them listed, to be looked over. Who was
asked is read from the outbox, so that a restart asks nobody twice. A contact that nobody ever confirmed, as one that
only wrote a mail, is not asked, nor one that has confirmed within the month before.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.flows.inviting import VERIFY
from mailgate.flows.letters import letter
from mailgate.flows.site import Site
from mailgate.links.tokens import digest
from mailgate.notify.plan import Person
from mailgate.people.roles import permissions
from store import claims, links, outbox, reviews
from store.claims import Deed
from store.vocabulary import Notice, Role

_LOG = log.get("reviews")
#: Mails at each tick, and people named in one mail.
_MOST, _MOST_NAMED = 100, 60
_FRESH = timedelta(days=30)
_OPEN_FOR = timedelta(days=30)
_SATURDAY = 5


class Reviews:
    """Asks who is to be asked. One for a process; it remembers only on which day nobody was left."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = ZoneInfo(site.timezone)
        self._done: date | None = None

    def sweep(self) -> int:
        """Ask some of those who are due; how many."""
        at, local = self._site.digests.contacts, self._site.clock().astimezone(self._zone)
        first = beginning(local.date())
        if at is None or not self._site.sends(Notice.N18) or self._done == local.date():
            return 0
        if local.hour < at.hour or local.date() < _working_day(first):
            return 0
        since = datetime(first.year, first.month, first.day, tzinfo=self._zone)
        asked: int = self._site.writer.call(lambda connection: _ask(connection, self._site.pinned(), since))
        if asked < _MOST:
            self._done = local.date()
        if asked:
            _LOG.info("contacts asked to confirm their data", mails=asked)
        return asked


def beginning(day: date) -> date:
    """The first day of the quarter."""
    return date(day.year, day.month - (day.month - 1) % 3, 1)


def _working_day(day: date) -> date:
    return next(one for n in range(3) if (one := day + timedelta(days=n)).weekday() < _SATURDAY)


def _ask(connection: Connection, site: Site, since: datetime) -> int:
    claims.alone(connection, Deed.REVIEWS)
    due = reviews.unasked(connection, since - _FRESH, since, _MOST)
    leading = {r.organisation_id for r in due if _administers(r)}
    known: dict[int, list[Row[Any]]] = {one: reviews.members(connection, [one], _MOST_NAMED) for one in leading}
    now = site.clock()
    for row in due:
        others = [r for r in known[row.organisation_id] if r.id != row.id] if _administers(row) else []
        _write(connection, site, row, others, now)
    return len(due)


def _administers(row: Row[Any]) -> bool:
    return "contacts" in permissions(row.role, row.may)


def _write(connection: Connection, site: Site, row: Row[Any], others: list[Row[Any]], now: datetime) -> None:
    link_id, expires_at = site.ids.new(), now + _OPEN_FOR
    once = {
        "id": link_id, "digest": digest(site.mint.access_token(link_id, VERIFY)), "purpose": VERIFY,
        "contact_id": row.id, "created_at": now, "expires_at": expires_at,
    }  # fmt: skip
    links.add_one_use(connection, once)
    told = {
        "once_id": link_id, "once": VERIFY, "once_until": expires_at.isoformat(), "organisation": row.organisation,
        "reason": "quarter", "rows": [_shown(one) for one in (row, *others)],
    }  # fmt: skip
    language = row.language if row.language in site.policy.languages else site.policy.locale
    to = Person(row.id, row.name, row.address, language, Role.CUSTOMER)
    outbox.enqueue(connection, [letter(site, Notice.N18, to, told, now)])


def _shown(row: Row[Any]) -> dict[str, Any]:
    """A person as a row of the mail: key is the name, subject the address, who the telephone, agent WhatsApp."""
    at = row.verified_at.isoformat() if row.verified_at else None
    return {"key": row.name, "subject": row.address, "status": "", "who": row.phone, "agent": row.whatsapp, "at": at}
