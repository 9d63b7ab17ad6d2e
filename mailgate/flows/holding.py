"""Mails that wait for a person, and what he says: decide again, let pass, or drop. In one transaction each.

It is done only to what is held at that moment: a mail that somebody else has just released is not touched again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from sqlalchemy import Connection

from mailgate.flows.site import Site
from store import journal

Word = Literal["retry", "release", "drop"]
DROPPED = "dropped by a person"
#: All held mails, for a person at a terminal.
_MOST = 100_000
#: The held mails that are meant, of those there are. Raises what the caller wants for an id that is none.
Choose = Callable[[list[int]], Sequence[int]]


def settle(site: Site, word: Word, choose: Choose) -> list[int]:
    """Do it with the mails that are chosen; their ids. retry: as if they had just come; release: what held them is not
    asked again; drop: rejected, nobody is told, the bytes are kept."""

    def work(connection: Connection) -> list[int]:
        known = [row.id for row in journal.held(connection, _MOST)]
        return [row_id for row_id in choose(known) if _do(connection, site, word, row_id)]

    return site.writer.call(work)


def settle_one(site: Site, word: Word, journal_id: int, by: str) -> bool:
    """Do it with one mail, if it is still held; by: the address of the agent, for the mail's record."""

    return site.writer.call(lambda connection: _do(connection, site, word, journal_id, by))


def _do(connection: Connection, site: Site, word: Word, journal_id: int, by: str = "") -> bool:
    now = site.clock()
    if word == "drop":
        detail = {"detail": f"dropped by {by}"} if by else {}
        return journal.drop(connection, journal_id, now, reason=DROPPED, **detail)
    return journal.resume(connection, journal_id, now, "released" if word == "release" else "", held=True)
