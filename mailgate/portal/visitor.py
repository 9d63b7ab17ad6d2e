"""A person who signed in, as pages see him. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from mailgate.flows.sessions import Person
from mailgate.people.roles import LEADING


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who signed in, until an instant.

    may: of `people.roles`, empty for an agent. organisation, network: "" for none.
    """

    session_id: int
    until: datetime
    person: Person
    name: str
    address: str
    language: str | None
    may: frozenset[str] = frozenset()
    organisation: str = ""
    network: str = ""
    zone: str = ""  # IANA; "": the company's
    began_at: datetime | None = None  # when he signed in here
    tickets: int | None = None  # so many his branch opened, or he sees; see `flows.listing.menu_count`

    @property
    def contact(self) -> Row[Any] | None:
        """The contact's row, None for an agent."""
        return self.person.contact

    @property
    def agent(self) -> Row[Any] | None:
        """The agent's row, None for a contact."""
        return self.person.agent

    @property
    def is_agent(self) -> bool:
        """Whether he is one of ours."""
        return self.person.agent is not None

    @property
    def leads(self) -> bool:
        """Whether he leads at the customer's: master, manager, sub-administrator."""
        return self.contact is not None and self.contact.role in LEADING

    @property
    def initial(self) -> str:
        """The letter in his picture's place."""
        return (self.name or self.address)[:1].upper()
