"""`explain --what-if`: the facts of a mail with something changed, decided again under the rules in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from mailgate.decide.decide import decide
from mailgate.decide.decision import Decision
from mailgate.decide.facts import AgentFacts, ContactFacts, Facts, TicketFacts
from mailgate.decide.state import category_of
from mailgate.errors import DataError
from mailgate.flows.changed import Changed
from mailgate.flows.simulating import carried_out
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise
from mailgate.mail.message import Address
from mailgate.notify.plan import Plan
from mailgate.yamlfile import did_you_mean
from store import people

#: What may be supposed: of the mail, and of the ticket that it is about.
OF_MAIL = ("sender", "verified", "subject", "department", "language")
OF_TICKET = ("status", "priority", "topic", "agent")


def read_changes(texts: list[str]) -> dict[str, str]:
    """`sender=ana@x.test,status=aberto` as a mapping. Raises DataError for what cannot be supposed."""
    known = (*OF_MAIL, *OF_TICKET)
    changes: dict[str, str] = {}
    for one in (part for text in texts for part in text.split(",")):
        name, equals, value = one.partition("=")
        if not equals or name.strip() not in known:
            raise DataError(
                f"{one!r} cannot be supposed; write one of {', '.join(known)} with = and a value"
                f"{did_you_mean(name.strip(), known)}"
            )
        changes[name.strip()] = value.strip()
    return changes


def suppose(
    connection: Connection, site: Site, facts: Facts, changes: Mapping[str, str]
) -> tuple[Facts, Decision, list[Plan], Changed]:
    """What would have become of it. Raises DataError for a status or an agent that there is not."""
    for name, value in changes.items():
        facts = _MAKERS[name](connection, site, facts, value) if name in _MAKERS else _of_ticket(facts, name, value)
    decision = decide(facts, site.book())
    supposed = carried_out(site, facts, decision)
    ticket, plans = supposed.ticket, supposed.plans
    before = facts.ticket(decision.ticket_id or 0)
    return facts, decision, plans, Changed(timers=timers_of(site, before, ticket))


def timers_of(site: Site, before: TicketFacts | None, now: TicketFacts | None) -> list[dict[str, str]]:
    """What a change of status would set and cancel."""
    if now is None or (before is not None and before.status == now.status):
        return []
    cancelled = [{"cancelled": before.status}] if before is not None else []
    found = site.book().workflow.timers_for(now.status)
    at = {t.name: site.timer_at(now.status_since, t.after.text) for t in found}
    return cancelled + [{"name": name, "due_at": due.isoformat()} for name, due in at.items()]


def _sender(connection: Connection, site: Site, facts: Facts, value: str) -> Facts:
    if facts.mail is None:
        raise DataError("nobody wrote: there is no sender to change")
    address = normalise(value)
    agent = next((a for a in facts.agents if a.address == address), None)
    row = people.contact_by_address(connection, address) if agent is None else None
    sender = None
    if row is not None:
        sender = ContactFacts(
            row.id, row.name, row.address, row.language, row.organisation_id, row.role, row.active
        )  # fmt: skip
    author = Address("", address)
    return replace(facts, mail=replace(facts.mail, author=author, from_=author), sender=sender, agent=agent)


def _verified(connection: Connection, site: Site, facts: Facts, value: str) -> Facts:
    proven = value.lower() in ("yes", "sim", "true", "sí", "si")
    if facts.mail is None:
        raise DataError("nobody wrote: there is nothing to prove")
    auth = replace(facts.mail.auth, aligned=proven, trusted="", reason="supposed")
    return replace(facts, mail=replace(facts.mail, auth=auth))


def _subject(connection: Connection, site: Site, facts: Facts, value: str) -> Facts:
    return replace(facts, mail=replace(facts.mail, subject=value)) if facts.mail else facts


def _department(connection: Connection, site: Site, facts: Facts, value: str) -> Facts:
    mail = replace(facts.mail, department=value) if facts.mail else None
    tickets = tuple(replace(t, department=value) for t in facts.tickets)
    return replace(facts, mail=mail, tickets=tickets, department=value)


def _language(connection: Connection, site: Site, facts: Facts, value: str) -> Facts:
    return replace(facts, mail=replace(facts.mail, language=value)) if facts.mail else facts


def _status(connection: Connection, site: Site, facts: Facts, value: str) -> Facts:
    workflow = site.book().workflow
    found = workflow.find_status(value)
    if found is None:
        raise DataError(f"there is no status {value!r}{did_you_mean(value, list(workflow.states))}")
    category = category_of(found, site.book())
    return replace(facts, tickets=tuple(replace(t, status=found, category=category) for t in facts.tickets))


def _agent(connection: Connection, site: Site, facts: Facts, value: str) -> Facts:
    agent: AgentFacts | None = None
    if value != "nobody":
        agent = next((a for a in facts.agents if value.casefold() in (a.address, a.name.casefold())), None)
        if agent is None:
            raise DataError(f"there is no agent {value!r}{did_you_mean(value, [a.address for a in facts.agents])}")
    agent_id = agent.id if agent else None
    return replace(facts, tickets=tuple(replace(t, agent_id=agent_id) for t in facts.tickets))


def _of_ticket(facts: Facts, name: str, value: str) -> Facts:
    def changed(ticket: TicketFacts) -> TicketFacts:
        return replace(ticket, priority=value) if name == "priority" else replace(ticket, topic=value)

    return replace(facts, tickets=tuple(changed(t) for t in facts.tickets))


_MAKERS: dict[str, Callable[[Connection, Site, Facts, str], Facts]] = {
    "sender": _sender,
    "verified": _verified,
    "subject": _subject,
    "department": _department,
    "language": _language,
    "status": _status,
    "agent": _agent,
}
