"""`mailgate serve`: one event loop with its doors, its threads and its workers, until SIGTERM.

Roles: smtp, submission, lmtp, imap, worker, delivery, scheduler, portal. SIGTERM drains: no new mail, what is under
way is finished, exit 0. SIGHUP reads rules and templates again; broken ones leave the last good in force.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from mailgate import descriptors, log
from mailgate.allocator import give_back, keep_freed_memory
from mailgate.app import House, ToolMaker, open_hooks, open_house, open_providers, open_relay, tool_maker
from mailgate.authn.oauth import TokenSource
from mailgate.clock import utc_now
from mailgate.errors import MailgateError, SmtpReply, Unavailable, UsageError
from mailgate.flows import braking, duedates, hooks, knowledge, setback, tidying, timers
from mailgate.flows.digests import Digests
from mailgate.flows.lateness import LateMails
from mailgate.flows.reviewing import Reviews
from mailgate.flows.workers import Workers
from mailgate.i18n import Translations
from mailgate.ingest.flood import DayQuota
from mailgate.ingest.gate import GateRules
from mailgate.ingest.journal import DiskReserve, Journal
from mailgate.ingest.servers import Listener
from mailgate.ingest.smtp_data import InFlight
from mailgate.mail.envelope import Received
from mailgate.metrics import Metrics
from mailgate.node import NodeSlot
from mailgate.opening import mail_limits
from mailgate.portal.app import make_app
from mailgate.portal.limits import PortalLimits
from mailgate.resources import data_folder
from mailgate.sections import Lmtp, Smtp, Submission
from mailgate.serving.audits import DailyAudit
from mailgate.serving.doors import listener_config
from mailgate.serving.loops import DeliverLoop, ReceiveLoop
from mailgate.serving.mailboxes import Mailboxes
from mailgate.serving.ops import Watched, make_ops
from mailgate.serving.pulse import Pulse
from mailgate.serving.upkeep import Upkeep
from mailgate.serving.web import WebDoor, WebServer
from mailgate.settings import Settings
from mailgate.yamltypes import Listen, bound, seconds
from scheduler.loop import Ticker
from scheduler.sweeps import Sweep, guarded
from store import folders, ids, journal, nodes
from store.bucket import BlobBucket
from store.errors import StoreError
from store.vocabulary import Road

ROLES = ("smtp", "submission", "lmtp", "imap", "worker", "delivery", "scheduler", "portal")
_DOORS = ("smtp", "submission", "lmtp", "imap")
DRAIN_SECONDS = 10.0
_LOG = log.get("serve")


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve. ready: called once everything listens, with the addresses bound, by name."""

    roles: frozenset[str]
    workers: int
    ready: Callable[[dict[str, str]], None]


def run(settings: Settings, options: Options) -> None:
    """Serve until SIGTERM or SIGINT. Raises MailgateError for what keeps it from starting.

    A SIGTERM before there is anything to drain ends the program where it is, in order: a migration is one transaction
    and is rolled back. One that comes while it ends, or after, changes nothing any more.
    """
    leave = _Leave()
    signal.signal(signal.SIGTERM, leave)
    try:
        _run(settings, options, leave)
    except _Left:
        _LOG.info("stopped before it served")


def _run(settings: Settings, options: Options, leave: _Leave) -> None:
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload that comes before there is anything to reload
    keep_freed_memory()
    descriptors.take_all()
    try:
        folders.make(settings.data)
        slot = NodeSlot(settings.data, only_one=settings.is_sqlite)
    except OSError as error:
        raise Unavailable(f"the data folder {settings.data} cannot be used: {error.strerror}") from error
    try:
        house = open_house(settings, migrate=True, node=slot.name)
        try:
            node = Node(house, options)
            try:
                import uvloop
            except ImportError:
                asyncio.run(node.serve(leave.check))
            else:
                uvloop.run(node.serve(leave.check))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            house.close()
    finally:
        slot.free()


class _Left(BaseException):
    """SIGTERM while the gateway starts: no `except Exception` may hold it up."""


class _Leave:
    """The handler of SIGTERM until there is a loop. What it raises in a finaliser or a callback of the garbage
    collector is ignored by Python: that it came is asked for once more (`check`) when the loop listens to signals.
    """

    def __init__(self) -> None:
        self._came = False

    def __call__(self, _number: int, _frame: object) -> NoReturn:
        self._came = True
        raise _Left

    def check(self) -> None:
        """Raises _Left when it came."""
        if self._came:
            raise _Left


class Node:
    """Everything that runs in one serving process."""

    def __init__(self, house: House, options: Options) -> None:
        self._house = house
        self._options = options
        self._settings = house.settings
        self._metrics = Metrics()
        if isinstance(house.site.blobs, BlobBucket):
            house.site.blobs.observe = self._metrics.blob_asked
        self._limits = mail_limits(self._settings)
        self._disk = DiskReserve(self._settings.data, bound(self._settings.limits.free_disk_bytes))
        self._listeners: list[Listener] = []
        self._web: list[WebServer] = []
        self._bound: dict[str, str] = {}
        self._started = False
        self._reloading: asyncio.Task[None] | None = None
        self._reload_again = False
        self._stopping = threading.Event()
        self._workers: Workers | None = None
        self._receive: ReceiveLoop | None = None
        self._deliver: DeliverLoop | None = None
        self._mailboxes: Mailboxes | None = None
        self._tokens: dict[str, TokenSource] = {}
        self._ticker: Ticker | None = None
        self._hooks = open_hooks(self._settings)
        self._digests = Digests(house.site)
        self._late = LateMails(house.site)
        self._articles = knowledge.Watch(house.site)
        self._reviews = Reviews(house.site)
        self._upkeep = Upkeep(house)
        self._audit = DailyAudit(house)
        site = house.site
        self._pulse = Pulse(site, self._settings.sweeps.nodes, self._nudge_all)
        self._quota = DayQuota(bound(self._settings.limits.stored_per_day), self._stored, site.clock)
        self._journal = Journal(site.writer, site.blobs, site.ids, site.clock, self._nudge_receive, self._quota)

    async def serve(self, check: Callable[[], None]) -> None:
        """Start what the roles ask for, serve until a signal, drain. check: raises when a signal came before."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        check()
        try:
            await self._start()
            self._started = True
            self._options.ready(dict(self._bound))
            node = self._house.site.node
            _LOG.info("serving", node=node, roles=sorted(self._options.roles), listening=self._bound)
            await stopping.wait()
            _LOG.info("stopping")
        finally:
            self._started = False
            await self._stop()

    # --- start and stop ----------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        roles = self._options.roles
        await asyncio.to_thread(self._take_back)
        await asyncio.to_thread(self._quota.look)
        if roles & {"worker", "delivery"}:
            self._workers = Workers(self._options.workers, tool_maker(self._settings))
        if "delivery" in roles and self._workers is not None:
            relay = open_relay(self._settings)
            providers = open_providers(self._settings)
            self._deliver = DeliverLoop(
                self._house.site, self._workers, relay, providers, self._metrics, self._pulse.is_sure
            )  # fmt: skip
            self._deliver.start()
            if relay.settings.token is not None:
                self._tokens["relay"] = relay.settings.token
        if "worker" in roles and self._workers is not None:
            self._receive = ReceiveLoop(
                self._house.site,
                self._workers,
                self._limits,
                self._metrics,
                wrote=self._nudge_deliver,
                burst=self._journal.burst,
            )
            self._receive.start()
        self._ticker = Ticker(self._sweeps(), utc_now)
        self._ticker.start()
        await self._open_doors()
        if "imap" in roles and self._settings.imap:
            self._mailboxes = Mailboxes(self._house, self._journal, self._disk)
            self._mailboxes.start()
            self._tokens |= self._mailboxes.tokens
        await self._open_web()

    def _take_back(self) -> None:
        """Rows that an earlier process in this place held when it died are free again; on SQLite there is one place."""
        site = self._house.site
        prefix = "" if self._settings.is_sqlite else site.node
        site.writer.call(lambda connection: nodes.release(connection, prefix))
        self._pulse.start()

    async def _open_doors(self) -> None:
        in_flight = InFlight(bound(self._settings.limits.in_flight_bytes))
        sections: list[tuple[str, Smtp | Submission | Lmtp | None, Road]] = [
            ("smtp", self._settings.smtp, Road.SMTP),
            ("submission", self._settings.submission, Road.SUBMISSION),
            ("lmtp", self._settings.lmtp, Road.LMTP),
        ]
        for name, section, road in sections:
            if section is None or name not in self._options.roles:
                continue
            config = listener_config(self._settings, section, road)
            rules = GateRules(
                self._house.site.is_ours,
                self._limits,
                bound(self._settings.limits.message_bytes),
                bound(self._settings.limits.recipients),
                frozenset({self._settings.hostname.lower()}),
            )
            listener = Listener(
                config, rules, self._accept, clock=self._house.site.clock, ready=self._ready, in_flight=in_flight
            )
            addresses = await listener.start()
            self._listeners.append(listener)
            self._bound[name] = addresses[0]

    def _ready(self, octets: int) -> SmtpReply | None:
        return self._disk.ready(octets) or self._quota.ready(octets)

    def _stored(self, since: datetime) -> int:
        with self._house.database.read() as connection:
            return journal.count_octets(connection, since, ids.lowest_within(2 * 86400))

    async def _accept(self, received: Received) -> str:
        accepted = await self._journal.accept(received)
        self._metrics.accepted.labels(str(received.road)).inc()
        return accepted

    async def _open_web(self) -> None:
        if self._settings.portal is not None and "portal" in self._options.roles:
            await self._serve_web("portal", self._make_portal(), self._settings.portal.listen)
        if self._settings.ops is not None:
            health = self._mailboxes.health if self._mailboxes else None
            watched = Watched(self._house, self._disk, health, self._metrics, lambda: self._started, self._tokens)
            await self._serve_web("ops", make_ops(watched), self._settings.ops.listen)

    def _make_portal(self) -> Any:
        templates = data_folder("templates")
        own, logo = self._settings.folder / "templates", self._settings.company.logo
        translations = Translations.beside(templates, own)
        limits = self._settings.limits
        return make_app(
            self._house.site,
            translations,
            templates,
            PortalLimits(
                body_bytes=limits.portal_body_bytes,
                url_bytes=limits.portal_url_bytes,
                header_bytes=limits.portal_header_bytes,
                fields=limits.portal_fields,
                parts=limits.portal_parts,
                render_seconds=seconds(limits.portal_render),
                misses=limits.token_misses,
                logins=limits.logins,
                resets=limits.resets,
                requests_per_token=limits.requests_per_token,
                requests_per_ip=limits.requests_per_ip,
                guest_tickets=limits.guest_tickets,
            ),
            override_folder=own if own.is_dir() else None,
            logo=logo if logo is not None and logo.is_file() else None,
            trusted_proxies=self._settings.portal.trusted_proxies if self._settings.portal else (),
        )

    async def _serve_web(self, name: str, app: Any, listen: Listen) -> None:
        limits, portal = self._settings.limits, self._settings.portal
        door = WebDoor(
            bound(limits.portal_connections),
            bound(limits.portal_connections_per_ip),
            seconds(limits.portal_head),
            seconds(limits.portal_stall),
            portal.trusted_proxies if portal is not None else (),
        )
        server = WebServer(name, app, listen, door)
        self._bound[name] = await server.start()
        self._web.append(server)

    async def _stop(self) -> None:
        """Close the doors and finish what is under way, all at once; end the workers, give back the rest."""
        self._audit.stop()
        self._upkeep.stop()
        self._stopping.set()
        ends: list[Awaitable[object]] = [listener.drain(DRAIN_SECONDS) for listener in self._listeners]
        if self._mailboxes is not None:
            ends.append(asyncio.to_thread(self._mailboxes.stop, DRAIN_SECONDS))
        if self._ticker is not None:
            ends.append(asyncio.to_thread(self._ticker.stop))
        ends += [asyncio.to_thread(loop.stop, DRAIN_SECONDS) for loop in (self._receive, self._deliver) if loop]
        ends += [server.stop(DRAIN_SECONDS) for server in self._web]
        for failed in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(failed, BaseException):
                _LOG.error("stopping, going on", exc_info=failed)
        if self._workers is not None:
            await asyncio.to_thread(self._workers.stop)
        await asyncio.to_thread(self._pulse.stop)
        await asyncio.to_thread(self._pulse.leave)

    # --- what ticks --------------------------------------------------------------------------------------------------

    def _sweeps(self) -> list[Sweep]:
        """The table of sweeps: what is looked at, how often."""
        every, roles = self._settings.sweeps, self._options.roles
        table: list[tuple[str, str, timedelta, Callable[[], object]]] = [
            ("journal", "worker", every.journal, self._nudge_receive),
            ("outbox", "delivery", every.outbox, self._nudge_deliver),
            ("timers", "scheduler", every.timers, self._sweep_timers),
            ("due dates", "scheduler", every.timers, self._sweep_due_dates),
            ("digests", "scheduler", every.timers, self._sweep_digests),
            ("late mails", "scheduler", every.timers, self._sweep_late),
            ("reviews", "scheduler", every.timers, self._sweep_reviews),
            ("webhooks", "delivery", every.webhooks, self._sweep_webhooks),
            ("knowledge", "scheduler", every.knowledge, self._sweep_knowledge),
            ("leases", "scheduler", every.leases, self._look_at_health),
            ("limits", "scheduler", every.leases, self._sweep_limits),
            ("clock", "scheduler", every.leases, self._sweep_setback),
            ("memory", "", every.leases, give_back),
            ("audit", "scheduler", every.leases, self._audit.sweep),
            ("retention", "scheduler", every.retention, self._upkeep.sweep),
            ("sessions", "scheduler", every.retention, lambda: tidying.sweep(self._house.site)),
        ]
        door = next((one for one in _DOORS if one in roles), "")
        if self._quota.is_on:
            table.append(("quota", door, every.leases, self._quota.look))
        return [
            Sweep(n, e, guarded(n, r, self._sweep_failed), at_once=n == "knowledge")
            for n, role, e, r in table
            if role in roles or not role
        ]

    def _sweep_timers(self) -> None:
        if timers.sweep(self._house.site, f"{self._house.site.node}:timers"):
            self._nudge_deliver()

    def _sweep_due_dates(self) -> None:
        if duedates.sweep(self._house.site):
            self._nudge_deliver()

    def _sweep_reviews(self) -> None:
        if self._reviews.sweep():
            self._nudge_deliver()

    def _sweep_digests(self) -> None:
        if self._digests.sweep():
            self._nudge_deliver()

    def _sweep_late(self) -> None:
        if self._late.sweep():
            self._nudge_deliver()

    def _sweep_limits(self) -> None:
        if braking.sweep(self._house.site):
            self._nudge_deliver()

    def _sweep_setback(self) -> None:
        if setback.sweep(self._house.site):
            self._nudge_all()

    def _sweep_webhooks(self) -> None:
        if self._settings.webhooks:
            hooks.sweep(self._house.site, self._hooks, f"{self._house.site.node}:webhooks", self._stopping.is_set)

    def _sweep_knowledge(self) -> None:
        """The folder of articles, where something in it has changed."""
        done = self._articles.sweep()
        if done is not None:
            for mistake in done.mistakes:
                _LOG.warning("article", mistake=str(mistake))
            _LOG.info("articles imported", added=done.added, changed=done.changed, withdrawn=done.withdrawn)

    def _look_at_health(self) -> None:
        """Leases run out by themselves; what this looks for is a mailbox or a disk that needs a person."""
        if self._mailboxes is not None:
            for folder in self._mailboxes.health.snapshot():
                if not folder.well and folder.last_error:
                    _LOG.warning(
                        "mailbox not read", account=folder.account, folder=folder.folder, error=folder.last_error
                    )
        if self._disk.ready(0) is not None:
            _LOG.warning("disk below the reserve", free_bytes=self._disk.free_bytes())

    def _sweep_failed(self, name: str, error: Exception) -> None:
        self._metrics.sweep_failures.labels(name).inc()
        if isinstance(error, StoreError):
            _LOG.error("sweep failed, trying again", sweep=name, error=str(error))
        else:
            _LOG.error("sweep failed, trying again", sweep=name, exc_info=error)

    def _nudge_receive(self) -> None:
        if self._receive is not None:
            self._receive.nudge()

    def _nudge_deliver(self) -> None:
        if self._deliver is not None:
            self._deliver.nudge()

    def _nudge_all(self) -> None:
        self._nudge_receive()
        self._nudge_deliver()

    def _reload(self) -> None:
        """Rules, workflow and templates are read again, beside the loop; what comes meanwhile becomes one more."""
        if self._reloading is not None and not self._reloading.done():
            self._reload_again = True
            return
        self._reloading = asyncio.get_running_loop().create_task(self._reload_all())

    async def _reload_all(self) -> None:
        self._reload_again = True
        while self._reload_again:
            self._reload_again = False
            await asyncio.to_thread(self._read_again)

    def _read_again(self) -> None:
        """All or nothing: where anything has mistakes, the last good ones stay."""
        makers: list[ToolMaker] = []
        try:
            self._house.shelf.reload(also=lambda: makers.append(tool_maker(self._settings)))
        except MailgateError as error:
            _LOG.error("mistakes in the new files, the last good ones stay", mistakes=str(error))
            return
        except Exception:
            _LOG.exception("the new files cannot be read, the last good ones stay")
            return
        if self._workers is not None:
            self._workers.renew(makers[0])
        _LOG.info("rules, workflow and templates read again")


def choose_roles(text: str) -> frozenset[str]:
    """The roles named in `text`, separated by commas; all of them for an empty text. Raises UsageError."""
    if not text:
        return frozenset(ROLES)
    named = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in named if word not in ROLES]
    if unknown:
        raise UsageError(f"there is no role {unknown[0]!r}; there are {', '.join(ROLES)}")
    return frozenset(named)
