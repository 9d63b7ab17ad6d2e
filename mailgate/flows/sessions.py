"""Browsers that are signed in: begun by a POST, looked up at each request, ended one by one or all at once.

The token is `id + HMAC` and stands in a cookie only; the row keeps its digest. Who was switched off is signed in no
longer, whatever his cookie says: rights are read at each look. Nothing here is written by looking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.flows.site import Site
from mailgate.links.tokens import digest
from store import people, sessions

_PURPOSE = "session"


@dataclass(frozen=True, slots=True)
class Person:
    """Whose session it is: the row of a contact or of an agent, the other one None."""

    contact: Row[Any] | None = None
    agent: Row[Any] | None = None

    @property
    def named(self) -> dict[str, int]:
        """The person as the queries want it: `contact_id=` or `agent_id=`."""
        if self.agent is not None:
            return {"agent_id": self.agent.id}
        return {"contact_id": self.contact.id} if self.contact is not None else {}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that is open now."""

    session_id: int
    person: Person
    expires_at: datetime


def start(site: Site, person: Person, browser: str = "", peer: str = "") -> str:
    """Begin a session; its token. A new one at each sign-in, whatever cookie the browser brought (session fixation)."""
    session_id, now = site.ids.new(), site.clock()
    token = site.mint.access_token(session_id, _PURPOSE)
    row = {
        "id": session_id, "digest": digest(token), "contact_id": None, "agent_id": None, **person.named,
        "browser": browser[:60], "peer": peer[:60], "created_at": now, "expires_at": now + site.lifetimes.session,
        "ended_at": None,
    }  # fmt: skip
    site.writer.call(lambda connection: sessions.add(connection, row))
    return token


def find(connection: Connection, site: Site, token: str) -> SignedIn | None:
    """The open session of a token; None for any other. Reads only."""
    if site.mint.read_access_token(token, _PURPOSE) is None:
        return None
    row = sessions.by_digest(connection, digest(token))
    if row is None or row.ended_at is not None or row.expires_at <= site.clock():
        return None
    contact = people.contact(connection, row.contact_id) if row.contact_id is not None else None
    agent = people.agent(connection, row.agent_id) if row.agent_id is not None else None
    known = agent if agent is not None else contact
    if known is None or not known.active:
        return None
    return SignedIn(row.id, Person(contact, agent), row.expires_at)


def open_ones(connection: Connection, site: Site, person: Person) -> list[Row[Any]]:
    """The open sessions of a person, the newest first."""
    return sessions.open_ones(connection, site.clock(), **person.named)


def end(site: Site, session_id: int) -> bool:
    """End a session; False where it had ended. The caller has checked whose it is."""
    return site.writer.call(lambda connection: sessions.end(connection, session_id, site.clock()))


def end_all(site: Site, person: Person, but: int = 0) -> int:
    """End every session of a person; how many. but: the id of the one that stays."""
    return site.writer.call(lambda connection: sessions.end_all(connection, site.clock(), but=but, **person.named))
