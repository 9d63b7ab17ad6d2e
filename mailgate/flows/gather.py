"""Step 6 of the line: everything a decision may look at, read once; the candidate tickets are locked, in number order.

Reads only. What is named by a mail (reply identity, Message-IDs, keys in the subject) becomes candidates; whether the
author may use them is for `decide`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.answering import answers_to
from mailgate.decide.author import who
from mailgate.decide.facts import (
    ActionFacts,
    AgentFacts,
    Candidate,
    ContactFacts,
    Facts,
    FileFacts,
    Forwarded,
    MailFacts,
    ReturnedFacts,
    TicketFacts,
)
from mailgate.decide.files import brings
from mailgate.decide.thread import choose
from mailgate.flows import counting
from mailgate.flows.agentfacts import branches_for, news_since
from mailgate.flows.batch import Batch, author_address, named_ids
from mailgate.flows.leaks import leaked
from mailgate.flows.peoplework import contact_facts
from mailgate.flows.reading import Reading
from mailgate.flows.repeating import repeated, repeated_on
from mailgate.flows.site import Site
from mailgate.links.tokens import TOKEN_LENGTH, Capability, ReplyIdentity
from mailgate.mail.fingerprint import known_as
from mailgate.mail.forwarded import passed_on
from mailgate.mail.message import ParsedMessage
from mailgate.mail.subject import find_keys, is_forward
from mailgate.mail.support import SupportAddress
from mailgate.people import preferences
from mailgate.tickets.fillin import filled_lines
from store import journal, outbox, people, tickets
from store.journal import ClaimedMail
from store.vocabulary import Category, Notice, OutboxState, Road, Role


@dataclass(frozen=True, slots=True)
class Delivered:
    """To which of our addresses a mail came, and the reply identities found there."""

    own: SupportAddress
    rcpt_tos: tuple[str, ...]
    identities: tuple[tuple[str, ReplyIdentity], ...]
    button: Capability | None = None


def mail_facts(connection: Connection, site: Site, mail: ClaimedMail, reading: Reading, batch: Batch) -> Facts:
    """The facts about one mail."""
    message = reading.message
    delivered = _delivered(site, mail, reading)
    author = message.author
    address = author_address(mail, reading)
    agents = _agents(connection, batch)
    agent = next((a for a in agents if a.address == address), None)
    contact = batch.contact(connection, address) if address and agent is None else None
    bounce_identity = _bounce_identity(site, reading, delivered) if reading.screening.is_bounce else None
    candidates, found = _candidates(connection, site, reading, delivered, bounce_identity, batch)
    keys = tuple(find_keys(message.subject, site.policy.key_prefix))
    sender = contact_facts(connection, contact) if contact is not None else None
    own_id = known_as(message.message_id, message.fingerprint)
    facts = MailFacts(
        road=Road(mail.road),
        received_at=mail.received_at,
        date=message.date,
        mail_from=mail.mail_from,
        rcpt_tos=delivered.rcpt_tos,
        own_address=delivered.own.address,
        department=delivered.own.department,
        author=author,
        from_=message.from_,
        reply_to=message.reply_to,
        to=message.to,
        cc=message.cc,
        subject=message.subject,
        message_id=own_id,
        in_reply_to=message.in_reply_to,
        references=message.references,
        keys=keys,
        kind=reading.screening.kind,
        kind_reason=reading.screening.reason,
        may_answer=reading.screening.may_answer,
        fine_kind=reading.screening.fine,
        counts=reading.screening.counts,
        returned=_returned(connection, reading, bounce_identity, site, delivered) if bounce_identity else None,
        bounce=reading.bounce,
        bounce_identity=bounce_identity,
        language=message.language,
        reply=message.reply,
        attachment_names=tuple(a.filename for a in message.attachments),
        auth=reading.auth,
        auth_user=mail.auth_user,
        over_limit=reading.over_limit,
        defects=message.defects,
        headers=message.headers,
        filled=filled_lines(message.elided) if message.elided else (),
        files=tuple(
            FileFacts(a.filename, a.declared_type, a.found_type, a.size, a.contents, a.inline)
            for a in message.attachments
        ),
    )
    organisation, tier = _organisation(connection, sender, batch)
    known = Facts(
        now=site.clock(),
        policy=site.policy,
        mail=facts,
        sender=sender,
        agent=agent,
        agents=agents,
        candidates=candidates,
        tickets=found,
        own_addresses=tuple(a.address for a in site.addresses),
        organisation=organisation,
        tier=tier,
        department=delivered.own.department,
        topic=site.default_topic(),
        released=mail.resumed == "released",
        confirmed=mail.resumed in ("confirmed", "noted"),
        noted=mail.resumed == "noted",
        button=delivered.button,
        **_survey(connection, delivered.button),
        reply_contact=_reply_contact(connection, batch, message, address),
    )
    # Which ticket it is decides what is counted: a key in the subject must not turn the caps of a new ticket off.
    thread = choose(known, who(known), site.book().scopes)
    ticket_id = thread.ticket_id if thread.kind == "existing" else None
    found_author = who(known)
    to, problem = answers_to(known, facts, found_author)
    written_to = to if to and not problem else sender.address if sender else address
    counters = counting.of_author(connection, site, address, ticket_id, mail, written_to, not found_author.verified)
    if ticket_id is None and agent is None and reading.screening.may_answer and not brings(facts):
        words = message.subject, message.reply
        counters = replace(counters, repeats=repeated(connection, site, address, *words, mail, counters.tickets))
    elif ticket_id is not None and agent is None and not brings(facts):
        counters = replace(counters, repeats=repeated_on(connection, site, ticket_id, address, message.reply, mail))
    known = replace(
        known,
        agents=_with_draws(connection, site, agents),
        counters=counting.with_reply_to(connection, site, message.reply_to, counters, mail),
    )
    return known if agent is None else _of_agents_mail(connection, site, known, message, agent, ticket_id)


def _reply_contact(connection: Connection, batch: Batch, message: ParsedMessage, author: str) -> ContactFacts | None:
    """Whose address stands in Reply-To, where it is one address and not the author's."""
    named = {one.address for one in message.reply_to}
    if len(named) != 1 or named == {author}:
        return None
    row = batch.contact(connection, named.pop())
    return contact_facts(connection, row) if row is not None else None


def _of_agents_mail(
    connection: Connection, site: Site, known: Facts, message: ParsedMessage, agent: AgentFacts, ticket_id: int | None
) -> Facts:
    """What only an agent's mail asks: what it leaks, what came since its notice, whom and what its commands name."""
    ticket = known.ticket(ticket_id) if ticket_id is not None else None
    passed = passed_on(message.text) if is_forward(message.subject) else None
    return replace(
        known,
        leaked=leaked(connection, site, message.reply, ticket_id),
        news=news_since(connection, known, ticket, agent, _seen(known, ticket)) if ticket is not None else (),
        waiting=journal.held_answer(connection, agent.address, ticket_id) if ticket_id is not None else None,
        named=_named(connection, site, message.reply),
        branches=branches_for(connection, ticket) if ticket is not None else (),
        forwarded=Forwarded(passed.author, passed.subject, passed.text, passed.intro) if passed else None,
    )


def _survey(connection: Connection, button: Capability | None) -> dict[str, Any]:
    """What is known of the survey that a button answers."""
    if button is None or not button.verb.startswith("rate_"):
        return {}
    found = tickets.ids_by_numbers(connection, [button.ticket_number]).get(button.ticket_number)
    return _survey_of(connection, found, button.person_id) if found is not None else {}


def _survey_of(connection: Connection, ticket_id: int, contact_id: int | None) -> dict[str, Any]:
    """When the survey of a ticket was answered first, and when this person was asked last."""
    asked_at = outbox.told_at(connection, ticket_id, Notice.N12, contact_id) if contact_id else None
    return {"rated_at": tickets.rated_at(connection, ticket_id), "asked_at": asked_at}


def _seen(known: Facts, ticket: TicketFacts) -> int | None:
    """The ticket's version in the notice whose reply address was used: its token holds it."""
    seen = [c.identity.version for c in known.candidates if c.ticket_id == ticket.id and c.identity is not None]
    return max(seen, default=None)


def _named(connection: Connection, site: Site, text: str) -> tuple[TicketFacts, ...]:
    """The tickets that a command line names (`#juntar SUP-12`), locked."""
    lines = "\n".join(line for line in text[:20_000].split("\n") if line.lstrip().startswith("#"))
    keys = find_keys(lines, site.policy.key_prefix) if lines else []
    return _tickets(connection, list(tickets.ids_by_keys(connection, keys).values())) if keys else ()


def action_facts(
    connection: Connection, site: Site, action: ActionFacts, ticket_id: int | None, contact_id: int | None = None
) -> Facts:
    """The facts about what a person does on a page or at a terminal; the ticket is locked."""
    batch = Batch()
    agents = _agents(connection, batch)
    contact = people.contact(connection, contact_id) if contact_id else None
    found = _tickets(connection, [ticket_id] if ticket_id else [])
    agent = next((a for a in agents if action.role is Role.AGENT and a.id == action.person_id), None)
    sender = contact_facts(connection, contact) if contact is not None else None
    organisation, tier = _organisation(connection, sender, batch)
    known = Facts(
        now=site.clock(),
        policy=site.policy,
        action=action,
        sender=sender,
        agent=agent,
        agents=_with_draws(connection, site, agents),
        tickets=found,
        own_addresses=tuple(a.address for a in site.addresses),
        organisation=organisation,
        tier=tier,
        **(_survey_of(connection, ticket_id, contact_id) if action.verb == "rate" and ticket_id else {}),
        department=site.addresses[0].department,
        topic=site.default_topic(),
    )
    return known if agent is None or not found else _of_agents_action(connection, site, known, action, found[0], agent)


def _of_agents_action(
    connection: Connection, site: Site, known: Facts, action: ActionFacts, ticket: TicketFacts, agent: AgentFacts
) -> Facts:
    """What an agent's orders may name, and what came since the page that he acts from."""
    lines = "\n".join(f"#{one.verb} {one.argument}" for one in action.orders)
    return replace(
        known,
        news=news_since(connection, known, ticket, agent, action.seen),
        waiting=journal.held_answer(connection, agent.address, ticket.id),
        named=_named(connection, site, f"{lines}\n{action.text}"),
        branches=branches_for(connection, ticket),
    )


def timer_facts(connection: Connection, site: Site, name: str, ticket_id: int, due: str = "") -> Facts:
    """The facts about a due time. due: due_soon | overdue when it is the ticket's own due date."""
    batch = Batch()
    found = _tickets(connection, [ticket_id])
    organisation, tier = _organisation(connection, found[0].requester if found else None, batch)
    return Facts(
        now=site.clock(),
        policy=site.policy,
        timer=name,
        due=due,
        agents=_with_draws(connection, site, _agents(connection, batch)),
        tickets=found,
        own_addresses=tuple(a.address for a in site.addresses),
        organisation=organisation,
        tier=tier,
    )


# --- where it came to and what it names -------------------------------------------------------------------------------


def _delivered(site: Site, mail: ClaimedMail, reading: Reading) -> Delivered:
    """Envelope recipients first; To and Cc as well. Delivered-To only where a server of ours wrote it (a mailbox and a
    pipe know no envelope): over SMTP anyone may have."""
    own: SupportAddress | None = None
    identities: dict[str, ReplyIdentity] = {}
    button: Capability | None = None
    named = [a.address for a in (*reading.message.to, *reading.message.cc)][:50]
    fields = ("delivered-to", "x-original-to") if mail.road in (Road.IMAP, Road.PIPE) else ()
    extra = [v.strip("<> ") for k, v in reading.message.headers if k.lower() in fields]
    for address in (*mail.rcpt_tos, *named, *extra[:10]):
        found = site.support_address(address)
        if found is None:
            continue
        if own is None:
            own = found[0]
        is_return_path = len(found[1]) == TOKEN_LENGTH + 1  # an envelope sender of ours: only a report may use it
        identity = site.mint.read_detail(found[1]) if found[1] else None
        if identity is not None and is_return_path == reading.screening.is_bounce:
            identities.setdefault(address, identity)
        pressed = site.mint.read_action(found[1]) if button is None else None
        if pressed is not None:  # it names ticket and person as the reply address of a copy does
            button = pressed
            as_copy = ReplyIdentity(
                pressed.ticket_number, pressed.person_id, pressed.role, pressed.version, Notice.N5
            )  # fmt: skip
            identities.setdefault(address, as_copy)
    return Delivered(own or site.addresses[0], mail.rcpt_tos, tuple(identities.items()), button)


def _bounce_identity(site: Site, reading: Reading, delivered: Delivered) -> ReplyIdentity | None:
    returned = reading.bounce.original_message_id if reading.bounce else None
    identity = site.mint.read_message_id(returned) if returned else None
    if identity is None and delivered.identities:
        identity = delivered.identities[0][1]
    return identity


def _returned(
    connection: Connection, reading: Reading, identity: ReplyIdentity, site: Site, delivered: Delivered
) -> ReturnedFacts | None:
    """The row of the outbox that a report is about: by its Message-ID, else by the token of its envelope sender."""
    named = reading.bounce.original_message_id if reading.bounce else None
    row = outbox.by_message_id(connection, named) if named and site.mint.read_message_id(named) == identity else None
    row = row or outbox.newest_with_token(connection, site.mint.reply_token(identity))
    if row is None or row.person_id != identity.person_id or row.recipient_role != identity.role:
        return None
    # From the null sender no report is due (RFC 5321 §4.5.5); an address without a plus cannot be signed.
    signed = "+" in row.envelope_from
    by_return_path = any(at == identity for _, at in delivered.identities) if signed else bool(row.envelope_from)
    return ReturnedFacts(row.id, row.recipient, row.state == OutboxState.RETURNED, by_return_path)


def _candidates(
    connection: Connection,
    site: Site,
    reading: Reading,
    delivered: Delivered,
    bounce_identity: ReplyIdentity | None,
    batch: Batch,
) -> tuple[tuple[Candidate, ...], tuple[TicketFacts, ...]]:
    """Every ticket that the mail names, and those tickets."""
    message = reading.message
    by_number: list[tuple[int, str, str, ReplyIdentity]] = []
    for address, identity in delivered.identities:
        by_number.append((identity.ticket_number, "reply_identity", address.partition("@")[0][:24] + "…", identity))
    theirs: list[str] = []
    for message_id in named_ids(reading):
        identity_ = site.mint.read_message_id(message_id)
        if identity_ is None:
            theirs.append(message_id)
        else:
            how = "our_message_id" if delivered.own.plus else "reply_identity"
            by_number.append((identity_.ticket_number, how, message_id[:24] + "…", identity_))
    if bounce_identity is not None:
        by_number.append((bounce_identity.ticket_number, "our_message_id", "returned", bounce_identity))
    keys = find_keys(message.subject, site.policy.key_prefix)
    numbers = tickets.ids_by_numbers(connection, [n for n, *_ in by_number if n])
    own_id = message.message_id if message.message_id not in theirs else None
    known = batch.ids_by_message_ids(connection, [*theirs, own_id] if own_id else theirs)
    if own_id in known and known[own_id][1]:  # an answer to this mail came before it
        theirs.append(own_id)
    keyed = tickets.ids_by_keys(connection, keys)
    found = [Candidate(numbers[n], how, detail, who) for n, how, detail, who in by_number if n in numbers]
    found += [Candidate(known[i][0], "their_message_id", i) for i in theirs if i in known]
    found += [Candidate(keyed[k], "subject_key", k) for k in keys if k in keyed]
    unique = list({(c.ticket_id, c.how, c.identity): c for c in reversed(found)}.values())[::-1]
    known_tickets = _tickets(connection, [c.ticket_id for c in unique])
    moved = {t.id: t.joined_into for t in known_tickets if t.joined_into is not None}
    if moved:
        unique = [replace(c, ticket_id=moved.get(c.ticket_id, c.ticket_id)) for c in unique]
        known_tickets = _tickets(connection, [c.ticket_id for c in unique])
    return tuple(unique), known_tickets


def _tickets(connection: Connection, ids: list[int]) -> tuple[TicketFacts, ...]:
    if not ids:
        return ()
    rows = tickets.by_ids(connection, ids, lock=True)
    found_ids = [row.id for row in rows]
    participants = tickets.participants(connection, found_ids)
    addresses = tickets.may_comment_addresses(connection, found_ids)
    shared = tickets.shared_branches(connection, found_ids)
    return tuple(_ticket(row, participants, addresses, shared) for row in rows)


def _ticket(
    row: Row[Any], participants: list[Row[Any]], addresses: list[tuple[int, str]], shared: list[tuple[int, int]]
) -> TicketFacts:
    requester = ContactFacts(
        row.requester_id,
        row.requester_name,
        row.requester_address,
        row.requester_language,
        row.organisation_id,
        row.requester_role,
        row.requester_active,
        mail=preferences.read(row.requester_preferences).mail,
    )
    followers = [p for p in participants if p.ticket_id == row.id]
    told = next((p.told for p in followers if p.contact_id == row.requester_id), True)
    return TicketFacts(
        id=row.id,
        number=row.number,
        key=row.key,
        subject=row.subject,
        status=row.status,
        category=row.category,
        department=row.department,
        topic=row.topic,
        priority=row.priority,
        tags=tuple(row.tags),
        version=row.version,
        language=row.language,
        address=row.address,
        verified=row.verified,
        requester=requester,
        agent_id=row.agent_id,
        participants=tuple(
            ContactFacts(
                p.contact_id,
                p.name,
                p.address,
                p.language,
                contributes=p.contributes,
                told=p.told,
                mail=preferences.read(p.preferences).mail,
            )
            for p in followers
            if p.contact_id != row.requester_id
        ),
        addresses=tuple(a for ticket_id, a in addresses if ticket_id == row.id),
        created_at=row.created_at,
        due_at=row.due_at,
        status_since=row.status_since,
        last_customer_at=row.last_customer_at,
        last_agent_at=row.last_agent_at,
        joined_into=row.joined_into,
        fields=tuple((str(k), str(v)) for k, v in sorted(row.fields.items())),
        organisation_id=row.organisation_id,
        network=row.network or "",
        branch_id=row.branch_id,
        visibility=row.visibility,
        shared=tuple(b for ticket_id, b in shared if ticket_id == row.id),
        requester_told=told,
        reply_to=row.reply_to,
    )


# --- people, numbers, leaks ------------------------------------------------------------------------------------------


def _agents(connection: Connection, batch: Batch) -> tuple[AgentFacts, ...]:
    if batch.agents is None:
        batch.agents = tuple(
            AgentFacts(r.id, r.name, r.address, r.role, tuple(r.departments), r.language)
            for r in people.agents(connection)
        )
    return batch.agents


def _with_draws(connection: Connection, site: Site, agents: tuple[AgentFacts, ...]) -> tuple[AgentFacts, ...]:
    """The agents with what a draw looks at; read anew for each mail, and only where a rule draws."""
    draws = site.book().rules.draws()
    if "least_loaded" in draws:
        open_ = [str(c) for c in (Category.NEW, Category.OPEN, Category.WAITING, Category.HOLD)]
        loads = tickets.open_with_agent(connection, [a.id for a in agents], open_)
        agents = tuple(replace(a, open_tickets=loads.get(a.id, 0)) for a in agents)
    if "round_robin" in draws:
        turns = tickets.agent_draws(connection)
        agents = tuple(replace(a, last_drawn=turns.get(a.id, 0)) for a in agents)
    return agents


def _organisation(connection: Connection, sender: ContactFacts | None, batch: Batch) -> tuple[str, str]:
    """Name and tier of the person's organisation, empty where there is none."""
    if sender is None or sender.organisation_id is None:
        return "", ""
    if not batch.organisations:
        batch.organisations = {row.id: (row.name, row.tier) for row in people.organisations(connection)}
    return batch.organisations.get(sender.organisation_id, ("", ""))
