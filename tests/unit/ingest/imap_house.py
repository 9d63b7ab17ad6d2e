"""A worker with everything around it in memory: a journal that may refuse, cursors, an account in a hurry."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from mailgate.errors import MailgateError, SmtpReply
from mailgate.ingest.imap import Cursor, ImapAccount, ImapHealth, ImapTimeouts, ImapWorker, Oversize
from mailgate.mail.envelope import Received
from tests.integration.machine import wait_until

NOW = datetime(2025, 11, 5, 13, 22, tzinfo=UTC)
HASTE = ImapTimeouts(
    connect=5,
    operation=5,
    reidle=540,
    glance=0.02,
    backoff_first=0.02,
    backoff_last=0.1,
    retry_uid_first=0.05,
    retry_uid_last=0.2,
)


def mail(subject: str = "boleto", body: str = "Bom dia") -> bytes:
    return (
        f"Return-Path: <ana@example.org>\r\nFrom: Ana <ana@example.org>\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject}@example.org>\r\n\r\n{body}\r\n"
    ).encode()


class Cursors:
    """Cursors as a database keeps them; `puts` is every one that was written."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Cursor] = {}
        self.puts: list[Cursor] = []
        self.fail: list[MailgateError] = []

    def get(self, account: str, folder: str) -> Cursor | None:
        return self.kept.get((account, folder))

    def put(self, account: str, folder: str, cursor: Cursor) -> None:
        if self.fail:
            raise self.fail.pop()
        self.kept[account, folder] = cursor
        self.puts.append(cursor)


class House:
    """The journal is `taken`; `refuse` is asked first and may raise."""

    def __init__(self, clock: datetime = NOW) -> None:
        self.now = clock
        self.cursors = Cursors()
        self.health = ImapHealth()
        self.taken: list[Received] = []
        self.oversize: list[Oversize] = []
        self.refusals: list[Exception] = []
        self.no_room: SmtpReply | None = None
        self.asked = False

    def accept(self, received: Received) -> str:
        if self.refusals:
            raise self.refusals.pop(0)
        self.taken.append(received)
        return f"j{len(self.taken)}"

    def raws(self) -> list[bytes]:
        return [received.raw for received in self.taken]

    def known(self, account: str, sha256: str, received_at: datetime) -> bool:
        """As a journal does where `asked` says so; else everything is handed over again."""
        return self.asked and any(
            (r.origin["account"], hashlib.sha256(r.raw).hexdigest(), r.received_at) == (account, sha256, received_at)
            for r in self.taken
        )

    def worker(self, account: ImapAccount, stop: threading.Event) -> ImapWorker:
        return ImapWorker(
            account,
            self.cursors,
            self.accept,
            self.oversize.append,
            clock=lambda: self.now,
            monotonic=time.monotonic,
            jitter=lambda: 0.5,
            health=self.health,
            stop_event=stop,
            ready=lambda size: self.no_room,
            known=self.known,
        )

    @contextlib.contextmanager
    def running(self, *accounts: ImapAccount) -> Iterator[None]:
        """A thread for each account, ended at the end."""
        stop = threading.Event()
        threads = [threading.Thread(target=self.worker(a, stop).run, daemon=True) for a in accounts]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(5)
        assert not any(thread.is_alive() for thread in threads), "a worker does not stop within 5 s"

    def cursor(self, account: str = "suporte", folder: str = "INBOX") -> Cursor:
        return wait_until(lambda: self.cursors.get(account, folder), what="a cursor")

    def wait_taken(self, count: int) -> None:
        wait_until(lambda: len(self.taken) >= count, what=f"{count} mails taken")

    def wait_last(self, uid: int, folder: str = "INBOX") -> Cursor:
        """Until the cursor has reached a UID with nothing pending."""

        def reached() -> Cursor | None:
            cursor = self.cursors.get("suporte", folder)
            return cursor if cursor and cursor.last_uid >= uid and not cursor.pending else None

        return wait_until(reached, what=f"cursor at {uid}; it is at {self.cursors.kept}")

    def wait_well(self, account: str = "suporte", folder: str = "INBOX") -> None:
        """Until the folder was read to its end, with nothing failing."""

        def well() -> bool:
            return any(
                h.well and h.last_success_at and (h.account, h.folder) == (account, folder)
                for h in self.health.snapshot()
            )

        wait_until(well, what=f"a well {folder}; health: {self.health.snapshot()}")

    def folder_health(self, account: str = "suporte", folder: str = "INBOX") -> Any:
        return next(h for h in self.health.snapshot() if (h.account, h.folder) == (account, folder))


def account_at(server: Any, **changes: Any) -> ImapAccount:
    """An account on a server of the tests, in clear on loopback, that reads everything and is in a hurry."""
    settings: dict[str, Any] = {
        "name": "suporte",
        "host": server.host,
        "port": server.port,
        "user": "suporte",
        "password": "secret",
        "address": "suporte@example.test",
        "tls": "none",
        "since": "all",
        "poll": timedelta(milliseconds=50),
        "timeouts": HASTE,
    }
    return ImapAccount(**(settings | changes))
