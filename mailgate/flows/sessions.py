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

    @property
    def row(self) -> Row[Any] | None:
        """Whichever row there is: name, address and language of the person."""
        return self.agent if self.agent is not None else self.contact


@dataclass(frozen=True, slots=True)
class Came:
    """How somebody came to sign in. browser, network: as a person would name them. before: the token he had."""

    browser: str = ""
    network: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that is open now."""

    session_id: int
    person: Person
    expires_at: datetime
    began_at: datetime


def start(site: Site, person: Person, came: Came) -> str:
    """Begin a session; its token. A new one at each sign-in, whatever cookie the browser brought (session fixation)."""
    return site.writer.call(lambda connection: begin(connection, site, person, came))


def begin(connection: Connection, site: Site, person: Person, came: Came) -> str:
    """The same in the caller's transaction; the session that this browser had ends."""
    session_id, now = site.ids.new(), site.clock()
    token = site.mint.access_token(session_id, _PURPOSE)
    row = {
        "id": session_id, "digest": digest(token), "contact_id": None, "agent_id": None, **person.named,
        "browser": came.browser[:60], "peer": came.network[:60], "created_at": now,
        "expires_at": now + site.lifetimes.session, "ended_at": None,
    }  # fmt: skip
    old = find(connection, site, came.before) if came.before else None
    if old is not None:
        sessions.end(connection, old.session_id, now)
    sessions.add(connection, row)
    return token


def find(connection: Connection, site: Site, token: str) -> SignedIn | None:
    """The open session of a token; None for any other. Reads only."""
    if site.mint.read_access_token(token, _PURPOSE) is None:
        return None
    row = sessions.by_digest(connection, digest(token))
    if row is None or row.ended_at is not None or row.expires_at <= site.clock():
        return None
    person = person_of(connection, row.contact_id, row.agent_id)
    return SignedIn(row.id, person, row.expires_at, row.created_at) if person is not None else None


def person_of(connection: Connection, contact_id: int | None, agent_id: int | None) -> Person | None:
    """The person that a row names; None for nobody, and for who was switched off."""
    contact = people.contact(connection, contact_id) if contact_id is not None else None
    agent = people.agent(connection, agent_id) if agent_id is not None else None
    known = agent if agent is not None else contact
    return Person(contact, agent) if known is not None and known.active else None


def open_ones(connection: Connection, site: Site, person: Person) -> list[Row[Any]]:
    """The open sessions of a person, the newest first."""
    return sessions.open_ones(connection, site.clock(), **person.named)


def end(site: Site, session_id: int) -> bool:
    """End a session; False where it had ended. The caller has checked whose it is."""
    return site.writer.call(lambda connection: sessions.end(connection, session_id, site.clock()))


def end_all(site: Site, person: Person, but: int = 0) -> int:
    """End every session of a person; how many. but: the id of the one that stays."""
    return site.writer.call(lambda connection: end_of(connection, person, site.clock(), but=but))


def end_of(connection: Connection, person: Person, now: datetime, but: int = 0) -> int:
    """The same in the caller's transaction."""
    return sessions.end_all(connection, now, but=but, **person.named)
