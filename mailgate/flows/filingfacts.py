"""What the form of a new ticket asks of the database: how many came lately, which branches there are. Reads only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mailgate.decide.facts import ActionFacts, Bound, BranchFacts, Counters, Facts
from mailgate.flows.counting import acks_to
from mailgate.flows.site import Site
from store import outbox, people, tickets
from store.vocabulary import Notice


def filing_facts(connection: Connection, site: Site, facts: Facts, action: ActionFacts) -> Facts:
    """The facts with what only an opening looks at. Counted are tickets and acknowledgements by whatever road.

    Against a proven person count only proven tickets: else a stranger who types his address could lock him out.
    """
    policy, sender, acks = site.policy, facts.sender, [Notice.N1]
    longest = timedelta(seconds=max((bound.seconds for bound in policy.tickets), default=0.0))
    opened = tickets.opened_by(connection, sender.id, facts.now - longest) if sender is not None and longest else []
    opened = [one for one in opened if one.verified or not action.verified]

    def since(bound: Bound) -> datetime:
        return facts.now - timedelta(seconds=bound.seconds)

    def acked(bound: Bound, address: str | None = None) -> int:
        return outbox.count_sent(connection, acks, since(bound), address)

    counters = Counters(
        tickets=tuple(sum(1 for one in opened if one.created_at >= since(b)) for b in policy.tickets),
        acks=acks_to(connection, policy.acks, facts.now, action.address),
        verified_acks=tuple(acked(b, action.address) for b in policy.verified_acks),
        total_acks=tuple(acked(b) for b in policy.total_acks),
    )
    proven = sender is not None and action.verified
    return replace(
        facts,
        counters=counters,
        branches=branches_of(connection, sender.organisation_id) if sender is not None and proven else (),
    )


def branches_of(connection: Connection, organisation_id: int | None) -> tuple[BranchFacts, ...]:
    """The branches that a ticket of the organisation may be shared with: its own and its network's."""
    if organisation_id is None:
        return ()
    rows = people.branches(connection, people.colleagues(connection, organisation_id))
    return tuple(BranchFacts(r.id, r.name, r.organisation, r.address) for r in rows if r.active)
