"""The tables of `store/models.py`, `store/article_models.py` and `store/upkeep_models.py` as SQLAlchemy Core tables."""

from __future__ import annotations

from sqlalchemy import Connection, Table
from sqlmodel import SQLModel

from store import article_models, models, upkeep_models


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


JOURNAL = _table(models.Journal)
RAW_MAIL = _table(models.RawMail)
SEEN = _table(models.Seen)
ORGANISATION = _table(models.Organisation)
BRANCH = _table(models.Branch)
CONTACT = _table(models.Contact)
CONTACT_ADDRESS = _table(models.ContactAddress)
AGENT = _table(models.Agent)
TICKET = _table(models.Ticket)
COMMENT = _table(models.Comment)
BLOB = _table(models.Blob)
ATTACHMENT = _table(models.Attachment)
MESSAGE_REFERENCE = _table(models.MessageReference)
PARTICIPANT = _table(models.Participant)
TICKET_BRANCH = _table(models.TicketBranch)
TICKET_ADDRESS = _table(models.TicketAddress)
EVENT = _table(models.Event)
OUTBOX = _table(models.Outbox)
WEBHOOK = _table(models.Webhook)
HAPPENING = _table(models.Happening)
TIMER = _table(models.Timer)
SUPPRESSION = _table(models.Suppression)
ACCESS_LINK = _table(models.AccessLink)
ONE_USE = _table(models.OneUse)
SESSION = _table(models.Session)
IMAP_CURSOR = _table(models.ImapCursor)
LEASE = _table(upkeep_models.Lease)
COUNTER = _table(upkeep_models.Counter)
ARTICLE = _table(article_models.Article)
ARTICLE_VERSION = _table(article_models.ArticleVersion)
ARTICLE_FILE = _table(article_models.ArticleFile)
ERASED = _table(upkeep_models.Erased)
AUDIT = _table(upkeep_models.Audit)


def is_sqlite(connection: Connection) -> bool:
    """Whether this connection is to SQLite."""
    return connection.dialect.name == "sqlite"
