"""What a node tidies once an hour: blobs of nobody, what an erasure left, and what is kept for a time only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from mailgate import log
from mailgate.app import House
from mailgate.clock import utc_now
from mailgate.flows import erasing
from mailgate.flows.erasing import Eraser
from mailgate.yamltypes import seconds
from store import blob_rows, retention

_LOG = log.get("upkeep")
#: Rows of one transaction: the writer is never held for long.
_PART = 200
_MOST_PARTS = 500


class Upkeep:
    """One for a process."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stop = threading.Event()

    def stop(self) -> None:
        """Cut short what is under way: the node ends, and the next hour goes on from there."""
        self._stop.set()

    def sweep(self) -> None:
        """Everything once; what one part cannot do does not keep the others."""
        self._expire()
        self._blobs()
        self._erasures()

    def _expire(self) -> None:
        """What `retention:` says, a part at a time."""
        kept, site = self._house.settings.retention, self._house.site
        now = site.clock()
        sums: tuple[tuple[str, timedelta, Callable[..., int]], ...] = (
            ("raw mails", kept.raw_mails, retention.raw_mails),
            ("sent mails", kept.sent_mails, partial(retention.sent_mails, now=now)),
            ("access links", kept.access_links, retention.access_links),
            ("closed tickets", kept.closed_tickets, self._closed),
        )
        for what, span, take in sums:
            if seconds(span) is None:
                continue
            taken = 0
            for _ in range(_MOST_PARTS):
                part = site.writer.call(partial(_take, take=take, before=now - span))
                taken += part
                if part < _PART or self._stop.is_set():
                    break
            if taken:
                _LOG.info("kept long enough", what=what, count=taken)

    def _closed(self, connection: Connection, before: datetime, limit: int) -> int:
        mint = self._house.site.mint
        return retention.closed_tickets(
            connection,
            before,
            self._house.site.clock(),
            limit,
            lambda sha256: mint.marks("erased bytes", sha256)[0],
        )

    def _blobs(self) -> None:
        """Blobs that no row names, a day after they were made."""
        site = self._house.site
        now = site.clock()
        old = min(now, utc_now()).timestamp() - 86400  # files are dated by the machine's clock, whatever ours says
        for sha256, made_at in site.blobs.all():
            if self._stop.is_set():
                return
            if made_at < old and site.writer.call(partial(blob_rows.may_be_deleted, sha256=sha256, now=now)):
                site.blobs.delete(sha256, made_before=old)

    def _erasures(self) -> None:
        """What an `erase` that was stopped, or a mail that came again, left on the disk."""
        house, site = self._house, self._house.site
        closed = house.shelf.company.workflow.first_of("closed")
        eraser = Eraser(house.database, site.blobs, site.mint, closed, house.settings.retention.erase_list)
        left = erasing.finish(eraser, site.clock())
        if left:
            _LOG.info("erasures finished", count=left)


def _take(connection: Connection, *, take: Callable[..., int], before: datetime) -> int:
    return take(connection, before, limit=_PART)
