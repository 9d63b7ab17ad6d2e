"""/healthz (the process lives), /readyz (it can do its work), /metrics: for supervisors, on a port of their own.

No secrets, no addresses. `readyz` names what does not work: the database, the disk, a mailbox.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mailgate.app import House
from mailgate.ingest.imap import ImapHealth
from mailgate.ingest.journal import DiskReserve
from mailgate.metrics import Metrics
from store import audits, journal, outbox
from store.errors import StoreError


@dataclass(frozen=True, slots=True)
class Watched:
    """What `readyz` looks at."""

    house: House
    disk: DiskReserve
    imap: ImapHealth | None
    metrics: Metrics
    started: Callable[[], bool]


def make_ops(watched: Watched) -> Starlette:
    """The ASGI application of the ops port."""

    def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def readyz(_request: Request) -> Response:
        troubles = find_troubles(watched)
        status = 503 if troubles else 200
        return JSONResponse({"ready": not troubles, "troubles": troubles}, status)

    def metrics(_request: Request) -> Response:
        measure(watched)
        return Response(watched.metrics.text(), media_type="text/plain; version=0.0.4")

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)],
    )


def find_troubles(watched: Watched) -> list[str]:
    """What keeps this node from its work, a sentence each."""
    troubles: list[str] = []
    if not watched.started():
        troubles.append("starting")
    try:
        watched.house.database.ping()
    except StoreError as error:
        troubles.append(str(error))
    if watched.disk.ready(0) is not None:
        troubles.append("the disk has less room than limits.free_disk_bytes")
    if watched.imap is not None:
        troubles += [
            f"mailbox {f.account}, folder {f.folder}: {f.last_error or f.state}"
            for f in watched.imap.snapshot()
            if not f.well and f.last_error
        ]
    if watched.house.shelf.error:
        troubles.append("the rules on disk have mistakes; the last good ones are in force")
    return troubles


def measure(watched: Watched) -> None:
    """Look up the gauges."""
    metrics, now = watched.metrics, watched.house.site.clock()
    metrics.free_disk.set(watched.disk.free_bytes())
    if watched.imap is not None:
        for folder in watched.imap.snapshot():
            metrics.imap_well.labels(folder.account, folder.folder).set(folder.well)
            if folder.last_success_at is not None:
                metrics.imap_success.labels(folder.account, folder.folder).set(folder.last_success_at.timestamp())
    try:
        with watched.house.database.read() as connection:
            for outcome, count in journal.counts(connection).items():
                metrics.journal.labels(outcome).set(count)
            for state, count in outbox.counts(connection).items():
                metrics.outbox.labels(state).set(count)
            last = audits.newest(connection)
            if last is not None:
                metrics.audit_at.set(last.at.timestamp())
                for what in ("seen", "accounted", "strays", "unreached", "unsent"):
                    metrics.audit_found.labels(what).set(getattr(last, what))
            metrics.journal_age.set(_age(now, journal.oldest_pending(connection)))
            metrics.outbox_age.set(_age(now, outbox.oldest_waiting(connection)))
    except StoreError:
        return


def _age(now: datetime, at: datetime | None) -> float:
    return max(0.0, (now - at).total_seconds()) if at is not None else 0.0
