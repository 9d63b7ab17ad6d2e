"""Every table on a page. Instants are aware UTC; ids are made by the program (`store/ids.py`), keys by the database.

`table=True` models do not validate (SQLModel): values are checked where they enter, and hot paths write through
`Model.__table__` with SQLAlchemy Core. Text never holds NUL, which PostgreSQL refuses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from store.indexes import OF_OUTBOX, OF_TICKETS
from store.vocabulary import (
    Category,
    Channel,
    OutboxState,
    Outcome,
    TimerState,
)

_ID = BigInteger().with_variant(Integer, "sqlite")  # INTEGER PRIMARY KEY is SQLite's row id: one tree, not two
_JSON = JSON().with_variant(JSONB(), "postgresql")


def _id() -> Any:
    return Field(sa_column=Column(_ID, primary_key=True, autoincrement=False))


def _ref(table: str, nullable: bool = True, index: bool = False) -> Any:
    column = Column(_ID, ForeignKey(f"{table}.id"), nullable=nullable, index=index)
    return Field(default=None if nullable else ..., sa_column=column)


def _text(nullable: bool = False) -> Any:
    return Field(
        default=None if nullable else "", sa_column=Column(Text, nullable=nullable, default=None if nullable else "")
    )


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(_JSON, nullable=False, default=dict))


class Journal(SQLModel, table=True):
    """One accepted mail and its one outcome. Written before 250; settled by the flow that decided."""

    __tablename__: ClassVar[str] = "journal"
    __table_args__ = (
        Index("ix_journal_due", "outcome", "next_attempt_at", "id"),
        Index("ix_journal_fingerprint", "fingerprint", "received_at"),
        Index("ix_journal_author", "author", "received_at"),
    )
    id: int = _id()
    received_at: datetime
    road: str
    origin: dict[str, Any] = _json()
    mail_from: str
    rcpt_tos: list[str] = Field(default_factory=list, sa_column=Column(_JSON, nullable=False, default=list))
    peer: str = ""
    helo: str = ""
    auth_user: str = ""
    tls: bool = False
    size_bytes: int
    raw_sha256: str = Field(index=True)
    raw_blob: bool = False  # True: the bytes are the blob of that digest; False: in raw_mail
    outcome: str = Outcome.PENDING
    reason: str = ""
    detail: str = _text()
    resumed: str = ""  # "confirmed": its agent confirmed it; "released": a person let it pass
    attempts: int = 0
    next_attempt_at: datetime
    lease_owner: str | None = None
    lease_until: datetime | None = None
    settled_at: datetime | None = None
    fingerprint: str | None = None
    message_id: str | None = Field(default=None, index=True)
    author: str | None = None
    subject: str = _text()
    ticket_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True, index=True))
    duplicate_of: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    record: str | None = _text(nullable=True)  # Facts and Decision as JSON, exactly as they were


class RawMail(SQLModel, table=True):
    """The bytes of one mail as received; beside the journal so that settling a row does not write them again."""

    __tablename__: ClassVar[str] = "raw_mail"
    journal_id: int = Field(sa_column=Column(_ID, ForeignKey("journal.id"), primary_key=True, autoincrement=False))
    raw: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Organisation(SQLModel, table=True):
    """A customer company; its domains tell who belongs to it."""

    __tablename__: ClassVar[str] = "organisation"
    id: int = _id()
    name: str
    domains: list[str] = Field(default_factory=list, sa_column=Column(_JSON, nullable=False, default=list))
    language: str | None = None
    tier: str = ""
    network: str = ""  # the name of the network (franchise, group) that it belongs to with others; "" for none
    cnpj: str = ""  # 14 letters and digits, without dots
    created_at: datetime


class Branch(SQLModel, table=True):
    """A branch (filial, loja) of an organisation."""

    __tablename__: ClassVar[str] = "branch"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)
    id: int = _id()
    organisation_id: int = _ref("organisation", nullable=False)
    name: str
    place: str = _text()  # street and city
    cnpj: str = ""
    address: str = ""  # its own mailbox: told of tickets that are shared with it
    active: bool = True
    created_at: datetime


class Contact(SQLModel, table=True):
    """A person on the customer's side. `address` is the one we write to, as stored."""

    __tablename__: ClassVar[str] = "contact"
    id: int = _id()
    name: str
    address: str = Field(unique=True)
    language: str | None = None
    organisation_id: int | None = _ref("organisation", index=True)
    branch_id: int | None = _ref("branch", index=True)
    role: str = "light"
    may: list[str] | None = Field(default=None, sa_column=Column(_JSON, nullable=True))  # None: as the role may
    active: bool = True
    created_at: datetime
    verified_at: datetime | None = None
    password: str | None = None  # argon2, chosen by the person at an invitation; None: signs in by links only
    whatsapp: str = ""  # +5548999990000 (E.164) of who wants to be told there too; "": nobody asked
    whatsapp_verified_at: datetime | None = None
    phone: str = ""  # as the person writes it
    timezone: str = ""  # IANA; "": the company's
    preferences: dict[str, Any] = _json()  # what the person chose on the pages; `people.preferences` reads it


class ContactAddress(SQLModel, table=True):
    """One more address of a contact: it tells who writes; nothing is ever sent to it."""

    __tablename__: ClassVar[str] = "contact_address"
    address: str = Field(primary_key=True)
    contact_id: int = _ref("contact", nullable=False, index=True)
    added_at: datetime


class Agent(SQLModel, table=True):
    """A person on our side. Rows follow `agents:` of mailgate.yaml; one who left stays, inactive, for the history."""

    __tablename__: ClassVar[str] = "agent"
    id: int = _id()
    name: str
    address: str = Field(unique=True)
    role: str = "agent"
    departments: list[str] = Field(default_factory=list, sa_column=Column(_JSON, nullable=False, default=list))
    language: str | None = None
    active: bool = True
    created_at: datetime


class Ticket(SQLModel, table=True):
    """One matter of one requester. `version` grows with each public comment and each status set by a person."""

    __tablename__: ClassVar[str] = "ticket"
    __table_args__ = OF_TICKETS
    id: int = _id()
    number: int = Field(unique=True, sa_type=BigInteger)
    key: str = Field(unique=True)
    subject: str = _text()
    status: str
    category: str = Category.NEW
    department: str
    topic: str = ""
    priority: str = "normal"
    tags: list[str] = Field(default_factory=list, sa_column=Column(_JSON, nullable=False, default=list))
    requester_id: int = _ref("contact", nullable=False)
    agent_id: int | None = _ref("agent")
    organisation_id: int | None = _ref("organisation")
    branch_id: int | None = _ref("branch")
    visibility: str = ""  # of `people.visibility`; "": as people.yaml says
    channel: str = Channel.MAIL
    address: str = ""  # the support address it came in by
    language: str
    verified: bool = False
    version: int = 1
    created_at: datetime
    updated_at: datetime
    status_since: datetime
    due_at: datetime | None = None
    last_customer_at: datetime | None = None
    last_agent_at: datetime | None = None
    closed_at: datetime | None = None
    follow_up_of: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    claims: str = ""  # the key a stranger named without a right to it
    #: What was said is there.
    joined_into: int | None = Field(default=None, sa_column=Column(_ID, nullable=True, index=True))
    reply_to: str = ""  # where our mail to the requester goes, if not to his own address
    fields: dict[str, Any] = _json()  # what the form's fields, or rules, say; texts by key
    due_soon_for: datetime | None = None  # the due date that was last said to come near
    overdue_for: datetime | None = None  # the due date that was last said to have passed


class Comment(SQLModel, table=True):
    """A public comment or an internal note, as it was said. `reply` is shown, `elided` folded beneath."""

    __tablename__: ClassVar[str] = "comment"
    __table_args__ = (Index("ix_comment_ticket", "ticket_id", "id"),)
    id: int = _id()
    ticket_id: int = _ref("ticket", nullable=False)
    kind: str
    role: str
    channel: str
    contact_id: int | None = _ref("contact")
    agent_id: int | None = _ref("agent")
    author_name: str = ""
    author_address: str = ""
    verified: bool = False
    created_at: datetime
    text: str = _text()
    reply: str = _text()
    elided: str = _text()
    html: str | None = _text(nullable=True)
    message_id: str | None = None
    in_reply_to: str | None = None
    journal_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True, index=True))
    raw_sha256: str | None = None


class Blob(SQLModel, table=True):
    """Bytes stored once, named by their digest; where they are is `store/blobs.py`'s business."""

    __tablename__: ClassVar[str] = "blob"
    sha256: str = Field(primary_key=True)
    size_bytes: int
    created_at: datetime


class Attachment(SQLModel, table=True):
    """A file of a comment."""

    __tablename__: ClassVar[str] = "attachment"
    id: int = _id()
    comment_id: int = _ref("comment", nullable=False, index=True)
    ticket_id: int = _ref("ticket", nullable=False, index=True)
    sha256: str = Field(index=True)
    filename: str
    content_type: str
    size_bytes: int
    inline: bool = False
    content_id: str | None = None


class MessageReference(SQLModel, table=True):
    """Which ticket a Message-ID belongs to; the first mail with an id keeps it. awaited: only an answer came so far."""

    __tablename__: ClassVar[str] = "message_reference"
    message_id: str = Field(primary_key=True)
    ticket_id: int = _ref("ticket", nullable=False, index=True)
    awaited: bool = False


class Participant(SQLModel, table=True):
    """A contact who follows a ticket; `told` is the bell."""

    __tablename__: ClassVar[str] = "participant"
    __table_args__ = (Index("ix_participant_contact", "contact_id"),)
    ticket_id: int = Field(sa_column=Column(_ID, ForeignKey("ticket.id"), primary_key=True, autoincrement=False))
    contact_id: int = Field(sa_column=Column(_ID, ForeignKey("contact.id"), primary_key=True, autoincrement=False))
    contributes: bool = True
    told: bool = True
    added_at: datetime


class TicketBranch(SQLModel, table=True):
    """A branch that a ticket is shared with, besides its own."""

    __tablename__: ClassVar[str] = "ticket_branch"
    __table_args__ = (Index("ix_ticket_branch_branch", "branch_id"),)
    ticket_id: int = Field(sa_column=Column(_ID, ForeignKey("ticket.id"), primary_key=True, autoincrement=False))
    branch_id: int = Field(sa_column=Column(_ID, ForeignKey("branch.id"), primary_key=True, autoincrement=False))


class TicketAddress(SQLModel, table=True):
    """An address in To or Cc of a verified mail on the ticket: it may comment, it is not told."""

    __tablename__: ClassVar[str] = "ticket_address"
    ticket_id: int = Field(sa_column=Column(_ID, ForeignKey("ticket.id"), primary_key=True, autoincrement=False))
    address: str = Field(primary_key=True)


class Event(SQLModel, table=True):
    """What happened to a ticket, in order; never changed."""

    __tablename__: ClassVar[str] = "event"
    __table_args__ = (Index("ix_event_ticket", "ticket_id", "id"),)
    id: int = _id()
    ticket_id: int = _ref("ticket", nullable=False)
    at: datetime
    kind: str
    role: str
    actor: str = ""
    data: dict[str, Any] = _json()
    journal_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))


class Outbox(SQLModel, table=True):
    """One mail to one recipient, written in the transaction of what it tells; rendered once, at the first try.

    channel: mail, or by what else a short message goes; `recipient` is a number then.
    """

    __tablename__: ClassVar[str] = "outbox"
    __table_args__ = OF_OUTBOX
    id: int = _id()
    ticket_id: int | None = Field(default=None, sa_column=Column(_ID, ForeignKey("ticket.id"), index=True))
    notice: str
    recipient: str
    recipient_role: str
    person_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    verified: bool = False
    envelope_from: str = ""
    message_id: str = Field(unique=True)
    created_at: datetime
    body: str = _text()  # the notice as JSON: what is told, as it was when it happened
    comment_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    journal_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    state: str = OutboxState.WAITING
    attempts: int = 0
    first_try_at: datetime | None = None
    next_attempt_at: datetime
    lease_owner: str | None = None
    lease_until: datetime | None = None
    rendered: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    rendered_sha256: str | None = None
    answer: str = _text()  # the relay's last words
    settled_at: datetime | None = None
    mailbox: str | None = None  # of an acknowledgement: whose it is, however the address is spelt
    channel: str = "mail"


class Webhook(SQLModel, table=True):
    """A POST to another program, written in the transaction of what it tells, sent after the commit, tried again."""

    __tablename__: ClassVar[str] = "webhook"
    __table_args__ = (Index("ix_webhook_due", "state", "next_attempt_at"),)
    id: int = _id()
    name: str  # which of the webhooks of mailgate.yaml: where to and the secret stand there
    ticket_id: int | None = _ref("ticket", index=True)
    created_at: datetime
    body: str = _text()
    state: str = OutboxState.WAITING
    attempts: int = 0
    next_attempt_at: datetime
    lease_owner: str | None = None
    lease_until: datetime | None = None
    answer: str = _text()
    settled_at: datetime | None = None


class Happening(SQLModel, table=True):
    """What was decided without a mail: a person on a page or at a terminal, a timer, a due date; with its facts."""

    __tablename__: ClassVar[str] = "happening"
    __table_args__ = (Index("ix_happening_ticket", "ticket_id", "id"), Index("ix_happening_at", "at"))
    id: int = _id()
    ticket_id: int = _ref("ticket", nullable=False)
    at: datetime
    trigger: str  # action | timer | due
    record: str = _text()  # Facts and Decision as JSON, exactly as they were


class Suppression(SQLModel, table=True):
    """What delivery reports said of an address we write to: a score that decays, and until when it gets nothing."""

    __tablename__: ClassVar[str] = "suppression"
    address: str = Field(primary_key=True)  # as the outbox has it
    score: float = 0.0  # as it was at scored_at
    scored_at: datetime
    reason: str = ""  # of the newest report that counted
    status: str = ""
    until: datetime | None = None  # no notices before; None: none is held back


class Timer(SQLModel, table=True):
    """A due time of a ticket; fires once, late rather than never."""

    __tablename__: ClassVar[str] = "timer"
    __table_args__ = (Index("ix_timer_due", "state", "due_at"),)
    id: int = _id()
    ticket_id: int = _ref("ticket", nullable=False, index=True)
    name: str
    status: str  # the status it belongs to: leaving it cancels the timer
    since: str = "entered"
    due_at: datetime
    state: str = TimerState.ARMED
    lease_owner: str | None = None
    lease_until: datetime | None = None
    settled_at: datetime | None = None


class AccessLink(SQLModel, table=True):
    """What a link in a mail allows: one ticket, one person, until a day. Only the token's digest is kept."""

    __tablename__: ClassVar[str] = "access_link"
    id: int = _id()
    digest: str = Field(unique=True)
    ticket_id: int = _ref("ticket", nullable=False, index=True)
    contact_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    agent_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


class OneUse(SQLModel, table=True):
    """A link that does one thing once, by POST (an agent confirms an answer, a contact takes an invitation)."""

    __tablename__: ClassVar[str] = "one_use"
    id: int = _id()
    digest: str = Field(unique=True)
    purpose: str
    journal_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    comment_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    agent_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    contact_id: int | None = Field(default=None, sa_column=Column(_ID, nullable=True))
    detail: str = _text()  # what it is about besides: the address to change to, the number to confirm
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class Session(SQLModel, table=True):
    """A browser in which a contact or an agent has signed in; its cookie carries a token, the row only its digest."""

    __tablename__: ClassVar[str] = "session"
    id: int = _id()
    digest: str = Field(unique=True)
    contact_id: int | None = _ref("contact", index=True)
    agent_id: int | None = _ref("agent", index=True)
    browser: str = ""  # as its person would name it: Firefox, Android
    peer: str = ""  # the network it came from, without the last part
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


class ImapCursor(SQLModel, table=True):
    """How far a folder has been read, under one UIDVALIDITY."""

    __tablename__: ClassVar[str] = "imap_cursor"
    __table_args__ = (UniqueConstraint("account", "folder"),)
    id: int = _id()
    account: str
    folder: str
    uidvalidity: int = Field(sa_type=BigInteger)
    last_uid: int = Field(sa_type=BigInteger)
    pending: str = _text()  # UIDs below last_uid that are still to be taken, as a sequence set (RFC 9051)
    started_at: datetime
    updated_at: datetime
    old_until: datetime | None = None  # the newest mail that was there at the first start, by the server's clock
    renumbered: int = Field(default=0, sa_type=BigInteger)  # up to this UID all was there when all UIDs changed


class Seen(SQLModel, table=True):
    """Which mail carried a fingerprint first: the guard that two workers on two nodes cannot both pass."""

    __tablename__: ClassVar[str] = "seen"
    fingerprint: str = Field(primary_key=True)
    journal_id: int = Field(sa_column=Column(_ID, nullable=False))
    received_at: datetime
