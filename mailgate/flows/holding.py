"""Mails that wait for a person, and what he says: decide again, let pass, or drop. In one transaction each.

What was held is looked up where it is changed: a mail that somebody else has just released is not touched again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from sqlalchemy import Connection

from mailgate.flows.site import Site
from store import journal
from store.vocabulary import Outcome

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
        chosen = list(choose(known))
        for row_id in chosen:
            _do(connection, site, word, row_id)
        return chosen

    return site.writer.call(work)


def settle_one(site: Site, word: Word, journal_id: int, by: str) -> bool:
    """Do it with one mail, if it is still held; by: the address of the agent, for the mail's record."""

    def work(connection: Connection) -> bool:
        row = journal.by_id(connection, journal_id)
        if row is None or row.outcome != Outcome.HELD:
            return False
        _do(connection, site, word, journal_id, by)
        return True

    return site.writer.call(work)


def _do(connection: Connection, site: Site, word: Word, journal_id: int, by: str = "") -> None:
    now = site.clock()
    if word == "drop":
        detail = {"detail": f"dropped by {by}"} if by else {}
        journal.settle(
            connection, journal_id, None, now, outcome=str(Outcome.REJECTED), reason=DROPPED, **detail
        )  # fmt: skip
    else:
        journal.resume(connection, journal_id, now, "released" if word == "release" else "")
