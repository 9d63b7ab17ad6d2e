"""What delivery failures mean for an address, written in the transaction of what told of them.

Only failures that are proven to be about a mail of ours come here: the relay's own refusal, or a report that returns
a Message-ID or an envelope sender that we signed, and is about a row of the outbox.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decision import ReturnedMail
from mailgate.decide.facts import Facts
from mailgate.flows.changed import Changed
from mailgate.people.reachable import Reach, after_failure, probing
from store import outbox, suppressions


def settle_report(
    connection: Connection, report: ReturnedMail, facts: Facts, changed: Changed
) -> list[tuple[str, dict[str, str]]]:
    """A report about a mail of ours: its outbox row is returned, and its address is scored, once for each mail.

    Returns the events for the ticket: (kind, data).
    """
    changed.returned = report
    data = {"recipient": report.recipient, "status": report.status, "diagnostic": report.diagnostic}
    events = [(f"delivery_{report.action}", data | {"reason": report.reason})]
    ours = facts.mail.returned if facts.mail is not None else None
    if report.action != "failed" or report.again or ours is None:
        return events
    answer = f"returned: {report.status} {report.diagnostic}"[:500]
    outbox.returned(connection, ours.outbox_id, answer, facts.now)
    if not ours.by_return_path:  # our Message-ID stands in every answer to the mail: whoever reads one may have it
        return events
    until = count_failure(connection, ours.recipient, report.reason, report.status, facts.now, reported=True)
    if until is not None:
        changed.rests_until = until
        told = {"address": ours.recipient, "until": until.isoformat(), "reason": report.reason}
        events.append(("address_suppressed", told))
    return events


def count_failure(
    connection: Connection, address: str, reason: str, status: str, now: datetime, reported: bool = False
) -> datetime | None:
    """Count one failure against an address; until when it gets no notices, None when it still does.

    reported: a report by mail says so, not our own relay.
    """
    row = suppressions.of(connection, [address]).get(address)
    before = reach_of(row)
    after = after_failure(before, reason, now, reported)
    if after is None:
        return before.until if before is not None and before.rests(now) else None
    values = {
        "score": after.score, "scored_at": after.scored_at, "reason": reason, "status": status, "until": after.until,
    }  # fmt: skip
    suppressions.put(connection, address, values)
    return after.until if after.rests(now) else None


def reach_of(row: Row[Any] | None) -> Reach | None:
    """A row of the table as the value that is reckoned with."""
    return Reach(row.score, row.scored_at, row.until) if row is not None else None


def let_one_pass(connection: Connection, address: str, now: datetime) -> bool:
    """Let the next notice to an address go out; False when nothing is known against it."""
    before = reach_of(suppressions.of(connection, [address]).get(address))
    if before is None:
        return False
    after = probing(before, now)
    values = {"score": after.score, "scored_at": after.scored_at, "until": after.until}
    suppressions.change(connection, address, values)
    return True


def forget(connection: Connection, address: str) -> bool:
    """Forget what is known against an address; False when nothing is."""
    return suppressions.forget(connection, address)
