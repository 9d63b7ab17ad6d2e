"""What a notice offers besides its words: buttons that are e-mails, the survey, a way to hear no more. Values of a row.

A button is offered only where the mail system keeps what stands after the plus; the page is offered always.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mailgate.decide.decision import AddParticipant, AskRating, Decision, Remark
from mailgate.decide.facts import AgentFacts, Facts
from mailgate.flows.changed import Changed
from mailgate.flows.site import Site
from mailgate.links.tokens import Capability, action_address
from mailgate.notify.plan import Person, Plan
from store.vocabulary import Notice, Role

#: The scale that the buttons of a rating are made for.
_STARS = 5
_CUSTOMERS: dict[Notice, tuple[str, ...]] = {
    Notice.N9: ("solved", "not_solved"),
    Notice.N10: ("solved", "not_solved"),
    Notice.N12: tuple(f"rate_{n}" for n in range(_STARS, 0, -1)),
}
_TO_FOLLOWERS = frozenset(
    {Notice.N5, Notice.N6, Notice.N7, Notice.N9, Notice.N10, Notice.N11, Notice.N12, Notice.N15, Notice.TICKET_DIGEST}
)


def given(decision: Decision) -> dict[str, str] | None:
    """The rating that this decision writes down: rating, comment, by; None for none."""
    found = next((a for a in decision.actions if isinstance(a, Remark) and a.kind == "survey"), None)
    return found.data if found is not None else None


def hear_of_rating(site: Site, facts: Facts, decision: Decision) -> list[AgentFacts]:
    """Who of us is told of a rating: managers, or whom `survey: tell:` of notices.yaml names; else admins, else all."""
    if given(decision) is None:
        return []
    wanted = set(site.survey().tell)
    told = [a for a in facts.agents if a.address in wanted or f"{a.role}s" in wanted or "agents" in wanted]
    return told or [a for a in facts.agents if a.role == "admin"] or list(facts.agents)


def hear_of_rules(changed: Changed, facts: Facts) -> list[AgentFacts]:
    """Whom of us rules and transitions want told: `agents` are those of the ticket's department, else all."""
    wanted = {word.strip() for n in changed.rule_notices for word in n.whom.split(",")}
    if not wanted or changed.ticket is None:
        return []
    here = [a for a in facts.agents if changed.ticket["department"] in a.departments]
    ids = {a.id for a in here or facts.agents} | {changed.ticket["agent_id"]} if "agents" in wanted else set()
    leads = {"manager": "managers", "admin": "admins"}
    return [a for a in facts.agents if a.address in wanted or a.id in ids or leads.get(a.role) in wanted]


def recipient(planned: Plan, ticket: Mapping[str, Any] | None, facts: Facts) -> str:
    """Where a notice goes: to the person's stored address, or where the requester's Reply-To was heeded."""
    to = planned.to
    if ticket is None or to.role is not Role.CUSTOMER or to.id != ticket["requester_id"] or not ticket["reply_to"]:
        return to.address
    before = facts.ticket(ticket["id"])
    told = {p.address for p in before.participants} if before is not None else set()
    return to.address if ticket["reply_to"] in told else str(ticket["reply_to"])


def extras(
    site: Site, facts: Facts, decision: Decision, ticket: Mapping[str, Any], planned: Plan,
    link: Callable[[Any, Person], int],
) -> dict[str, Any]:  # fmt: skip
    """More of an outbox row's body. link: hands out the person's access link to the ticket."""
    found: dict[str, Any] = {}
    notice, to = planned.notice, planned.to
    rating = given(decision)
    asks = any(isinstance(a, AskRating) for a in decision.actions) and to.id == ticket["requester_id"]
    if notice is Notice.N13 and rating is not None:
        found |= {"score": int(rating["rating"]), "scale": site.survey().scale, "said": rating["comment"]}
        found |= {"said_by": decision.author.name, "said_by_address": decision.author.address}
    if to.role is Role.CUSTOMER and notice is Notice.N12 and asks:
        found |= {"scale": site.survey().scale, "survey_id": link(ticket, to)}
    follows = to.role is Role.CUSTOMER and to.id and to.id != ticket["requester_id"]
    if follows and notice in _TO_FOLLOWERS:
        found["stop_id"] = link(ticket, to)
    elif to.role is Role.CUSTOMER and to.id and notice in _TO_FOLLOWERS - {Notice.N12}:  # after it comes no more
        found["quiet_id"] = link(ticket, to)
    if follows and _reads_only(facts, decision, ticket, to):
        found["reads_only"] = True
    if to.role is Role.AGENT:
        ignored = next((a for a in decision.actions if isinstance(a, Remark) and a.kind == "reply_to_ignored"), None)
        found["answers_to"] = ticket["reply_to"]
        found["reply_to_ignored"] = ignored.data["address"] if ignored is not None else ""
    verbs = _verbs(site, ticket, planned, asks)
    own = site.own(ticket["address"])
    if own.plus and to.id:
        found["actions"] = [
            (
                verb,
                action_address(
                    own.address,
                    site.mint.action_token(Capability(ticket["number"], to.id, to.role, ticket["version"], verb)),
                ),
            )
            for verb in verbs
        ]
    return found


def _reads_only(facts: Facts, decision: Decision, ticket: Mapping[str, Any], to: Person) -> bool:
    """Whether this person follows the ticket without writing in it, once the decision is carried out."""
    before = facts.ticket(ticket["id"])
    follows = next((p for p in before.participants if p.id == to.id), None) if before is not None else None
    reads = follows is not None and not follows.contributes
    for action in decision.actions:
        if isinstance(action, AddParticipant) and action.address == to.address and (action.renew or follows is None):
            reads = not action.contributes
    return reads


def _verbs(site: Site, ticket: Mapping[str, Any], planned: Plan, asks: bool) -> tuple[str, ...]:
    notice, to = planned.notice, planned.to
    if to.role is Role.AGENT and notice is Notice.N19:
        return ("ask_info",) if ticket["agent_id"] == to.id else ("take", "ask_info")
    if to.role is not Role.CUSTOMER or notice not in _CUSTOMERS:
        return ()
    if notice is Notice.N12 and not (asks and site.survey().scale == _STARS):
        return ()
    return _CUSTOMERS[notice] if to.id == ticket["requester_id"] else ()
