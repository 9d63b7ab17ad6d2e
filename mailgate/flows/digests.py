"""Mails of the calendar: what waits for an agent, what is held, what a customer's manager has open, the week's figures.

Each on its days from its hour on by the company's clock (`digests:` of mailgate.yaml), once, late rather than never;
nobody gets one that says nothing. What was written is read from the outbox, so that a restart repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.flows.figures import Period, of_period
from mailgate.flows.letters import letter
from mailgate.flows.linkrows import new_link
from mailgate.flows.seeing import visible_tickets
from mailgate.flows.site import DigestTime, Site
from mailgate.links.tokens import digest
from mailgate.notify.plan import Person
from mailgate.people import preferences
from store import claims, figures, journal, links, outbox, people
from store.claims import Deed
from store.vocabulary import Category, Notice, Role

_LOG = log.get("digests")
_MOST = 60


class Digests:
    """Writes each day's digests. One for a process; it remembers only which day of which kind is done."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = ZoneInfo(site.timezone)
        self._done: dict[str, date] = {}

    def sweep(self) -> int:
        """Write what is due now; how many mails."""
        local = self._site.clock().astimezone(self._zone)
        today, times = local.date(), self._site.digests
        hours = {"held": times.held, "agents": times.agents, "managers": times.managers, "weekly": times.weekly}
        due = [kind for kind, at in hours.items() if local.hour >= at.hour and self._done.get(kind) != today]
        if not due:
            return 0
        written: int = self._site.writer.call(lambda connection: self._day(connection, local, due))
        self._done.update(dict.fromkeys(due, today))
        if written:
            _LOG.info("digests written", mails=written)
        return written

    def _day(self, connection: Connection, local: datetime, due: list[str]) -> int:
        claims.alone(connection, Deed.DIGESTS)
        times, today = self._site.digests, local.date()
        day = _Day(connection, self._site.pinned(), local)
        if "held" in due and today.weekday() in times.held.days:
            day.held()
        if "agents" in due and today.weekday() in times.agents.days:
            day.agents()
        if "managers" in due:
            day.managers(_newest(times.managers, today))
        if "weekly" in due:
            day.week(_newest(times.weekly, today))
        return day.finish()


def _newest(weekly: DigestTime, today: date) -> date:
    """The last of its days, today included: what was not written since then is late, and is written now."""
    return next(day for back in range(7) if (day := today - timedelta(days=back)).weekday() in weekly.days)


class _Day:
    """One day's digests on one connection."""

    def __init__(self, connection: Connection, site: Site, local: datetime) -> None:
        self._connection = connection
        self._site = site
        self._now = site.clock()
        self._local = local
        self._rows: list[dict[str, Any]] = []
        self._links: list[dict[str, Any]] = []

    def finish(self) -> int:
        links.add(self._connection, self._links)
        outbox.enqueue(self._connection, self._rows)
        return len(self._rows)

    def agents(self) -> None:
        """To each agent: his open tickets, and those of nobody in his departments."""
        for agent in people.agents(self._connection):
            person = self._agent(agent)
            if self._sent(Notice.AGENT_DIGEST, person, self._local.date()):
                continue
            found = figures.open_tickets(self._connection, agent.id, agent.departments)
            if found:
                self._write(Notice.AGENT_DIGEST, person, {"rows": self._tickets(found, person)})

    def held(self) -> None:
        """To the admins (where there is none, to the managers, else to all): the mails that wait for a person."""
        everyone = people.agents(self._connection)
        told = next(
            (found for role in ("admin", "manager") if (found := [a for a in everyone if a.role == role])), everyone
        )
        waiting = journal.held(self._connection, _MOST)
        rows = [
            {"key": f"{r.id:x}", "subject": r.subject, "status": r.reason, "who": r.author or r.mail_from,
             "at": r.received_at.isoformat()}
            for r in waiting
        ]  # fmt: skip
        for agent in told if rows else ():
            person = self._agent(agent)
            if not self._sent(Notice.HELD_DIGEST, person, self._local.date()):
                self._write(Notice.HELD_DIGEST, person, {"rows": rows})

    def managers(self, week: date) -> None:
        """To each customer's manager, once a week: what he may see that is open, and until when."""
        for row in figures.managers(self._connection):
            policy = self._site.policy
            language = row.language if row.language in policy.languages else policy.locale
            person = Person(row.id, row.name, row.address, language, Role.CUSTOMER)
            wanted = preferences.read(row.preferences).digests
            if not wanted or self._sent(Notice.N14, person, week):
                continue
            seen = visible_tickets(self._connection, self._site, row.id, statuses=self._open_statuses(), limit=_MOST)
            found = sorted(seen, key=lambda r: (r.due_at is None, r.due_at or self._now, r.id))
            if found:
                body = {"rows": self._tickets(found, person), "organisation": row.organisation}
                self._write(Notice.N14, person, body)

    def _open_statuses(self) -> list[str]:
        states = self._site.book().workflow.states
        return [k for k, state in states.items() if state.category not in (Category.SOLVED, Category.CLOSED)]

    def week(self, week: date) -> None:
        """To our managers, once a week: the figures of the seven days before that day."""
        since, until = self._midnight(week - timedelta(days=7)), self._midnight(week)
        told = [a for a in people.agents(self._connection) if a.role in ("manager", "admin")]
        told = [a for a in told if not self._sent(Notice.WEEKLY, self._agent(a), week)]
        for agent in told:
            person = self._agent(agent)
            period = of_period(self._connection, self._site, since, until, person.language)
            if period.total.opened or period.total.solved or period.total.overdue or period.total.ratings:
                self._write(Notice.WEEKLY, person, _figures(period))

    # --- a row of the outbox -----------------------------------------------------------------------------------------

    def _agent(self, row: Row[Any]) -> Person:
        policy = self._site.policy
        language = row.language if row.language in policy.languages else policy.locale
        return Person(row.id, row.name, row.address, language, Role.AGENT)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self._local.tzinfo)

    def _sent(self, notice: Notice, person: Person, since: date) -> bool:
        """Whether it was written to this person since that day, or is switched off."""
        if not self._site.sends(notice):
            return True
        return outbox.count_sent(self._connection, [notice], self._midnight(since), person.address) > 0

    def _tickets(self, found: list[Row[Any]], person: Person) -> list[dict[str, Any]]:
        label = self._site.book().workflow.label
        return [
            {
                "key": r.key, "subject": r.subject, "status": label(r.status, person.language), "who": r.requester_name,
                "agent": r.agent_name or "", "due_at": r.due_at.isoformat() if r.due_at else None,
                "overdue": bool(r.due_at and r.due_at <= self._now), "link_id": self._link(r.id, person),
            }
            for r in found[:_MOST]
        ]  # fmt: skip

    def _link(self, ticket_id: int, person: Person) -> int:
        """The person's link to a ticket, made if there is none that still opens and prints as it was."""
        named = {"agent_id": person.id} if person.role is Role.AGENT else {"contact_id": person.id}
        newest: Callable[..., Any] = links.newest
        found = newest(self._connection, ticket_id, **named)
        mint = self._site.mint
        if found is not None and found.expires_at > self._now and found.digest == digest(mint.access_token(found.id)):
            return int(found.id)
        make: Callable[..., dict[str, Any]] = new_link
        row = make(self._site, ticket_id, self._now, **named)
        self._links.append(row)
        return int(row["id"])

    def _write(self, notice: Notice, to: Person, told: dict[str, Any]) -> None:
        self._rows.append(letter(self._site, notice, to, told, self._now))


def _figures(period: Period) -> dict[str, Any]:
    return {
        "figures": [asdict(period.total)],
        "by_agent": [asdict(one) for one in period.by_agent],
        "by_department": [asdict(one) for one in period.by_department],
        "since": period.since.isoformat(),
        "until": (period.until - timedelta(seconds=1)).isoformat(),
    }
