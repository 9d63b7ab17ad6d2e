"""Queries on the outbox: mails that wait to leave, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, not_, or_, select, update

from store import fast
from store.claims import claim as claim_rows
from store.errors import LostLease
from store.query import Query
from store.tables import OUTBOX
from store.vocabulary import Notice, OutboxState, Role

_OPEN = (OutboxState.WAITING, OutboxState.SENDING)
_SENT = (
    select(func.count().label("mails"))
    .select_from(OUTBOX)
    .where(OUTBOX.c.notice.in_(bindparam("notices", expanding=True)), OUTBOX.c.created_at > bindparam("since"))
)
_TOLD_OF = Query(
    select(OUTBOX.c.recipient, func.count().label("mails"))
    .where(
        OUTBOX.c.ticket_id == bindparam("ticket_id"),
        OUTBOX.c.created_at > bindparam("since"),
        OUTBOX.c.channel == "mail",
        OUTBOX.c.notice != Notice.TICKET_DIGEST,
    )
    .group_by(OUTBOX.c.recipient)
)
_SENT_TO_MAILBOX = Query(
    select(OUTBOX.c.created_at).where(
        OUTBOX.c.mailbox == bindparam("mailbox"), OUTBOX.c.created_at > bindparam("since")
    )
)
_COUNT_SENT = Query(_SENT.where(OUTBOX.c.channel == "mail"))
_COUNT_SENT_TO = Query(_SENT.where(OUTBOX.c.recipient == bindparam("recipient")))


def enqueue(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert mails to be sent; every row has the same columns."""
    fast.add(connection, OUTBOX, [row | {"mailbox": _counted_for(row)} for row in rows])


def _counted_for(row: dict[str, Any]) -> str | None:
    """The mailbox that an acknowledgement counts for; None for any other mail, which no cap looks for."""
    by_mail = row.get("channel", "mail") == "mail"
    return _mailbox(row["recipient"]) if row["notice"] == Notice.N1 and by_mail else None


def _mailbox(address: str) -> str:
    """What is the same in all spellings of an address that may be one mailbox.

    Letters of either size, dots and what follows a plus make no other mailbox at most providers.
    """
    local, _, domain = address.lower().rpartition("@")
    return f"{local.replace('.', '').partition('+')[0] or local}@{domain}"


def claim(
    connection: Connection,
    state: OutboxState,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    *,
    alive: Collection[str] = (),
    in_hand: Collection[int] = (),
    not_to: Collection[str] = (),
) -> list[Row[Any]]:
    """Claim the mails of one state that are due, the longest waiting first. alive, in_hand: as in `claims.claim`.

    owner: of one loop, which names all that it has in hand: what else is under its lease was left by a failed round.
    not_to: addresses that he wants none for.
    """
    due = and_(OUTBOX.c.state == state, OUTBOX.c.next_attempt_at <= now)
    if not_to:
        due = and_(due, OUTBOX.c.recipient.not_in(sorted(not_to)))
    order = [OUTBOX.c.next_attempt_at, OUTBOX.c.id]
    ids = claim_rows(
        connection, OUTBOX, due, order, owner, now, now + lease, limit, alive=alive, in_hand=in_hand, again=True
    )
    if not ids:
        return []
    return list(connection.execute(select(OUTBOX).where(OUTBOX.c.id.in_(ids)).order_by(OUTBOX.c.id)))


def rendered(connection: Connection, rows: Sequence[tuple[int, bytes | None, str]], owner: str, now: datetime) -> None:
    """Keep the rendered bytes before the first try, so that every try sends the same."""
    for row_id, content, sha256 in rows:
        changes = {
            "rendered": content,
            "rendered_sha256": sha256,
            "first_try_at": now,
            "state": str(OutboxState.SENDING),
        }
        fast.change(connection, OUTBOX, changes, {"id": row_id, "lease_owner": owner}, _one_of(owner, row_id))


def _one_of(owner: str, row_id: int) -> Callable[[int], None]:
    def counted(rows: int) -> None:
        if rows != 1:
            raise LostLease(f"outbox {row_id} was taken over while {owner} held it")

    return counted


def is_held(connection: Connection, row_id: int, owner: str) -> bool:
    """Whether the row is still under this owner's lease."""
    held = select(OUTBOX.c.id).where(OUTBOX.c.id == row_id, OUTBOX.c.lease_owner == owner)
    return connection.execute(held).first() is not None


def settle(connection: Connection, row_id: int, owner: str | None, **values: Any) -> bool:
    """Write what became of a try and end the lease; False when the row was taken over meanwhile."""
    ours = {"lease_owner": owner} if owner is not None else {}
    changes = {"lease_owner": None, "lease_until": None, **values}
    return fast.update(connection, OUTBOX, changes, {"id": row_id, **ours}) == 1


def accepted(connection: Connection, row_id: int, owner: str, lost: Callable[[], None], **values: Any) -> None:
    """As `settle` for a mail that left. lost: called when the row was taken over meanwhile."""
    changes = {"lease_owner": None, "lease_until": None, **values}
    fast.change(
        connection, OUTBOX, changes, {"id": row_id, "lease_owner": owner}, lambda rows: None if rows else lost()
    )


def give_back(connection: Connection, row_ids: Collection[int], owner: str) -> None:
    """End this owner's lease of mails that he did not begin with."""
    ours = and_(OUTBOX.c.id.in_(sorted(row_ids)), OUTBOX.c.lease_owner == owner)
    connection.execute(update(OUTBOX).where(ours).values(lease_owner=None, lease_until=None))


def by_id(connection: Connection, row_id: int) -> Row[Any] | None:
    """One outgoing mail."""
    return connection.execute(select(OUTBOX).where(OUTBOX.c.id == row_id)).first()


def take_back(connection: Connection, row_id: int, now: datetime) -> Row[Any] | None:
    """A mail that has not left and that nobody is sending at this moment, for a person to change; locked on PostgreSQL.

    None where it has left meanwhile, or is in somebody's hand.
    """
    c = OUTBOX.c
    free = or_(c.lease_until.is_(None), c.lease_until <= now)
    query = select(OUTBOX).where(c.id == row_id, c.state.in_((*_OPEN, OutboxState.FAILED)), free)
    return connection.execute(query.with_for_update()).first()


def by_message_id(connection: Connection, message_id: str) -> Row[Any] | None:
    """The outgoing mail with that Message-ID."""
    return connection.execute(select(OUTBOX).where(OUTBOX.c.message_id == message_id)).first()


def newest_with_token(connection: Connection, token: str) -> Row[Any] | None:
    """The newest outgoing mail whose Message-ID begins with this token (a range of the index, not a pattern)."""
    c = OUTBOX.c
    found = select(OUTBOX).where(c.message_id >= f"{token}.", c.message_id < f"{token}/").order_by(c.id.desc())
    return connection.execute(found.limit(1)).first()


def returned(connection: Connection, row_id: int, answer: str, now: datetime) -> None:
    """A mail that the relay took did not arrive. What waits, was given up or dropped stays as it is."""
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.id == row_id, OUTBOX.c.state == OutboxState.ACCEPTED)
        .values(state=str(OutboxState.RETURNED), answer=answer, settled_at=now)
    )


def of_ticket(connection: Connection, ticket_id: int) -> list[Row[Any]]:
    """Every mail sent or to be sent about a ticket, oldest first."""
    return list(connection.execute(select(OUTBOX).where(OUTBOX.c.ticket_id == ticket_id).order_by(OUTBOX.c.id)))


def count_sent(connection: Connection, notices: Sequence[str], since: datetime, recipient: str | None = None) -> int:
    """How many of these notices were written since then, to one address (or number of another channel) or by mail to
    all."""
    named = list(notices)
    if recipient is None:
        return int(_COUNT_SENT.all(connection, notices=named, since=since)[0][0])
    return int(_COUNT_SENT_TO.all(connection, notices=named, since=since, recipient=recipient)[0][0])


def told_at(connection: Connection, ticket_id: int, notice: Notice, contact_id: int) -> datetime | None:
    """When a notice about a ticket was written to a customer the last time; None for never."""
    c = OUTBOX.c
    query = select(func.max(c.created_at)).where(
        c.ticket_id == ticket_id, c.notice == notice, c.person_id == contact_id, c.recipient_role == Role.CUSTOMER
    )
    return connection.execute(query).scalar()


def told_of(connection: Connection, ticket_id: int, since: datetime) -> dict[str, int]:
    """How many notices of a ticket were written to each address since then, digests aside."""
    return {row.recipient: row.mails for row in _TOLD_OF.all(connection, ticket_id=ticket_id, since=since)}


def digest_of(connection: Connection, ticket_id: int, recipient: str, after: datetime) -> Row[Any] | None:
    """The digest of a ticket that waits for an address and is due after an instant."""
    c = OUTBOX.c
    wanted = select(OUTBOX).where(
        c.ticket_id == ticket_id, c.recipient == recipient, c.notice == Notice.TICKET_DIGEST,
        c.state == OutboxState.WAITING, c.attempts == 0, c.next_attempt_at > after,
    )  # fmt: skip
    return connection.execute(wanted.order_by(c.id).limit(1)).first()


def change_waiting(connection: Connection, row_id: int, body: str) -> bool:
    """Let a mail that nobody has begun with tell something else; False where somebody has."""
    c = OUTBOX.c
    ours = and_(c.id == row_id, c.state == OutboxState.WAITING, c.lease_owner.is_(None))
    return connection.execute(update(OUTBOX).where(ours).values(body=body)).rowcount == 1


def sent_to_mailbox(connection: Connection, since: datetime, recipient: str) -> list[datetime]:
    """When acknowledgements were written since then, to an address or to one that may be another spelling of it.

    For bounds only: nobody is taken for somebody else.
    """
    found = _SENT_TO_MAILBOX.all(connection, mailbox=_mailbox(recipient), since=since)
    return [row[0] for row in found]


def acknowledged(connection: Connection, recipient: str, since: datetime) -> set[int]:
    """The tickets whose acknowledgement was written to this address since then."""
    c = OUTBOX.c
    query = select(c.ticket_id).where(c.recipient == recipient, c.notice == Notice.N1, c.created_at >= since)
    return {row[0] for row in connection.execute(query)}


def waiting(connection: Connection, limit: int = 200) -> list[Row[Any]]:
    """What has not left, oldest first, and what was given up in the last days."""
    query = (
        select(OUTBOX)
        .where(or_(OUTBOX.c.state.in_(_OPEN), OUTBOX.c.state == OutboxState.FAILED))
        .order_by(OUTBOX.c.id)
        .limit(limit)
    )
    return list(connection.execute(query))


def late(connection: Connection, before: datetime, limit: int = 1000) -> list[Row[Any]]:
    """Mails to customers about tickets that were tried and have been on their way since before then, oldest first."""
    c = OUTBOX.c
    query = (
        select(OUTBOX)
        .where(
            c.state.in_(_OPEN),
            c.attempts > 0,
            func.coalesce(c.first_try_at, c.created_at) <= before,
            c.recipient_role == Role.CUSTOMER,
            c.channel == "mail",
            c.ticket_id.is_not(None),
        )
        .order_by(c.id)
        .limit(limit)
    )
    return list(connection.execute(query))


def left_since(connection: Connection, since: datetime) -> bool:
    """Whether the relay took any mail since then."""
    c = OUTBOX.c
    taken = select(c.id).where(c.state == OutboxState.ACCEPTED, c.settled_at >= since, c.channel == "mail").limit(1)
    return connection.execute(taken).first() is not None


def oldest_waiting(connection: Connection, now: datetime) -> datetime | None:
    """When the oldest mail that has not left was written; None when nothing waits. A digest that gathers does not."""
    c = OUTBOX.c
    gathers = and_(c.notice.in_((Notice.ACK_DIGEST, Notice.TICKET_DIGEST)), c.next_attempt_at > now, c.attempts == 0)
    return connection.execute(select(func.min(c.created_at)).where(c.state.in_(_OPEN), not_(gathers))).scalar()


def counts(connection: Connection) -> dict[str, int]:
    """How many rows there are in each state."""
    rows = connection.execute(select(OUTBOX.c.state, func.count()).group_by(OUTBOX.c.state))
    return {row[0]: row[1] for row in rows}
