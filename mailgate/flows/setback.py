"""The machine's clock was set back: what waits for an instant of the clock that was ahead is brought forward (D12)."""

from __future__ import annotations

from datetime import timedelta

from mailgate import log
from mailgate.flows.receive import LONGEST_PAUSE
from mailgate.flows.site import Site
from scheduler.backoff import JITTER
from store import setback

_LOG = log.get("setback")
#: The longest of what waits by itself: a delivery that is tried again, a mail that failed here, a webhook.
_LONGEST = max(timedelta(hours=6), LONGEST_PAUSE)


def sweep(site: Site) -> int:
    """Bring forward what waits longer than anything does; how many mails, in and out. Idempotent."""
    longest = max(_LONGEST, *(interval * (1 + JITTER) for interval in site.retry.intervals))
    forward = site.writer.call(lambda connection: setback.bring_forward(connection, site.clock(), longest))
    if forward:
        _LOG.warning("the clock was set back: what waited for it goes on", rows=forward)
    return forward
