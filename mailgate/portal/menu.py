"""The menu of every page: what a visitor may go to from wherever he is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mailgate.portal.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: the text is `page.menu.<name>`. path: below the root of the portal."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What this company's portal has. guests: tickets without an account. knowledge: articles to read."""

    guests: bool = False
    knowledge: bool = False


def entries(visitor: Visitor | None, offer: Offer) -> tuple[Entry, ...]:
    """The entries for a visitor, in their order."""
    found: list[Entry] = []
    if visitor is None:
        found += [Entry("new", "/new")] if offer.guests else []
        found += [Entry("knowledge", "/knowledge")] if offer.knowledge else []
        return tuple(found)
    if visitor.is_agent:
        found.append(Entry("queue", "/queue"))
        found += [Entry("knowledge", "/knowledge")] if offer.knowledge else []
        return tuple(found)
    found.append(Entry("home", "/"))
    found.append(Entry("requests", "/requests"))
    found += [Entry("new", "/new")] if "open" in visitor.may else []
    found += [Entry("knowledge", "/knowledge")] if offer.knowledge else []
    found += [Entry("people", "/organisation")] if "contacts" in visitor.may else []
    found += [Entry("statistics", "/statistics")] if "statistics" in visitor.may else []
    return tuple(found)
