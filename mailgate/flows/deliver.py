"""The outbound line: claim, render once, send, settle. At least once, with the same bytes at every try.

Rendering happens in workers, sending in threads of the caller, settling in shared transactions. A permanent failure
becomes an event on the ticket and is told to the agent, never to the outside (no bounce of a bounce).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from mailgate import log
from mailgate.flows.offering import with_articles
from mailgate.flows.outlook import due
from mailgate.flows.reaching import count_failure
from mailgate.flows.rendering import Rendered, RenderJob, Told, job_of, told_by
from mailgate.flows.site import Site
from mailgate.flows.workers import Job
from mailgate.links.tokens import ReplyIdentity, bounce_address, reply_address
from mailgate.mail.build import Unaddressable
from mailgate.mail.dsn_reason import best_status, reason_of
from mailgate.mail.headers import one_line
from mailgate.notify.transport import DeliveryResult
from scheduler.backoff import GiveUp, next_attempt_at
from store import blob_rows, outbox, people, tickets
from store.blobs import Blobs
from store.vocabulary import Notice, OutboxState, Role

_LOG = log.get("deliver")

#: Longer than the longest transaction with a relay (RFC 5321 §4.5.3.2: 10 minutes after the final dot).
LEASE = timedelta(minutes=20)
_RENDER_SECONDS = 30.0
#: Of an address that no mail can be written to (RFC 3463 §3.2: bad destination mailbox address syntax).
_BAD_ADDRESS = "5.1.3"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail ready to be sent."""

    id: int
    envelope_from: str
    recipient: str
    rendered: Rendered
    attempts: int
    first_try_at: datetime
    channel: str = "mail"

    def raw(self, blobs: Blobs) -> bytes:
        """The bytes of the mail. Raises OSError when their blob cannot be read."""
        return self.rendered.content if self.rendered.content is not None else blobs.get(self.rendered.sha256)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a try ended with."""

    mail: Outgoing
    result: DeliveryResult


@dataclass(frozen=True, slots=True)
class Room:
    """What a caller takes. first: mails that were never rendered; later: those that were; so many at most of each.

    in_hand: what he is still sending: a clock that jumps ahead ends its lease early, and it must not leave twice for
    that. crowded: addresses that no mails are wanted for now.
    """

    first: int = 100
    later: int = 100
    in_hand: Collection[int] = ()
    crowded: Collection[str] = ()


def claim(site: Site, owner: str, room: Room, submit: Callable[[Job], Future[Any]]) -> list[Outgoing]:
    """Claim mails that are due, render those tried for the first time, and keep their bytes before anything leaves.

    submit: hands a rendering to a worker. A mail that cannot be rendered is counted as a failed try.
    """
    now = site.clock()

    def work(connection: Connection) -> tuple[list[Row[Any]], dict[int, RenderJob | Exception]]:
        alive, in_hand, not_to = site.peers.alive, room.in_hand, room.crowded
        rows = [
            row
            for state, limit in ((OutboxState.WAITING, room.first), (OutboxState.SENDING, room.later))
            if limit > 0
            for row in outbox.claim(
                connection, state, owner, now, LEASE, limit, alive=alive, in_hand=in_hand, not_to=not_to
            )
        ]
        fresh = [row for row in rows if row.rendered_sha256 is None]
        told = told_by(connection, fresh)
        return rows, {row.id: _job(connection, site, row, now, told) for row in fresh}

    if room.first <= 0 and room.later <= 0:
        return []
    rows, jobs = site.writer.call(work)
    if not rows:
        return []
    jobs = with_articles(site, rows, jobs)
    made, broken = _render([(i, job) for i, job in jobs.items() if isinstance(job, RenderJob)], submit)
    broken |= {row_id: job for row_id, job in jobs.items() if isinstance(job, Exception)}
    if made:
        kept = [(row_id, one.content, one.sha256) for row_id, one in made.items()]
        site.writer.call(lambda connection: outbox.rendered(connection, kept, owner, now))
    for row_id, error in broken.items():
        row = next(r for r in rows if r.id == row_id)
        _could_not_render(site, owner, row, error)
    return [
        Outgoing(
            id=row.id,
            envelope_from=row.envelope_from,
            recipient=row.recipient,
            rendered=made.get(row.id) or Rendered(row.rendered_sha256, row.rendered),
            attempts=row.attempts,
            first_try_at=row.first_try_at or now,
            channel=row.channel,
        )
        for row in rows
        if row.id not in broken
    ]


def _job(connection: Connection, site: Site, row: Row[Any], now: datetime, told: Told) -> RenderJob | Exception:
    """What a worker needs, or why this one row cannot be made: it must not keep the others from leaving."""
    try:
        return job_of(connection, site, row, now, told)
    except SQLAlchemyError:  # of the database, not of the row
        raise
    except Exception as error:
        _LOG.error("mail not rendered", outbox_id=row.id, error=type(error).__name__)
        return error


def _render(
    jobs: Sequence[tuple[int, RenderJob]], submit: Callable[[Job], Future[Any]]
) -> tuple[dict[int, Rendered], dict[int, Exception]]:
    futures = [(row_id, submit(Job("render", job, _RENDER_SECONDS))) for row_id, job in jobs]
    made: dict[int, Rendered] = {}
    broken: dict[int, Exception] = {}
    for row_id, future in futures:
        try:
            made[row_id] = future.result()
        except Exception as error:  # one template's fault must not stop the other mails
            _LOG.error("mail not rendered", outbox_id=row_id, error=type(error).__name__)
            broken[row_id] = error
    return made, broken


def _could_not_render(site: Site, owner: str, row: Row[Any], error: Exception) -> None:
    """Try again later; a mended template or a found blob lets it go out. Nothing mends an address."""
    attempts = row.attempts + 1
    now = site.clock()
    first = row.first_try_at or row.created_at
    answer = one_line(f"could not be rendered: {type(error).__name__}: {error}")[:500]
    try:
        if isinstance(error, Unaddressable):
            answer = one_line(f"{_BAD_ADDRESS} {error}")[:500]
            raise GiveUp(answer)
        again = next_attempt_at(
            first, attempts, now, site.random(), retry=site.retry.intervals, give_up=site.retry.give_up
        )
        values: dict[str, Any] = {"state": str(OutboxState.WAITING), "next_attempt_at": again}
    except GiveUp:
        values = {"state": str(OutboxState.FAILED), "settled_at": now}

    def work(connection: Connection) -> None:
        ours = outbox.settle(connection, row.id, owner, attempts=attempts, answer=answer, **values)
        if ours and values["state"] == OutboxState.FAILED:
            _tell_failure(connection, site, row.id, answer)

    site.writer.call(work)


def is_ours(site: Site, owner: str, mail: Outgoing) -> bool:
    """Whether a claimed mail is still ours to send: asked by who may have been frozen since. Raises StoreError."""
    with site.writer.database.read() as connection:
        held = outbox.is_held(connection, mail.id, owner)
    if not held:
        _taken_over(mail)
    return held


def give_back(site: Site, owner: str, row_ids: Collection[int]) -> None:
    """End the lease of mails that were claimed and not begun: they are due as before."""
    site.writer.call(lambda connection: outbox.give_back(connection, row_ids, owner))


def settle(site: Site, owner: str, tried: Sequence[Tried]) -> list[datetime]:
    """Write what became of these tries, in one transaction; when those that were deferred may go again."""

    lost: set[int] = set()

    def work(connection: Connection) -> tuple[list[datetime], bool]:
        lost.clear()
        again = [_settle(connection, site, owner, one, lost) for one in tried]
        copying = bool(_large(tried)) and blob_rows.is_being_copied(connection, site.clock())
        return [at for at in again if at is not None], copying

    times, copying = site.writer.call(work)
    for one in _large(tried) if not copying else ():
        if one.mail.id not in lost:  # else it is in another's hands, who sends these very bytes
            with suppress(OSError):  # as a crash before this: it is left to the sweep
                site.blobs.delete(one.mail.rendered.sha256)
    return times


def _large(tried: Sequence[Tried]) -> list[Tried]:
    """Those that left and whose bytes are a blob."""
    return [one for one in tried if one.result.state == "accepted" and one.mail.rendered.content is None]


def _settle(connection: Connection, site: Site, owner: str, tried: Tried, lost: set[int]) -> datetime | None:
    """lost: gets the ids of mails that left and are another's by now."""
    mail, result, now = tried.mail, tried.result, site.clock()
    attempts = mail.attempts + 1
    again: datetime | None = None
    answer = one_line(f"{result.code} {result.enhanced} {result.text}")[:500]
    values: dict[str, Any] = {"attempts": attempts, "answer": answer}
    if result.state == "accepted":
        values |= {"state": str(OutboxState.ACCEPTED), "settled_at": now, "rendered": None}
    elif result.state == "failed":
        values |= {"state": str(OutboxState.FAILED), "settled_at": now}
    else:
        try:
            again = next_attempt_at(
                mail.first_try_at, attempts, now, site.random(), retry=site.retry.intervals, give_up=site.retry.give_up
            )
            values |= {"state": str(OutboxState.SENDING), "next_attempt_at": again}
        except GiveUp:
            values |= {"state": str(OutboxState.FAILED), "settled_at": now, "answer": f"given up: {answer}"}
    if result.state == "accepted":

        def taken_over() -> None:
            lost.add(mail.id)
            _taken_over(mail)

        outbox.accepted(connection, mail.id, owner, taken_over, **values)
    elif not outbox.settle(connection, mail.id, owner, **values):
        _taken_over(mail)
        return None
    _LOG.info("mail tried", outbox_id=mail.id, state=values["state"], code=result.code, attempts=attempts)
    if values["state"] == OutboxState.FAILED:
        _tell_failure(connection, site, mail.id, values["answer"])
    return again


def _taken_over(mail: Outgoing) -> None:
    _LOG.warning("outgoing mail taken over by another node", outbox_id=mail.id)


def _tell_failure(connection: Connection, site: Site, outbox_id: int, answer: str) -> None:
    """A customer's mail could not be delivered: an event on the ticket, and the agent is told."""
    row = outbox.by_id(connection, outbox_id)
    if row is None or row.ticket_id is None:
        return
    now = site.clock()
    data = {"notice": row.notice, "recipient": row.recipient, "answer": answer}
    if row.channel != "mail":
        data["channel"] = row.channel
    tickets.add_event(connection, [event_of(site, row.ticket_id, now, "delivery_failed", data)])
    if row.recipient_role != Role.CUSTOMER or row.channel != "mail":  # the mail beside it says what a message said
        return
    status = best_status("", answer, "")
    reason = reason_of(status, answer, "")
    until = count_failure(connection, row.recipient, reason, status, now)
    if until is not None:
        rest = {"address": row.recipient, "until": until.isoformat(), "reason": reason}
        tickets.add_event(connection, [event_of(site, row.ticket_id, now, "address_suppressed", rest)])
    (ticket,) = tickets.by_ids(connection, [row.ticket_id])
    rows = [failure_notice(site, ticket, agent, row, answer, now, until) for agent in agents_of(connection, ticket)]
    outbox.enqueue(connection, rows)


def agents_of(connection: Connection, ticket: Row[Any]) -> list[Row[Any]]:
    """Who is told of what goes wrong with a ticket's mails: its agent, else those of its department."""
    agents = people.agents(connection)
    own = [agent for agent in agents if agent.id == ticket.agent_id]
    return own or [agent for agent in agents if ticket.department in agent.departments]


def event_of(site: Site, ticket_id: int, now: datetime, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The row of an event that nobody did."""
    return {
        "id": site.ids.new(), "ticket_id": ticket_id, "at": now, "kind": kind, "role": str(Role.SYSTEM), "actor": "",
        "data": data, "journal_id": None,
    }  # fmt: skip


def failure_notice(
    site: Site,
    ticket: Row[Any],
    agent: Row[Any],
    failed: Row[Any],
    answer: str,
    now: datetime,
    rests_until: datetime | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """The outbox row that tells an agent of a mail that could not be delivered. reason: `late` if it is still tried."""
    row_id = site.ids.new()
    own = site.own(ticket.address)
    identity = ReplyIdentity(ticket.number, agent.id, Role.AGENT, ticket.version, Notice.DELIVERY_FAILED)
    token = site.mint.reply_token(identity)
    language = agent.language or site.policy.locale
    workflow = site.book().workflow
    body = {
        "language": language,
        "recipient_name": agent.name,
        "from_address": own.address,
        "from_name": site.company.name,
        "reply_to": reply_address(own.address, token) if own.plus else own.address,
        "auto_submitted": "auto-generated",
        "key": ticket.key,
        "subject": ticket.subject,
        "status": workflow.label(ticket.status, language),
        "category": ticket.category,
        "agent": ticket.agent_name or "",
        "department": site.department_labels(ticket.department, language),
        "due_at": due(dict(ticket._mapping)),
        "created_at": ticket.created_at.isoformat(),
        "in_reply_to": "",
        "references": [f"{ticket.key.lower()}.{ticket.id:x}.conversation@{site.host}"],
        "problem": f"{failed.recipient}: {answer}",
        "rests_until": rests_until.isoformat() if rests_until else None,
        "reason": reason,
    }
    return {
        "id": row_id,
        "ticket_id": ticket.id,
        "notice": str(Notice.DELIVERY_FAILED),
        "recipient": agent.address,
        "recipient_role": str(Role.AGENT),
        "person_id": agent.id,
        "verified": True,
        "envelope_from": bounce_address(own.address, token) if own.plus else own.address,
        "message_id": site.mint.message_id(token, row_id, site.host),
        "created_at": now,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "comment_id": None,
        "journal_id": None,
        "state": str(OutboxState.WAITING),
        "next_attempt_at": now,
    }
