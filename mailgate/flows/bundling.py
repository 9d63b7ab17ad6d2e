"""Too many notices for one address: the rest comes in one mail an hour later, with everything that it would have said.

`limits.notices_per_address` counts what is written about one ticket to one address; about all tickets together to one
that follows them and that nobody has proven to be his, since whoever may write can name anybody in Cc. What goes beyond
is an entry of a digest that waits in the outbox, not a mail; whether a person is told of it at all was decided before,
so that a digest says nothing that its receiver was not meant to hear. A person's own text that waits for his word,
links he asked for and answers to his commands are not put off. Acknowledgements have caps of their own, and a digest of
keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from mailgate.decide.decision import Decision
from mailgate.decide.facts import Bound
from mailgate.flows.changed import Changed
from mailgate.flows.extras import given
from mailgate.flows.site import Site
from mailgate.notify.plan import Plan
from store import outbox, people
from store.vocabulary import Notice, Role

#: News of a ticket. Not what comes once (N2, N12 with its survey, N15) or answers the person himself.
_NEWS = frozenset(
    {Notice.N5, Notice.N6, Notice.N7, Notice.N8, Notice.N9, Notice.N10, Notice.N11, Notice.N13, Notice.N19}
)
_WAITS = timedelta(hours=1)
_TELL_STATUS = frozenset({Notice.N6, Notice.N8})
#: A digest that is due within this time may be in the making: what comes now begins another.
_MAKING = timedelta(minutes=1)
#: More than this are counted, not told one by one.
_MOST_ENTRIES = 100
_PUT_OFF = "gathered"
_ACK_PUT_OFF = "digest"

Row = dict[str, Any]


def put_off(
    connection: Connection,
    bounds: Sequence[Bound],
    now: datetime,
    ticket_id: int,
    plans: Sequence[Plan],
    address_of: Callable[[Plan], str],
    requester_id: int,
) -> list[Plan]:
    """The plans of what happened on a ticket; those that go beyond a bound are suppressed, with the reason.

    bounds: each holds; none is no limit. address_of: where the mail of a plan goes.
    """
    if not bounds or not any(one.notice in _NEWS and not one.suppressed for one in plans):
        return list(plans)
    counted = [(b, outbox.told_of(connection, ticket_id, now - timedelta(seconds=b.seconds))) for b in bounds]
    customers = {one.to.id for one in plans if one.to.role is Role.CUSTOMER and not one.suppressed}
    strangers = people.unproven(connection, customers - {requester_id})

    def total(planned: Plan, address: str, bound: Bound) -> int:
        if planned.to.role is not Role.CUSTOMER or planned.to.id not in strangers:
            return 0
        return outbox.count_sent(connection, sorted(_NEWS), now - timedelta(seconds=bound.seconds), address)

    def judged(planned: Plan) -> Plan:
        if planned.suppressed or planned.notice not in _NEWS:
            return planned
        address = address_of(planned)
        for bound, told in counted:
            said = f"to this address within {bound.seconds / 60:.0f} minutes"
            if told.get(address, 0) >= bound.count:
                return replace(planned, suppressed=f"{_PUT_OFF}: more than {bound.count} notices of this ticket {said}")
            if total(planned, address, bound) >= bound.count:
                return replace(planned, suppressed=f"{_PUT_OFF}: more than {bound.count} notices {said}, never proven")
        return planned

    return [judged(one) for one in plans]


def digests(
    connection: Connection,
    now: datetime,
    plans: Sequence[Plan],
    row_of: Callable[[Plan], Row],
    entry_of: Callable[[Plan], dict[str, Any]],
) -> list[Row]:
    """New outbox rows for what was put off; what joins a digest that waits already is written there.

    row_of: the outbox row of a plan. entry_of: what the digest is to say of one (`entry`).
    """
    rows: list[Row] = []
    acks = next((p for p in plans if p.suppressed.startswith(_ACK_PUT_OFF)), None)
    if acks is not None:
        rows += _of_acks(connection, now, acks, row_of)
    for planned in plans:
        if planned.suppressed.startswith(_PUT_OFF):
            rows += _of_ticket(connection, now, planned, row_of, entry_of(planned))
    return rows


def entry(site: Site, decision: Decision, changed: Changed, planned: Plan) -> dict[str, Any]:
    """One entry of a digest: the comment that the notice would have told, and the words for where there is none."""
    author, ticket = decision.author, changed.ticket
    rating = given(decision) if planned.notice is Notice.N13 else None
    if rating is not None:
        comment, said = None, f"{rating['rating']}/{site.survey().scale}\n\n{rating['comment']}".strip()
    else:
        comment = planned.comment_id or (None if planned.notice in _TELL_STATUS else changed.comment_id)
        said = f"→ {site.book().workflow.label(ticket['status'], planned.to.language)}" if ticket else ""
    who = author.name or author.address or site.company.name
    return {"comment": comment, "at": decision.at.isoformat(), "who": who, "said": said}


def _of_ticket(
    connection: Connection, now: datetime, planned: Plan, row_of: Callable[[Plan], Row], told: dict[str, Any]
) -> list[Row]:
    """The row of a new digest; none where one that waits took the entry."""
    row = row_of(Plan(Notice.TICKET_DIGEST, planned.to, "many notices of this ticket within a short time"))
    body = json.loads(row["body"])
    waiting = outbox.digest_of(connection, row["ticket_id"], row["recipient"], now + _MAKING)
    if waiting is not None:
        known = json.loads(waiting.body)
        entries, more = known.get("told", []), known.get("more", 0)
        body["told"], body["more"] = (entries, more + 1) if len(entries) >= _MOST_ENTRIES else ([*entries, told], more)
        if outbox.change_waiting(connection, waiting.id, _json(body)):
            return []
    body["told"], body["more"] = [told], 0
    return [row | {"body": _json(body), "comment_id": None, "next_attempt_at": now + _WAITS}]


def _of_acks(connection: Connection, now: datetime, planned: Plan, row_of: Callable[[Plan], Row]) -> list[Row]:
    """One mail an hour from now that names all tickets without an acknowledgement; none when one waits already."""
    if outbox.count_sent(connection, [Notice.ACK_DIGEST], now - _WAITS, planned.to.address):
        return []
    row = row_of(Plan(Notice.ACK_DIGEST, planned.to, "many tickets within an hour"))
    return [row | {"next_attempt_at": now + _WAITS}]


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
