"""A running gateway with its people: customers who write, Bruno who answers, and what each finds in the mailbox.

Tests of a module may share one desk: each takes customers of its own, and finds its ticket by them.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urljoin

from mailgate.flows.exporting import export
from mailgate.opening import open_database
from mailgate.settings import load_settings
from store.engine import Database
from tests.integration import clients
from tests.integration.clients import SUPPORT, Client, Person
from tests.integration.dnsstub import DnsStub
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until
from tests.integration.sink import Caught, Sink

BRUNO = Person("Bruno", "bruno@example.test")
_NUMBERS = count(1)


@dataclass
class Desk:
    """One gateway, its far end and its name server."""

    gateway: Gateway
    dns: DnsStub
    _database: Database | None = None

    @property
    def sink(self) -> Sink:
        return self.gateway.sink

    def customer(self, name: str = "Ana Souza", domain: str = "cliente.test") -> Person:
        """A person whom this desk never saw."""
        first = unicodedata.normalize("NFKD", name.split()[0]).encode("ascii", "ignore").decode().lower()
        return Person(name, f"{first}{next(_NUMBERS)}@{domain}")

    def proves(self, domain: str) -> str:
        """Let SPF prove the mails of a domain that come from this machine."""
        self.dns.zone[domain] = {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]}
        return domain

    def now(self) -> datetime:
        return datetime.now(UTC)

    # -- customers -------------------------------------------------------------------------------------------------

    def opens(self, who: Person, subject: str, text: str, client: Client = clients.GMAIL, **more: Any) -> str:
        """`who` writes a first mail; returns the key of the ticket once its acknowledgement is there."""
        self.gateway.send(clients.first(client, who, subject, text, at=self.now(), **more), [SUPPORT], who.address)
        return self.key_of(self.sink.wait_for(1, to=who.address)[0])

    def answers(self, who: Person, mail: Caught, text: str, client: Client = clients.GMAIL, **more: Any) -> bytes:
        """`who` presses Reply on a mail of ours, by plain SMTP; returns the bytes sent."""
        raw = clients.reply(client, who, mail, text, at=self.now(), **more)
        to = more.get("to") or clients.address_of(mail)
        self.gateway.send(raw, [to], who.address)
        return raw

    # -- Bruno -----------------------------------------------------------------------------------------------------

    def bruno(self, mail: Caught, text: str, client: Client = clients.THUNDERBIRD, **more: Any) -> bytes:
        """Bruno presses Reply, signed in on the submission port; returns the bytes sent."""
        raw = clients.reply(client, BRUNO, mail, text, at=self.now(), **more)
        to = more.get("to") or clients.address_of(mail)
        self.gateway.submit(raw, [to], BRUNO.address)
        return raw

    def told(self, who: str, key: str, nth: int = 1, notice: str = "") -> Caught:
        """The nth mail to an address that bears that key in its subject (1 is the first). notice: words in its text."""

        def found() -> list[Caught]:
            mails = [m for m in self.sink.to(who) if key in str(m.message["X-Mailgate-Ticket"]).split()]
            mails = [m for m in mails if notice in m.text] if notice else mails
            return mails if len(mails) >= nth else []

        return wait_until(found, 20, f"mail {nth} about {key} to {who}")[nth - 1]

    def count_told(self, who: str, key: str) -> int:
        """How many mails about a ticket reached an address so far."""
        return sum(key in str(m.message["X-Mailgate-Ticket"]).split() for m in self.sink.to(who))

    @staticmethod
    def key_of(mail: Caught) -> str:
        return str(mail.message["X-Mailgate-Ticket"])

    # -- what came of it ---------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """What `mailgate export --json` prints, without the second that starting a command takes."""
        if self._database is None:
            self._database = open_database(
                load_settings(self.gateway.home / "mailgate.yaml", self.gateway.env), migrate=False
            )
        with self._database.read() as connection:
            return list(export(connection, None))

    def close(self) -> None:
        """End the connections of `rows`."""
        if self._database is not None:
            self._database.close()

    def ticket(
        self, key: str, condition: Callable[[dict[str, Any]], object] = bool, limit: float = 20
    ) -> dict[str, Any]:
        """The exported ticket, once `condition` holds for it."""

        def found() -> dict[str, Any] | None:
            row = next((row for row in self.rows() if row["key"] == key), None)
            seen[:] = [row]
            return row if row is not None and condition(row) else None

        seen: list[dict[str, Any] | None] = []
        try:
            row = wait_until(found, limit, f"{key} as wanted", every=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(seen, indent=1, default=str)[:3000]}") from error
        assert row is not None
        return row

    def outcome(self, raw: bytes) -> dict[str, Any]:
        """The exported row that names a mail, by its bytes, once it is decided: a ticket, or the mail alone."""
        sha256 = hashlib.sha256(raw).hexdigest()

        def found() -> dict[str, Any] | None:
            rows = [r for r in self.rows() if any(m["raw_sha256"] == sha256 for m in r["messages"])]
            return next((r for r in rows if r.get("outcome") != "pending"), None)

        row = wait_until(found, 20, f"mail {sha256[:12]} decided", every=0.1)
        assert row is not None
        return row

    def settled(self, key: str = "") -> dict[str, Any]:
        """Wait until nothing is pending and nothing waits to leave; the exported ticket `key`."""

        def quiet() -> list[dict[str, Any]]:
            rows = self.rows()
            states = {m.get("state") for row in rows for m in row["messages"]}
            busy = any(r.get("outcome") == "pending" for r in rows) or states & {"waiting", "sending"}
            return [] if busy else rows or [{}]

        rows = wait_until(quiet, 30, "nothing to do", every=0.1)
        return next((row for row in rows if row.get("key") == key), {})

    def attachments(self, key: str) -> list[dict[str, Any]]:
        """The files of a ticket's comments, as `mailgate ticket show` tells them."""
        (shown,) = self.gateway.json("ticket", "show", key)
        return [file for comment in shown["comments"] for file in comment["attachments"]]

    # -- the portal --------------------------------------------------------------------------------------------------

    def link_in(self, mail: Caught, kind: str = "t") -> str:
        """The access link (`t`) or the one-use link (`confirm`) of a mail."""
        found = re.search(rf"{re.escape(self.gateway.portal_url)}/{kind}/[\w.~-]+", mail.text)
        assert found, f"no {kind} link in\n{mail.text}"
        return found[0]

    def fetch(self, url: str, post: bool = False) -> tuple[int, str]:
        """A page as a browser gets it: status and body, redirects followed. post: press its button."""
        status, body = self._get(browser(), url, b"" if post else None)
        return status, body.decode()

    def images_of(self, link: str) -> list[bytes]:
        """Every image that the page behind an access link shows, also those inside the mails it frames."""
        one = browser()
        _, page = self._get(one, link)
        pages = [page.decode()]
        pages += [self._get(one, self._at(src))[1].decode() for src in _sources("iframe", pages[0])]
        found = dict.fromkeys(src for one in pages for src in _sources("img", one) if "/files/" in src)
        return [self._get(one, self._at(src))[1] for src in found]

    def _at(self, path: str) -> str:
        return urljoin(self.gateway.portal_url, html.unescape(path))

    def _get(self, browser: urllib.request.OpenerDirector, url: str, data: bytes | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(url, data=data)
        if data is not None:
            request.add_header("Origin", self.gateway.portal_url)
        try:
            with browser.open(request, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def browser() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor())


def _sources(tag: str, page: str) -> list[str]:
    return re.findall(rf'<{tag}\b[^>]*\ssrc="([^"]+)"', page)


def comments(ticket: dict[str, Any], kind: str = "comment") -> list[dict[str, Any]]:
    """The comments (or notes) of an exported ticket, oldest first."""
    return [m for m in ticket["messages"] if m["kind"] == kind]


def notices(ticket: dict[str, Any], notice: str) -> list[dict[str, Any]]:
    """The notices of one kind about an exported ticket."""
    return [m for m in ticket["messages"] if m.get("notice") == notice]


def events(ticket: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [e for e in ticket["events"] if e["kind"] == kind]


def parts(mail: Caught) -> list[tuple[str, str, bytes]]:
    """(content type, Content-ID without brackets, bytes) of every part that is neither text nor a container."""
    return [
        (
            part.get_content_type(),
            str(part["Content-ID"] or "").strip("<> "),
            part.get_content() if part.get_content_maintype() != "message" else b"",
        )
        for part in mail.message.walk()
        if part.get_content_maintype() not in ("text", "multipart")
    ]
