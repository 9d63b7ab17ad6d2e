"""The survey's page and the end of notices: what a link in a mail asks about, and what is done by POST.

The links name the person's access link to the ticket under a purpose of their own: they open nothing else. A survey
has a time of its own, whatever became of that link meanwhile, unless it was made useless. Looking changes nothing, so
that scanners may.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from mailgate.decide.action import RATING_CHANGES_FOR
from mailgate.decide.author import who
from mailgate.decide.decision import Decision, StopTelling, ThreadChoice
from mailgate.decide.facts import ActionFacts
from mailgate.errors import NotAllowed
from mailgate.flows.customer import Done, Expired, Grant, act, known_link, still_here
from mailgate.flows.effects import Effects, Said
from mailgate.flows.gather import action_facts
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from store import links, outbox, people, tickets
from store.vocabulary import Channel, Notice, Outcome, Role


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link asks about. state: open | expired | late (the answer can no longer be changed).

    score, comment: as answered before, 0 and "" for not yet. address: the person's.
    """

    state: str
    key: str
    subject: str
    agent: str
    language: str | None
    ticket_id: int
    contact_id: int
    address: str
    scale: int
    with_comment: bool
    score: int = 0
    comment: str = ""


def asked(connection: Connection, site: Site, token: str, purpose: str) -> Asked | None:
    """What a token of the purpose `rate` or `stop` is about; None for one that is not ours. Reads only."""
    link_id = site.mint.read_access_token(token, purpose)
    if link_id is None:
        return None
    found = _surveyed(connection, site, link_id) if purpose == "rate" else known_link(connection, site, link_id)
    if found is None:
        return None
    ticket = next(iter(tickets.by_ids(connection, [found.ticket_id])), None)
    contact = people.contact(connection, found.contact_id or 0) if isinstance(found, Grant) else None
    if ticket is None or (contact is None and not isinstance(found, Expired)):
        return None
    given = tickets.surveys(connection, ticket.id) if purpose == "rate" else []
    late = bool(given) and site.clock() - given[0].at > RATING_CHANGES_FOR
    survey = site.survey()
    return Asked(
        state="expired" if contact is None else "late" if late else "open",
        key=ticket.key,
        subject=ticket.subject,
        agent=ticket.agent_name or "",
        language=(contact.language if contact is not None else None) or ticket.language,
        ticket_id=ticket.id,
        contact_id=contact.id if contact is not None else 0,
        address=contact.address if contact is not None else "",
        scale=survey.scale,
        with_comment=survey.comment,
        score=int(given[-1].data["rating"]) if given else 0,
        comment=given[-1].data.get("comment", "") if given else "",
    )


def _surveyed(connection: Connection, site: Site, link_id: int) -> Grant | Expired | None:
    """Whose survey it is; Expired once its time is over and nobody answered (who did may change it for some days).

    Its time begins with the mail that asked, or with the last sign of life of a link whose mail is no more.
    """
    row = links.by_id(connection, link_id)
    if row is None or row.revoked_at is not None or not still_here(connection, site, row):
        return None
    asked_at = outbox.told_at(connection, row.ticket_id, Notice.N12, row.contact_id) if row.contact_id else None
    if asked_at is None:
        asked_at = max(row.created_at, row.expires_at - site.lifetimes.access)
    until = asked_at + site.lifetimes.survey
    if until <= site.clock() and tickets.rated_at(connection, row.ticket_id) is None:
        return Expired(row.id, row.ticket_id)
    return Grant(row.id, row.ticket_id, row.contact_id, row.agent_id, until)


def rate(site: Site, about: Asked, score: int, comment: str) -> Done:
    """Write the rating down and tell those who lead, in one transaction. The same answer again changes nothing.

    Raises NotAllowed for a person who has left and a score beyond the scale.
    """

    def work(connection: Connection) -> Done:
        contact = people.contact(connection, about.contact_id)
        if contact is None or not contact.active or not 1 <= score <= about.scale:
            raise NotAllowed("this link rates nothing")
        given = tickets.surveys(connection, about.ticket_id)
        if given and (given[-1].data["rating"], given[-1].data.get("comment", "")) == (str(score), comment):
            return Done(about.key, about.ticket_id, None, "", 0)
        action = ActionFacts(
            "rate", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, "link", comment,
            rating=score,
        )  # fmt: skip
        return act(connection, site, action, about.ticket_id, contact.id)

    return site.writer.call(work)


def stop(site: Site, about: Asked) -> bool:
    """No more notices of this ticket to its requester or one who follows it; False where none were sent anyway."""

    def work(connection: Connection) -> bool:
        contact = people.contact(connection, about.contact_id)
        if contact is None:
            return False
        action = ActionFacts(
            "stop", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, "link"
        )  # fmt: skip
        facts = action_facts(connection, site, action, about.ticket_id, contact.id)
        thread = ThreadChoice("existing", about.ticket_id, about.key, Channel.PORTAL, "a link to hear no more")
        actions = (StopTelling(contact.id, "link"),)
        decision = Decision(Outcome.COMMAND, "", thread.why, thread, who(facts), None, (), actions, False, facts.now)
        said = Said()
        changed = Effects(connection, site, facts, decision, said).carry_out()
        Telling(connection, site, facts, decision, changed, said).tell()
        return bool(changed.events)

    return site.writer.call(work)
