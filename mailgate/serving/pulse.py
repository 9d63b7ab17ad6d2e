"""The pulse of a node that shares its database: it says that it lives, and takes over what a silent one had in hand.

On PostgreSQL only; SQLite has one node. Nothing of correctness depends on it: whoever was taken for gone and comes
back finds his leases gone (the fence), and settles nothing.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from mailgate import log
from mailgate.flows.site import Site
from scheduler.lease import BEATS_MISSED, Beat
from store import nodes
from store.errors import StoreError

_LOG = log.get("pulse")


class Pulse:
    """One for a process. took_over: called when rows of another became free."""

    def __init__(self, site: Site, every: timedelta, took_over: Callable[[], None]) -> None:
        self._site = site
        self._every = every.total_seconds()
        self._took_over = took_over
        self._process = secrets.token_hex(4)
        self._beaten = -1e9
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    @property
    def is_shared(self) -> bool:
        """Whether there can be other nodes."""
        return not self._site.writer.database.is_sqlite

    def start(self) -> None:
        """Beat once, so that the others know of us before we have anything in hand, and go on. Raises StoreError."""
        if self.is_shared:
            self.beat()
            self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * self._every + 10)

    def leave(self) -> None:
        """Give back what we have in hand still, at the very end; a database that is away is told by our silence."""
        try:
            self._site.writer.call(lambda connection: nodes.leave(connection, self._site.node, self._process))
        except StoreError as error:
            _LOG.warning("leases not given back, they run out", error=str(error))

    def is_sure(self) -> bool:
        """Whether nobody can have taken us for gone since our last beat.

        Half of the silence that others wait for: the other half is for what is sent meanwhile. The clock counts while
        the process is stopped and while the machine sleeps.
        """
        return not self.is_shared or _seconds() - self._beaten < self._every * BEATS_MISSED / 2

    def beat(self) -> None:
        """One beat, a look at the others, and taking over from those who are silent. Raises StoreError."""
        site, began = self._site, _seconds()
        until = site.clock() + timedelta(seconds=self._every * BEATS_MISSED)
        known = site.writer.call(lambda connection: nodes.beat(connection, site.node, self._process, until))
        if not known and self._beaten > 0:
            _LOG.warning("others took this node for gone", silent_seconds=round(began - self._beaten))
        self._beaten = began
        with site.writer.database.read() as connection:
            others = nodes.beats(connection, but=site.node)
        for name in site.peers.look(others, time.monotonic()):
            self._take_over(name, others[name])

    def _take_over(self, name: str, seen: Beat) -> None:
        freed = self._site.writer.call(partial(nodes.take_over, node=name, seen=seen))
        if freed is not None:
            _LOG.warning("a node is silent, its work is taken over", silent=name, rows=freed)
        if freed:
            self._took_over()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self.beat()
            except StoreError as error:
                _LOG.error("no beat, trying again", error=str(error))
            except Exception:  # a fault of ours must not make this node silent for ever
                _LOG.exception("no beat, trying again")


def _seconds() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
