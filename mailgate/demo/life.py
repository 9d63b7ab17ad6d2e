"""A ticket's life, day by day, before anybody lives it: the real line on a temporary site, under a clock of its own.

A customer and an agent write by mail, time passes, and everything that would leave is rendered as it would be read.
Nothing is sent, and the company's own data are not touched. The same scenario gives the same life.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mailgate import app
from mailgate.authn.resolver import DictResolver
from mailgate.demo.lifewords import SCENARIOS, Line, words
from mailgate.flows import deliver, receive, timers
from mailgate.flows.deliver import Tried
from mailgate.flows.reading import Reader
from mailgate.flows.rendering import Renderer
from mailgate.flows.site import Site
from mailgate.flows.workers import Job
from mailgate.i18n import Translations
from mailgate.mail.limits import MailLimits
from mailgate.notify.compose import Composer
from mailgate.notify.transport import DeliveryResult
from mailgate.resources import data_folder
from mailgate.scaffold import ensure_keys
from mailgate.settings import Settings
from store import journal, outbox, tickets
from store import timers as timer_rows
from store.vocabulary import Outcome, Road

CUSTOMER = ("Ana Souza", "ana@cliente.test")
_OWNER = "timeline"
_BORDER = "mx.example.test"
_KEPT = DeliveryResult("accepted", 250, "2.0.0", "kept", "nowhere:0")
#: A Monday, half past nine in the company's time zone: a life that begins on a holiday says less.
_BEGINS = (2026, 3, 2, 9, 30)
_LONGEST = timedelta(days=120)
_MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that would leave. to: `customer` or `agent`."""

    notice: str
    to: str
    address: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happens to the ticket. who: customer, agent or time. status: its key and label afterwards."""

    day: int
    at: datetime
    who: str
    said: str
    status: str
    label: str
    mails: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Life:
    """All of it. ended: whether the ticket is closed; else it waits for somebody for good."""

    scenario: str
    key: str
    company: str
    language: str
    moments: tuple[Moment, ...]
    ended: bool


def example(folder: Path, preset: str, language: str) -> Settings:
    """The settings of a company that only has a preset."""
    values = {
        "base_url": "http://127.0.0.1:8025",
        "preset": preset,
        "locale": language,
        "company": {"name": "Exemplo Sistemas", "site": "https://example.test", "hours": "8h–18h"},
        "addresses": [{"address": "suporte@example.test", "department": "suporte"}],
        "agents": [{"name": "Bruno", "address": "bruno@example.test", "departments": ["suporte"]}],
    }
    return Settings.model_validate(values, context={"folder": folder, "test": False})


def live(scenario: str, language: str, preset: str = "", own: Settings | None = None) -> Life:
    """Let a ticket live. own: the company's settings, whose files and names hold; else an example with that preset.

    Raises KeyError for an unknown scenario, ConfigError for files that do not load.
    """
    lines = SCENARIOS[scenario]
    with tempfile.TemporaryDirectory(prefix="mailgate-timeline-") as folder:
        data = Path(folder) / "data"
        settings = own or example(Path(folder), preset, language)
        values = {"data": data, "database": "sqlite", "blobs": str(data / "blobs"), "locale": language, "clock": ""}
        trusted = settings.auth.model_copy(update={"trusted": (_BORDER,)})
        with _Stage.on(settings.model_copy(update={**values, "auth": trusted}), language) as stage:
            stage.play(lines)
            return stage.told(scenario)


class _Stage:
    """The site, its clock, and what happened so far."""

    def __init__(self, settings: Settings, site: Site, language: str) -> None:
        begins = datetime(*_BEGINS, tzinfo=ZoneInfo(settings.timezone)).astimezone(UTC)
        self._now = self._begins = begins
        self._settings = settings
        self._language = language
        self._site = replace(site, clock=lambda: self._now)
        templates = data_folder("templates")
        own = settings.folder / "templates"
        composer = Composer(templates, Translations.beside(templates, own), own if own.is_dir() else None)
        self._renderer = Renderer(composer, site.blobs, None)
        self._moments: list[Moment] = []

    @classmethod
    @contextmanager
    def on(cls, settings: Settings, language: str) -> Iterator[_Stage]:
        """Open a site that is gone afterwards."""
        ensure_keys(settings.data)
        house = app.open_house(settings, migrate=True, node=_OWNER)
        try:
            yield cls(settings, house.site, language)
        finally:
            house.close()

    def play(self, lines: tuple[Line, ...]) -> None:
        """What people do, each at its time unless time closed the ticket before; then time alone."""
        for line in lines:
            self._pass_until(self._now + line.after)
            said = words(line.text, self._language)
            if line.who == "customer":
                self._customer_writes(said)
            else:
                self._agent_writes(f"#{line.command}\n{said}" if line.command else said)
            self._settle(line.who, said)
        self._pass_until(self._begins + _LONGEST)

    def told(self, scenario: str) -> Life:
        """The life as a value."""
        ticket = self._ticket()
        company = self._settings.company.name
        ended = ticket.category == "closed"
        return Life(scenario, ticket.key, company, self._language, tuple(self._moments), ended)

    # --- what happens -------------------------------------------------------------------------------------------------

    def _pass_until(self, until: datetime) -> None:
        """Fire what is due before then, in order."""
        for _ in range(_MOST_STEPS):
            due = self._next_due()
            if due is None or due > until:
                break
            self._now = max(self._now, due)
            if timers.sweep(self._site, _OWNER):
                self._settle("time", "")
        self._now = max(self._now, until)

    def _next_due(self) -> datetime | None:
        if not self._moments:
            return None
        with self._site.writer.database.read() as connection:
            armed = timer_rows.armed(connection, self._ticket().id)
        due: datetime | None = armed[0].due_at if armed else None
        return due

    def _customer_writes(self, text: str) -> None:
        answered = self._newest(CUSTOMER[1])
        to = self._settings.addresses[0].address if answered is None else answered["reply_to"]
        subject = words("subject", self._language) if answered is None else f"Re: {answered['subject']}"
        self._arrives(_mail(CUSTOMER, to, subject, text, self._now), to, Road.LMTP)

    def _agent_writes(self, text: str) -> None:
        agent = self._settings.agents[0]
        copy = self._newest(agent.address)
        assert copy is not None, "the agent was told of the ticket"
        mail = _mail((agent.name, agent.address), copy["reply_to"], f"Re: {copy['subject']}", text, self._now)
        self._arrives(mail, copy["reply_to"], Road.SUBMISSION, agent.address)

    def _arrives(self, raw: bytes, to: str, road: Road, user: str = "") -> None:
        """One mail through the line."""
        site = self._site
        row_id = site.ids.new()
        row = {
            "id": row_id, "received_at": self._now, "road": str(road), "origin": {}, "mail_from": user or CUSTOMER[1],
            "rcpt_tos": [to], "peer": "", "helo": "", "auth_user": user, "tls": False, "size_bytes": len(raw),
            "raw_sha256": hashlib.sha256(raw).hexdigest(), "raw_blob": False, "outcome": str(Outcome.PENDING),
            "reason": "", "detail": "", "resumed": "", "attempts": 0, "next_attempt_at": self._now, "subject": "",
        }  # fmt: skip
        site.writer.call(lambda c: journal.add(c, [row], [{"journal_id": row_id, "raw": raw}]))
        reader = Reader(MailLimits(), site.mint, site.blobs, DictResolver({}), (_BORDER,))
        mails = [(one, reader.read(receive.job_of(site, one))) for one in receive.claim(site, _OWNER)]
        receive.process(site, _OWNER, mails)

    def _settle(self, who: str, said: str) -> None:
        """Note a moment, with the mails that leave because of it."""
        sent = tuple(self._leaves())
        ticket = self._ticket()
        label = self._site.book().workflow.label(ticket.status, self._language)
        day = (self._local(self._now).date() - self._local(self._begins).date()).days
        self._moments.append(Moment(day, self._local(self._now), who, said, ticket.status, label, sent))

    def _leaves(self) -> Iterator[Sent]:
        mails = deliver.claim(self._site, _OWNER, deliver.Room(), self._render)
        deliver.settle(self._site, _OWNER, [Tried(mail, _KEPT) for mail in mails])
        with self._site.writer.database.read() as connection:
            rows = {mail.id: outbox.by_id(connection, mail.id) for mail in mails}
        for mail in mails:
            message: EmailMessage = message_from_bytes(mail.raw(self._site.blobs), policy=default)
            row = rows[mail.id]
            to = "customer" if mail.recipient == CUSTOMER[1] else "agent"
            notice = row.notice if row is not None else ""
            text, html = _body(message, "plain"), _body(message, "html")
            yield Sent(notice, to, mail.recipient, str(message["Subject"]), text, html)

    def _render(self, job: Job) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(self._renderer.render(job.argument))
        return future

    # --- looking ------------------------------------------------------------------------------------------------------

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self._settings.timezone))

    def _ticket(self) -> Any:
        with self._site.writer.database.read() as connection:
            found = tickets.by_key(connection, self._site.key(1))
        assert found is not None, "a first mail opens a ticket"
        return found

    def _newest(self, address: str) -> dict[str, Any] | None:
        """What the newest mail to somebody says; None before the first."""
        if not self._moments:
            return None
        with self._site.writer.database.read() as connection:
            rows = [r for r in outbox.of_ticket(connection, self._ticket().id) if r.recipient == address]
        newest = max(rows, key=lambda row: row.id, default=None)
        return json.loads(newest.body) if newest is not None else None


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _mail(author: tuple[str, str], to: str, subject: str, text: str, at: datetime) -> bytes:
    """A mail with a proven sender."""
    domain = author[1].rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["Authentication-Results"] = f"{_BORDER}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
    mail["From"] = f'"{author[0]}" <{author[1]}>'
    mail["To"], mail["Subject"], mail["Date"] = to, subject, at
    mail["Message-ID"] = f"<{hashlib.sha256(f'{at}{author}{text}'.encode()).hexdigest()[:24]}@{domain}>"
    mail.set_content(text)
    return mail.as_bytes()
