"""What comes out of the settings without the rest of the house: database, blobs, addresses, limits.

A pipe delivery starts a process for each mail, so what it needs must load fast: no rules, no templates here.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from mailgate.errors import Busy, ConfigError, Mistake
from mailgate.mail.addresses import normalise
from mailgate.mail.limits import MailLimits
from mailgate.mail.support import SupportAddress
from mailgate.settings import Settings, secret
from mailgate.yamltypes import seconds
from store import folders, schema
from store.blobs import BlobFolder, Blobs
from store.engine import Database

if TYPE_CHECKING:
    from mailgate.knowledge.base import KnowledgeBase
    from store.bucket import Access


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


def open_blobs(settings: Settings) -> Blobs:
    """Where blobs are. A bucket is not asked yet. Raises ConfigError for credentials that cannot be read."""
    if settings.blobs_url.startswith("s3://"):
        from store.bucket import BlobBucket

        return BlobBucket(bucket_access(settings, os.environ))
    root = Path(settings.blobs_url)
    folders.make(root)
    return BlobFolder(root)


def bucket_access(settings: Settings, environment: Mapping[str, str]) -> Access:
    """How the bucket of `blobs` is reached: settings first, then the environment; the rest is the library's to find.

    Raises ConfigError for a file of credentials that cannot be read.
    """
    from store.bucket import Access

    parts = urlsplit(settings.blobs_url)
    section = settings.object_storage
    said = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    given = _credentials(section.credentials_file) if section.credentials_file is not None else environment
    # The names of the file are those of the environment in small letters.
    key = {name: given.get(name.upper()) or given.get(name) or "" for name in _CREDENTIALS}
    return Access(
        parts.netloc,
        parts.path.strip("/"),
        section.endpoint or said.rstrip("/"),
        section.region or region,
        *key.values(),
    )


_CREDENTIALS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def _credentials(file: Path) -> Mapping[str, str]:
    """The profile `default` of a file as the AWS tools write it, with or without its heading."""
    text = secret(SecretStr(""), file)
    reader = configparser.ConfigParser(interpolation=None)
    try:
        reader.read_string(text if text.lstrip().startswith("[") else f"[default]\n{text}")
        found = dict(reader["default"])
    except (configparser.Error, KeyError):
        found = {}
    if not found.get(_CREDENTIALS[0]) or not found.get(_CREDENTIALS[1]):
        reason = f"has no {_CREDENTIALS[0]} and {_CREDENTIALS[1]} under [default]"
        raise ConfigError([Mistake(str(file), 0, 0, reason)])
    return found


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
