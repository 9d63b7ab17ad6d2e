"""Who runs the company learns that a limit holds mail back or has stopped the acknowledgements: once an hour at most.

A flood must not become a flood of mails about it; the mails it held are named by the daily digest, and in the queue.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from mailgate import log
from mailgate.flows.letters import letter
from mailgate.flows.site import Site
from mailgate.notify.plan import Person
from store import claims, journal, outbox, people
from store.claims import Deed
from store.vocabulary import Notice, Role

_LOG = log.get("limits")
_HOUR = timedelta(hours=1)


def sweep(site: Site) -> int:
    """Write what there is to tell; how many mails."""
    if not site.sends(Notice.ALARM):
        return 0
    with site.writer.database.read() as connection:
        found = _reached(connection, site)
        if not found or _was_told(connection, site):
            return 0
    return site.writer.call(lambda connection: _tell(connection, site))


def _reached(connection: Connection, site: Site) -> list[dict[str, Any]]:
    """The rows of the mail: which limit, how many."""
    now = site.clock()
    rows = []
    held = journal.count_held_by_rate(connection, now - _HOUR)
    if held:
        rows.append({"key": "held", "subject": "", "status": str(held)})
    for bound in site.policy.total_acks:
        sent = outbox.count_sent(connection, [Notice.N1], now - timedelta(seconds=bound.seconds))
        if sent >= bound.count:
            rows.append({"key": "acks", "subject": "", "status": str(sent)})
            break
    return rows


def _was_told(connection: Connection, site: Site) -> bool:
    return outbox.count_sent(connection, [Notice.ALARM], site.clock() - _HOUR) > 0


def _tell(connection: Connection, site: Site) -> int:
    """To the admins, where there is none to the managers, else to all agents."""
    claims.alone(connection, Deed.ALARM)
    rows = _reached(connection, site)
    if not rows or _was_told(connection, site):
        return 0
    for row in rows:
        _LOG.error("limit reached", limit=row["key"], count=row["status"])
    everyone = people.agents(connection)
    chosen = next(
        (told for role in ("admin", "manager") if (told := [a for a in everyone if a.role == role])), everyone
    )
    letters = []
    for agent in chosen:
        language = agent.language if agent.language in site.policy.languages else site.policy.locale
        person = Person(agent.id, agent.name, agent.address, language, Role.AGENT)
        letters.append(letter(site, Notice.ALARM, person, {"rows": rows}, site.clock()))
    outbox.enqueue(connection, letters)
    return len(letters)
