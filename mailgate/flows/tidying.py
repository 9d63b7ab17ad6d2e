"""What has lost its use is forgotten: sessions and links of one use, some time after they expired. Idempotent."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from mailgate import log
from mailgate.flows.site import Site
from store import links, once, sessions

_LOG = log.get("tidying")
#: So long a link still says that it has expired; then it is no link any more.
_LINKS_KEPT = timedelta(days=30)
#: A session that ended opens nothing: its row is of no use to anybody.
_SESSIONS_KEPT = timedelta(days=1)
#: So long a page stays open and is sent again.
_FORMS_KEPT = timedelta(days=7)


def sweep(site: Site) -> int:
    """Forget what is due; how many rows."""

    def work(connection: Connection) -> int:
        now = site.clock()
        old_links = links.forget_one_use(connection, now - _LINKS_KEPT)
        return (
            old_links + sessions.forget(connection, now - _SESSIONS_KEPT) + once.forget(connection, now - _FORMS_KEPT)
        )

    forgotten = site.writer.call(work)
    if forgotten:
        _LOG.info("forgotten", rows=forgotten)
    return forgotten
