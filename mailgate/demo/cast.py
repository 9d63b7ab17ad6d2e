"""Who plays in the demo: one customer, two agents, their addresses, and the password that both agents have."""

from __future__ import annotations

from dataclasses import dataclass

SUPPORT = "suporte@example.test"
PASSWORD = "demo"  # noqa: S105  (it is printed on the terminal; the port is on loopback)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a mailbox in the demo."""

    name: str
    address: str
    is_agent: bool


ANA = Person("Ana", "ana@cliente.test", is_agent=False)
BRUNO = Person("Bruno", "bruno@example.test", is_agent=True)
CARLA = Person("Carla", "carla@example.test", is_agent=True)
CAST = (ANA, BRUNO, CARLA)


def person(address: str) -> Person:
    """Who has this address; a stranger is a customer named after it."""
    known = next((p for p in CAST if p.address == address.lower()), None)
    return known or Person(address.partition("@")[0], address, is_agent=False)
