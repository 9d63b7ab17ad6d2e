"""The IMAP road of a node: one thread an account, cursors in the database, mails into the journal."""

from __future__ import annotations

import random
import threading
import time
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.app import House, imap_password, token_source
from mailgate.authn.oauth import TokenSource
from mailgate.errors import Unavailable
from mailgate.flows.site import Site
from mailgate.ingest.imap import Cursor, ImapAccount, ImapHealth, ImapWorker, Oversize
from mailgate.ingest.imap_account import Flag, ImapTimeouts, Leave, Move, Since
from mailgate.ingest.imap_desk import Known
from mailgate.ingest.journal import DiskReserve, Journal
from mailgate.sections import ImapAccount as ImapSection
from mailgate.settings import Settings
from mailgate.yamltypes import seconds
from store import audits, cursors
from store.errors import StoreError

_LOG = log.get("imap")


class StoredCursors:
    """Cursors in the database."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def get(self, account: str, folder: str) -> Cursor | None:
        """How far a folder was read. Raises Unavailable when the database is away."""
        try:
            with self._site.writer.database.read() as connection:
                row = cursors.get(connection, account, folder)
        except StoreError as error:
            raise Unavailable(str(error)) from error
        return cursor_of(row) if row is not None else None

    def put(self, account: str, folder: str, cursor: Cursor) -> None:
        """Keep how far it was read; durable when it returns. Raises Unavailable when the database is away."""

        def work(connection: Connection) -> None:
            place = {
                "uidvalidity": cursor.uidvalidity, "last_uid": cursor.last_uid, "pending": cursor.pending,
                "old_until": cursor.old_until, "renumbered": cursor.renumbered,
            }  # fmt: skip
            new_id, now = self._site.ids.new(), self._site.clock()
            cursors.put(connection, new_id, account, folder, place, cursor.started_at, now)

        try:
            self._site.writer.call(work)
        except StoreError as error:
            raise Unavailable(str(error)) from error


def _knows(site: Site) -> Known:
    """Asks the journal. Raises Unavailable when the database is away."""

    def known(account: str, sha256: str, received_at: datetime) -> bool:
        try:
            with site.writer.database.read() as connection:
                return audits.is_known(connection, account, sha256, received_at)
        except StoreError as error:
            raise Unavailable(str(error)) from error

    return known


class Mailboxes:
    """All accounts of a node; `health` says how each does, `tokens` are those of accounts that have no password."""

    def __init__(self, house: House, journal: Journal, disk: DiskReserve) -> None:
        self.health = ImapHealth()
        self.tokens: dict[str, TokenSource] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        kept = StoredCursors(house.site)
        for section in house.settings.imap:
            tokens = token_source(section.xoauth2_command, section.oauth)
            if tokens is not None:
                self.tokens[section.label] = tokens
            worker = ImapWorker(
                account=account_of(section, house.settings, tokens),
                cursors=kept,
                accept=journal.accept_now,
                oversize=_too_large,
                clock=house.site.clock,
                monotonic=time.monotonic,
                jitter=random.random,
                health=self.health,
                stop_event=self._stop,
                ready=disk.ready,
                known=_knows(house.site),
            )
            self._threads.append(threading.Thread(target=worker.run, name=f"imap-{section.label}", daemon=True))

    def start(self) -> None:
        """Begin to read."""
        for thread in self._threads:
            thread.start()

    def stop(self, wait_seconds: float) -> None:
        """Finish the mail in hand and log out."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=wait_seconds)


def cursor_of(row: Row[Any]) -> Cursor:
    """A row of `imap_cursor` as the reader's value."""
    return Cursor(row.uidvalidity, row.last_uid, row.started_at, row.pending, row.old_until, row.renumbered)


def account_of(section: ImapSection, settings: Settings, tokens: TokenSource | None = None) -> ImapAccount:
    """The account of a section of the settings. tokens: where its access tokens come from, if not from there."""
    limits = settings.limits
    tokens = tokens or token_source(section.xoauth2_command, section.oauth)
    kind, name = section.after.kind, section.after.name
    after = Move(name) if kind == "move" else Flag(name) if kind == "flag" else Leave()
    since: Since = section.since.on if isinstance(section.since.on, date) else section.since.kind  # type: ignore[assignment]
    return ImapAccount(
        name=section.label,
        host=section.host,
        port=section.port,
        user=section.user,
        address=section.address or settings.addresses[0].address,
        tls=section.tls,
        password="" if tokens else imap_password(section),
        token=tokens.token if tokens else None,
        refused_token=tokens.forget if tokens else lambda: None,
        folders=section.folders,
        since=since,
        after=after,
        poll=_poll(section, settings),
        idle=section.idle,
        max_message_bytes=limits.message_bytes,
        max_literal_bytes=max(limits.imap_literal_bytes, limits.message_bytes),
        timeouts=ImapTimeouts(
            operation=seconds(limits.imap_timeout) or 60.0,
            backoff_first=limits.imap_backoff.total_seconds(),
            backoff_last=seconds(limits.imap_backoff_max) or 300.0,
        ),
        ca_file=str(section.ca_file or ""),
    )


def _poll(section: ImapSection, settings: Settings) -> timedelta:
    """The mailbox's own `poll` where it is written, else `sweeps.imap` where that is; providers count logins."""
    sweeps = settings.sweeps
    if "poll" not in section.model_fields_set and "imap" in sweeps.model_fields_set:
        return sweeps.imap
    return section.poll


def _too_large(mail: Oversize) -> None:
    _LOG.error(
        "mail over the limit left on the server",
        account=mail.account, folder=mail.folder, uid=mail.uid, size_bytes=mail.size_bytes,
    )  # fmt: skip
