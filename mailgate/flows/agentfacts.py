"""What a decision about an agent's word looks at besides: what came since he looked, and the branches he may name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.facts import AgentFacts, BranchFacts, Facts, News, TicketFacts
from store import people, tickets


def branches_for(connection: Connection, ticket: TicketFacts) -> tuple[BranchFacts, ...]:
    """The branches that a ticket may be shared with: those of its organisation and of its network."""
    rows = branches_of(connection, ticket.organisation_id)
    return tuple(BranchFacts(r.id, r.name, r.organisation, r.address) for r in rows)


def branches_of(connection: Connection, organisation_id: int | None) -> list[Row[Any]]:
    """The active branches of an organisation and its network."""
    organisations = people.colleagues(connection, organisation_id)
    rows = people.branches(connection, organisations) if organisations else []
    return [row for row in rows if row.active]


def news_since(
    connection: Connection, known: Facts, ticket: TicketFacts, agent: AgentFacts, seen: int | None
) -> tuple[News, ...]:  # fmt: skip
    """What others did since the version of the ticket that the agent saw; None: nobody knows which, so nothing."""
    if seen is None or seen >= ticket.version:
        return ()
    names = {a.address: a.name for a in known.agents}
    names |= {c.address: c.name for c in (ticket.requester, *ticket.participants)}
    found = []
    for row in tickets.events_after(connection, ticket.id, seen):
        if row.actor == agent.address:
            continue
        said = row.data.get("to", "")
        if row.kind == "commented":
            comment = tickets.comment(connection, int(row.data["comment_id"]))
            said = " ".join((comment.reply if comment is not None else "").split())[:200]
        found.append(
            News("comment" if row.kind == "commented" else "status", names.get(row.actor, row.actor), row.at, said)
        )
    return tuple(found)
