"""What people do on a page or at a terminal: the same line as a mail, without the mail.

Who may do it was checked by the caller (a grant of the portal, the shell of the admin); rights that depend on the
ticket are decided here, in the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.author import who
from mailgate.decide.decide import decide
from mailgate.decide.decision import Decision, Remark, ThreadChoice
from mailgate.decide.facts import ActionFacts, News
from mailgate.decide.filing import LIMIT
from mailgate.errors import DataError, MailgateError, NotAllowed, TooMany
from mailgate.flows.effects import Effects, Said
from mailgate.flows.filingfacts import filing_facts
from mailgate.flows.gather import action_facts
from mailgate.flows.linkrows import new_link
from mailgate.flows.peoplework import contact_of
from mailgate.flows.record import keep
from mailgate.flows.seeing import may_answer, may_see_ticket, only_follows
from mailgate.flows.site import Site
from mailgate.flows.telling import Telling
from mailgate.links.tokens import digest
from mailgate.mail.addresses import normalise
from mailgate.mail.message import Attachment
from mailgate.notify.plan import Person, Plan
from mailgate.yamlfile import did_you_mean
from store import journal, links, outbox, people, tickets
from store import once as forms
from store.vocabulary import Channel, CommentKind, Notice, Outcome, Role

_READS_ONLY = "who only follows a ticket does not write in it"
_SEES_ONLY = "who may not answer in colleagues' tickets does not write in this one"


class Refused(NotAllowed):
    """Nothing was done. problem: `<code>:<what>` as of `Intent.problem`, "" for none; news: what came meanwhile."""

    def __init__(self, why: str, problem: str = "", news: tuple[News, ...] = ()) -> None:
        super().__init__(why)
        self.problem = problem
        self.news = news


class Repeated(MailgateError):
    """The form was taken before: by another node, or by a transaction whose reply was lost. Nothing was done again."""


def only_once(connection: Connection, site: Site, once: str) -> None:
    """once: the form's own number, "" for what is none. Raises Repeated."""
    if once and not forms.first_time(connection, once, site.clock()):
        raise Repeated("this form was taken before")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an action: the ticket's key, the comment if any, how many notices were written."""

    key: str
    ticket_id: int
    comment_id: int | None
    status: str
    notices: int


def comment(
    site: Site,
    ticket_id: int,
    contact_id: int | None,
    text: str,
    files: tuple[Attachment, ...] = (),
    via: str = "portal",
    once: str = "",
) -> Done:
    """A customer's comment from the ticket's page. via: portal (signed in) or link. once: see `only_once`.

    Raises DataError when the ticket is gone, NotAllowed for who may not write on it.
    """

    def work(connection: Connection) -> Done:
        only_once(connection, site, once)
        contact = people.contact(connection, contact_id) if contact_id else None
        if contact is None or not contact.active:
            raise NotAllowed("this link belongs to nobody who may write")
        _refuse_readers(connection, site, ticket_id, contact.id, via)
        action = ActionFacts(
            "comment", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, via, text
        )
        return act(connection, site, action, ticket_id, contact.id, files)

    return site.writer.call(work)


def _refuse_readers(connection: Connection, site: Site, ticket_id: int, contact_id: int, via: str) -> None:
    """NotAllowed for who follows a ticket to read it, and for who signed in, sees it, and may not answer in it.

    Whoever holds a link was written to about the ticket: he may answer, as by mail.
    """
    if only_follows(connection, ticket_id, contact_id):
        raise NotAllowed(_READS_ONLY)
    if via != "link" and not may_answer(connection, site, ticket_id, contact_id):
        raise NotAllowed(_SEES_ONLY)


def finalize(site: Site, ticket_id: int, contact_id: int, text: str = "", via: str = "portal") -> Done:
    """A customer says that the ticket is done, with a word or without.

    Raises NotAllowed for a contact who may not write and where the workflow has no such way from the ticket's status.
    """

    def work(connection: Connection) -> Done:
        contact = people.contact(connection, contact_id)
        if contact is None or not contact.active:
            raise NotAllowed("this link belongs to nobody who may write")
        _refuse_readers(connection, site, ticket_id, contact.id, via)
        action = ActionFacts(
            "finalize", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, via, text
        )
        return act(connection, site, action, ticket_id, contact.id)

    return site.writer.call(work)


def agent_action(
    site: Site,
    key: str,
    agent_address: str,
    verb: str,
    *,
    text: str = "",
    status: str = "",
    assign_to: str = "",
    files: tuple[Attachment, ...] = (),
) -> Done:
    """What an agent does at the terminal: reply, note, set_status, assign.

    status: a key or a label. Raises DataError (no such ticket or status) and NotAllowed (not an agent, no such way).
    """

    def work(connection: Connection) -> Done:
        agent = people.agent_by_address(connection, normalise(agent_address))
        if agent is None:
            raise NotAllowed(f"{agent_address} is not an agent")
        ticket = tickets.by_key(connection, key)
        if ticket is None:
            raise DataError(f"there is no ticket {key}")
        workflow = site.book().workflow
        wanted = workflow.find_status(status, agent.language) if status else ""
        if wanted is None:
            labels = list(workflow.labels(site.policy.locale).values())
            hint = did_you_mean(status, (*labels, *workflow.states))
            raise DataError(f"there is no status {status!r}{hint}; there are {', '.join(labels)}")
        if wanted and not workflow.can_set(ticket.status, wanted, "agent"):
            raise NotAllowed(f"the workflow has no way from {ticket.status} to {wanted} for an agent")
        other = people.agent_by_address(connection, normalise(assign_to)) if assign_to else None
        if assign_to and other is None:
            raise DataError(f"there is no agent {assign_to}")
        action = ActionFacts(
            verb, Role.AGENT, Channel.CLI, agent.id, agent.name, agent.address, "terminal", text, wanted or "",
            agent_id=other.id if other else None,
        )  # fmt: skip
        return act(connection, site, action, ticket.id, None, files)

    return site.writer.call(work)


def on_page(
    site: Site, ticket_id: int, agent_id: int, action: ActionFacts, files: tuple[Attachment, ...] = (), once: str = ""
) -> Done:  # fmt: skip
    """What an agent does on the ticket's page: the same as by a mail with commands.

    action: verb, text, status, orders, what he saw, and how he is known (portal, or link); who he is stands here.
    once: see `only_once`. Raises Refused with its problem, and DataError for a ticket that is gone.
    """

    def work(connection: Connection) -> Done:
        only_once(connection, site, once)
        agent = people.agent(connection, agent_id)
        if agent is None or not agent.active:
            raise NotAllowed("this is no agent of ours")
        who_acts = replace(action, person_id=agent.id, name=agent.name, address=agent.address)
        return act(connection, site, who_acts, ticket_id, None, files)

    return site.writer.call(work)


def open_ticket(
    site: Site,
    contact_address: str,
    contact_name: str,
    subject: str,
    text: str,
    agent_address: str,
    *,
    channel: Channel = Channel.CLI,
    files: tuple[Attachment, ...] = (),
    department: str = "",
    topic: str = "",
    priority: str = "",
) -> Done:
    """An agent opens a ticket in a customer's name, e.g. after a phone call; the customer gets N2 with his link.

    department, topic, priority: keys, "" as the company has it (`flows.changing` finds them by name).
    """

    def work(connection: Connection) -> Done:
        agent = people.agent_by_address(connection, normalise(agent_address))
        if agent is None:
            raise NotAllowed(f"{agent_address} is not an agent")
        now = site.clock()
        contact = contact_of(connection, site, contact_address, contact_name, now)
        action = ActionFacts(
            "open", Role.AGENT, channel, agent.id, agent.name, agent.address, "terminal", text, "", subject,
            agent_id=agent.id, department=department, topic=topic, priority=priority,
        )  # fmt: skip
        return act(connection, site, action, None, contact.id, files)

    return site.writer.call(work)


def act(
    connection: Connection,
    site: Site,
    action: ActionFacts,
    ticket_id: int | None,
    contact_id: int | None,
    files: tuple[Attachment, ...] = (),
) -> Done:
    """Decide about an action, carry it out and tell, in this transaction; the files' blobs are stored already.

    Raises DataError for a ticket that is gone, NotAllowed with a sentence for what the workflow does not take, TooMany
    for a customer's new ticket beyond the limit.
    """
    site = site.pinned()
    action = replace(action, attached=len(files))
    facts = action_facts(connection, site, action, ticket_id, contact_id)
    if ticket_id is not None and not facts.tickets:
        raise DataError("this ticket is gone")
    if action.filed is not None:
        facts = filing_facts(connection, site, facts, action)
    decision = decide(facts, site.book())
    refused = _refusal(decision)
    if refused:
        if decision.reason == LIMIT:
            raise TooMany(refused)
        raise Refused(refused, decision.intent.problem if decision.intent is not None else "", facts.news)
    said = Said(attachments=files)
    changed = Effects(connection, site, facts, decision, said).carry_out()
    plans = Telling(connection, site, facts, decision, changed, said).tell()
    keep(connection, site, "action", facts, decision, plans, changed)
    assert changed.ticket is not None
    sent = sum(1 for p in plans if not p.suppressed)
    return Done(changed.ticket["key"], changed.ticket["id"], changed.comment_id, changed.ticket["status"], sent)


def _refusal(decision: Decision) -> str:
    """Why nothing of this is done: a closed ticket takes no answer, or the workflow has no such way; "" otherwise."""
    if decision.outcome is Outcome.REJECTED or decision.reason == "cancelled":
        return decision.why
    stays = (a for a in decision.actions if isinstance(a, Remark) and a.kind == "not_moved")
    return next((a.data["why"] for a in stays if a.data["by"] != "rule"), "")


def send_link(site: Site, address: str, key: str) -> bool:
    """Mail a new access link (N4) to the stored address, if that person may see that ticket; whether one went.

    The caller shows the same text whether it did or not.
    """

    def work(connection: Connection) -> bool:
        ticket = tickets.by_key(connection, key.strip())
        wanted = normalise(address.strip())
        if ticket is None:
            return False
        person = people.contact_typed(connection, wanted)
        if person is None or not may_see_ticket(connection, site, person.id, ticket)[0]:
            return False
        return _write_link(connection, site, ticket.id, person.id)

    return site.writer.call(work)


def renew_link(site: Site, link_id: int) -> bool:
    """Mail a new link to the person an expired one belongs to; whether one went."""

    def work(connection: Connection) -> bool:
        row = links.by_id(connection, link_id)
        if row is None or row.contact_id is None or row.revoked_at is not None:
            return False
        return _write_link(connection, site, row.ticket_id, row.contact_id)

    return site.writer.call(work)


_LINK_MAILS_AN_HOUR = 3


def _write_link(connection: Connection, site: Site, ticket_id: int, contact_id: int) -> bool:
    now = site.clock()
    contact = people.contact(connection, contact_id)
    if contact is None or not contact.active:
        return False
    recent = outbox.count_sent(connection, [Notice.N4], now.replace(minute=0, second=0), contact.address)
    if recent >= _LINK_MAILS_AN_HOUR:
        return False
    action = ActionFacts(
        "comment", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, "link", ""
    )
    facts = action_facts(connection, site, action, ticket_id, contact_id)
    ticket = facts.tickets[0]
    thread = ThreadChoice("existing", ticket.id, ticket.key, Channel.PORTAL, "a link was asked for")
    decision = Decision(Outcome.COMMAND, "", thread.why, thread, who(facts), None, (), (), False, now)
    said = Said()
    changed = Effects(connection, site, facts, decision, said).carry_out()
    links.add(connection, [new_link(site, ticket_id, now, contact_id=contact_id)])
    language = contact.language or (changed.ticket or {}).get("language") or site.policy.locale
    person = Person(contact.id, contact.name, contact.address, language, Role.CUSTOMER)
    Telling(connection, site, facts, decision, changed, said).write([Plan(Notice.N4, person, "a link was asked for")])
    return True


def confirm(site: Site, token: str) -> str | None:
    """An agent confirms by POST that his kept text is to be sent: the mail goes through the line once more.

    Returns the id of the journal row, or None for a link that is not ours, spent or expired, for an agent who has left,
    and for a text that was sent or dropped by another way.
    """
    row_id = site.mint.read_access_token(token, "confirm")
    if row_id is None:
        return None

    def work(connection: Connection) -> str | None:
        row = links.one_use(connection, digest(token))
        now = site.clock()
        if row is None or row.journal_id is None or row.expires_at <= now or not _still_waits(connection, row):
            return None
        is_note = row.comment_id is not None
        if not links.spend(connection, row.id, now):
            return None
        if not journal.resume(connection, row.journal_id, now, "confirmed", held=not is_note):
            return None
        return str(row.journal_id)

    return site.writer.call(work)


def _still_waits(connection: Connection, row: Row[Any]) -> bool:
    """Whether the text of a confirm link is still a note or held, and its agent still one of ours."""
    agent = people.agent(connection, row.agent_id) if row.agent_id is not None else None
    if agent is None or not agent.active:
        return False
    if row.comment_id is not None:
        note = tickets.comment(connection, row.comment_id)
        return note is not None and note.kind == CommentKind.NOTE
    mail = journal.by_id(connection, row.journal_id)
    return mail is not None and mail.outcome == Outcome.HELD


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access link opens: one ticket, for one person, until it expires."""

    link_id: int
    ticket_id: int
    contact_id: int | None
    agent_id: int | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Expired:
    """A link of ours that no longer opens; a new one may be mailed to its person."""

    link_id: int
    ticket_id: int = 0


def open_link(connection: Connection, site: Site, token: str) -> Grant | Expired | None:
    """What a token opens: a grant, an expired link, or None (not ours, unknown, revoked). Reads only."""
    link_id = site.mint.read_access_token(token)
    if link_id is None:
        return None
    return _opens(connection, site, links.by_digest(connection, digest(token)))


def known_link(connection: Connection, site: Site, link_id: int) -> Grant | Expired | None:
    """What a link that was exchanged before opens now: rights are checked at each look. Reads only."""
    return _opens(connection, site, links.by_id(connection, link_id))


def still_open(connection: Connection, site: Site, link_id: int) -> Grant | None:
    """The grant of a link that was exchanged before, if it still opens."""
    found = known_link(connection, site, link_id)
    return found if isinstance(found, Grant) else None


def _opens(connection: Connection, site: Site, row: Row[Any] | None) -> Grant | Expired | None:
    if row is None or row.revoked_at is not None or not still_here(connection, site, row):
        return None
    if row.expires_at <= site.clock():
        return Expired(row.id, row.ticket_id)
    return Grant(row.id, row.ticket_id, row.contact_id, row.agent_id, row.expires_at)


def still_here(connection: Connection, site: Site, row: Row[Any]) -> bool:
    """Whether the person of a link is still one of ours, and one who sees the ticket.

    An ex-agent's old link opens nothing, nor does that of a participant who was taken off.
    """
    if row.agent_id is not None:
        agent = people.agent(connection, row.agent_id)
        return agent is not None and agent.active
    ticket = next(iter(tickets.by_ids(connection, [row.ticket_id])), None)
    return (
        row.contact_id is not None
        and ticket is not None
        and (may_see_ticket(connection, site, row.contact_id, ticket)[0])
    )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a confirm link is about. state: open | spent | expired. text: "" where the answer is held and not a note."""

    state: str
    key: str
    subject: str
    to: str
    text: str
    files: tuple[str, ...]


def pending_confirmation(connection: Connection, site: Site, token: str) -> Confirmation | None:
    """What an agent is asked to confirm; None for a link that is not ours. Reads only."""
    if site.mint.read_access_token(token, "confirm") is None:
        return None
    row = links.one_use(connection, digest(token))
    mail = journal.by_id(connection, row.journal_id) if row is not None and row.journal_id else None
    if row is None or mail is None or row.purpose != "confirm":
        return None
    done = row.used_at is not None or not _still_waits(connection, row)
    state = "spent" if done else "expired" if row.expires_at <= site.clock() else "open"
    note = tickets.comment(connection, row.comment_id) if row.comment_id else None
    ticket_id = note.ticket_id if note is not None else mail.ticket_id
    ticket = next(iter(tickets.by_ids(connection, [ticket_id])), None) if ticket_id else None
    return Confirmation(
        state=state,
        key=ticket.key if ticket is not None else "",
        subject=ticket.subject if ticket is not None else mail.subject,
        to=(ticket.requester_name or ticket.requester_address) if ticket is not None else "",
        text=note.reply if note is not None else "",
        files=tuple(f.filename for f in tickets.attachments(connection, [note.id])) if note is not None else (),
    )
