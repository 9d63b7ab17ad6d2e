"""The tables of upkeep: leases, counters, what was erased (as keyed hashes), and what each audit found."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import JSON, BigInteger, Column, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_ID = BigInteger().with_variant(Integer, "sqlite")
_JSON = JSON().with_variant(JSONB(), "postgresql")


class Lease(SQLModel, table=True):
    """Who does a thing that only one node may do, until when, and the fence that grows with each owner."""

    __tablename__: ClassVar[str] = "lease"
    name: str = Field(primary_key=True)
    owner: str
    fence: int = Field(default=0, sa_type=BigInteger)
    until: datetime


class Counter(SQLModel, table=True):
    """A number that only grows: ticket numbers on SQLite (PostgreSQL has a sequence)."""

    __tablename__: ClassVar[str] = "counter"
    name: str = Field(primary_key=True)
    value: int = Field(sa_type=BigInteger)


class Erased(SQLModel, table=True):
    """Something that was erased and must not come back: an HMAC under our key, from which nothing can be read.

    kind: address | mail (of a fingerprint). unfinished: rows are gone, bytes on disk may be left: `blobs` to delete.
    """

    __tablename__: ClassVar[str] = "erased"
    digest: str = Field(primary_key=True)
    kind: str
    at: datetime
    unfinished: bool = Field(default=False, index=True)
    blobs: list[str] = Field(default_factory=list, sa_column=Column(_JSON, nullable=False, default=list))


class Audit(SQLModel, table=True):
    """What one audit found. seen, accounted: mails in the mailboxes. strays: those with no row, and outbox trouble."""

    __tablename__: ClassVar[str] = "audit"
    id: int = Field(sa_column=Column(_ID, primary_key=True, autoincrement=False))
    at: datetime = Field(index=True)
    seen: int = 0
    accounted: int = 0
    strays: int = 0
    unreached: int = 0  # folders that could not be looked at
    unsent: int = 0  # outgoing mails that are late, or sent with nothing known of it
    detail: str = Field(default="", sa_column=Column(Text, nullable=False, default=""))
