"""What comes out of the settings without the rest of the house: database, blobs, addresses, limits.

A pipe delivery starts a process for each mail, so what it needs must load fast: no rules, no templates here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from mailgate.errors import Busy, ConfigError, Mistake
from mailgate.mail.addresses import normalise
from mailgate.mail.limits import MailLimits
from mailgate.mail.support import SupportAddress
from mailgate.settings import Settings, secret
from mailgate.yamltypes import seconds
from store import folders, schema
from store.blobs import BlobFolder
from store.engine import Database

if TYPE_CHECKING:
    from mailgate.knowledge.base import KnowledgeBase


def open_database(settings: Settings, *, migrate: bool) -> Database:
    """The database of the settings, at this program's schema; a new gateway's is made by whoever comes first."""
    if (settings.data / "restoring").exists():
        raise Busy("a restore was begun here and has not ended: run `mailgate restore` again")
    database = Database(settings.database_url)
    is_new = database.path is not None and not database.path.exists()
    if migrate or is_new or schema.current(database) is None:
        schema.migrate(database)
    elif schema.current(database) != schema.newest():
        raise Busy("the database has an older schema: run `mailgate migrate`, or start the new `mailgate serve`")
    return database


def open_blobs(settings: Settings) -> BlobFolder:
    """Where blobs are."""
    if settings.blobs_url.startswith("s3://"):
        reason = "object storage is not built yet; give a folder that all nodes share"
        raise ConfigError([Mistake(str(settings.folder / "mailgate.yaml"), 0, 0, f"`blobs`: {reason}")])
    root = Path(settings.blobs_url)
    folders.make(root)
    return BlobFolder(root)


def open_knowledge(settings: Settings) -> KnowledgeBase:
    """The knowledge base of the settings. Raises ConfigError for a key that cannot be read."""
    from mailgate.knowledge.assistant import Assistant
    from mailgate.knowledge.base import KnowledgeBase

    section, asked = settings.knowledge, settings.assistant
    assistant = None
    if asked is not None:
        key = secret(SecretStr(""), asked.key_file).strip()
        assistant = Assistant(asked.url, asked.model, key, asked.timeout.total_seconds())
    named = section.folder is not None
    folder = section.folder or settings.folder / "knowledge"
    return KnowledgeBase(folder, named, section.public, section.acknowledgement, assistant)


def mail_limits(settings: Settings) -> MailLimits:
    """What one mail may cost."""
    limits = settings.limits
    names = [name for name in MailLimits.__dataclass_fields__ if not name.startswith("parse_seconds")]
    values = {name: getattr(limits, name) for name in names}
    small, large = seconds(limits.parse_small), seconds(limits.parse_large)
    return MailLimits(**values, parse_seconds_small=small or 3600.0, parse_seconds_large=large or 3600.0)


def support_addresses(settings: Settings) -> tuple[SupportAddress, ...]:
    """The addresses that customers write to, as they are compared."""
    return tuple(SupportAddress(normalise(a.address), a.department, a.plus, a.list_id) for a in settings.addresses)
