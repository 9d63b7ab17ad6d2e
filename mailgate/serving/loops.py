"""The two loops of a serving node: mails in the journal become tickets, mails in the outbox leave.

Each is one thread that waits for a nudge or a tick. They hold no state that a crash could lose: what they work on is
under a lease, and comes again.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import datetime, timedelta
from typing import Any

from mailgate import log
from mailgate.flows import deliver, receive
from mailgate.flows.deliver import Outgoing, Room, Tried
from mailgate.flows.reading import Reading
from mailgate.flows.receive import BATCH_MAILS
from mailgate.flows.site import Site
from mailgate.flows.workers import Job, Workers, deadline_for
from mailgate.ingest.journal import Burst
from mailgate.mail.limits import MailLimits
from mailgate.metrics import Metrics
from mailgate.notify.channels import Providers
from mailgate.notify.transport import DeliveryResult, Relay
from mailgate.serving.lanes import Lanes
from store.errors import StoreError
from store.journal import ClaimedMail

_LOG = log.get("loops")
_IN_READING = 2 * BATCH_MAILS
#: Mails in hand at once: first tries, and later ones, which wait in a line of their own.
_FIRST_TRIES, _LATER_TRIES = 96, 48
#: Seconds after which a mail that found no connection is given back: its lease must outlast its transaction.
_STALE_SECONDS = 300.0
_SHORT_BATCH = 16
_PAUSE_AFTER_TROUBLE = 1.0
#: Seconds beyond its processor time that reading a mail may take: for DNS, and while others have the processor.
_WAITING = 6.0
#: Seconds after which the leases of what is being read are renewed; they last two minutes.
_RENEW = 30.0
#: Seconds that the first result of a round waits for others, so that under load one commit serves many.
_GATHER = 0.01
#: A mail that may go again sooner than this goes at its instant, not at the next tick; so many are kept in mind.
_SOON, _MOST_SOON = timedelta(minutes=2), 1000
#: Of the ten seconds that a stop may take: for transactions with the relay, and for their threads once they are cut.
_LAST_WORDS, _AFTER_CUT = 5.0, 1.0


class Loop:
    """A thread that works while there is work, and waits for a nudge otherwise."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """There may be work."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Finish what is in hand, take nothing new, and end."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=seconds)

    def work(self) -> bool:
        """Do a round; whether there may be more at once."""
        raise NotImplementedError

    def pause(self) -> float | None:
        """Seconds after which there may be work without a nudge; None when only a nudge brings it."""
        return None

    def finish(self) -> None:
        """Called once, when the loop ends."""

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                if self.work():
                    continue
            except StoreError as error:
                _LOG.error("the database does not work, trying again", loop=self._name, error=str(error))
                self._stop.wait(_PAUSE_AFTER_TROUBLE)
                continue
            except Exception:  # a fault of ours must not end the loop: the work is still there
                _LOG.exception("loop failed, going on", loop=self._name)
                self._stop.wait(_PAUSE_AFTER_TROUBLE)
                continue
            self._wake.wait(self.pause())
        self.finish()


class ReceiveLoop(Loop):
    """Claims mails, has them read in worker processes, and processes those that are read, many in one transaction."""

    def __init__(
        self,
        site: Site,
        workers: Workers,
        limits: MailLimits,
        metrics: Metrics,
        wrote: Callable[[], None],
        burst: Burst,
    ) -> None:
        super().__init__("receive")
        self._burst = burst
        self._site = site
        self._workers = workers
        self._limits = limits
        self._metrics = metrics
        self._wrote = wrote
        self._rounds = itertools.count(1)
        self._renew_at = time.monotonic() + _RENEW
        self._reading: dict[Future[Any], tuple[str, ClaimedMail]] = {}
        self._read: list[tuple[str, ClaimedMail, Reading | Exception]] = []

    def work(self) -> bool:
        """Claim, wait for something that is read, process it; not while peers are being served a burst."""
        self._prolong()
        while self._burst.holds() and not self._stop.is_set():
            self._stop.wait(_GATHER)
        if not self._read:
            claimed = self._claim()
            if not self._reading:
                return claimed
            wait(self._reading, timeout=1.0, return_when=FIRST_COMPLETED)
            done, _ = wait(self._reading, timeout=_GATHER)  # those that are nearly read share the transaction
            for future in sorted(done, key=lambda f: self._reading[f][1].id)[: self._batch_size()]:
                owner, mail = self._reading.pop(future)
                error = future.exception()
                self._read.append((owner, mail, future.result() if error is None else _as_exception(error)))
        if self._read:
            self._process()
        return True

    def _batch_size(self) -> int:
        """While peers wait for their 250 between two batches, the batches are short."""
        return _SHORT_BATCH if self._burst.flows() else BATCH_MAILS

    def _prolong(self) -> None:
        """A hundred mails that each take all their time are read for longer than a lease lasts."""
        if time.monotonic() < self._renew_at:
            return
        self._renew_at = time.monotonic() + _RENEW
        owners = {owner for owner, _ in self._reading.values()}
        if owners:
            receive.prolong(self._site, owners)

    def _claim(self) -> bool:
        """Keep the workers fed."""
        if len(self._reading) >= _IN_READING - BATCH_MAILS // 2:
            return True
        owner = f"{self._site.node}:{next(self._rounds)}"
        in_hand = {mail.id for _, mail in self._reading.values()}
        mails = receive.claim(self._site, owner, _IN_READING - len(self._reading), in_hand)
        small, large = self._limits.parse_seconds_small, self._limits.parse_seconds_large
        for mail in mails:
            allowed = deadline_for(mail.size_bytes, small, large)
            grow = self._limits.parse_memory_bytes + 4 * mail.size_bytes
            # SPF and DKIM may wait for DNS (bounded), and all may wait for a machine that is busy: not its time.
            by_the_clock = 3 * allowed + _WAITING + self._site.blobs.patience_seconds
            job = Job("read", receive.job_of(self._site, mail), by_the_clock, mail.size_bytes, allowed, grow)
            self._reading[self._workers.submit(job)] = (owner, mail)
        return bool(mails)

    def _process(self) -> None:
        by_owner: dict[str, list[tuple[ClaimedMail, Reading | Exception]]] = {}
        for owner, mail, reading in self._read:
            by_owner.setdefault(owner, []).append((mail, reading))
        notices = 0
        for owner, batch in by_owner.items():
            settled = receive.process(self._site, owner, batch)
            self._read = [item for item in self._read if item[0] != owner]
            for one in settled:
                self._metrics.mails.labels(outcome=str(one.outcome) if one.outcome else "retry").inc()
                notices += one.notices
                _LOG.info("mail processed", journal_id=one.journal_id, outcome=str(one.outcome), ticket=one.key)
        if notices:
            self._wrote()


class DeliverLoop(Loop):
    """Claims outgoing mails, sends them side by side, and settles what came back, many in one transaction."""

    def __init__(
        self, site: Site, workers: Workers, relay: Relay, providers: Providers, metrics: Metrics,
        is_sure: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        """is_sure: whether no other node can have taken us for gone; if not, a mail is looked up before it leaves."""
        super().__init__("deliver")
        self._is_sure = is_sure
        self._providers = providers
        self._site = site
        self._workers = workers
        self._relay = relay
        self._metrics = metrics
        # Threads that a stop need not wait for: one may sit in a connect or behind a final dot for minutes.
        self._senders = [
            threading.Thread(target=self._send_all, name=f"sender-{number}", daemon=True)
            for number in range(relay.settings.max_connections)
        ]
        self._lanes = Lanes(relay.settings.max_connections)
        self._results: queue.SimpleQueue[Tried] = queue.SimpleQueue()
        self._unsettled: list[Tried] = []
        self._again: list[datetime] = []  # a heap: when mails that were deferred may go, as far as it is soon
        self._owner = f"{site.node}:out"

    def start(self) -> None:
        """Begin."""
        for sender in self._senders:
            sender.start()
        super().start()

    def work(self) -> bool:
        """Settle what came back, claim what is due."""
        self._collect()
        if self._unsettled:
            if len(self._lanes.in_hand()) > len(self._unsettled):
                self._stop.wait(_GATHER)
                self._collect()
            self._settle()
        stale = self._lanes.older_than(_STALE_SECONDS)
        if stale:
            deliver.give_back(self._site, self._owner, stale)
        claimed = self._claim()
        if self._lanes.first_tries_wait():
            self._relay.relieve()
        self._relay.close_idle()
        return claimed or not self._results.empty()

    def pause(self) -> float | None:
        """Until the next mail that was deferred may go, where that is sooner than a tick may come."""
        if not self._again:
            return None
        return max(0.0, (self._again[0] - self._site.clock()).total_seconds()) + _GATHER

    def _settle(self) -> None:
        soon = self._site.clock() + _SOON
        for again in deliver.settle(self._site, self._owner, self._unsettled):
            if again <= soon and len(self._again) < _MOST_SOON:
                heapq.heappush(self._again, again)
        for tried in self._unsettled:
            self._metrics.deliveries.labels(state=tried.result.state).inc()
            self._lanes.settled(tried.mail)
        self._unsettled = []

    def _claim(self) -> bool:
        now = self._site.clock()
        while self._again and self._again[0] <= now:
            heapq.heappop(self._again)
        first, later = self._lanes.load()
        room = Room(
            _FIRST_TRIES - first if first <= _FIRST_TRIES // 2 else 0,
            _LATER_TRIES - later if later <= _LATER_TRIES // 2 else 0,
            self._lanes.in_hand(),
            self._lanes.crowded(),
        )
        ready = deliver.claim(self._site, self._owner, room, self._workers.submit)
        self._lanes.put(ready)
        return bool(ready)

    def _collect(self) -> None:
        while True:
            try:
                self._unsettled.append(self._results.get_nowait())
            except queue.Empty:
                return

    def _send_all(self) -> None:
        while (mail := self._lanes.take()) is not None:
            self._send(mail)

    def _send(self, mail: Outgoing) -> None:
        try:
            raw = mail.raw(self._site.blobs)
            if not self._is_sure() and not deliver.is_ours(self._site, self._owner, mail):
                result = DeliveryResult("deferred", 0, "", "another node has taken it over", self._relay.name)
            elif mail.channel == "mail":
                hurried = mail.attempts == 0
                result = self._relay.send(mail.envelope_from, mail.recipient, raw, hurried)
            else:
                result = self._providers.send(mail.channel, mail.recipient, raw.decode())
        except Exception as error:  # a mail's oddity must not stop the others
            _LOG.exception("sending failed", outbox_id=mail.id)
            result = DeliveryResult("deferred", 0, "", f"{type(error).__name__}: {error}", self._relay.name)
        self._results.put(Tried(mail, result))
        self._lanes.done(mail)
        self.nudge()

    def finish(self) -> None:
        """Wait a while for the transactions under way, cut what is left, and settle what they came to.

        What was claimed and not begun, or never came back, is under our lease and is taken up at the next start.
        """
        self._lanes.close()
        self._join(_LAST_WORDS)
        self._relay.cut()
        self._join(_AFTER_CUT)
        self._collect()
        if self._unsettled:
            try:
                deliver.settle(self._site, self._owner, self._unsettled)
            except StoreError as error:  # they leave again at the next start, as the same bytes
                _LOG.error("not settled", mails=len(self._unsettled), error=str(error))
        self._relay.close()

    def _join(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        for sender in self._senders:
            sender.join(max(0.0, end - time.monotonic()))


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
