"""The only place where parts meet: out of the settings come the database, the site, the workers, the relay.

Commands build what they need with `open_site`; `serve` builds everything (`mailgate/serving/`).
"""

from __future__ import annotations

import ipaddress
import random
import shlex
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection

from mailgate.authn import domains
from mailgate.authn.oauth import TokenSource
from mailgate.authn.resolver import SystemResolver
from mailgate.authn.sign import Signer, read_key
from mailgate.clock import parse_duration
from mailgate.company import Company, WorkingTime, load_company
from mailgate.companyfiles import Survey, work_amount
from mailgate.decide.facts import Bound, Policy
from mailgate.decide.ruling import Book, Names
from mailgate.errors import Busy, ConfigError, Mistake, Unavailable
from mailgate.flows.hooks import Hook
from mailgate.flows.reading import Network, Reader, Reading, ReadJob
from mailgate.flows.rendering import Rendered, Renderer, RenderJob
from mailgate.flows.site import DigestTime, DigestTimes, Lifetimes, RetryPolicy, Site, SlaQuery
from mailgate.i18n import Translations
from mailgate.links.tokens import Mint, load_mint
from mailgate.mail.addresses import normalise
from mailgate.mail.limits import MailLimits
from mailgate.notify.channels import Provider, Providers
from mailgate.notify.compose import Composer, read_templates
from mailgate.notify.transport import Relay, RelaySettings
from mailgate.notify.views import CompanyView
from mailgate.opening import mail_limits, open_blobs, open_database, open_knowledge, support_addresses
from mailgate.resources import data_folder
from mailgate.scaffold import preset_folder
from mailgate.sections import WEEKDAYS, Daily, Oauth, Weekly
from mailgate.sections import ImapAccount as ImapSection
from mailgate.settings import Settings, secret
from mailgate.yamltypes import Listen, Rate, bound, seconds
from scheduler.lease import Peers
from store import people
from store.blobs import Blobs
from store.bucket import BlobBucket
from store.engine import Database
from store.errors import StoreBusy, StoreError
from store.ids import IdSource
from store.writer import Writer


def book_of(company: Company) -> Book:
    """What decisions look at of a company's files."""
    return Book(
        company.rules,
        company.workflow,
        _names_of(company),
        WorkingTime(company.sla),
        company.digest,
        topics=company.topics,
        people=company.people,
        departments=company.departments,
    )


@dataclass(frozen=True, slots=True)
class _Edition:
    """The company's files as they were read at one moment, and what is made of them."""

    company: Company
    book: Book
    fields: Mapping[str, Any]


def _edition(company: Company) -> _Edition:
    book = book_of(company)
    return _Edition(company, book, {"book": lambda: book} | fields_of(company))


#: How many versions are kept for flows that began under them.
_EDITIONS = 8


class BookShelf:
    """The company's rules and workflow in force: `reload` swaps them at once, and keeps the last good ones."""

    def __init__(self, load: Callable[[], Company]) -> None:
        self._load = load
        self._editions = [_edition(load())]  # the newest first; a flow that has begun may still ask for earlier ones
        self.error = ""

    @property
    def company(self) -> Company:
        """The files in force now."""
        return self._editions[0].company

    def book(self) -> Book:
        """What is in force now; a flow asks once and keeps its answer."""
        return self._editions[0].book

    def read_with(self, book: Book) -> Mapping[str, Any]:
        """What else was read with a book, as fields of `Site`; nothing for a book that is not from here."""
        return next((one.fields for one in self._editions if one.book is book), {})

    def reload(self, also: Callable[[], object] = lambda: None) -> None:
        """Read the files again. also: what else must be readable before the new files are in force, all or nothing.

        Raises ConfigError, or what else `also` raises; the last good ones stay then, and `error` says why.
        """
        try:
            edition = _edition(self._load())
            also()
        except OSError as error:
            self.error = f"{error.filename or 'a file'} cannot be read: {error.strerror}"
            raise ConfigError([Mistake(str(error.filename or ""), 0, 0, self.error)]) from error
        except Exception as error:  # a fault of ours keeps the last good ones just as well
            self.error = str(error) or type(error).__name__
            raise
        self._editions, self.error = [edition, *self._editions[: _EDITIONS - 1]], ""


def _names_of(company: Company) -> Names:
    return Names(
        {key: one.label for key, one in company.departments.items()},
        {key: one.label for key, one in company.topics.topics.items()},
        dict(company.notices.canned),
        company.sla.calendar.zone.key,
    )


@dataclass(slots=True)
class House:
    """A site with what must be closed at the end."""

    settings: Settings
    site: Site
    database: Database
    shelf: BookShelf
    closers: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """Close what was opened, last first."""
        for closer in reversed(self.closers):
            closer()


def open_house(settings: Settings, *, migrate: bool = False, node: str = "cli") -> House:
    """Open the database and build the site.

    migrate: bring the database to this program's schema first (`serve`, `migrate`, `demo`); other commands refuse an
    old one. Raises ConfigError, StoreError (Busy or Unavailable at the command line).
    """
    if not settings.addresses:
        raise ConfigError([Mistake(str(settings.folder / "mailgate.yaml"), 0, 0, "no `addresses`: write at least one")])
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    mint = load_mint(settings.keys)
    database = open_database(settings, migrate=migrate)
    shelf = BookShelf(lambda: read_company_of(settings))
    writer = Writer(database)
    site = build_site(settings, shelf, writer, mint, node)
    house = House(settings, site, database, shelf, [database.close, writer.stop])
    sync_agents(site, settings)
    return house


def read_company_of(settings: Settings, trial: Path | None = None) -> Company:
    """The company's files of these settings. trial: one of them, or a folder with some, looked at first."""
    return load_company(
        settings.folder,
        preset_folder(settings.preset),
        timezone=settings.timezone,
        departments=settings.departments,
        agents=[a.address for a in settings.agents],
        webhooks=[w.name for w in settings.webhooks],
        trial=trial,
        whatsapp=settings.channels.whatsapp is not None,
    )


def on_trial(site: Site, company: Company) -> Site:
    """The same site with a company's files in force that are only tried out."""
    return replace(site, **_edition(company).fields, others=lambda book: {})


def fields_of(company: Company) -> dict[str, Any]:
    """What of a `Site` follows from a company's files besides the book."""
    notices = company.notices
    return {
        "due_at": lambda at, query: _due_at(company, at, query),
        "due_in": lambda at, amount: company.sla.calendar.add(at, work_amount(amount)),
        "timer_at": lambda at, amount: _timer_at(company, at, amount),
        "after_pause": company.sla.calendar.after_pause,
        "next_check_at": lambda at, query: _next_check_at(company, at, query),
        "department_labels": company.department_label,
        "sends": notices.sends,
        "default_topic": lambda: company.topics.default or "",
        "quoted": lambda: notices.quote,
        "survey": lambda: notices.survey or Survey(),
        "attach_bytes": lambda: notices.attachments_up_to,
        "whatsapp_too": lambda: notices.whatsapp,
    }


def open_hooks(settings: Settings) -> dict[str, Hook]:
    """Where webhooks go. Raises ConfigError for a secret that cannot be read."""
    return {w.name: Hook(w.url, secret(w.secret, w.secret_file).encode()) for w in settings.webhooks}


def build_site(settings: Settings, shelf: BookShelf, writer: Writer, mint: Mint, node: str) -> Site:
    """The site of these settings."""
    first = settings.addresses[0].address
    return Site(
        clock=settings.now(),
        writer=writer,
        blobs=open_blobs(settings),
        ids=IdSource(),
        mint=mint,
        book=shelf.book,
        due_at=lambda at, query: _due_at(shelf.company, at, query),
        due_in=lambda at, amount: shelf.company.sla.calendar.add(at, work_amount(amount)),
        timer_at=lambda at, amount: _timer_at(shelf.company, at, amount),
        after_pause=lambda due, since, until: shelf.company.sla.calendar.after_pause(due, since, until),
        next_check_at=lambda at, query: _next_check_at(shelf.company, at, query),
        random=random.random,
        addresses=support_addresses(settings),
        policy=_policy(settings),
        company=_company_view(settings),
        key_label=settings.key.label,
        base_url=settings.base_url,
        host=first.rpartition("@")[2],
        timezone=settings.timezone,
        department_labels=lambda key, language: shelf.company.department_label(key, language),
        sends=lambda notice: shelf.company.notices.sends(notice),
        default_topic=lambda: shelf.company.topics.default or "",
        digests=_digest_times(settings),
        quoted=lambda: shelf.company.notices.quote,
        survey=lambda: shelf.company.notices.survey or Survey(),
        attach_bytes=lambda: shelf.company.notices.attachments_up_to,
        knowledge=open_knowledge(settings),
        channels=frozenset({"whatsapp"} if settings.channels.whatsapp is not None else ()),
        whatsapp_too=lambda: shelf.company.notices.whatsapp,
        others=shelf.read_with,
        null_sender=settings.relay.null_sender,
        node=node,
        peers=Peers(settings.sweeps.nodes.total_seconds()),
        retry=RetryPolicy(settings.relay.retry, settings.relay.give_up),
        tries=settings.limits.tries,
        late_after=settings.limits.delivery_warning,
        lifetimes=Lifetimes(
            access=settings.limits.access_link,
            one_use=settings.limits.invitation_link,
            session=settings.limits.session,
            reset=settings.limits.reset_link,
            enter=settings.limits.sign_in_link,
            survey=settings.limits.survey_link,
        ),
    )


def _digest_times(settings: Settings) -> DigestTimes:
    own = settings.digests

    def time(section: Daily | Weekly) -> DigestTime:
        days = section.days if isinstance(section, Daily) else (section.day,)
        return DigestTime(section.hour, frozenset(WEEKDAYS.index(day) for day in days))

    contacts = DigestTime(own.contacts.hour) if own.contacts.ask else None
    return DigestTimes(time(own.agents), time(own.held), time(own.managers), time(own.weekly), contacts)


def sync_agents(site: Site, settings: Settings) -> None:
    """Make the agents' rows follow the settings, if they do not already."""
    now = site.clock()
    wanted: list[dict[str, Any]] = [
        {
            "id": site.ids.new(),
            "name": a.name,
            "address": normalise(a.address),
            "role": a.role,
            "departments": list(a.departments),
            "language": a.language,
            "active": True,
            "created_at": now,
        }
        for a in settings.agents
    ]
    with site.writer.database.read() as connection:
        stale = people.agents_differ(connection, wanted)

    def work(connection: Connection) -> None:
        people.put_agents(connection, wanted)

    if stale:
        site.writer.call(work)


def _policy(settings: Settings) -> Policy:
    limits = settings.limits
    return Policy(
        key_prefix=settings.key.prefix,
        guests=settings.guests,
        locale=settings.locale,
        ack_within_seconds=settings.ack_within.total_seconds(),
        acks=_bounds(limits.acks_per_address),
        verified_acks=_bounds(limits.acks_per_verified_address),
        total_acks=_bounds(limits.acks_total),
        mails=_bounds(limits.mails_per_sender),
        tickets=_bounds(limits.tickets_per_sender),
        comments=_bounds(limits.comments_per_ticket),
        repeats=_bounds(limits.repeats_per_sender),
        notices=_bounds(limits.notices_per_address),
        survey_seconds=limits.survey_link.total_seconds(),
        rule_actions=limits.rule_actions,
        participants_from_mail=limits.participants_from_mail,
    )


def _bounds(rates: tuple[Rate, ...]) -> tuple[Bound, ...]:
    return tuple(Bound(rate.count, rate.per.total_seconds()) for rate in rates)


def _company_view(settings: Settings) -> CompanyView:
    company = settings.company
    logo = f"{settings.base_url}/static/logo" if company.logo is not None and company.logo.is_file() else ""
    return CompanyView(company.name, company.site, company.phone, company.hours, logo)


def _due_at(company: Company, at: datetime, query: SlaQuery) -> datetime | None:
    target = company.sla.target(priority=query.priority, topic=query.topic, department=query.department)
    return company.sla.calendar.add(at, target.first_check) if target is not None else None


def _next_check_at(company: Company, at: datetime, query: SlaQuery) -> datetime | None:
    """When an answered ticket is looked at again; None where the company's targets say nothing of it."""
    target = company.sla.target(priority=query.priority, topic=query.topic, department=query.department)
    if target is None or target.next_check is None:
        return None
    return company.sla.calendar.add(at, target.next_check)


def _timer_at(company: Company, at: datetime, amount: str) -> datetime:
    if amount.endswith("bd"):
        return company.sla.calendar.after(at, business_days=int(amount[:-2]))
    if amount.endswith("d"):
        return company.sla.calendar.after(at, days=int(amount[:-1]))
    return at + parse_duration(amount)


# --- what works in a worker process -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker process can do."""

    reader: Reader
    renderer: Renderer

    def read(self, job: ReadJob) -> Reading:
        """Read a mail."""
        return self.reader.read(job)

    def render(self, job: RenderJob) -> Rendered:
        """Make a mail."""
        return self.renderer.render(job)


@dataclass(frozen=True, slots=True)
class ToolMaker:
    """Makes the tools inside a worker process out of what was read from the disk once, and found good.

    A worker that is replaced must not depend on the files of an admin who is just changing them. own: the company's
    templates, by name. dkim: domain, selector, key as PEM.
    """

    limits: MailLimits
    mint: Mint
    blobs: Blobs
    nameserver: str
    dns_timeout: float
    trusted: tuple[str, ...]
    trusted_sealers: tuple[str, ...]
    relays: tuple[Network, ...]
    templates: Path
    translations: Translations
    own: Mapping[str, str]
    dkim: tuple[str, str, bytes] | None

    def __call__(self) -> Tools:
        domains.warm_up()
        blobs = self.blobs
        if isinstance(blobs, BlobBucket):
            blobs.warm_up()
        resolver = SystemResolver(self.nameserver, timeout=self.dns_timeout)
        reader = Reader(self.limits, self.mint, blobs, resolver, self.trusted, self.trusted_sealers, self.relays)
        composer = Composer(self.templates, self.translations, own=self.own)
        signer: Signer | None = Signer(*self.dkim) if self.dkim else None
        return Tools(reader, Renderer(composer, blobs, signer))


def tool_maker(settings: Settings) -> ToolMaker:
    """The tools of these settings. Raises ConfigError for keys, templates and texts that cannot be used, OSError."""
    dkim = settings.dkim
    key = read_key(dkim.domain, dkim.selector, dkim.key_file) if dkim is not None else b""
    templates, own = data_folder("templates"), settings.folder / "templates"
    translations = Translations.beside(templates, own)
    if own.is_dir():
        Composer(templates, translations, own)  # names every template that does not compile, with its line
    ids = tuple(a.authserv_id for a in settings.imap if a.authserv_id)
    resolver = settings.auth.resolver
    return ToolMaker(
        mail_limits(settings),
        load_mint(settings.keys),
        open_blobs(settings),
        str(Listen(*resolver)) if resolver else "",
        min(settings.auth.timeout.total_seconds(), 1.0),
        (*settings.auth.trusted, *ids),
        settings.auth.trusted_sealers,
        tuple(map(ipaddress.ip_network, settings.smtp.trusted_peers)) if settings.smtp else (),
        templates,
        translations,
        read_templates(own / "mail"),
        (dkim.domain, dkim.selector, key) if dkim is not None else None,
    )


def open_providers(settings: Settings) -> Providers:
    """The providers of short messages. Raises ConfigError for a URL that cannot be read."""
    one = settings.channels.whatsapp
    if one is None:
        return Providers({})
    return Providers({"whatsapp": Provider(secret(SecretStr(""), one.url_file), one.timeout.total_seconds())})


def open_relay(settings: Settings) -> Relay:
    """The relay that mail leaves by."""
    relay = settings.relay
    limits = settings.limits
    return Relay(
        RelaySettings(
            host=relay.host,
            port=relay.port,
            tls=relay.tls,
            user=relay.user,
            password=secret(relay.password, relay.password_file),
            token=token_source(relay.xoauth2_command, relay.oauth),
            hostname=settings.hostname if settings.addresses else socket.gethostname(),
            ca_file=str(relay.ca_file or ""),
            connect_seconds=seconds(limits.relay_connect) or 30.0,
            command_seconds=seconds(limits.relay_command) or 60.0,
            data_seconds=seconds(limits.relay_data) or 600.0,
            max_connections=bound(limits.relay_connections) or 5,
        )
    )


def token_source(command: str, oauth: Oauth | None) -> TokenSource | None:
    """Where access tokens come from (XOAUTH2): a command, or a refresh token; None for a password."""
    if command:
        return TokenSource.by_command(shlex.split(command))
    if oauth is None or oauth.refresh_token_file is None:
        return None
    return TokenSource.by_refresh_token(
        oauth.token_url,
        oauth.client_id,
        secret(oauth.client_secret, oauth.client_secret_file),
        oauth.refresh_token_file,
        oauth.scope,
    )


def imap_password(section: ImapSection) -> str:
    """The password of a mailbox."""
    return secret(section.password, section.password_file)


def as_mailgate_error(error: StoreError) -> Busy | Unavailable:
    """A store's error as one with an exit code."""
    return Busy(str(error)) if isinstance(error, StoreBusy) else Unavailable(str(error))
