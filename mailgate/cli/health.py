"""`mailgate doctor`: what is wrong now, look by look; one that fails never hides the next.

Everything is read, nothing is changed; what a far end or the database does is told and not raised.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mailgate.cli import probing
from mailgate.cli.probing import Look
from mailgate.errors import ConfigError
from mailgate.yamltypes import bound

if TYPE_CHECKING:
    from mailgate.settings import Settings
    from store.engine import Database

_LAG_WARNING, _LAG_FAILED = timedelta(minutes=1), timedelta(minutes=10)
_OUTBOX_WARNING, _OUTBOX_FAILED = timedelta(minutes=30), timedelta(hours=4)
_CLOCK_SKEW = timedelta(minutes=2)


def examine(settings: Settings) -> Iterator[Look]:
    """Every look, one after the other."""
    yield from _keys(settings)
    yield from _disk(settings)
    yield from _database(settings)
    yield from probing.blobs(settings)
    yield from running(settings)
    if settings.addresses:
        yield from probing.mailboxes(settings, time.monotonic)
        yield from probing.relay(settings)
    try:
        yield from probing.dns(settings, probing.resolver_of(settings))
    except ValueError as error:
        yield Look("DNS", "failed", str(error))


def _keys(settings: Settings) -> Iterator[Look]:
    from mailgate.links.tokens import load_mint

    try:
        load_mint(settings.keys)
    except (ConfigError, OSError) as error:
        yield Look("keys", "failed", str(error))
    else:
        yield Look("keys", "ok", f"{settings.keys} holds the secret of links and reply addresses")


def _disk(settings: Settings) -> Iterator[Look]:
    try:
        stat = os.statvfs(settings.data)
    except OSError as error:
        yield Look("disk", "failed", f"{settings.data}: {error.strerror}")
        return
    free = stat.f_bavail * stat.f_frsize
    reserve = bound(settings.limits.free_disk_bytes) or 0
    text = f"{free >> 20} MiB free at {settings.data}"
    if free < reserve:
        yield Look("disk", "failed", f"{text}, below limits.free_disk_bytes: no mail is accepted")
    else:
        yield Look("disk", "warning" if free < 5 * reserve else "ok", text)


def _database(settings: Settings) -> Iterator[Look]:
    from store.engine import Database
    from store.errors import StoreError

    where = str(settings.data / "mailgate.sqlite") if settings.is_sqlite else "PostgreSQL"
    if settings.is_sqlite and not (settings.data / "mailgate.sqlite").exists():
        yield Look("database", "failed", f"there is none at {where} yet: `mailgate serve` makes it")
        return
    database = Database(settings.database_url)
    try:
        yield from _tables(settings, database, where)
    except StoreError as error:
        yield Look("database", "failed", str(error))
    finally:
        database.close()


def _tables(settings: Settings, database: Database, where: str) -> Iterator[Look]:
    from store import schema

    database.ping()
    found, newest = schema.current(database), schema.newest()
    if found != newest:
        yield Look("database", "failed", f"{where} has schema {found or 'none'}, not {newest}: run `mailgate migrate`")
        return
    yield Look("database", "ok", f"{where}, schema {found}")
    yield from _clock(settings, database)
    yield from _waiting(settings, database)


def _clock(settings: Settings, database: Database) -> Iterator[Look]:
    from store import journal

    now = settings.now()()
    if settings.clock:
        yield Look("clock", "warning", f"it is moved by {settings.clock}, for tests: {now:%Y-%m-%d %H:%M} UTC")
    with database.read() as connection:
        newest = journal.newest(connection)
    if newest is not None and newest > now + _CLOCK_SKEW:
        yield Look("clock", "failed", f"the newest mail came at {newest:%Y-%m-%d %H:%M} UTC, which is still to come")
    elif not settings.clock:
        yield Look("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")


def _waiting(settings: Settings, database: Database) -> Iterator[Look]:
    from store import journal, outbox

    now = settings.now()()
    with database.read() as connection:
        counts, oldest = journal.counts(connection), journal.oldest_pending(connection)
        states, oldest_out = outbox.counts(connection), outbox.oldest_waiting(connection, now)
    yield _lag("journal", counts.get("pending", 0), oldest, now, _LAG_WARNING, _LAG_FAILED, "not decided")
    held = counts.get("held", 0)
    yield Look(
        "held", "warning" if held else "ok", f"{held} wait for a person" + (": `mailgate held list`" * bool(held))
    )
    unsent = states.get("waiting", 0) + states.get("sending", 0)
    yield _lag("outbox", unsent, oldest_out, now, _OUTBOX_WARNING, _OUTBOX_FAILED, "not sent")
    if states.get("failed"):
        yield Look("outbox", "warning", f"{states['failed']} given up: `mailgate outbox list`")


def _lag(
    what: str, count: int, oldest: datetime | None, now: datetime, warning: timedelta, failed: timedelta, how: str
) -> Look:
    if oldest is None:
        return Look(what, "ok", f"0 {how}")
    age = now - oldest
    text = f"{count} {how}, the oldest for {_span(age)}"
    return Look(what, "failed" if age >= failed else "warning" if age >= warning else "ok", text)


def _span(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"


def running(settings: Settings) -> Iterator[Look]:
    """Ask the running node itself (/readyz)."""
    ops = settings.ops
    if ops is None or ops.listen.path is not None or ops.listen.port == 0:
        yield Look("serve", "warning", "`ops` is not configured: whether a node runs is not known")
        return
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(ops.listen.host, ops.listen.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, ops.listen.port, timeout=5.0)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = json.loads(answer.read(65536))
        troubles = [str(t) for t in said["troubles"]]
        warnings = [str(w) for w in said.get("warnings", ())]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        yield Look("serve", "failed", f"no node answers at {ops.listen}/readyz ({why}): is `mailgate serve` running?")
        return
    finally:
        connection.close()
    for trouble in troubles:
        yield Look("serve", "failed", trouble)
    for warning in warnings:
        yield Look("serve", "warning", warning)
    if not troubles:
        yield Look("serve", "ok", f"the node at {ops.listen} is ready")
