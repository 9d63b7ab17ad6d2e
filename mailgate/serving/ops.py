"""/healthz (the process lives), /readyz (it can do its work), /metrics: for supervisors, on a port of their own.

No secrets, no addresses. `readyz` names what does not work: the database, the disk, a mailbox. What a person should
look at while mail is served all the same is among its `warnings`: what waits too long, no audit (the dead man's alarm).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mailgate.app import House
from mailgate.authn.oauth import TokenSource
from mailgate.ingest.imap import ImapHealth
from mailgate.ingest.journal import DiskReserve
from mailgate.metrics import Metrics
from mailgate.serving.audits import is_overdue
from store import audits, journal, outbox, timers
from store.bucket import BlobBucket
from store.errors import StoreError
from store.vocabulary import OutboxState, Outcome

#: From when on what waits is worth a look; agents are told of a mail that does not leave after four hours.
_SLOW = {"journal": timedelta(minutes=5), "outbox": timedelta(hours=1), "timer": timedelta(minutes=15)}


@dataclass(frozen=True, slots=True)
class Watched:
    """What `readyz` looks at."""

    house: House
    disk: DiskReserve
    imap: ImapHealth | None
    metrics: Metrics
    started: Callable[[], bool]
    tokens: Mapping[str, TokenSource] = field(default_factory=dict)


def make_ops(watched: Watched) -> Starlette:
    """The ASGI application of the ops port."""

    def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def readyz(_request: Request) -> Response:
        troubles = find_troubles(watched)
        status = 503 if troubles else 200
        said = {"ready": not troubles, "troubles": troubles, "warnings": find_warnings(watched)}
        return JSONResponse(said, status)

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
    blobs = watched.house.site.blobs
    if isinstance(blobs, BlobBucket) and (trouble := blobs.trouble()):
        troubles.append(trouble)
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


def find_warnings(watched: Watched) -> list[str]:
    """What a person should look at; the node does its work."""
    warnings = [f"{name}: no access token can be had" for name, one in watched.tokens.items() if not one.well]
    if watched.imap is not None:
        warnings += [
            f"mailbox {f.account}, folder {f.folder}: {len(f.stuck)} mails cannot be taken, or not moved"
            for f in watched.imap.snapshot()
            if f.stuck
        ]
        warnings += [
            f"mailbox {f.account}, folder {f.folder}: the server gives all mails new numbers again and again"
            for f in watched.imap.snapshot()
            if f.unsteady
        ]
    try:
        with watched.house.database.read() as connection:
            if is_overdue(watched.house, connection):
                last = audits.newest(connection)
                warnings.append(f"no audit since {last.at:%Y-%m-%d %H:%M} UTC" if last else "no audit was ever done")
            warnings += _delays(connection, watched.house.site.clock())
    except StoreError:
        return warnings
    return warnings


def _delays(connection: Connection, now: datetime) -> list[str]:
    """What waits for longer than it should."""
    ages = {
        "journal": ("a mail has waited to be read", journal.oldest_pending(connection)),
        "outbox": ("a mail has waited to leave", outbox.oldest_waiting(connection, now)),
        "timer": ("a timer has been due", timers.oldest_due(connection, now)),
    }
    slow = {what: (said, _age(now, at)) for what, (said, at) in ages.items()}
    return [f"{said} for {s / 60:.0f} minutes" for what, (said, s) in slow.items() if s > _SLOW[what].total_seconds()]


def _all(kinds: type[StrEnum], counted: dict[str, int]) -> dict[str, int]:
    """What was counted, and 0 for the kinds of which there is none any more: a gauge keeps what it was told last."""
    return {str(kind): 0 for kind in kinds} | counted


def measure(watched: Watched) -> None:
    """Look up the gauges; `mailgate_database_up` 0 says that those of the database are not of now."""
    metrics, now = watched.metrics, watched.house.site.clock()
    metrics.rules_well.set(not watched.house.shelf.error)
    metrics.free_disk.set(watched.disk.free_bytes())
    _measure_mailboxes(watched, now)
    try:
        with watched.house.database.read() as connection:
            metrics.timer_lag.set(_age(now, timers.oldest_due(connection, now)))
            metrics.audit_overdue.set(is_overdue(watched.house, connection))
            for outcome, count in _all(Outcome, journal.counts(connection)).items():
                metrics.journal.labels(outcome).set(count)
            for state, count in _all(OutboxState, outbox.counts(connection)).items():
                metrics.outbox.labels(state).set(count)
            last = audits.newest(connection)
            if last is not None:
                metrics.audit_at.set(last.at.timestamp())
                for what in ("seen", "accounted", "strays", "unreached", "unsent"):
                    metrics.audit_found.labels(what).set(getattr(last, what))
            metrics.journal_age.set(_age(now, journal.oldest_pending(connection)))
            metrics.outbox_age.set(_age(now, outbox.oldest_waiting(connection, now)))
    except StoreError:
        metrics.database_up.set(0)
        return
    metrics.database_up.set(1)


def _measure_mailboxes(watched: Watched, now: datetime) -> None:
    metrics = watched.metrics
    for folder in watched.imap.snapshot() if watched.imap is not None else ():
        labels = (folder.account, folder.folder)
        metrics.imap_well.labels(*labels).set(folder.well)
        metrics.imap_taken.labels(*labels).set(folder.taken)
        metrics.imap_stuck.labels(*labels).set(len(folder.stuck))
        metrics.imap_oversize.labels(*labels).set(folder.oversize)
        metrics.imap_renumbered.labels(*labels).set(folder.renumbered)
        if folder.last_success_at is not None:
            metrics.imap_success.labels(*labels).set(folder.last_success_at.timestamp())
    for name, tokens in watched.tokens.items():
        metrics.token_well.labels(name).set(tokens.well)
        if tokens.expires_in is not None:
            metrics.token_expiry.labels(name).set(now.timestamp() + tokens.expires_in)


def _age(now: datetime, at: datetime | None) -> float:
    return max(0.0, (now - at).total_seconds()) if at is not None else 0.0
