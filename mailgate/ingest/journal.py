"""Step 3 of the line: bytes and row on disk BEFORE 250, before the IMAP flag, before exit 0.

Mails that arrive while a commit is under way share the next one (group commit): nobody waits for a timer, and fifty
peers cost one fsync. Large mails go to the blobs first, durable with their directory entry, then their row. No parser,
no DNS, no template here. Source: RFC 5321 §6.1 (responsibility begins with 250), RFC 1047.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from mailgate import log
from mailgate.clock import Clock
from mailgate.errors import SmtpReply, Unavailable
from mailgate.ingest.flood import DayQuota
from mailgate.mail.envelope import Received
from store import journal
from store.blobs import Blobs
from store.errors import StoreError
from store.ids import IdSource
from store.vocabulary import Outcome
from store.writer import Writer

_LOG = log.get("journal")

#: Raw mails up to this size are kept in the database, larger ones as blobs.
INLINE_BYTES = 256 * 1024
_GROUP_MAILS = 256
_GROUP_BYTES = 32 * 1024 * 1024

DISK_FULL = SmtpReply(452, "4.3.1", "Insufficient storage, please try again later")

Row = tuple[dict[str, Any], dict[str, Any] | None]


class CannotAccept(Unavailable):
    """The mail cannot be made durable now; the peer keeps it and comes again."""

    def __init__(self, reason: str, reply: SmtpReply | None = None) -> None:
        super().__init__(reason)
        if reply is not None:
            self.reply = reply


class Journal:
    """Makes accepted mails durable. `accept` belongs to one event loop; `accept_now` to any thread.

    nudge: called after a commit, so that a worker looks sooner than at its next tick. quota: of a day; None = none.
    """

    def __init__(
        self,
        writer: Writer,
        blobs: Blobs,
        ids: IdSource,
        clock: Clock,
        nudge: Callable[[], None],
        quota: DayQuota | None = None,
    ) -> None:
        self._writer = writer
        self._blobs = blobs
        self._ids = ids
        self._clock = clock
        self._nudge = nudge
        self._quota = quota
        self.burst = Burst()
        self._waiting: list[tuple[Row, asyncio.Future[str]]] = []
        self._under_way = False

    async def accept(self, received: Received) -> str:
        """Make a mail durable; its short id. Raises CannotAccept (the peer is told to come again)."""
        self._weigh(received)
        loop = asyncio.get_running_loop()
        if len(received.raw) > INLINE_BYTES:
            row = await loop.run_in_executor(None, self._row, received)
        else:
            row = self._row(received)
        future: asyncio.Future[str] = loop.create_future()
        self._waiting.append((row, future))
        if not self._under_way:
            self._commit_group(loop)
        return await future

    def accept_now(self, received: Received) -> str:
        """As `accept`, from a thread that may block (a mailbox, a pipe)."""
        self._weigh(received)
        row = self._row(received)
        try:
            self._writer.submit(lambda connection: _add(connection, [row]), urgent=True).result()
        except (StoreError, OSError) as error:
            raise _cannot(error) from error
        self._nudge()
        return short_id(row[0]["id"])

    def _weigh(self, received: Received) -> None:
        """Against the day's quota. What then cannot be made durable was counted too, until the quota is looked up."""
        if self._quota is not None:
            refusal = self._quota.ready(len(received.raw))
            if refusal is not None:
                raise CannotAccept("limits.stored_per_day is reached", refusal)
            self._quota.add(len(received.raw))

    def _commit_group(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand what waits to the writer; what comes meanwhile is the next group."""
        group: list[tuple[Row, asyncio.Future[str]]] = []
        size = 0
        while self._waiting and len(group) < _GROUP_MAILS and size < _GROUP_BYTES:
            row, future = self._waiting.pop(0)
            size += row[0]["size_bytes"]
            group.append((row, future))
        rows = [row for row, _ in group]
        try:
            done = self._writer.submit(lambda connection: _add(connection, rows), urgent=True)
        except Exception as error:  # no thread is to be had: for these mails only, the next ones ask again
            done = Future()
            done.set_exception(error)
        self._under_way = True
        done.add_done_callback(lambda f: loop.call_soon_threadsafe(self._committed, loop, group, f))

    def _committed(
        self, loop: asyncio.AbstractEventLoop, group: list[tuple[Row, asyncio.Future[str]]], done: Future[None]
    ) -> None:
        self._under_way = False
        if self._waiting:
            self._commit_group(loop)
        error = done.exception()
        for row, future in group:
            if future.done():
                continue
            if error is None:
                future.set_result(short_id(row[0]["id"]))
            else:
                future.set_exception(_cannot(error))
        if error is None:
            self.burst.note(len(group))
            self._nudge()
        else:
            _LOG.error("mails not accepted", count=len(group), error=str(error))

    def _row(self, received: Received) -> Row:
        """The row of a mail and of its bytes; a large mail's blob is on disk when this returns."""
        raw, envelope = received.raw, received.envelope
        sha256 = hashlib.sha256(raw).hexdigest()
        large = len(raw) > INLINE_BYTES
        if large:
            try:
                self._blobs.put(raw, sha256)
            except OSError as error:
                raise _cannot(error) from error
        journal_id = self._ids.new()
        row = {
            "id": journal_id,
            "received_at": received.received_at,
            "road": str(received.road),
            "origin": received.origin,
            "mail_from": _clean(envelope.mail_from),
            "rcpt_tos": [_clean(address) for address in envelope.rcpt_tos],
            "peer": envelope.peer,
            "helo": _clean(envelope.helo)[:255],
            "auth_user": envelope.auth_user,
            "tls": envelope.tls,
            "size_bytes": len(raw),
            "raw_sha256": sha256,
            "raw_blob": large,
            "outcome": str(Outcome.PENDING),
            "reason": "",
            "detail": "",
            "resumed": "",
            "attempts": 0,
            "next_attempt_at": self._clock(),
            "subject": "",
        }
        return row, None if large else {"journal_id": journal_id, "raw": raw}


def _add(connection: Connection, rows: list[Row]) -> None:
    journal.add(connection, [row for row, _ in rows], [raw for _, raw in rows if raw is not None])


def short_id(journal_id: int) -> str:
    """How a journal row is named in a 250 and in logs."""
    return f"{journal_id:x}"


def _clean(text: str) -> str:
    """Text of an envelope as it may stand in a row: valid UTF-8, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _cannot(error: BaseException) -> CannotAccept:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    full = full or "full" in str(error)
    return CannotAccept(str(error), DISK_FULL if full else None)


class Burst:
    """Whether peers are being served a burst of mails: then reading them can wait a little, and their 250 need not.

    A burst is more than 32 mails, faster than 150 a second, without a gap of half a second. After five seconds of it
    accepting and reading share the machine again, so that a flood is not only piled up.
    """

    _MOST_SECONDS = 5.0
    _QUIET_SECONDS = 0.3  # longer than a slow commit, which is no sign of fewer mails

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._began = self._last = -1e9
        self._mails = 0

    def note(self, mails: int) -> None:
        """So many mails were made durable just now."""
        now = self._now()
        if now - self._last > 0.5:
            self._began, self._mails = now, 0
        self._last = now
        self._mails += mails

    def flows(self) -> bool:
        """Whether mails are coming in right now, so that nobody should keep the writer for long."""
        return self._now() - self._last < self._QUIET_SECONDS

    def holds(self) -> bool:
        """Whether to put reading off a moment longer."""
        now = self._now()
        lasted = now - self._began
        return (
            self._mails > 32
            and now - self._last < self._QUIET_SECONDS
            and lasted < self._MOST_SECONDS
            and self._mails > 150 * max(lasted, 0.05)
        )


class DiskReserve:
    """Whether the disk has room: below the reserve new mail is put off, so that the rest of the gateway can work."""

    def __init__(self, folder: Path, reserve_bytes: int | None, look_every: timedelta = timedelta(seconds=1)) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._every = look_every.total_seconds()
        self._looked_at = -self._every
        self._free = 0

    def ready(self, size_bytes: int) -> SmtpReply | None:
        """None, or the reply that puts a mail of this size off."""
        if self._reserve is None or self.free_bytes() - size_bytes >= self._reserve:
            return None
        return DISK_FULL

    def free_bytes(self) -> int:
        """Octets that an unprivileged process may still write; looked up at most once a second."""
        now = time.monotonic()
        if now - self._looked_at >= self._every:
            stat = os.statvfs(self._folder)
            self._free = stat.f_bavail * stat.f_frsize
            self._looked_at = now
        return self._free
